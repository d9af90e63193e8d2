"""Keys of records in the AT Protocol: a moment to the microsecond and ten bits of chance, which sort by time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"


def new_key(now: datetime) -> str:
    """A TID that no other post has."""
    number = int(now.timestamp() * 1_000_000) << 10 | secrets.randbelow(1 << 10)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def moment_of(key: str) -> datetime:
    """When that key was made."""
    number = sum(_DIGITS.index(digit) << shift for digit, shift in zip(key, range(60, -1, -5), strict=True))
    return datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)
