"""Activities of personal channels: plan a wave, deliver a batch of it, with the ledger around every chunk.

Idempotent by the ledger's key (edition + announcement + purpose, and the chunk's place) and by message ids that
follow from what is said to whom (`activities.batch`): a chunk in doubt after a crash is sent again under the same ids,
so a receiver that honours them replaces and never doubles.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import compress
from math import ceil
from typing import NamedTuple

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import load_rendition, now
from activities.batch import Batch, Load, Sent
from activities.beating import beating
from activities.channels.base import Capabilities, Channel, Messages, NotSent, Outcome, WaveJob
from activities.fuse import Fuse
from activities.pacing import Pace
from activities.publishing import load_photos
from activities.revisions import RevisionWatch
from activities.trying_again import until_next_try
from alerts.compose import dark_text, end_text
from alerts.edition import Edition, EditionRef
from alerts.vocabulary import LANGUAGES, Kind, Meaning
from store import due, editions, ledger, subscribers
from store.areas import codes_of
from store.audience import AudienceStore, Members
from store.database import STORE_AWAY, Database
from store.keys import KeyStore
from store.ledger import OPEN, Chunk, Intent, Outcomes, Status, Wave
from store.standing import leased_until
from store.trouble import clear_trouble, note_trouble
from store.witness import Witness
from workflows import ports

LARGEST_BATCH = 20_000
"""Positions of the channels with the largest chunks; a multiple of every channel's chunk."""
MOST_CHUNKS = 40
"""Of a batch: a second or so of sending, so that one that is lost costs little, and so does what is done once for each
(Temporal's part, looking up what to send, the last word); and within its time-out where a rate is set."""
BATCHES = 8
"""An audience is cut into a multiple of so many, all of a size, so that no process has more to do than another."""
LANES = 16
"""Batches under way at once, over all hosts."""
LANES_OF_ONE = 500
"""Where each recipient is a counterpart of its own (webhook): at most, one each, so that nobody waits for those who
are silent or refuse for ever. Temporal lets 2,000 activities of a workflow be open."""
LOADS_AT_ONCE = 2
"""Of one batch: while one waits for its last answers the next is under way."""
COUNT_WITHIN = 4.0
"""Seconds of one attempt at counting; a new one takes it up."""
WRITE_AGAIN = 0.5
"""Seconds."""
BLIND = ApplicationError("the store could not be read, so nothing was sent", type="Blind")
"""Whether something newer holds could not be seen; tried again."""


class DeliveryActivities:
    def __init__(self, db: Database, keys: KeyStore, channels: Mapping[str, Channel], watch: RevisionWatch) -> None:
        self._db = db
        self._keys = keys
        self._channels = channels
        self._watch = watch
        self._witness = Witness(db, keys)
        self._fuse = Fuse()

    @activity.defn(name=ports.PLAN_WAVE.name)
    def plan_wave(self, asked: ports.PlanWave) -> ports.WavePlan:
        """Who is to hear of it: those frozen when armed, and those who joined since or live in a wider area."""
        self._witness.note()
        size, start = self.bring_up_to_date(asked), 0
        can = self._channels[asked.channel].capabilities
        if asked.showing is not None and can.renews != "announce":
            with self._db.read() as session:
                start = ledger.settled_to(session, asked.alert_id, asked.channel, asked.showing)
        if can.chunk == 1:
            return ports.WavePlan(size=size, start=start, batch=1, lanes=max(1, min(size - start, LANES_OF_ONE)))
        batches = BATCHES * max(1, ceil(size / BATCHES / MOST_CHUNKS / can.chunk))
        chunks = max(1, ceil(size / batches / can.chunk))
        return ports.WavePlan(size=size, start=start, batch=chunks * can.chunk, lanes=LANES)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        """Send one batch; raises `Unreachable` or `Busy` (retried) after writing down what did get through.

        Where it may, it answers instead that a few are left, if it was with them alone that it did not get through.
        """
        overtaken = False
        watching = self._watch.watching(asked.alert_id, asked.desired.revision)
        async with beating(), self._fuse.lit(), watching as watched:
            batch = await asyncio.to_thread(self._begin, asked)
            batch.may_leave = asked.may_leave
            if asked.purpose == "show":
                batch.still = watched.still
            working = asyncio.gather(*(self._work_off(batch) for _ in range(LOADS_AT_ONCE)), return_exceptions=True)
            try:
                ended = await asyncio.shield(working)
            except asyncio.CancelledError:
                batch.still = lambda: False
                await working  # milliseconds: what has left already is written down and not in doubt
                raise
            # A lease that nobody renewed ends the wave as something newer would; a renewal begins another.
            overtaken = asked.purpose == "show" and (watched.overtaken() or watched.lapsed())
        for error in filter(None, ended):
            raise error
        trouble = batch.trouble or (BLIND if batch.stopped else None)
        if trouble is not None and not overtaken:
            await asyncio.to_thread(self._note, asked, trouble, until_next_try(trouble.next_retry_delay))
            raise trouble
        if batch.few is not None and not overtaken:
            await asyncio.to_thread(self._note, asked, batch.few, None)
        else:
            await asyncio.to_thread(self._clear, asked)
        answer = batch.answer(superseded=overtaken)
        if not overtaken:
            return answer
        said = await asyncio.to_thread(self._statuses, batch.wave, asked)
        return answer.model_copy(update={"statuses": ledger.packed(said)})

    def assume(
        self,
        asked: ports.Deliver,
        at: datetime,
        judge: Callable[[int], Status | None],
        known: bytes | None = None,
    ) -> Counter[Status]:
        """Write a batch into the ledger that left before this store was restored from a copy, and send nothing.

        `known`: what it came to for each of its positions. Without that `judge` says what all are taken for whom it
        has to do with, by their number; None: nobody was sent anything. What they were taken for comes back.
        """
        batch = self._open_batch(asked)
        loads = list(batch.loads)
        judged = judge(sum(map(len, loads))) or Status.NONE
        taken = Counter[Status]()
        for load in loads:
            assumed = [_assumed(batch.wave, chunk, asked.start, known, judged) for chunk in load.chunks]
            assumed = [one for one in assumed if len(one.positions)]
            if not assumed:
                continue
            with self._db.write_rows() as connection:
                intents = ledger.write_intents(connection, batch.wave, [one.chunk for one in assumed], at)
                told = [one.outcomes(intent) for one, intent in zip(assumed, intents, strict=True)]
                ledger.record_outcomes(connection, batch.wave, told, at, at)
            taken.update(map(Status, b"".join(one.statuses for one in assumed)))
        return taken

    async def _work_off(self, batch: Batch) -> None:
        """Take loads until there are none, something newer holds, or nothing gets through."""
        sent: Sent | None = None
        while True:
            load = next(batch.loads, None) if batch.goes_on() else None
            if load is None and sent is None:
                return
            intents = await self._written(batch.wave, sent, load)
            if load is None:
                return
            sent = await self._send(batch, load, intents)

    async def _written(self, wave: Wave, sent: Sent | None, load: Load | None) -> Sequence[Intent]:
        """`_write`, as often as it takes: what has left and is not written down would be sent again."""
        while True:
            try:
                return await asyncio.to_thread(self._write, wave, sent, load)
            except STORE_AWAY:
                if sent is None:
                    raise  # nothing left yet: a later attempt begins where this one does
            await asyncio.sleep(WRITE_AGAIN)

    async def _send(self, batch: Batch, load: Load, intents: Sequence[Intent]) -> Sent:
        dispatched: datetime | None = None
        alone = len(load) == 1

        def leaving() -> bool:
            """Asked right before messages leave, so its first yes is the first dispatch.

            Of a message that goes alone the last: what comes before its words, such as its photo, shows nothing yet.
            """
            nonlocal dispatched
            if not batch.still():
                return False
            if dispatched is None or alone:
                dispatched = now()
            return True

        outcomes = await self._paced(batch, batch.messages(load), leaving)
        sent = Sent(load, intents, batch.statuses(outcomes, intents), dispatched or now())
        batch.note(sent, outcomes)
        return sent

    async def _paced(self, batch: Batch, messages: Messages, leaving: Callable[[], bool]) -> Sequence[Outcome]:
        """Send them, no faster than the counterpart allows the whole system."""
        if batch.limit is None:
            return await batch.channel.send(batch.job, messages, leaving)

        def still() -> bool:
            return batch.still()

        pace = Pace(self._db, batch.limit, batch.urgency)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(messages) and (number := await pace.slots(len(messages) - len(outcomes), still)):
            part = messages.part(len(outcomes), len(outcomes) + number)
            outcomes += await batch.channel.send(batch.job, part, leaving)
        return outcomes + [NotSent("stopped before its turn")] * (len(messages) - len(outcomes))

    def _begin(self, asked: ports.Deliver) -> Batch:
        self._witness.check()
        return self._open_batch(asked)

    def _open_batch(self, asked: ports.Deliver) -> Batch:
        display = self._keys.display_key(asked.alert_id)
        ref = _edition_of(asked)
        channel = self._channels[asked.channel]
        wave = Wave(
            alert_id=asked.alert_id,
            channel=asked.channel,
            purpose=_purpose(asked, channel.capabilities),
            edition=ref.number,
            announcement=asked.desired.announcement,
            revision=asked.desired.revision,
            announces=channel.capabilities.renews == "announce",
        )
        audience = AudienceStore(self._db, display, asked.alert_id, asked.channel)
        ending = asked.purpose == "end"
        # A partner that was paused since, or taken out of the settings, shows what it took until it hears the end.
        everybody = ending and channel.capabilities.partners
        attaches = channel.capabilities.attaches and asked.purpose == "show"
        with self._db.read() as session:
            rendition = load_rendition(session, display, asked.alert_id, ref.digest, asked.channel)
            members = audience.read(session, asked.start, asked.count, ending=ending, everybody=everybody)
            by_area = asked.purpose == "show" and any(members.areas)
            shown = editions.all_editions(session, display, asked.alert_id) if by_area else ()
            lease = leased_until(session, asked.alert_id, asked.desired)
            edition = editions.get_edition(session, display, asked.alert_id, ref.digest) if attaches else None
            photos = load_photos(session, display, edition) if edition else ()
        outside = self._outside(shown, members)  # which looks into the store itself: one connection at a time
        with self._db.read() as session:
            chunks = due.plan(session, wave, members, channel.capabilities.chunk, asked.start + asked.count, outside)
        recalls = channel.capabilities.recall
        job = WaveJob(
            alert_id=asked.alert_id,
            alert_kind=asked.kind,
            edition=ref.number,
            announcement=asked.desired.announcement,
            lease_until=lease,
            rendition=rendition,
            photos=photos,
            end_texts=_last_words(asked, recalls=recalls) if asked.purpose == "end" else None,
            revision=asked.desired.revision,
        )
        told_as = None if recalls else asked.desired.after_end
        return Batch(wave, job, channel, display, chunks, told_as)  # type: ignore[arg-type]  # only personal have waves

    def bring_up_to_date(self, asked: ports.PlanWave) -> int:
        """The audience, where an edition is named; its size.

        What takes longer than an attempt is taken up by the next.
        """
        display = self._keys.display_key(asked.alert_id)
        audience = AudienceStore(self._db, display, asked.alert_id, asked.channel)
        if asked.edition is None:
            return audience.size()
        until = time.monotonic() + COUNT_WITHIN

        def go_on() -> None:
            if time.monotonic() > until:
                raise ApplicationError("the audience is being counted", type="Counting")

        with self._db.read() as session:
            area = editions.get_edition(session, display, asked.alert_id, asked.edition.digest).area
        subscribers, exercise = self._keys.system_key("subscribers"), asked.kind is Kind.EXERCISE
        return audience.extend(subscribers, codes_of(self._db, area), exercise=exercise, go_on=go_on)

    def _outside(self, shown: Sequence[Edition], members: Members) -> dict[int, Collection[int]]:
        """Of each edition, which of these its area does not cover."""
        found: dict[int, Collection[int]] = {}
        for edition in shown:
            codes = codes_of(self._db, edition.area)
            if codes is not None:
                covered = set(codes)
                found[edition.number] = {
                    position
                    for position, areas in zip(members.positions, members.areas, strict=True)
                    if areas and covered.isdisjoint(areas.split(","))
                }
        return found

    def _write(self, wave: Wave, sent: Sent | None, load: Load | None) -> Sequence[Intent]:
        """What became of the last load, and what the next one is about to send, in one transaction."""
        at = now()
        with self._db.write_rows() as connection:
            if sent is not None:
                told = sent.load.outcomes(sent.intents, sent.statuses)
                ledger.record_outcomes(connection, wave, told, sent.first, at)
                if Status.GONE in sent.statuses:
                    subscribers.drop(connection, sent.gone(), at)
            intents = ledger.write_intents(connection, wave, load.chunks, at) if load else ()
        self._witness.note_now_and_then()
        return intents

    def _statuses(self, wave: Wave, asked: ports.Deliver) -> bytes:
        with self._db.read() as session:
            chunk = self._channels[asked.channel].capabilities.chunk
            return ledger.statuses_of(session, wave, asked.start, asked.count, chunk)

    def _note(self, asked: ports.Deliver, trouble: ApplicationError, waits: float | None) -> None:
        with self._db.write() as session:
            note_trouble(session, asked.alert_id, asked.channel, str(trouble.message), now(), waits)

    def _clear(self, asked: ports.Deliver) -> None:
        with self._db.write_rows() as connection:
            clear_trouble(connection, asked.alert_id, asked.channel)
            ledger.count_batch(connection, asked.alert_id, asked.channel)


class _Assumed(NamedTuple):
    """What positions of a chunk are taken for, one `Status` each."""

    chunk: Chunk
    positions: Sequence[int]
    statuses: bytes
    known: bool
    """That, and not guessed."""

    def outcomes(self, intent: Intent) -> Outcomes:
        return Outcomes(intent, self.positions, self.statuses, final=self.known)


def _assumed(wave: Wave, chunk: Chunk, start: int, known: bytes | None, judged: Status) -> _Assumed:
    """`known`: what became of each position of a batch from `start` on, 0 where it had nothing to do with it.

    Of a chunk that was begun it says so also of those who want to hear nothing any more. `judged` holds of all others;
    NONE: nothing is to be written of them.
    """
    if known is None or chunk.announcement != wave.announcement:
        guessed = chunk.members.positions if judged else ()
        return _Assumed(chunk, guessed, bytes([judged]) * len(guessed), known=False)
    intent, told = chunk.intent, bytes(known[position - start] for position in chunk.members.positions)
    chunk = chunk._replace(members=chunk.members.only(told), kinds=bytes(compress(chunk.kinds, told)))
    positions = set(chunk.members.positions)
    if intent is not None:
        row = range(intent.start, intent.start + len(intent.intended))
        here = range(max(start, row.start), min(start + len(known), row.stop))
        open_ones = intent.intended if intent.outcomes is None else bytes(one in OPEN for one in intent.outcomes)
        positions.update(position for position in here if open_ones[position - row.start])
    in_order = sorted(positions)
    return _Assumed(chunk, in_order, bytes(known[position - start] for position in in_order), known=True)


def _purpose(asked: ports.Deliver, can: Capabilities) -> str:
    """In the ledger. That the alert is over is told by itself where something may still say that all is dark."""
    over = asked.desired.meaning is Meaning.WITHDRAWN and not asked.lapsed
    return "ended" if asked.purpose == "end" and over and can.says_dark else asked.purpose


def _last_words(asked: ports.Deliver, *, recalls: bool) -> dict[str, str]:
    """Where things can be shown again (hold, lease run out), nobody says that the alert ended."""
    if recalls and asked.desired.meaning is not Meaning.WITHDRAWN:
        return {language: dark_text(language) for language in LANGUAGES}
    return {language: end_text(language, asked.desired.why) for language in LANGUAGES}


def _edition_of(asked: ports.Deliver) -> EditionRef:
    ref = asked.desired.outcome_edition if asked.purpose == "outcome" else asked.desired.edition
    assert ref is not None
    return ref
