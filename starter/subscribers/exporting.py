"""Take subscribers out: their addresses in the clear, into a file that only its owner can read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from starter.errors import BadInput
from starter.subscribers.csv_file import CsvSink
from starter.subscribers.json_lines import JsonSink
from starter.subscribers.rows import Format, Sink
from starter.subscribers.trace import Trace
from store.database import Database
from store.subscribers import AT_ONCE, Subscribers

SINKS: dict[Format, Callable[[TextIO], Sink]] = {Format.CSV: CsvSink, Format.JSONL: JsonSink}


def export(
    db: Database,
    subscribers: Subscribers,
    sink: Sink,
    trace: Trace,
    went_on: Callable[[int], object] = lambda _: None,
) -> int:
    """Write everybody who did not leave, in order of joining; how many. The chain knows of it before it begins."""
    with db.write() as session:
        trace.begin(session)
    count = 0
    for entry in subscribers.everybody(db):
        sink.write(entry)
        count += 1
        if count % AT_ONCE == 0:
            went_on(count)
    trace.end(exported=count)
    return count


@contextmanager
def private_file(path: Path | None) -> Iterator[TextIO]:
    """A file of its owner only that was not there, or stdout; gone again when something goes wrong.

    Raises BadInput when it cannot be written.
    """
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadInput("FILE", f"{path} cannot be written anew ({error.strerror}); name another one") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadInput("FILE", f"{path} cannot be written ({error.strerror})") from error
        raise
