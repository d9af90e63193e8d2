"""What a file of subscribers holds: its columns, and one row of it as it was given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

from starter.errors import BadInput

if TYPE_CHECKING:
    from store.subscribers import Entry

COLUMNS = ("address", "language", "areas", "paused", "since")
ADDED = ("row", "reason")
"""What a reject file has before them; left unread, so that it can be corrected and imported again."""
KNOWN = f"known are {', '.join(COLUMNS)}"
_NAME = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}")


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class Row(NamedTuple):
    """One row, at the line where it begins; the header is line 1."""

    number: int
    fields: Mapping[str, object]
    """By column."""
    given: object
    """What stood there, for the reject file of the same format."""
    problem: str | None = None
    """Why it cannot be read; then it has no fields."""


WriteReject = Callable[[Row, str], None]


class Source(Protocol):
    """A file that is being read."""

    def __iter__(self) -> Iterator[Row]: ...

    def begin_rejects(self, file: TextIO) -> WriteReject:
        """Write what a reject file of this format begins with; gives what writes a row with its reason."""
        ...


class Sink(Protocol):
    """A file that is being written."""

    def write(self, entry: Entry) -> None: ...


def format_of(file: Path, said: Format | None) -> Format:
    """As said, else by the ending of its name."""
    return said or (Format.JSONL if file.suffix.lower() in (".jsonl", ".ndjson") else Format.CSV)


def check_columns(names: Sequence[str]) -> None:
    """Raises BadInput for a column that nobody knows or that is there twice, and when there is no address."""
    check_known(names)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadInput("FILE", f"the column {twice!r} is there twice. Nothing was imported")
    if "address" not in names:
        raise BadInput("FILE", f"the column 'address' is missing; {KNOWN}. Nothing was imported")


def check_known(names: Sequence[str]) -> None:
    """Raises BadInput for a name that nobody knows.

    A first line without any known name is perhaps a subscriber, whom no message may show.
    """
    if not set(names) & set(COLUMNS):
        raise BadInput("FILE", f"the first line names no column; {KNOWN}. Nothing was imported")
    for position, name in enumerate(names, 1):
        if name not in COLUMNS + ADDED:
            shown = repr(name) if _NAME.fullmatch(name) else f"number {position}"
            raise BadInput("FILE", f"the column {shown} is unknown; {KNOWN}. Nothing was imported")
