"""The watchdog outside the workflows: what is wrong with the running system, in sentences (DESIGN, rule 11).

Shown red on the console's first page and by `/readyz`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, col, select
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from alerts.programme import Programme
from alerts.vocabulary import Meaning
from starter.errors import CannotReach
from starter.parts import Parts, connect
from store import outbox
from store.database import on_postgresql
from store.keys import KeyStoreAway
from store.tables.alert import AlertStanding
from store.witness import StoreRestored, Witness
from workflows.codec import Reader
from workflows.ports import alert_workflow_id

LOOK_EVERY = 2.0
"""Seconds an answer is good for: a probe each second costs nothing."""
ASK_WITHIN = timedelta(seconds=2)
CONNECT_WITHIN = 2.0
RULED_WITHIN = timedelta(seconds=30)
FAILING_FROM = 4
"""Attempts of one workflow task; a worker that restarts needs two."""
SKEW = timedelta(seconds=1)
START_TAKES = timedelta(seconds=11)
"""Between our clock before a start and the server's at it."""
MOST_DESCRIBED = 50


class Watchdog:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client: Client | None = None
        self._looked_at = float("-inf")
        self._found: list[str] = []
        self._lock = asyncio.Lock()

    async def problems(self) -> list[str]:
        """What is wrong now; empty when all is well. At most one look every two seconds."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() - self._looked_at > LOOK_EVERY:
                self._found = await self._look()
                self._looked_at = clock()
        return list(self._found)

    async def _look(self) -> list[str]:
        now = datetime.now(UTC)
        try:
            rows, found = await asyncio.to_thread(self._ask_store, now)
        except Exception as error:
            return [f"the database does not answer ({type(error).__name__})"]
        return found + await self._ask_temporal(rows)

    def _ask_store(self, now: datetime) -> tuple[list[AlertStanding], list[str]]:
        programmes = self._parts.programmes()
        with self._parts.db.read() as session:
            open_ones = select(AlertStanding).where(col(AlertStanding.closed_at).is_(None))
            rows = list(session.exec(open_ones.order_by(col(AlertStanding.started_at).desc())))
            found = [*_clock_of_database(session), *_unruled(session, now)]
        with suppress(KeyStoreAway):
            found += self._restored()
        return rows, found + [said for row in rows for said in _lease(row, programmes.get(row.programme), now)]

    def _restored(self) -> list[str]:
        try:
            Witness(self._parts.db, self._parts.keys).check()
        except StoreRestored as error:
            return [f"{error}; nothing is sent or shown until then"]
        return []

    async def _ask_temporal(self, rows: list[AlertStanding]) -> list[str]:
        try:
            client = self._client or await connect(self._parts, Reader.CLIENT, patience=CONNECT_WITHIN)
            self._client = client
            if not await client.service_client.check_health(timeout=ASK_WITHIN):
                return ["Temporal says that it does not serve"]
        except (CannotReach, RPCError):
            return ["Temporal does not answer; what takes away works all the same, nothing new can be shown"]
        described = await asyncio.gather(*(_describe(client, row) for row in rows[:MOST_DESCRIBED]))
        return [said for one in described for said in one]


async def _describe(client: Client, row: AlertStanding) -> list[str]:
    """What Temporal says of one open alert's workflow."""
    handle = client.get_workflow_handle(alert_workflow_id(row.alert_id))
    try:
        seen: WorkflowExecutionDescription = await handle.describe(rpc_timeout=ASK_WITHIN)
    except RPCError as error:
        return [f"alert {row.alert_id}: its workflow cannot be looked at ({error.status.name.lower()})"]
    found = []
    attempt = seen.raw_description.pending_workflow_task.attempt
    if attempt >= FAILING_FROM:
        found.append(f"alert {row.alert_id}: its workflow task failed {attempt - 1} times; see the workers' log")
    apart = seen.start_time - row.started_at
    if not -SKEW <= apart <= START_TAKES:
        found.append(f"the clocks of Temporal and Baken are {abs(apart.total_seconds()):.1f} s apart")
    return found


def _clock_of_database(session: Session) -> list[str]:
    """A database in a file has our own clock; a server has one of its own."""
    if not on_postgresql(session):
        return []
    asked = datetime.now(UTC)
    said: datetime = session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = max(asked - said, said - datetime.now(UTC))  # waiting for the answer is no difference
    return [f"the clocks of the database and Baken are {apart.total_seconds():.1f} s apart"] if apart > SKEW else []


def _unruled(session: Session, now: datetime) -> list[str]:
    oldest = outbox.oldest_unruled(session)
    if oldest is None or now - oldest < RULED_WITHIN:
        return []
    return [f"a command waits for its ruling since {oldest.isoformat(timespec='seconds')}; are the workers up?"]


def _lease(row: AlertStanding, programme: Programme | None, now: datetime) -> list[str]:
    """A live alert whose lease was not renewed when its refresh should have done so."""
    if row.meaning != Meaning.EDITION or row.lease_until is None or programme is None:
        return []
    refresh = programme.refresh
    renewed = row.lease_until - refresh.lease_length
    longest = max(phase.every for phase in refresh.plan)
    allowed = min(longest * 1.5, longest + timedelta(seconds=60))
    if now - renewed <= allowed:
        return []
    return [f"alert {row.alert_id}: its lease was not renewed in time; it ends at {row.lease_until:%H:%M:%S} UTC"]
