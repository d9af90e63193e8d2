"""The lines of a file nobody checked: any encoding, any length, any line ending.

UTF-8 with or without a byte order mark, and UTF-16 with one. A byte that is not UTF-8 becomes a lone surrogate
(`surrogateescape`), which goes back to the same byte in a reject file.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from starter.errors import BadInput

LONGEST = 65_536
"""Characters of a line; a subscription has some hundreds."""
TOO_LONG = "\0too long"
"""Stands in place of a longer line; known by being this very object."""
_ENDS = ("\n", "\r")


def read_lines(file: io.BufferedReader) -> Iterator[str]:
    """Each with its line ending; the file is closed when they are forgotten. Raises BadInput for no text at all."""
    begin = file.peek(4)[:4]
    if not begin:
        raise BadInput("FILE", "is empty. Nothing was imported")
    if begin.startswith(b"PK\x03\x04"):
        raise BadInput("FILE", "is a workbook or another archive; save it as CSV UTF-8. Nothing was imported")
    encoding, errors = _encoding(begin)
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    yield from _pieces(text)


def is_text(line: str) -> bool:
    """Whether every byte of it was UTF-8."""
    if line.isascii():
        return True
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(begin: bytes) -> tuple[str, str]:
    """And what becomes of bytes that do not fit it: those of UTF-16 come in pairs and cannot be kept one by one."""
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "replace"
    return "utf-8-sig", "surrogateescape"


def _pieces(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST + 1):
        if len(line) <= LONGEST:
            yield line
            continue
        while line and not line.endswith(_ENDS):
            line = text.readline(LONGEST)
        yield TOO_LONG
