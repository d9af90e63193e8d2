"""Activities of public channels: arm, publish, take down. The channel's own code does the rest.

A publication is a compare-and-set on the revision: one that was overtaken answers `superseded` and changes
nothing, so a worker that slept through a withdrawal cannot put a child back on show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from sqlmodel import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import load_rendition, now
from activities.beating import beating, in_thread, until_next_try
from activities.channels.base import (
    Busy,
    Channel,
    ChannelError,
    PhotoBytes,
    PreparedChannel,
    PublicChannel,
    PublishJob,
)
from alerts.edition import Edition
from alerts.state import ArmReport
from alerts.vocabulary import Kind
from store import editions, ledger
from store.areas import codes_of
from store.audience import AudienceStore
from store.database import Database
from store.keys import KeyStore
from store.standing import Superseded
from store.tables.sending import ChannelTrouble
from store.witness import Witness
from workflows import ports


class PublishingActivities:
    def __init__(self, db: Database, keys: KeyStore, channels: Mapping[str, Channel]) -> None:
        self._db = db
        self._keys = keys
        self._channels = channels
        self._witness = Witness(db, keys)

    @activity.defn(name=ports.ARM_CHANNEL.name)
    async def arm_channel(self, asked: ports.ArmChannel) -> ArmReport:
        """Freeze the audience and try the connection, while the approver reads."""
        await asyncio.to_thread(self._witness.check)
        channel = self._channels[asked.channel]
        rendition = await asyncio.to_thread(
            load_rendition, self._db, self._keys, asked.alert_id, asked.edition.digest, asked.channel
        )
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
    def take_down(self, asked: ports.Publish) -> ports.Published:
        return self._change(asked, self._public(asked.channel).take_down)

    def _change(self, asked: ports.Publish, change: Callable[[PublishJob], None]) -> ports.Published:
        """What keeps a counterpart from it is written down for whoever watches, and raised: it is tried again."""
        superseded = False
        try:
            change(self._job(asked))
        except Superseded:
            superseded = True
        except ChannelError as error:
            delay = timedelta(seconds=error.retry_after) if isinstance(error, Busy) else None
            with self._db.write() as session:
                ledger.note_trouble(session, asked.alert_id, asked.channel, str(error), now(), until_next_try(delay))
            raise ApplicationError(str(error), type=type(error).__name__, next_retry_delay=delay) from error
        self._clear(asked)
        return ports.Published(at=now(), superseded=superseded)

    def _clear(self, asked: ports.Publish) -> None:
        """Most channels never have trouble, and one that shows should wait for no other writer."""
        with self._db.read() as session:
            troubled = session.get(ChannelTrouble, (asked.alert_id, asked.channel)) is not None
        if troubled:
            with self._db.write() as session:
                ledger.clear_trouble(session, asked.alert_id, asked.channel)

    def _public(self, name: str) -> PublicChannel:
        channel = self._channels[name]
        assert channel.capabilities.audience == "public"
        return channel  # type: ignore[return-value]

    def _job(self, asked: ports.Publish) -> PublishJob:
        ref = asked.desired.edition
        assert ref is not None
        display = self._keys.display_key(asked.alert_id)
        rendition = load_rendition(self._db, self._keys, asked.alert_id, ref.digest, asked.channel)
        with self._db.read() as session:
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


def load_photos(session: Session, display: bytes, edition: Edition) -> tuple[PhotoBytes, ...]:
    """The photos an edition shows, opened; one that shows two children is there once."""
    opened = []
    for photo in {photo.token: photo for photo in edition.photos}.values():
        jpeg = editions.get_photo(session, display, edition.alert_id, photo.sha256)
        if jpeg is not None:
            opened.append(PhotoBytes(token=photo.token, sha256=photo.sha256, jpeg=jpeg))
    return tuple(opened)
