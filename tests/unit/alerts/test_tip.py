"""What people tell: when it was, what is too long, and what says the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.tip import LONGEST, CameBy, Told, seen_at

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # 13:00 in Amsterdam
SECRET = "Jan Jansen, Dorpsstraat 1"


def told(**said: Any) -> Told:
    return Told(came_by=CameBy.PAGE, language="nl", **said)


@pytest.mark.parametrize(
    ("when", "minutes", "clock", "moment"),
    [
        ("now", "", "", NOW),
        ("ago", "20", "", datetime(2026, 11, 24, 11, 40, tzinfo=UTC)),
        ("at", "", "12:30", datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        ("at", "", "9.05", datetime(2026, 11, 24, 8, 5, tzinfo=UTC)),
        ("at", "", "23:30", datetime(2026, 11, 23, 22, 30, tzinfo=UTC)),  # still to come today: yesterday's
        ("at", "", "13:03", datetime(2026, 11, 24, 12, 3, tzinfo=UTC)),  # their clock is ahead
        ("now", "20", "", datetime(2026, 11, 24, 11, 40, tzinfo=UTC)),  # "now" was left as it was
        ("now", "", "12:30", datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        ("ago", "", "", None),
        ("", "", "", None),
    ],
)
def test_moment_when_told_is_the_one_that_is_meant(when: str, minutes: str, clock: str, moment: datetime) -> None:
    assert seen_at(when, minutes, clock, NOW) == moment


@pytest.mark.parametrize(("when", "minutes", "clock"), [("ago", "-1", ""), ("ago", "x", ""), ("at", "", "25:00")])
def test_moment_when_it_is_none_is_refused(when: str, minutes: str, clock: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|too long ago|no time of day"):
        seen_at(when, minutes, clock, NOW)


def test_text_when_as_long_as_may_be_is_kept_and_longer_is_refused_without_quoting_it() -> None:
    assert len(told(text="é" * LONGEST["text"]).text) == LONGEST["text"]
    with pytest.raises(ValidationError) as refused:
        told(text="x" * LONGEST["text"] + SECRET)
    assert SECRET not in str(refused.value)


def test_words_when_said_again_otherwise_are_the_same() -> None:
    assert told(where="Utrecht  CS", text="Rode jas!").words == told(where="utrecht cs", text="rode JAS").words != ""
    assert told().words == ""
    assert not told(call_back="0612345678").says_something
