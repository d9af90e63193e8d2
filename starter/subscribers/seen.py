"""Which addresses a file had already, by fingerprint, on disk: ten million need no more memory than ten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

_CACHE_KB = 32_768


class Seen:
    """Fingerprints with the row that had each first. A temporary database without a name: it cannot be left behind."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        for statement in (
            f"PRAGMA cache_size=-{_CACHE_KB}",
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE seen (fingerprint BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
        ):
            self._db.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def find(self, fingerprints: Sequence[bytes]) -> dict[bytes, int]:
        """Those that were there, with their row."""
        marks = ",".join("?" * len(fingerprints))
        query = f"SELECT fingerprint, number FROM seen WHERE fingerprint IN ({marks})"  # noqa: S608  question marks
        return dict(self._db.execute(query, fingerprints))

    def add(self, rows: Iterable[tuple[bytes, int]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO seen VALUES (?, ?)", rows)
        self._db.execute("COMMIT")
