"""Activities of personal channels: plan a wave, deliver a batch of it, with the ledger around every chunk.

Idempotent by the ledger's key (edition + announcement + purpose, and the chunk's place) and by message ids that
follow from alert, edition, announcement, kind and recipient: a chunk in doubt after a crash is sent again under
the same ids, so a receiver that honours them replaces and never doubles.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import load_rendition, now
from activities.beating import beating
from activities.channels.base import (
    Busy,
    Channel,
    Gone,
    NotSent,
    Outcome,
    Outgoing,
    PersonalChannel,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.publishing import load_photos
from activities.revisions import RevisionWatch
from alerts.compose import dark_text, end_text
from alerts.edition import Edition, EditionRef
from alerts.vocabulary import LANGUAGES, Kind, Meaning
from store import editions, ledger
from store.areas import codes_of
from store.audience import AudienceStore, Member
from store.database import Database
from store.keys import KeyStore
from store.ledger import Chunk, Status, Task, Wave
from store.tables.sending import LedgerChunk, Subscriber
from workflows import ports

BATCH = 5_000
"""Positions per activity; a multiple of every channel's chunk."""
LANES_OF_ONE = 32
"""Where each recipient is a counterpart of its own (webhook), so that a silent one delays nobody."""
CHUNKS_AT_ONCE = 3
"""Of one batch: while one waits for its last answers the next is under way."""
COUNT_WITHIN = 4.0
"""Seconds of one attempt at counting; a new one takes it up."""


class DeliveryActivities:
    def __init__(self, db: Database, keys: KeyStore, channels: Mapping[str, Channel], watch: RevisionWatch) -> None:
        self._db = db
        self._keys = keys
        self._channels = channels
        self._watch = watch

    @activity.defn(name=ports.PLAN_WAVE.name)
    def plan_wave(self, asked: ports.PlanWave) -> ports.WavePlan:
        """Who is to hear of it: those frozen when armed, and those who joined since or live in a wider area."""
        size = self._size(asked)
        chunk = self._channels[asked.channel].capabilities.chunk
        if chunk == 1:
            return ports.WavePlan(size=size, batch=1, lanes=LANES_OF_ONE)
        return ports.WavePlan(size=size, batch=BATCH // chunk * chunk)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        """Send one batch; raises `Unreachable` or `Busy` (retried) after writing down what did get through."""
        batch = await asyncio.to_thread(self._open_batch, asked)
        with self._watch.watching(asked.alert_id, asked.desired.revision) as fresh:
            batch.still = fresh if asked.purpose == "show" else lambda: True
            async with beating():
                lanes = (self._work_off(batch) for _ in range(CHUNKS_AT_ONCE))
                ended = await asyncio.gather(*lanes, return_exceptions=True)
            superseded = not batch.still()
        for error in filter(None, ended):
            raise error
        if batch.trouble is not None and not superseded:
            await asyncio.to_thread(self._note, asked, batch.trouble)
            raise batch.trouble
        await asyncio.to_thread(self._clear, asked)
        return batch.answer(superseded=superseded)

    async def _work_off(self, batch: _Batch) -> None:
        """Take chunks until there are none, something newer holds, or nothing gets through."""
        for chunk in batch.chunks:
            if batch.stuck or not batch.still():
                return
            await self._deliver_chunk(batch, chunk)

    async def _deliver_chunk(self, batch: _Batch, chunk: Chunk) -> None:
        row = chunk.row
        if row is None:
            row = await asyncio.to_thread(self._intend, batch.wave, chunk)
        dispatched: list[datetime] = []

        def still() -> bool:
            """Asked right before each message, so its first yes is the first dispatch."""
            if not batch.still():
                return False
            if not dispatched:
                dispatched.append(now())
            return True

        outcomes = await batch.channel.send(batch.job, [batch.message(task) for task in chunk.tasks], still)
        first = dispatched[0] if dispatched else now()
        done = [(task, _status(outcome)) for task, outcome in zip(chunk.tasks, outcomes, strict=True)]
        await asyncio.to_thread(self._record, row, done, first)
        batch.note(done, outcomes, first)

    def _open_batch(self, asked: ports.Deliver) -> _Batch:
        display = self._keys.display_key(asked.alert_id)
        ref = _edition_of(asked)
        edition = self._edition(asked.alert_id, ref)
        rendition = load_rendition(self._db, self._keys, asked.alert_id, ref.digest, asked.channel)
        channel = self._channels[asked.channel]
        wave = Wave(
            alert_id=asked.alert_id,
            channel=asked.channel,
            purpose=asked.purpose,
            edition=edition.number,
            announcement=asked.desired.announcement,
            revision=asked.desired.revision,
            announces=channel.capabilities.renews == "announce",
        )
        members = AudienceStore(self._db, display, asked.alert_id, asked.channel).read(asked.start, asked.count)
        outside = self._outside(asked.alert_id, display, members) if asked.purpose == "show" else {}
        with self._db.read() as session:
            photos = load_photos(session, display, edition) if asked.purpose == "show" else ()
            chunks = ledger.plan(session, wave, members, channel.capabilities.chunk, outside)
        recalls = channel.capabilities.recall
        job = WaveJob(
            alert_id=asked.alert_id,
            alert_kind=asked.kind,
            edition=edition.number,
            announcement=asked.desired.announcement,
            lease_until=asked.desired.lease_until,
            rendition=rendition,
            photos=photos,
            end_texts=_last_words(asked, recalls=recalls) if asked.purpose == "end" else None,
        )
        return _Batch(wave, job, channel, display, chunks)  # type: ignore[arg-type]

    def _size(self, asked: ports.PlanWave) -> int:
        """Of the audience, brought up to date; what takes longer than an attempt is taken up by the next."""
        display = self._keys.display_key(asked.alert_id)
        audience = AudienceStore(self._db, display, asked.alert_id, asked.channel)
        if asked.edition is None:
            return audience.size()
        until = time.monotonic() + COUNT_WITHIN

        def go_on() -> None:
            if time.monotonic() > until:
                raise ApplicationError("the audience is being counted", type="Counting")

        area = self._edition(asked.alert_id, asked.edition).area
        subscribers, exercise = self._keys.system_key("subscribers"), asked.kind is Kind.EXERCISE
        return audience.extend(subscribers, codes_of(self._db, area), exercise=exercise, go_on=go_on)

    def _edition(self, alert_id: str, ref: EditionRef) -> Edition:
        with self._db.read() as session:
            return editions.get_edition(session, self._keys.display_key(alert_id), alert_id, ref.digest)

    def _outside(self, alert_id: str, display: bytes, members: Sequence[Member]) -> dict[int, Collection[int]]:
        """Of each edition, which of these its area does not cover."""
        if not any(member.areas for member in members):
            return {}
        found: dict[int, Collection[int]] = {}
        with self._db.read() as session:
            shown = editions.all_editions(session, display, alert_id)
        for edition in shown:
            codes = codes_of(self._db, edition.area)
            if codes is not None:
                found[edition.number] = {
                    one.position for one in members if one.areas and set(codes).isdisjoint(one.areas.split(","))
                }
        return found

    def _intend(self, wave: Wave, chunk: Chunk) -> LedgerChunk:
        with self._db.write() as session:
            return ledger.write_intent(session, wave, chunk, now())

    def _record(self, row: LedgerChunk, done: Sequence[tuple[Task, Status]], first: datetime) -> None:
        at = now()
        with self._db.write() as session:
            ledger.record_outcomes(session, row, [(task.member.position, status) for task, status in done], first, at)
            for task, status in done:
                if status is Status.GONE:
                    subscriber = session.get(Subscriber, task.member.subscriber_id)
                    if subscriber is not None:
                        subscriber.left_at = at
                        session.add(subscriber)

    def _note(self, asked: ports.Deliver, trouble: ApplicationError) -> None:
        with self._db.write() as session:
            ledger.note_trouble(session, asked.alert_id, asked.channel, str(trouble.message), now())

    def _clear(self, asked: ports.Deliver) -> None:
        with self._db.write() as session:
            ledger.clear_trouble(session, asked.alert_id, asked.channel)


class _Batch:
    """What all chunks of one batch share, and what they came to."""

    def __init__(
        self, wave: Wave, job: WaveJob, channel: PersonalChannel, display: bytes, chunks: Sequence[Chunk]
    ) -> None:
        self.wave = wave
        self.job = job
        self.channel = channel
        self.chunks = iter(chunks)
        self.still: Callable[[], bool] = lambda: True
        self.stuck = False
        """A whole chunk did not get through: there is no use in trying the rest of the batch now."""
        self.trouble: ApplicationError | None = None
        self._said = hmac.new(
            display, f"{wave.alert_id}\n{wave.edition}\n{wave.announcement}\n".encode(), hashlib.sha256
        )
        self._counts = dict.fromkeys(Status, 0)
        self._first: datetime | None = None

    def message(self, task: Task) -> Outgoing:
        said = self._said.copy()
        said.update(f"{task.kind.value}\n{task.member.address}".encode())
        language = task.member.language if task.member.language in LANGUAGES else LANGUAGES[0]
        return Outgoing(said.hexdigest()[:32], task.kind, task.member.address, language)

    def note(self, done: Sequence[tuple[Task, Status]], outcomes: Sequence[Outcome], first: datetime) -> None:
        self._first = min(self._first or first, first)
        for _, status in done:
            self._counts[status] += 1
        self.stuck = self.stuck or all(isinstance(outcome, Unreachable) for outcome in outcomes)
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


def _last_words(asked: ports.Deliver, *, recalls: bool) -> dict[str, str]:
    """Where things can be shown again (hold, lease run out), nobody says that the alert ended."""
    if recalls and asked.desired.meaning is not Meaning.WITHDRAWN:
        return {language: dark_text(language) for language in LANGUAGES}
    return {language: end_text(language, asked.desired.why) for language in LANGUAGES}


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
