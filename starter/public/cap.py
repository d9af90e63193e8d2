"""What partners fetch: CAP messages, the feed that tells of them, and the certificate of their signatures.

Messages are served as they were signed when they were published. The store's revision is obeyed at every request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.background import BackgroundTask

from activities.cap_signature import CapSigner
from activities.templating import templates
from alerts.sealing import unseal
from alerts.vocabulary import Kind
from starter.parts import Parts
from starter.public.answers import plain, respond
from store import cap_messages
from store.cap_partners import note_fetch
from store.standing import may_serve, standing
from store.tables.alert import CapMessage

LISTED_FOR = timedelta(hours=24)
"""How long the feed tells of a message that has expired, as Google advises (docs/channels/cap.md)."""
NOTED_EACH = timedelta(seconds=30)
"""How often a partner's fetches are written down, by each web process."""
ATOM = "application/atom+xml; charset=utf-8"
CAP = "application/cap+xml; charset=utf-8"
PEM = "application/x-pem-file"

_templates = templates(Path(__file__).parent / "templates")


class CapSite:
    """Reads the store for each request; holds the certificate, and when partners' fetches were written down."""

    def __init__(self, parts: Parts, base_url: str, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._base_url = base_url
        self._clock = clock
        self._signer = CapSigner(lambda: parts.keys.system_key("cap"))
        self._partners = {partner.token: partner.name for partner in parts.settings.channels().channels.cap}
        self._noted: dict[str, datetime] = {}

    def newest(self, request: Request, alert_id: str) -> Response:
        with self._parts.db.read() as session:
            messages = cap_messages.messages(session, alert_id)
        return self.message(request, alert_id, messages[-1].n if messages else 0)

    def message(self, request: Request, alert_id: str, n: int) -> Response:
        """One message; after a withdrawal only the Cancel is still there."""
        with self._parts.db.read() as session:
            messages = cap_messages.messages(session, alert_id)
            found = next((message for message in messages if message.n == n), None)
            if found is None:
                return plain("there is no such message", 404)
            xml = self._bytes(session, found)
        return plain("withdrawn", 410) if xml is None else respond(request, xml, CAP)

    def feed(self, request: Request, address: str = "/feeds/cap.atom") -> Response:
        """Every message that can be read, the newest first: a partner that was away repairs itself from it."""
        now = self._clock()
        with self._parts.db.read() as session:
            entries = self._listed(session, now)
        xml = _templates.get_template("cap.atom").render(
            base_url=self._base_url, address=address, now=now, entries=entries
        )
        return respond(request, xml.encode(), ATOM)

    def feed_of(self, request: Request, token: str) -> Response:
        """The same feed, at the address of one partner; that it came for it is written down once it has it."""
        partner = self._partners.get(token)
        if partner is None:
            return plain("there is no such feed", 404)
        answer = self.feed(request, f"/feeds/cap/{token}.atom")
        answer.background = BackgroundTask(self._note, partner)
        return answer

    def _note(self, partner: str) -> None:
        now = self._clock()
        if partner not in self._noted or self._noted[partner] <= now - NOTED_EACH:
            self._noted[partner] = now
            with suppress(SQLAlchemyError), self._parts.db.write() as session:
                note_fetch(session, partner, now)

    def certificate(self, request: Request) -> Response:
        return respond(request, self._signer.certificate, PEM)

    def _listed(self, session: Session, now: datetime) -> Sequence[CapMessage]:
        """Of live alerts every message, of all the Cancels still in force; exercises are nobody's business here."""
        found = cap_messages.expired_after(session, now - LISTED_FOR)
        rows = {alert_id: standing(session, alert_id) for alert_id in {message.alert_id for message in found}}
        return [
            message
            for message in found
            if (row := rows[message.alert_id]).kind != Kind.EXERCISE
            and (message.expires > now if message.cancels else may_serve(row, message.revision, now))
        ]

    def _bytes(self, session: Session, message: CapMessage) -> bytes | None:
        if message.cancels:
            return message.sealed
        if not may_serve(standing(session, message.alert_id), message.revision, self._clock()):
            return None
        try:
            key = self._parts.keys.display_key(message.alert_id)
        except LookupError:
            return None
        return unseal(key, message.sealed, aad=cap_messages.aad(message.alert_id, message.identifier))


def cap_router(parts: Parts, base_url: str, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of the channel `cap`."""
    site, router = CapSite(parts, base_url, clock), APIRouter()
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/alerts/{alert_id}/cap.xml")
    def newest(request: Request, alert_id: str) -> Response:
        return site.newest(request, alert_id)

    @get("/alerts/{alert_id}/cap/{n}.xml")
    def message(request: Request, alert_id: str, n: int) -> Response:
        return site.message(request, alert_id, n)

    @get("/feeds/cap.atom")
    def feed(request: Request) -> Response:
        return site.feed(request)

    @get("/feeds/cap/{token}.atom")
    def feed_of(request: Request, token: str) -> Response:
        return site.feed_of(request, token)

    @get("/feeds/cap.pem")
    def certificate(request: Request) -> Response:
        return site.certificate(request)

    return router
