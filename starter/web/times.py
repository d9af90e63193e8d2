"""Moments as people in the control room say them: Amsterdam's clock, with the date when it is not today."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def moment(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def local_words(value: str | datetime, language: str, *, now: datetime | None, seconds: bool = False) -> str:
    """Such as `14:10`, or `23 nov 2026 14:10` on another day; where nobody knows when it is read, with the date."""
    local = moment(value).astimezone(AMSTERDAM)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if now is not None and local.date() == now.astimezone(AMSTERDAM).date():
        return clock
    return f"{format_date(local, 'd MMM y', locale=language)} {clock}"


def time_tag(value: str | datetime | None, language: str, *, seconds: bool = False) -> Markup:
    """A `<time>` element; a dash where there is no moment."""
    if value is None:
        return Markup("\u2013")
    words = local_words(value, language, now=datetime.now(UTC), seconds=seconds)
    return Markup('<time datetime="{}">{}</time>').format(moment(value).isoformat(), words)


def lasts(seconds: float) -> str:
    """Such as `40 s` or `3 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def field_value(value: str | None) -> str:
    """A moment for a `datetime-local` field."""
    return f"{moment(value).astimezone(AMSTERDAM):%Y-%m-%dT%H:%M}" if value else ""


def with_offset(typed: str) -> str:
    """What a `datetime-local` field gave, with Amsterdam's offset; anything else as typed, for the rules to judge."""
    try:
        typed_moment = datetime.fromisoformat(typed)
    except ValueError:
        return typed
    return (typed_moment if typed_moment.tzinfo else typed_moment.replace(tzinfo=AMSTERDAM)).isoformat()
