"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple


class Bit(NamedTuple):
    """A run of words that stayed, went or came; `text` keeps the spaces that were in it."""

    how: Literal["same", "gone", "new"]
    text: str


def differences(before: str, after: str) -> tuple[Bit, ...]:
    """Both texts as one; what went stands before what came in its place."""
    old, new = (re.findall(r"\S+|\s+", text) for text in (before, after))
    bits: list[Bit] = []
    for what, old_from, old_to, new_from, new_to in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        gone, came = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        if what == "equal":
            bits.append(Bit("same", came))
            continue
        bits += [Bit("gone", gone)] if gone else []
        bits += [Bit("new", came)] if came else []
    return tuple(bits)
