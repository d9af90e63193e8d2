"""Cutting a text to what a medium takes, so that what is left can be read."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

NEAR = 40
"""Characters in which the end of a word is looked for."""
_JOINER = "\u200d"


def cut(text: str, characters: int, room: int | None = None) -> str:
    """The text, or its beginning with `...`, in at most so many characters, and bytes inside a JSON string.

    It ends after a whole word where one is near, and never between a letter and its marks.
    """

    def fits(some: str) -> bool:
        if len(some) > characters:
            return False
        return room is None or len(json.dumps(some, ensure_ascii=False).encode()) - 2 <= room

    return cut_until(text, fits)


def cut_until(text: str, fits: Callable[[str], bool]) -> str:
    """The text where it fits, or the longest beginning with `...` that does."""
    if fits(text):
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(f"{text[:middle]}...") else (low, middle - 1)
    word = text.rfind(" ", max(0, low - NEAR), low + 1)
    end = word if word > 0 else low
    while end and (_changes_the_one_before(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return f"{text[:end]}..."


def _changes_the_one_before(sign: str) -> bool:
    """Whether a sign is no character of its own: an accent, a vowel mark, a shade of skin, a joiner."""
    return sign == _JOINER or unicodedata.category(sign) in ("Mn", "Mc", "Me") or "\U0001f3fb" <= sign <= "\U0001f3ff"
