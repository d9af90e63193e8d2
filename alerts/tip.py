"""What somebody tells about an alert: a few fields in their own words, made plain and kept within limits.

All of it is about people: it is sealed wherever it lies, and is in no log, figure or address.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from alerts.compose import AMSTERDAM
from alerts.values import Instant, Text, Value

LONGEST = {"where": 200, "direction": 100, "text": 2000, "call_back": 60}
"""Characters of each field, for the forms too."""
MOST_MINUTES = 7 * 24 * 60
"""How long ago something may have been seen, or written down without a network."""
_CLOCK = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")


class CameBy(StrEnum):
    PAGE = "page"
    CHILD = "child"
    """By the door for the child itself: before all others."""
    PHONE = "phone"
    """Somebody called, and an operator typed it in."""


class Certainty(StrEnum):
    SURE = "sure"
    PROBABLY = "probably"
    UNSURE = "unsure"


class Mark(StrEnum):
    """What an operator thinks of it."""

    URGENT = "urgent"
    USEFUL = "useful"
    NOT_USEFUL = "not_useful"


class Spot(Value):
    """Where a telephone was, by itself, when its owner pressed "here"."""

    model_config = ConfigDict(hide_input_in_errors=True)

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    accuracy_m: Annotated[float, Field(ge=0, le=1_000_000)] | None = None


class Told(Value):
    """One tip, or a message of the child."""

    model_config = ConfigDict(hide_input_in_errors=True)

    came_by: CameBy
    language: Literal["nl", "en"]
    where: Annotated[Text, Field(max_length=LONGEST["where"])] = ""
    here: Spot | None = None
    seen_at: Instant | None = None
    direction: Annotated[Text, Field(max_length=LONGEST["direction"])] = ""
    certainty: Certainty | None = None
    text: Annotated[Text, Field(max_length=LONGEST["text"])] = ""
    call_back: Annotated[Text, Field(max_length=LONGEST["call_back"])] = ""
    """A telephone number, where one wishes to be called."""
    taken_by: str | None = None
    """The person on duty who typed it in."""

    @property
    def says_something(self) -> bool:
        return bool(self.where or self.here or self.direction or self.text)

    @property
    def words(self) -> str:
        """What it says, so that who says the same again says it alike; empty where there are no words."""
        said = " ".join((self.where, self.direction, self.text)).casefold()
        return " ".join(re.findall(r"\w+", said))


def seen_at(when: str, minutes: str, clock: str, told_at: datetime) -> datetime | None:
    """The moment that somebody means by `now`, so many `minutes` ago or `at` a time of Amsterdam's clock.

    A time that is still to come was yesterday's; who filled one in and left "now" as it was means that one. None where
    it cannot be said; raises ValueError for what is no time.
    """
    if when == "now" and (minutes.strip() or clock.strip()):
        when = "ago" if minutes.strip() else "at"
    if when == "now":
        return told_at
    if when == "ago" and minutes.strip():
        ago = int(minutes)
        if not 0 <= ago <= MOST_MINUTES:
            raise ValueError("so many minutes ago is too long ago")
        return told_at - timedelta(minutes=ago)
    if when == "at" and clock.strip():
        read = _CLOCK.fullmatch(clock.strip())
        if read is None:
            raise ValueError("is no time of day")
        today = told_at.astimezone(AMSTERDAM).date()
        said = _local(today, time(int(read[1]), int(read[2])))
        return said if said <= told_at + timedelta(minutes=5) else _local(today - timedelta(days=1), said.timetz())
    return None


def _local(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock.replace(tzinfo=AMSTERDAM))
