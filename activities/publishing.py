"""Activities of public channels: arm, publish, take down. The channel's own code does the rest.

A publication is a compare-and-set on the revision: one that was overtaken answers `superseded` and changes
nothing, so a worker that slept through a withdrawal cannot put a child back on show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from sqlmodel import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import load_rendition, now
from activities.beating import beating, in_thread
from activities.channels.base import (
    Channel,
    ChannelError,
    PhotoBytes,
    PreparedChannel,
    PublicChannel,
    PublishJob,
    Rendition,
)
from activities.trying_again import failure, until_next_try
from alerts.edition import Edition
from alerts.state import ArmReport
from alerts.vocabulary import Kind
from store import editions
from store.areas import codes_of
from store.audience import AudienceStore
from store.database import Database
from store.keys import KeyStore
from store.standing import Superseded
from store.tables.sending import ChannelTrouble
from store.trouble import clear_trouble, note_trouble
from store.witness import Witness
from workflows import ports

AT_ONCE = 8
"""Alerts that one channel takes down at once, by each process: a silent counterpart keeps no other channel waiting."""
TURN_WITHIN = 0.1
"""Seconds that one waits for its turn; then it comes back, for a place on the queue is everybody's."""
NO_TURN = ApplicationError("as many are being taken down as there may be at once", type="NoTurn")


class PublishingActivities:
    def __init__(self, db: Database, keys: KeyStore, channels: Mapping[str, Channel]) -> None:
        self._db = db
        self._keys = keys
        self._channels = channels
        self._witness = Witness(db, keys)
        self._turns = {name: _Turns(name) for name in channels}

    @activity.defn(name=ports.ARM_CHANNEL.name)
    async def arm_channel(self, asked: ports.ArmChannel) -> ArmReport:
        """Freeze the audience and try the connection, while the approver reads."""
        await asyncio.to_thread(self._witness.check)
        channel = self._channels[asked.channel]
        rendition = await asyncio.to_thread(self._rendition, asked)
        recipients = 0
        if channel.capabilities.audience == "personal":
            async with beating():
                recipients = await in_thread(partial(self.freeze, asked))
        remarks: tuple[str, ...] = ()
        async with beating():
            if isinstance(channel, PreparedChannel):
                remarks = await asyncio.to_thread(self._prepare, channel, asked)
            trouble = await channel.probe(asked.kind)
        found = (*rendition.problems, *remarks, *([trouble] if trouble else []))
        return ArmReport(channel=asked.channel, ready=not found, recipients=recipients, trouble=found)

    def _rendition(self, asked: ports.ArmChannel) -> Rendition:
        display = self._keys.display_key(asked.alert_id)
        with self._db.read() as session:
            return load_rendition(session, display, asked.alert_id, asked.edition.digest, asked.channel)

    def _prepare(self, channel: PreparedChannel, asked: ports.ArmChannel) -> tuple[str, ...]:
        display = self._keys.display_key(asked.alert_id)
        with self._db.read() as session:
            edition = editions.get_edition(session, display, asked.alert_id, asked.edition.digest)
            photos = load_photos(session, display, edition)
        return channel.prepare(edition, photos)

    def freeze(self, asked: ports.ArmChannel, go_on: Callable[[], None]) -> int:
        """The audience of a personal channel, as it is now; its size."""
        display = self._keys.display_key(asked.alert_id)
        with self._db.read() as session:
            area = editions.get_edition(session, display, asked.alert_id, asked.edition.digest).area
        audience = AudienceStore(self._db, display, asked.alert_id, asked.channel)
        subscribers, exercise = self._keys.system_key("subscribers"), asked.kind is Kind.EXERCISE
        return audience.extend(subscribers, codes_of(self._db, area), exercise=exercise, go_on=go_on)

    @activity.defn(name=ports.PUBLISH.name)
    def publish(self, asked: ports.Publish) -> ports.Published:
        self._witness.check()
        return self.show(asked)

    def show(self, asked: ports.Publish) -> ports.Published:
        """`publish`, whatever store this is."""
        return self._change(asked, self._public(asked.channel).publish)

    @activity.defn(name=ports.TAKE_DOWN.name)
    async def take_down(self, asked: ports.Publish) -> ports.Published:
        """On the queue of all that stops and declares, so each channel has threads of its own, and only so many."""
        return await self._turns[asked.channel].take(partial(self.hide, asked, activity.info().attempt))

    def hide(self, asked: ports.Publish, attempt: int = 1) -> ports.Published:
        """`take_down`, in this thread."""
        return self._change(asked, self._public(asked.channel).take_down, attempt)

    def _change(
        self, asked: ports.Publish, change: Callable[[PublishJob], None], takes_away: int = 0
    ) -> ports.Published:
        """What keeps a counterpart from it is written down for whoever watches, and raised: it is tried again.

        `takes_away`: which attempt at that it is; 0: something is shown.
        """
        superseded = False
        try:
            change(self._job(asked))
        except Superseded:
            superseded = True
        except ChannelError as error:
            failed = failure(error, takes_away, takes_away=takes_away > 0)
            waits = until_next_try(failed.next_retry_delay)
            with self._db.write() as session:
                note_trouble(session, asked.alert_id, asked.channel, str(error), now(), waits)
            raise failed from error
        self._clear(asked)
        return ports.Published(at=now(), superseded=superseded)

    def _clear(self, asked: ports.Publish) -> None:
        """Most channels never have trouble, and one that shows should wait for no other writer."""
        with self._db.read() as session:
            troubled = session.get(ChannelTrouble, (asked.alert_id, asked.channel)) is not None
        if troubled:
            with self._db.write_rows() as connection:
                clear_trouble(connection, asked.alert_id, asked.channel)

    def _public(self, name: str) -> PublicChannel:
        channel = self._channels[name]
        assert channel.capabilities.audience == "public"
        return channel  # type: ignore[return-value]

    def _job(self, asked: ports.Publish) -> PublishJob:
        ref = asked.desired.edition
        assert ref is not None
        display = self._keys.display_key(asked.alert_id)
        with self._db.read() as session:
            rendition = load_rendition(session, display, asked.alert_id, ref.digest, asked.channel)
            edition = editions.get_edition(session, display, asked.alert_id, ref.digest)
            said = asked.desired.outcome_edition
            outcome = editions.get_edition(session, display, asked.alert_id, said.digest) if said else None
            photos = load_photos(session, display, edition)
        return PublishJob(
            alert_id=asked.alert_id,
            kind=asked.kind,
            desired=asked.desired,
            identifier=asked.identifier,
            sent=asked.sent,
            edition=edition,
            rendition=rendition,
            photos=photos,
            outcome=outcome,
            lapsed=asked.lapsed,
        )


class _Turns:
    """Threads of one channel, and whose turn it is."""

    def __init__(self, channel: str) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, f"take down {channel}")
        self._free = asyncio.Semaphore(AT_ONCE)

    async def take(self, work: Callable[[], ports.Published]) -> ports.Published:
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._free.acquire()
        except TimeoutError:
            raise NO_TURN from None
        loop = asyncio.get_running_loop()

        def free(_: object) -> None:
            with suppress(RuntimeError):  # the process ends, and nobody waits for a turn
                loop.call_soon_threadsafe(self._free.release)

        done = self._threads.submit(work)
        done.add_done_callback(free)  # also when nobody waits for it any more, but only when its thread is free
        return await asyncio.wrap_future(done)


def load_photos(session: Session, display: bytes, edition: Edition) -> tuple[PhotoBytes, ...]:
    """The photos an edition shows, opened; one that shows two children is there once."""
    opened = []
    for photo in {photo.token: photo for photo in edition.photos}.values():
        jpeg = editions.get_photo(session, display, edition.alert_id, photo.sha256)
        if jpeg is not None:
            opened.append(PhotoBytes(token=photo.token, sha256=photo.sha256, jpeg=jpeg))
    return tuple(opened)
