"""Parts that end are started again; for how long depends on why they ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from starter.children import TOO_OFTEN, Children, Part
from starter.errors import CannotReach


def _ends(folder: Path, *codes: int) -> list[str]:
    """What the parent of a part says that ends with these codes, one after the other; below 0: by that signal."""
    said: list[str] = []
    children = Children(os.environ, folder, None, said.append)
    (folder / "codes").write_text("".join(f"{code}\n" for code in codes))
    script = 'echo >> ends; code="$(sed -n "$(wc -l < ends)p" codes)"; [ $code -lt 0 ] && kill $code $$; exit $code'
    part = Part("part", ["/bin/sh", "-c", f"cd {folder}; {script}"], lambda: False)
    children.begin(part)
    try:
        while len(said) < len(codes):
            if part.child is not None:
                part.child.wait()
            part.start_at = 0.0  # now, instead of after its delay
            children.tend()
    finally:
        children.stop(["part"], 0.0)
    return said


def test_part_that_keeps_ending_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(CannotReach, match="it ended 5 times in a minute"):
        _ends(tmp_path, *[1] * TOO_OFTEN[0])


def test_part_that_misses_another_is_started_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """As a worker whose store is not there: giving up would need somebody to come."""
    said = _ends(tmp_path, *[CannotReach.exit_code] * 2 * TOO_OFTEN[0])
    assert said[-1] == "part ended (exit 4); starting it again in 10 s"


def test_part_that_stood_still_in_mid_send_is_started_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """As on a machine that is moved every few seconds."""
    said = _ends(tmp_path, *[-signal.SIGALRM] * 2 * TOO_OFTEN[0])
    assert said[0] == "part stood still in mid-send and was ended; starting it again in 0.5 s"


def test_part_that_missed_another_and_then_dies_is_not_given_up_for_what_it_missed(tmp_path: Path) -> None:
    said = _ends(tmp_path, *[CannotReach.exit_code] * TOO_OFTEN[0], *[1] * (TOO_OFTEN[0] - 1))
    assert said[-1] == "part ended (exit 1); starting it again in 10 s"
