"""The files of the project as git knows them: tracked, or new and not ignored."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("alerts", "workflows", "activities", "store", "starter", "simulators")


@cache
def project_files() -> tuple[Path, ...]:
    """Every file of the project; what is installed and built is not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every file that is text."""
    for path in project_files():
        raw = path.read_bytes()
        if b"\0" not in raw:
            yield str(path.relative_to(ROOT)), raw.decode("utf-8", "replace")


def sources(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Name and syntax tree of every Python file, or of those in `packages`."""
    for path in project_files():
        name = path.relative_to(ROOT)
        if path.suffix == ".py" and (not packages or name.parts[0] in packages):
            yield str(name), _tree(path)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module a file names in an import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."
