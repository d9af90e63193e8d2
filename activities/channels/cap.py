"""`cap`: CAP 1.2 messages (Alert, Update, Cancel) with one `info` per language, and complete references.

Here is which message comes when, and what it refers to; what messages say is `activities.cap_message`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from cap_tools.models import MsgType
from sqlmodel import Session

from activities.cap_message import CapWriter, Envelope, written
from activities.channels.base import Capabilities, Part, PublishJob, Rendition
from alerts.case import HEADLINE_MAX
from alerts.compose import AMSTERDAM
from alerts.edition import Edition
from alerts.sealing import seal
from alerts.vocabulary import Kind
from store import cap_messages
from store.database import Database
from store.standing import require_not_overtaken, require_revision
from store.tables.alert import CapMessage

CANCEL_LASTS = timedelta(hours=24)
"""How long a Cancel stays in force, for partners that were away."""


class CapChannel:
    name: ClassVar[str] = "cap"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "CAP 1.2 voor partners", "en": "CAP 1.2 for partners"},
        audience="public",
        update=True,
        recall=True,
        renews="announce",
        picture=True,
        headline_max=HEADLINE_MAX,
        counterpart=False,
    )

    def __init__(
        self,
        db: Database,
        display_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        base_url: str,
        sender: str = "baken@baken.example",
    ) -> None:
        self._db = db
        self._display_key = display_key
        self._clock = clock
        self._sender = sender
        self._writer = CapWriter(sender, base_url)

    def render(self, edition: Edition, base_url: str) -> Rendition:
        """The message as it will be, but for identifier, times, references and photos, which the moment gives."""
        moment = datetime(2000, 1, 1, tzinfo=AMSTERDAM)
        xml = CapWriter(self._sender, base_url).edition(edition, MsgType.ALERT, Envelope("preview", moment, moment))
        lengths = [len(text.headline) for text in edition.texts.values()]
        problems = tuple(
            f"headline of {length} characters; at most {HEADLINE_MAX}" for length in lengths if length > HEADLINE_MAX
        )
        return Rendition(channel=self.name, parts=(Part(name="xml", media="xml", content=xml),), problems=problems)

    async def probe(self, kind: Kind) -> str | None:
        """Our own store; the arm that asks has just read from it."""
        return None

    def publish(self, job: PublishJob) -> None:
        assert job.desired.lease_until is not None
        with self._db.write() as session:
            require_revision(session, job.alert_id, job.desired.revision)
            if cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            earlier = cap_messages.in_force(session, job.alert_id, job.sent)
            message_type = MsgType.UPDATE if earlier else MsgType.ALERT
            envelope = self._envelope(job, job.desired.lease_until, earlier)
            xml = self._writer.edition(job.edition, message_type, envelope, job.photos)
            aad = cap_messages.aad(job.alert_id, job.identifier)
            sealed = seal(self._display_key(job.alert_id), xml.encode(), aad=aad)
            self._keep(session, job, message_type, envelope, sealed)

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            earlier = cap_messages.to_cancel(session, job.alert_id, job.sent)
            if not earlier or cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            envelope = self._envelope(job, job.sent + CANCEL_LASTS, earlier)
            self._keep(session, job, MsgType.CANCEL, envelope, self._writer.cancel(job, envelope).encode())

    def _envelope(self, job: PublishJob, expires: datetime, earlier: Sequence[CapMessage]) -> Envelope:
        references = [self._writer.reference(message.identifier, message.sent) for message in earlier]
        return Envelope(job.identifier, job.sent, expires, references)

    def _keep(
        self, session: Session, job: PublishJob, message_type: MsgType, envelope: Envelope, stored: bytes
    ) -> None:
        cap_messages.add(
            session,
            CapMessage(
                alert_id=job.alert_id,
                n=cap_messages.next_number(session, job.alert_id),
                identifier=job.identifier,
                sent=written(job.sent),
                message_type=message_type.value,
                revision=job.desired.revision,
                expires=envelope.expires,
                intent_at=self._clock(),
                published_at=self._clock(),
                sealed=stored,
            ),
        )
