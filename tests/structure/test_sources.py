"""What every source file has, and what none may have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.structure.files import PACKAGES, imports, sources, texts, tree_of

LONGEST_FUNCTION = 60
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK")) + r")\b")
WORLD = {"httpx", "io", "logging", "os", "socket", "sqlalchemy", "sqlite3", "sqlmodel", "subprocess", "urllib"} | {
    *("asyncio", "random", "secrets", "temporalio", "threading", "time", "uuid")
}
"""What a domain without input, output, chance or clock has no use for."""
CHANCE = {"alerts/sealing.py: os"}
"""A nonce has to be random; sealing is done by codec and store, never in a workflow."""
CLOCK = {"now", "utcnow", "today"}


@pytest.fixture(scope="module", autouse=True)
def _let_go() -> Iterator[None]:
    yield
    tree_of.cache_clear()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def own_lines(function: ast.AST) -> int:
    """Lines of a function less those of functions inside it: a router is as long as its routes."""
    inner = [one for one in functions(function) if one is not function]
    return len(_lines(function).difference(*map(_lines, inner)))


def _lines(node: ast.AST) -> set[int]:
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def test_modules_when_not_empty_say_what_they_are() -> None:
    silent = [name for name, tree in sources() if tree.body and not ast.get_docstring(tree)]
    assert silent == []


def test_functions_when_measured_fit_on_a_screen() -> None:
    long = [
        f"{name}: {function.name} has {length} lines"
        for name, tree in sources(*PACKAGES, "worker.py", "scripts")
        for function in functions(tree)
        if (length := own_lines(function)) > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_when_searched_hold_nothing_unfinished() -> None:
    assert [name for name, text in texts() if UNFINISHED.search(text)] == []


def test_tests_when_searched_neither_mock_nor_skip() -> None:
    found = [
        f"{name}: {node.attr}"
        for name, tree in sources("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail", "importorskip", "setattr")
    ]
    mocks = [name for name, tree in sources("tests") if {"unittest.mock", "pytest_mock", "mock"} & set(imports(tree))]
    assert found + mocks == []


def test_domain_when_searched_touches_nothing_of_the_world() -> None:
    found = [
        f"{name}: {module}"
        for name, tree in sources("alerts")
        for module in imports(tree)
        if module.split(".")[0] in WORLD
    ]
    assert set(found) == CHANCE


def test_domain_and_workflows_when_searched_read_no_clock_of_their_own() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in sources("alerts", "workflows")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date", "time")
    ]
    assert found == []


def test_settings_when_needed_come_from_one_place() -> None:
    """The environment is handed on whole at entry points; names are looked up in `starter.settings` alone."""
    found = [
        f"{name}: {ast.unparse(node)}"
        for name, tree in sources("alerts", "workflows", "activities", "store", "starter")
        for node in ast.walk(tree)
        if name != "starter/settings.py" and _looks_up_environment(node)
    ]
    assert found == []


def _looks_up_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value) == "os.environ"
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv")
