"""`cap`: signed CAP 1.2 messages (Alert, Update, Cancel), one `info` per language, with complete references.

Here is which message comes when, and what it refers to; what messages say is `activities.cap_message`, and how they
are signed `activities.cap_signature`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from cap_tools.models import MsgType
from sqlmodel import Session

from activities.cap_message import CapWriter, Envelope, written
from activities.cap_signature import CapSigner
from activities.channels.base import Capabilities, Part, PublishJob, Rendition
from activities.endpoints import CapPartner
from alerts.cap_profile import HEADLINE_MAX, breaches
from alerts.compose import AMSTERDAM
from alerts.edition import Edition
from alerts.sealing import seal
from alerts.vocabulary import Kind
from store import cap_messages
from store.cap_partners import last_fetch
from store.database import Database
from store.standing import require_not_overtaken, require_revision
from store.tables.alert import CapMessage

CANCEL_LASTS = timedelta(hours=24)
"""How long a Cancel stays in force, for partners that were away."""
SILENT_AFTER = timedelta(minutes=5)
"""Without a fetch; partners are asked to fetch each minute."""


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
        secret: Callable[[], bytes],
        partners: Sequence[CapPartner] = (),
        sender: str = "baken@baken.example",
    ) -> None:
        """`secret` is the installation's, from which the key of its signatures follows."""
        self._db = db
        self._display_key = display_key
        self._clock = clock
        self._sender = sender
        self._writer = CapWriter(sender, base_url)
        self._signer = CapSigner(secret)
        self._partners = partners

    def render(self, edition: Edition, base_url: str) -> Rendition:
        """The message as it will be, but for identifier, times, references, photos and signature: the moment's."""
        moment = datetime(2000, 1, 1, tzinfo=AMSTERDAM)
        xml = CapWriter(self._sender, base_url).edition(edition, MsgType.ALERT, Envelope("preview", moment, moment))
        problems = tuple(dict.fromkeys(said for _, said in breaches(xml)))
        return Rendition(channel=self.name, parts=(Part(name="xml", media="xml", content=xml),), problems=problems)

    async def probe(self, kind: Kind) -> str | None:
        """Whether the partners that are known fetch the feed; an exercise is not in it."""
        if kind is Kind.EXERCISE or not self._partners:
            return None
        silent = await asyncio.to_thread(self._silent)
        return f"CAP partners that do not fetch the feed: {', '.join(silent)}" if silent else None

    def _silent(self) -> list[str]:
        """Names, with the time of the last fetch."""
        now = self._clock()
        with self._db.read() as session:
            fetched = {partner.name: last_fetch(session, partner.name) for partner in self._partners}
        return [
            f"{name} ({f'last at {last:%Y-%m-%d %H:%M} UTC' if last else 'never did'})"
            for name, last in fetched.items()
            if last is None or last < now - SILENT_AFTER
        ]

    def publish(self, job: PublishJob) -> None:
        assert job.desired.lease_until is not None
        with self._db.write() as session:
            require_revision(session, job.alert_id, job.desired.revision)
            if cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            earlier = cap_messages.in_force(session, job.alert_id, job.sent)
            message_type = MsgType.UPDATE if earlier else MsgType.ALERT
            envelope = self._envelope(job, job.desired.lease_until, earlier)
            signed = self._signer.sign(self._writer.edition(job.edition, message_type, envelope, job.photos))
            aad = cap_messages.aad(job.alert_id, job.identifier)
            sealed = seal(self._display_key(job.alert_id), signed, aad=aad)
            self._keep(session, job, message_type, envelope, sealed)

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            earlier = cap_messages.to_cancel(session, job.alert_id, job.sent)
            if not earlier or cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            envelope = self._envelope(job, job.sent + CANCEL_LASTS, earlier)
            signed = self._signer.sign(self._writer.cancel(job, envelope))
            self._keep(session, job, MsgType.CANCEL, envelope, signed)

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
