"""One poll of the store for all senders of this process: is the revision they send for still the newest?

Polled every 50 ms at most (DESIGN, rule 1: last send 36 / 70 ms p50 / p95 after found). A sender that cannot read
it for 2 s stops too: better late than after the end. So does one whose alert's lease nobody renewed (rule 7).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from store.database import Database
from store.standing import STANDS

POLL = 0.05
"""Seconds between two looks."""
BLIND = 2.0
"""Seconds without a successful look after which senders stop."""


class Watched(NamedTuple):
    """What one sender asks before it sends."""

    watch: RevisionWatch
    alert_id: str
    revision: int

    def still(self) -> bool:
        """Whether it may send: nothing newer holds, nor is the lease over, and that can be seen."""
        return self.watch.sees() and not self.overtaken() and not self.lapsed()

    def overtaken(self) -> bool:
        """Whether something newer holds, by the last look; once so, for good."""
        return not self.watch.holds(self.alert_id, self.revision)

    def lapsed(self) -> bool:
        """Whether the lease is over, as it stands in the store by the last look."""
        return self.watch.is_over(self.alert_id)


class RevisionWatch:
    """Answers from memory; a thread keeps the memory fresh while anybody sends."""

    def __init__(self, db: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = db
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: Counter[str] = Counter()
        self._known: dict[str, int] = {}
        self._leases: dict[str, datetime | None] = {}
        self._seen_at = 0.0
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def watching(self, alert_id: str, revision: int) -> AsyncIterator[Watched]:
        """Whether a sender of that revision may go on; raises what the store raises when it does not answer."""
        with self._lock:
            self._watched[alert_id] += 1
        try:
            await asyncio.to_thread(self._look)
            self._keep_looking()
            yield Watched(self, alert_id, revision)
        finally:
            with self._lock:
                self._watched[alert_id] -= 1

    def sees(self) -> bool:
        return time.monotonic() - self._seen_at < BLIND

    def holds(self, alert_id: str, revision: int) -> bool:
        """As far as it was seen."""
        return self._known.get(alert_id, -1) == revision

    def is_over(self, alert_id: str) -> bool:
        """Whether the lease that was seen is."""
        lease = self._leases.get(alert_id)
        return lease is not None and self._clock() >= lease

    def _look(self) -> None:
        with self._lock:
            wanted = [alert_id for alert_id, senders in self._watched.items() if senders > 0]
        with self._db.glances() as connection:
            found = {alert_id: connection.execute(STANDS, {"of_alert_id": alert_id}).first() for alert_id in wanted}
        for alert_id, row in found.items():
            if row is not None:
                self._known[alert_id], self._leases[alert_id] = row
        self._seen_at = time.monotonic()

    def _keep_looking(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="revision-watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(POLL)
            with self._lock:
                if not any(self._watched.values()):
                    self._thread = None
                    return
            try:
                self._look()
            except SQLAlchemyError:
                continue  # blind: after BLIND seconds every sender stops
