"""The reject file: each bad row as it was given, with its number and the reason, to be corrected and imported."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from starter.errors import BadInput
from starter.subscribers.rows import Format, Row, Source, WriteReject

MOST_SHOWN = 5
_BEGIN = {Format.CSV: (b"row,reason", b"row;reason", b"row\treason"), Format.JSONL: (b'{"row": ',)}


class Rejects:
    """Made with the first bad row, readable by its owner only. Takes the place of an earlier reject file alone."""

    def __init__(self, path: Path, form: Format, source: Path | None) -> None:
        self.path = path
        self.first: list[str] = []
        """What the first ones were refused for, to show."""
        self._file: TextIO | None = None
        self._write: WriteReject | None = None
        _check_place(path, form, source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            with suppress(OSError):  # what could not be flushed was told already
                self._file.close()

    def write(self, source: Source, rows: Sequence[tuple[Row, str]]) -> None:
        """Rows with the reason of each; they are in the file when it returns. Raises BadInput when they cannot be."""
        if not rows:
            return
        try:
            if self._file is None or self._write is None:
                self._file = _open_private(self.path)
                self._write = source.begin_rejects(self._file)
            for row, reason in rows:
                self._write(row, reason)
            self._file.flush()
        except OSError as error:
            advice = "what is in stays in: name another one and run it again"
            raise BadInput("--rejects", f"{self.path} cannot be written ({error.strerror}); {advice}") from error
        room = MOST_SHOWN - len(self.first)
        self.first += [f"row {row.number}: {reason}" for row, reason in rows[:room]]


def _check_place(path: Path, form: Format, source: Path | None) -> None:
    try:
        if source and path.exists() and path.samefile(source):
            raise BadInput("--rejects", "is the file that is imported; name another one")
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if not file.read(16).startswith(_BEGIN[form]):
                    raise BadInput("--rejects", f"{path} is there and is no reject file; name another one")
        if not path.parent.is_dir():
            raise BadInput("--rejects", f"{path.parent} is not a folder")
    except OSError as error:
        raise BadInput("--rejects", f"{path} cannot be used ({error.strerror})") from error


def _open_private(path: Path) -> TextIO:
    """Bytes that were not UTF-8 come out as they came in."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")
