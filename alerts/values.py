"""Small values that several models share: durations as people write them, clean text, aware times."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PASTED = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2026": "...",
        "\u00a0": " ",
    }
)


class Value(BaseModel):
    """A frozen value; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_duration(text: str) -> timedelta:
    """`"2s"`, `"15m"`, `"3h"` or `"2d"` as a timedelta; ValueError says what is expected."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and s, m, h or d, such as '15m'")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) and not value.startswith("P") else value


def clean(text: str) -> str:
    """Text as typed or pasted, made plain: composed, straight quotes, no control characters, no outer spaces.

    Word-processor quotes broke messages in other alert systems, so they are mended on input.
    """
    plain = unicodedata.normalize("NFC", text).translate(_PASTED).replace("\r\n", "\n")
    return "".join(c for c in plain if c == "\n" or _is_character(c)).strip()


def _is_character(c: str) -> bool:
    """XML, and so CAP, has no place for U+FFFE and U+FFFF either."""
    return c not in "\ufffe\uffff" and unicodedata.category(c) not in {"Cc", "Cs", "Co"}


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("has no time zone; write it with an offset, such as 2026-11-24T14:10:00+01:00")
    return value.astimezone(UTC)


def _no_number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError("is a number; write an RFC 3339 time, such as 2026-11-24T14:10:00+01:00")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Instant = Annotated[datetime, BeforeValidator(_no_number), AfterValidator(_aware)]
"""An aware moment, kept in UTC."""
Text = Annotated[str, AfterValidator(clean)]
