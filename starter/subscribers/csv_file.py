"""CSV of subscribers: what spreadsheets write, what people do to it, and what we write.

A quote that is never closed would take the rest of the file with it. So a cell may go on over several lines only
when it is JSON (a push subscription) or codes of areas; any other is taken for such a quote, and costs one row.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from starter.errors import BadInput
from starter.subscribers.lines import LONGEST, TOO_LONG, is_text
from starter.subscribers.rows import ADDED, COLUMNS, Row, WriteReject, check_columns
from store.subscribers import Entry

DELIMITERS = (",", ";", "\t")
"""Dutch Excel writes semicolons."""
_CODES = re.compile(r"[Gg][Mm][0-9]{4}(?:[\s,;]+[Gg][Mm][0-9]{4})*")


class CsvSource:
    """Rows of a CSV file; made by reading its header, which may raise BadInput."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._feed = _Feed(lines)
        header = next((line for line in self._feed if line.strip()), "")
        if "\0" in header or not is_text(header):
            raise BadInput("FILE", "the first line is not text in UTF-8, or too long; save it as CSV UTF-8")
        self._delimiter, names = _read_header(header)
        check_columns(names)
        self._names = names
        self._kept = [position for position, name in enumerate(names) if name not in ADDED]

    def __iter__(self) -> Iterator[Row]:
        feed, names = self._feed, self._names
        width = len(names)
        reader = self._reader()
        while True:
            number = feed.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                closed = len(feed.taken) == 1 and not feed.ended
                said = (
                    "has text after a closing quote" if closed else f"has a quote that is not closed (line {number})"
                )
                yield self._broken(number, said)
                reader = self._reader()
                continue
            if len(feed.taken) > 1 and not all(_may_go_on(cell, self._delimiter) for cell in cells):
                yield self._broken(number, f"has a quote that is not closed (line {number})")
                reader = self._reader()
            elif problem := _problem(feed.taken, cells, width):
                if any(cells):
                    yield Row(number, {}, [] if feed.taken[0] is TOO_LONG else cells, problem)
            elif any(cells):
                yield Row(number, dict(zip(names, cells, strict=True)), cells)

    def begin_rejects(self, file: TextIO) -> WriteReject:
        """A row of as many cells as the header has comes without an earlier number and reason."""
        writer = csv.writer(file, delimiter=self._delimiter)
        writer.writerow([*ADDED, *(self._names[position] for position in self._kept)])

        def write(row: Row, reason: str) -> None:
            cells = row.given if isinstance(row.given, list) else []
            if len(cells) == len(self._names):
                cells = [cells[position] for position in self._kept]
            writer.writerow([row.number, reason, *cells])

        return write

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed, delimiter=self._delimiter, strict=True)

    def _broken(self, number: int, said: str) -> Row:
        """The line in which it began; those after it are read again."""
        line = self._feed.give_back()
        return Row(number, {}, line.rstrip("\r\n").split(self._delimiter), said)


class CsvSink:
    """Writes subscribers as `CsvSource` reads them."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def write(self, entry: Entry) -> None:
        since = entry.since.isoformat() if entry.since else ""
        paused = "yes" if entry.paused else "no"
        self._writer.writerow([entry.address, entry.language, " ".join(entry.areas), paused, since])


class _Feed:
    """Lines for a CSV reader, which takes as many as a row needs; remembers them, and takes them back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again = deque[str]()
        self._number = 0
        self.taken: list[str] = []
        """Of the row that is being read."""
        self._length = 0
        self.ended = False
        """Whether that row asked for a line when there was none, or no more room."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._length > LONGEST:
            self.ended = True
            raise StopIteration
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        self._length += len(line)
        return line

    def begin_row(self) -> int:
        """The line at which the next row begins."""
        self._number += len(self.taken)
        self.taken, self._length, self.ended = [], 0, False
        return self._number + 1

    def give_back(self) -> str:
        """The first line of the row; those after it will be read again."""
        first, *rest = self.taken
        self._again.extendleft(reversed(rest))
        self.taken = [first]
        return first


def _read_header(line: str) -> tuple[str, list[str]]:
    """Delimiter and names: with the delimiter that makes most names known."""
    found = [(delimiter, _names(line, delimiter)) for delimiter in DELIMITERS]
    return max(found, key=lambda one: len(set(one[1]) & set(COLUMNS)))


def _names(line: str, delimiter: str) -> list[str]:
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def _problem(taken: Sequence[str], cells: Sequence[str], width: int) -> str | None:
    for line in taken:
        if line is TOO_LONG:
            return f"is longer than {LONGEST} characters and not repeated here"
        if "\0" in line:
            return "holds a NUL byte"
        if not is_text(line):
            return "is not UTF-8; its bytes are here as they were"
    if len(cells) != width:
        return f"has {len(cells)} cells where the header has {width}"
    return None


def _may_go_on(cell: str, delimiter: str) -> bool:
    """Whether a cell is of one line, or what people do write over several."""
    if "\n" not in cell and "\r" not in cell:
        return True
    cell = cell.strip()
    if _CODES.fullmatch(cell) or not any(sign in cell for sign in ("\n", "\r", delimiter)):
        return True
    try:
        json.loads(cell)
    except (ValueError, RecursionError):
        return False
    return True
