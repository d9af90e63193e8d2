"""Every text of the console that is marked for translation: in templates by `_()`, in code by `N_()`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from jinja2.ext import extract_from_ast

from starter.web.pages import TEMPLATES, environment
from tests.structure.files import ROOT


@cache
def marked() -> frozenset[str]:
    """All of them, in English."""
    return frozenset((*_in_templates(), *_in_code()))


def _in_templates() -> Iterator[str]:
    for path in sorted((TEMPLATES / "console").rglob("*.html")):
        tree = environment.parse(path.read_text("utf-8"))
        for _line, _function, message in extract_from_ast(tree, ["_"]):
            if isinstance(message, str):
                yield message


def _in_code() -> Iterator[str]:
    for path in sorted((ROOT / "starter").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_":
                yield ast.literal_eval(node.args[0])
