"""Text messages as phones count them: the alphabet and the parts of a text (3GPP TS 23.038 and 23.040).

A text whose every character is in the GSM alphabet takes seven bits for each, and those of its extension (such as the
euro sign) two times that; one other character anywhere, and all of it takes sixteen bits for each (UCS-2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from gsm0338 import Codec

Alphabet = Literal["GSM-7", "UCS-2"]
ALONE: dict[Alphabet, int] = {"GSM-7": 160, "UCS-2": 70}
"""Units of a message of one part."""
OF_SEVERAL: dict[Alphabet, int] = {"GSM-7": 153, "UCS-2": 67}
"""Units of each part where there are several: six bytes of it say which part of what it is."""
_WIDTH: dict[Alphabet, int] = {"GSM-7": 1, "UCS-2": 2}
_ESCAPE = 0x1B
_GSM = Codec()
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2013\u2014", "-"),
        "\u2026": "...",
        "\u00a0": " ",
    }
)
"""Quotes, dashes, three dots and the space that does not break."""


class Encoded(NamedTuple):
    """A text as it leaves: the bytes of each part, one for a septet, two for a UCS-2 unit."""

    alphabet: Alphabet
    parts: tuple[bytes, ...]

    @property
    def units(self) -> int:
        return sum(map(len, self.parts)) // _WIDTH[self.alphabet]


def plain(text: str) -> str:
    """The same words with the quotes, dashes and spaces of a typewriter, so that no sign of layout costs a part."""
    return unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)


def encode(text: str) -> Encoded:
    """In as few parts as there can be; no character is ever divided between two."""
    try:
        content, _ = _GSM.encode(text)
        alphabet: Alphabet = "GSM-7"
    except UnicodeEncodeError:
        content, alphabet = text.encode("utf-16-be"), "UCS-2"
    width = _WIDTH[alphabet]
    if len(content) <= ALONE[alphabet] * width:
        return Encoded(alphabet, (content,))
    return Encoded(alphabet, tuple(_divided(content, alphabet, OF_SEVERAL[alphabet] * width)))


def decode(content: bytes, data_coding: int) -> str:
    """What a phone wrote; signs that cannot be read are replaced."""
    if data_coding == 8:
        return content.decode("utf-16-be", "replace")
    try:
        return str(_GSM.decode(content)[0])
    except UnicodeDecodeError:
        return content.decode("latin-1")


def costly(text: str) -> str:
    """The Latin letters, each once, for which the whole text leaves the GSM alphabet: others say something."""
    letters = (sign for sign in dict.fromkeys(text) if unicodedata.name(sign, "").startswith("LATIN"))
    return "".join(sign for sign in letters if encode(sign).alphabet == "UCS-2")


def _divided(content: bytes, alphabet: Alphabet, length: int) -> Iterator[bytes]:
    begin = 0
    while begin < len(content):
        end = begin + length
        if end < len(content) and _splits(content, end, alphabet):
            end -= _WIDTH[alphabet]
        yield content[begin:end]
        begin = end


def _splits(content: bytes, end: int, alphabet: Alphabet) -> bool:
    """Whether a part that ends here would end within a character."""
    if alphabet == "GSM-7":
        return content[end - 1] == _ESCAPE
    return 0xD8 <= content[end - 2] <= 0xDB
