"""Activities of personal channels: plan a wave, deliver a batch of it, with the ledger around every chunk.

Idempotent by the ledger's key (edition + announcement + purpose, and the chunk's place) and by message ids that
follow from alert, edition, announcement, kind and recipient: a chunk in doubt after a crash is sent again under
the same ids, so a receiver that honours them replaces and never doubles.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import load_rendition, now
from activities.channels.base import (
    Busy,
    Channel,
    Gone,
    NotSent,
    Outcome,
    Outgoing,
    PersonalChannel,
    PhotoBytes,
    Rejected,
    Rendition,
    Unreachable,
)
from activities.publishing import load_photos
from activities.revisions import RevisionWatch
from alerts.compose import dark_text, end_text
from alerts.edition import Edition, EditionRef
from alerts.sealing import unseal
from alerts.vocabulary import LANGUAGES, Meaning
from store import editions, ledger
from store.database import Database
from store.keys import KeyStore
from store.ledger import Status, Task, Wave
from store.tables.sending import LedgerChunk, Subscriber
from workflows import ports

BATCH = 1_000
"""Positions per activity; a multiple of every channel's chunk."""
LANES_OF_ONE = 32
"""Where each recipient is a counterpart of its own (webhook), so that a silent one delays nobody."""


class DeliveryActivities:
    def __init__(self, db: Database, keys: KeyStore, channels: Mapping[str, Channel], watch: RevisionWatch) -> None:
        self._db = db
        self._keys = keys
        self._channels = channels
        self._watch = watch

    @activity.defn(name=ports.PLAN_WAVE.name)
    def plan_wave(self, asked: ports.PlanWave) -> ports.WavePlan:
        """Who is to hear of it: those frozen when armed, and those who joined since."""
        with self._db.write() as session:
            size = ledger.extend_audience(session, asked.alert_id, asked.channel, asked.kind, now())
        chunk = self._channels[asked.channel].capabilities.chunk
        if chunk == 1:
            return ports.WavePlan(size=size, batch=1, lanes=LANES_OF_ONE)
        return ports.WavePlan(size=size, batch=BATCH // chunk * chunk)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        """Send one batch; raises `Unreachable` or `Busy` (retried) after writing down what did get through."""
        batch = await asyncio.to_thread(self._open_batch, asked)
        with self._watch.watching(asked.alert_id, asked.desired.revision) as fresh:
            still = fresh if asked.purpose == "show" else lambda: True
            tally = _Tally()
            for start in range(asked.start, asked.start + asked.count, batch.chunk):
                if not still():
                    return tally.answer(superseded=True)
                activity.heartbeat()  # no cursor: the ledger knows where to go on
                count = min(batch.chunk, asked.start + asked.count - start)
                if not await self._deliver_chunk(batch, start, count, still, tally):
                    break
        if tally.trouble is not None:
            self._note(asked, tally.trouble)
            raise tally.trouble
        await asyncio.to_thread(self._clear, asked)
        return tally.answer(superseded=not still())

    async def _deliver_chunk(
        self, batch: _Batch, start: int, count: int, still: Callable[[], bool], tally: _Tally
    ) -> bool:
        """False when nothing got through: there is no use in trying the rest of the batch now."""
        row, tasks = await asyncio.to_thread(self._intend, batch, start, count)
        if row is None or row.id is None or not tasks:
            return True
        dispatched: list[datetime] = []

        def still_dispatching() -> bool:
            """Asked right before each message, so its first yes is the first dispatch."""
            if not still():
                return False
            if not dispatched:
                dispatched.append(now())
            return True

        messages = [batch.message(task) for task in tasks]
        outcomes = await batch.channel.send(messages, batch.rendition, batch.photos, still_dispatching)
        first = dispatched[0] if dispatched else now()
        statuses = [(task.recipient.position, _status(outcome)) for task, outcome in zip(tasks, outcomes, strict=True)]
        await asyncio.to_thread(self._record, row.id, statuses, first)
        gone = [task for task, outcome in zip(tasks, outcomes, strict=True) if isinstance(outcome, Gone)]
        if gone:
            await asyncio.to_thread(self._drop, gone)
        tally.add(statuses, outcomes, first)
        return not all(isinstance(outcome, Unreachable) for outcome in outcomes)

    def _open_batch(self, asked: ports.Deliver) -> _Batch:
        display = self._keys.display_key(asked.alert_id)
        ref = _edition_of(asked)
        rendition = load_rendition(self._db, self._keys, asked.alert_id, ref.digest, asked.channel)
        with self._db.read() as session:
            edition = editions.get_edition(session, display, asked.alert_id, ref.digest)
            photos = load_photos(session, display, edition) if asked.purpose == "show" else ()
        return _Batch(
            asked,
            self._channels[asked.channel],  # type: ignore[arg-type]
            edition,
            rendition,
            photos,
            display,
            self._keys.system_key("subscribers"),
        )

    def _intend(self, batch: _Batch, start: int, count: int) -> tuple[LedgerChunk | None, list[Task]]:
        with self._db.write() as session:
            return ledger.plan_chunk(session, batch.wave, start, count, now())

    def _record(self, row_id: int, statuses: Sequence[tuple[int, Status]], first: datetime) -> None:
        with self._db.write() as session:
            ledger.record_outcomes(session, row_id, statuses, first, now())

    def _drop(self, tasks: Sequence[Task]) -> None:
        with self._db.write() as session:
            for task in tasks:
                subscriber = session.get(Subscriber, task.recipient.subscriber_id)
                if subscriber is not None:
                    subscriber.left_at = now()
                    session.add(subscriber)

    def _note(self, asked: ports.Deliver, trouble: ApplicationError) -> None:
        with self._db.write() as session:
            ledger.note_trouble(session, asked.alert_id, asked.channel, str(trouble.message), now())

    def _clear(self, asked: ports.Deliver) -> None:
        with self._db.write() as session:
            ledger.clear_trouble(session, asked.alert_id, asked.channel)


class _Batch:
    """What all chunks of one batch share."""

    def __init__(
        self,
        asked: ports.Deliver,
        channel: PersonalChannel,
        edition: Edition,
        rendition: Rendition,
        photos: Sequence[PhotoBytes],
        display: bytes,
        subscribers: bytes,
    ) -> None:
        self.asked = asked
        self.channel = channel
        self.rendition = rendition
        self.photos = photos
        self.chunk = channel.capabilities.chunk
        self._edition = edition
        self._display = display
        self._subscribers = subscribers
        self.wave = Wave(
            alert_id=asked.alert_id,
            channel=asked.channel,
            purpose=asked.purpose,
            edition=edition.number,
            announcement=asked.desired.announcement,
            revision=asked.desired.revision,
            announces=channel.capabilities.renews == "announce",
        )

    def message(self, task: Task) -> Outgoing:
        address = open_address(self._subscribers, task.recipient.sealed_address)
        language = task.recipient.language if task.recipient.language in LANGUAGES else LANGUAGES[0]
        said = [self.wave.alert_id, self.wave.edition, self.wave.announcement, task.kind.value, address]
        text = "\n".join(str(part) for part in said)
        ending = self.asked.purpose == "end"
        return Outgoing(
            id=hmac.new(self._display, text.encode(), hashlib.sha256).hexdigest()[:32],
            kind=task.kind,
            alert_id=self.wave.alert_id,
            alert_kind=self.asked.kind,
            edition=self.wave.edition,
            announcement=self.wave.announcement,
            address=address,
            language=language,
            lease_until=self.asked.desired.lease_until,
            end_text=self._last_words(language) if ending else None,
        )

    def _last_words(self, language: str) -> str:
        """Where things can be shown again (hold, lease run out), nobody says that the alert ended."""
        desired, recalls = self.asked.desired, self.channel.capabilities.recall
        if recalls and desired.meaning is not Meaning.WITHDRAWN:
            return dark_text(language)
        return end_text(language, desired.why)


class _Tally:
    """What one batch came to."""

    def __init__(self) -> None:
        self.trouble: ApplicationError | None = None
        self._counts = dict.fromkeys(Status, 0)
        self._first: datetime | None = None

    def add(self, statuses: Sequence[tuple[int, Status]], outcomes: Sequence[Outcome], first: datetime) -> None:
        self._first = self._first or first
        for _, status in statuses:
            self._counts[status] += 1
        trouble = next((outcome for outcome in outcomes if isinstance(outcome, (Busy, Unreachable))), None)
        if trouble is not None and self.trouble is None:
            delay = timedelta(seconds=trouble.retry_after) if isinstance(trouble, Busy) else None
            self.trouble = ApplicationError(str(trouble), type=type(trouble).__name__, next_retry_delay=delay)

    def answer(self, *, superseded: bool) -> ports.Delivered:
        return ports.Delivered(
            reached=self._counts[Status.REACHED],
            failed=self._counts[Status.GONE] + self._counts[Status.REJECTED],
            superseded=superseded,
            first_at=self._first,
            last_at=now() if self._first else None,
        )


def _edition_of(asked: ports.Deliver) -> EditionRef:
    ref = asked.desired.outcome_edition if asked.purpose == "outcome" else asked.desired.edition
    assert ref is not None
    return ref


def _status(outcome: Outcome) -> Status:
    if outcome is None:
        return Status.REACHED
    if isinstance(outcome, Gone):
        return Status.GONE
    if isinstance(outcome, Rejected):
        return Status.REJECTED
    if isinstance(outcome, NotSent):
        return Status.NONE
    return Status.DOUBT if isinstance(outcome, Unreachable) and outcome.in_doubt else Status.RETRY


def open_address(subscribers: bytes, sealed: bytes) -> str:
    return unseal(subscribers, sealed, aad=b"subscriber").decode()
