"""When a counterpart's record says that a channel was done, as `make bench` and the demo's table tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starter.playing import _done_for_all, _done_on_show


def line(recipient: str, kind: str, second: int) -> dict[str, Any]:
    return {"recipient": recipient, "kind": kind, "at": datetime.fromtimestamp(second, UTC).isoformat()}


FIRST, SECOND = line("one", "alert", 10), line("two", "alert", 12)
FIRST_GONE, SECOND_GONE = line("two", "cancel", 20), line("one", "cancel", 23)


def test_screens_when_the_first_of_them_shows_are_done_then() -> None:
    assert _done_on_show([], shows=True) is None
    assert _done_on_show([FIRST, SECOND], shows=True) == 10


def test_screens_when_one_still_shows_are_not_done_and_then_with_the_last() -> None:
    assert _done_on_show([FIRST, SECOND, FIRST_GONE], shows=False) is None
    assert _done_on_show([FIRST, SECOND, FIRST_GONE, SECOND_GONE], shows=False) == 23
    assert _done_on_show([], shows=False) is None


def test_recipients_when_all_but_one_were_told_are_not_done_and_then_with_the_last() -> None:
    assert _done_for_all([FIRST, FIRST], 2, shows=True) is None
    assert _done_for_all([FIRST, SECOND], 2, shows=True) == 12
    assert _done_for_all([FIRST, SECOND, FIRST_GONE], 2, shows=False) is None
    assert _done_for_all([FIRST, SECOND, FIRST_GONE, SECOND_GONE], 2, shows=False) == 23


def test_recipients_when_there_are_none_are_never_done() -> None:
    assert _done_for_all([], 0, shows=True) is None
