"""JSON Lines of subscribers: an object a line, each standing for itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TextIO

from starter.subscribers.lines import LONGEST, TOO_LONG, is_text
from starter.subscribers.rows import ADDED, COLUMNS, KNOWN, Row, WriteReject, check_known
from store.subscribers import Entry

GIVEN = "given"
"""In a reject file, the line that is no JSON object."""
_READ = {*COLUMNS, *ADDED, GIVEN}


class JsonSource:
    """Rows of a JSON Lines file. The first object stands for the header: a key of it that is unknown is a mistake in
    all of them and raises BadInput, one in a later line is that line's own."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Row]:
        checked = False
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            row = _row(number, line)
            if not checked and isinstance(row.given, dict):
                check_known([name for name in row.given if name != GIVEN] or [GIVEN])
                checked = True
            yield row

    def begin_rejects(self, file: TextIO) -> WriteReject:
        """In ASCII: a byte that is not UTF-8 is `\\udc80` to `\\udcff`."""

        def write(row: Row, reason: str) -> None:
            given = row.given if isinstance(row.given, dict) else {GIVEN: row.given}
            rest = {name: value for name, value in given.items() if name not in ADDED}
            file.write(json.dumps({"row": row.number, "reason": reason, **rest}) + "\n")

        return write


class JsonSink:
    """Writes subscribers as `JsonSource` reads them."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, entry: Entry) -> None:
        said = {
            "address": entry.address,
            "language": entry.language,
            "areas": entry.areas,
            "paused": entry.paused,
            "since": entry.since.isoformat() if entry.since else None,
        }
        self._file.write(json.dumps(said) + "\n")


def _row(number: int, line: str) -> Row:
    if line is TOO_LONG:
        return Row(number, {}, None, f"is longer than {LONGEST} characters and not repeated here")
    text = line.rstrip("\r\n")
    try:
        given = _object(text)
    except _Unreadable as reason:
        return Row(number, {}, text, str(reason))
    problem = None if given.keys() <= _READ else f"has an unknown key; {KNOWN}"
    return Row(number, {} if problem else given, given, problem)


class _Unreadable(ValueError):
    """No object in this line, or not one that says each thing once."""


def _object(text: str) -> dict[str, object]:
    if not is_text(text):
        raise _Unreadable("is not UTF-8; its bytes are here as \\udc80 to \\udcff")
    try:
        given = json.loads(text, object_pairs_hook=_once)
    except _Unreadable:
        raise
    except (ValueError, RecursionError):
        raise _Unreadable("is not JSON") from None
    if not isinstance(given, dict):
        raise _Unreadable("is not a JSON object")
    return given


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable("names a key twice")
    return found
