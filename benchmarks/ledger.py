"""The two questions to the ledger, asked of millions: `python -m benchmarks.ledger [--recipients N] [--postgresql]`.

*Did this subscriber get edition 2, when, with which answer?* asked by address; and *who got it and must hear that it
ended?*, asked as a wave asks it, a batch at a time, and as a page asks it, by number. The store is filled by the very
code that fills it in use, short of sending: subscribers, frozen audience, an edition and its change.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from activities.channels.app import AppChannel
from activities.delivery import LARGEST_BATCH
from store import due, ledger, reach
from store.audience import AudienceStore
from store.database import Database
from store.ledger import Status, Wave
from store.schema import migrate
from store.subscribers import Entry, Subscribers
from tests.support.editions import KEY, ShownAlert
from tests.support.postgres import PostgresServer
from tests.support.running import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "ledger.jsonl"
CHANNEL, GRID = "app", AppChannel.capabilities.chunk
ASKED = 100
"""Times that each question is asked, each time of another recipient."""
SURE, REFUSED = bytes([Status.REACHED]), bytes([Status.REJECTED])
ONE_REFUSED_IN = 50


class Books:
    """A store in which so many got two editions."""

    def __init__(self, db: Database, recipients: int) -> None:
        self.db = db
        self.recipients = recipients
        self.alert_id = ShownAlert(db).alert_id
        self.subscribers = Subscribers(KEY, CHANNEL)
        self.audience = AudienceStore(db, KEY, self.alert_id, CHANNEL)

    def fill(self) -> None:
        entries = (Entry(address_of(at)) for at in range(self.recipients))
        self.subscribers.fill(self.db, entries, datetime.now(UTC))
        self.audience.extend(KEY, None, exercise=False)
        for edition in (1, 2):
            self._tell(self.wave("show", edition))

    def wave(self, purpose: str, edition: int) -> Wave:
        return Wave(
            alert_id=self.alert_id,
            channel=CHANNEL,
            purpose=purpose,
            edition=edition,
            announcement=0,
            revision=edition,
        )

    def batch(self, wave: Wave, start: int) -> list[ledger.Chunk]:
        """What a batch of a wave has to do."""
        with self.db.read() as session:
            members = self.audience.read(session, start, LARGEST_BATCH, ending=wave.purpose == "end")
            return due.plan(session, wave, members, GRID, start + LARGEST_BATCH)

    def _tell(self, wave: Wave) -> None:
        """Everybody, in the books alone: some refuse it."""
        for start in range(0, self.recipients, LARGEST_BATCH):
            chunks = self.batch(wave, start)
            now = datetime.now(UTC)
            with self.db.write_rows() as connection:
                intents = ledger.write_intents(connection, wave, chunks, now)
                told = [
                    ledger.Outcomes(intent, chunk.members.positions, _said(chunk.members.positions))
                    for intent, chunk in zip(intents, chunks, strict=True)
                ]
                ledger.record_outcomes(connection, wave, told, now, now)


def _said(positions: Sequence[int]) -> bytes:
    return b"".join(REFUSED if at % ONE_REFUSED_IN == 0 else SURE for at in positions)


def address_of(at: int) -> str:
    return f"recipient{at:08d}:demo"


def ask(books: Books) -> dict[str, dict[str, float]]:
    """Milliseconds of each question."""
    chance = random.Random(1)  # noqa: S311  which recipient, nothing secret
    ends = books.wave("end", 2)

    def one() -> None:
        at = chance.randrange(books.recipients)
        with books.db.read() as session:
            found = books.subscribers.find(session, address_of(at))
        assert found is not None
        assert found.id is not None
        position = books.audience.position_of(found.id)
        assert position is not None
        with books.db.read() as session:
            said = reach.receipts(session, books.alert_id, CHANNEL, position, GRID)
        status = "rejected" if at % ONE_REFUSED_IN == 0 else "reached"
        assert [(one.edition, one.status) for one in said] == [(1, status), (2, status)]

    def batch() -> None:
        start = chance.randrange(0, books.recipients, LARGEST_BATCH)
        due = sum(len(chunk.kinds) for chunk in books.batch(ends, start))
        size = min(LARGEST_BATCH, books.recipients - start)
        assert due == size - -(-size // ONE_REFUSED_IN)

    def count() -> None:
        with books.db.read() as session:
            counts = reach.channel_counts(session, books.alert_id, CHANNEL, 2)
        assert counts.reached == books.recipients - -(-books.recipients // ONE_REFUSED_IN)

    return {"one subscriber": timed(one), f"a batch of {LARGEST_BATCH:,}": timed(batch), "how many": timed(count, 10)}


def timed(question: Callable[[], None], times: int = ASKED) -> dict[str, float]:
    question()  # prepares the statements
    took = []
    for _ in range(times):
        began = time.perf_counter()
        question()
        took.append((time.perf_counter() - began) * 1e3)
    quantiles = statistics.quantiles(took, n=20)
    return {"p50_ms": round(statistics.median(took), 2), "p95_ms": round(quantiles[18], 2)}


@contextmanager
def store(*, postgresql: bool) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        if not postgresql:
            db = Database.at(Path(folder) / "baken.db")
            migrate(db)
            yield db
            db.close()
            return
        server = PostgresServer().start()
        try:
            with server.database() as address:
                db = Database(address)
                yield db
                db.close()
        finally:
            server.stop()


def measure(recipients: int, *, postgresql: bool) -> dict[str, Any]:
    with store(postgresql=postgresql) as db:
        books = Books(db, recipients)
        began = time.monotonic()
        books.fill()
        filled = time.monotonic() - began
        questions = ask(books)
    database = "postgresql" if postgresql else "sqlite"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"database": database, "recipients": recipients, "filled_s": round(filled), **questions, "at": at}


def show(row: dict[str, Any]) -> None:
    table = Table(title=f"Asked of {row['recipients']:,} recipients, {row['database']}")
    for column in ("question", "p50 ms", "p95 ms"):
        table.add_column(column, justify="left" if column == "question" else "right")
    for question, took in row.items():
        if isinstance(took, dict):
            table.add_row(question, str(took["p50_ms"]), str(took["p95_ms"]))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000_000)
    parser.add_argument("--postgresql", action="store_true", help="in a server of its own; else SQLite")
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    row = measure(given.recipients, postgresql=given.postgresql)
    if given.keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    show(row)


if __name__ == "__main__":
    main()
