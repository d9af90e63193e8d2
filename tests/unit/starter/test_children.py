"""Parts that end are started again; for how long depends on why they ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from starter.children import TOO_OFTEN, Children, Part
from starter.errors import CannotReach


def _ends(folder: Path, code: int, times: int) -> list[str]:
    """What the parent of a part says that ends so many times with that code."""
    said: list[str] = []
    children = Children(os.environ, folder, None, said.append)
    part = Part("part", ["/bin/sh", "-c", f"exit {code}"], lambda: False)
    children.begin(part)
    try:
        while len(said) < times:
            if part.child is not None:
                part.child.wait()
            part.start_at = 0.0  # now, instead of after its delay
            children.tend()
    finally:
        children.stop(["part"], 0.0)
    return said


def test_part_that_keeps_ending_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(CannotReach, match="it ended 5 times in a minute"):
        _ends(tmp_path, 1, TOO_OFTEN[0])


def test_part_that_misses_another_is_started_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """As a worker whose store is not there: giving up would need somebody to come."""
    said = _ends(tmp_path, CannotReach.exit_code, 2 * TOO_OFTEN[0])
    assert said[-1] == "part ended (exit 4); starting it again in 10 s"
