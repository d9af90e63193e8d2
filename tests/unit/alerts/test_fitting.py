"""Texts cut to what a medium takes: they fit, they begin as they began, and no character is torn."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.fitting import cut

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
"""One character of five signs, 18 bytes."""
THUMB = "\U0001f44d\U0001f3fd"
WORD = "\u0645\u064f\u0641\u0642\u0648\u062f\u0629"
"""Arabic with a vowel mark after its first letter."""


def size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


@pytest.mark.parametrize(
    ("text", "characters", "room", "expected"),
    [
        ("Een meisje van 7.", 17, 17, "Een meisje van 7."),
        ("Een meisje van 7.", 16, 99, "Een meisje..."),
        ("Een meisje van 7.", 99, 16, "Een meisje..."),
        ("Een meisje van 7.", 13, 99, "Een meisje..."),
        ('"' * 10, 99, 19, '"' * 8 + "..."),
        (FAMILY * 3, 99, 3 + 2 * 18, FAMILY * 2 + "..."),
        (FAMILY * 3, 99, 3 + 2 * 18 - 1, FAMILY + "..."),
        (THUMB * 2, 99, 3 + 8 + 4, THUMB + "..."),
        ("e\u0301e\u0301", 99, 5, "..."),
        (f"{WORD} {WORD}", 99, 20, f"{WORD}..."),
        (WORD, 4, 99, "..."),
        ("a " + "b" * 100, 60, 99, "a " + "b" * 55 + "..."),
    ],
)
def test_text_when_cut_ends_where_it_can_be_read(text: str, characters: int, room: int, expected: str) -> None:
    assert cut(text, characters, room) == expected


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from([*FAMILY, *THUMB, *WORD, " ", '"', "\n"])),
    characters=st.integers(3, 40),
    room=st.integers(3, 60),
)
def test_text_when_cut_fits_and_begins_as_it_began(text: str, characters: int, room: int) -> None:
    left = cut(text, characters, room)
    assert len(left) <= characters
    assert size(left) <= room
    if left != text:
        kept = left.removesuffix("...")
        assert text.startswith(kept)
        assert unicodedata.category(text[len(kept)]) not in ("Mn", "Mc", "Me") or not kept
