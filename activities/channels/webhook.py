"""`webhook`: Standard Webhooks to newsrooms and screens of others, each partner with a secret of its own.

The `webhook-id` is the same at every attempt, so a receiver drops what it has already. A refresh tells partners
that the lease is longer; hold and end tell them to take everything down, and name the address at which they say that
they did.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import httpx

from activities.channels.base import (
    Capabilities,
    Gone,
    Messages,
    Outcome,
    Outgoing,
    Part,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.endpoints import ChannelsConfig
from activities.pacing import Limit
from activities.partner_book import Known, PartnerBook
from activities.partner_care import PartnerCare, removed_url
from activities.webhook_calls import ANSWER_WITHIN, PING, Caller, event
from alerts.edition import Edition
from alerts.vocabulary import Kind, MessageKind
from store import removals
from store.database import STORE_AWAY, Database

TYPES = {
    MessageKind.ALERT: "alert.published",
    MessageKind.UPDATE: "alert.updated",
    MessageKind.REFRESH: "alert.refreshed",
    MessageKind.CANCEL: "alert.cancelled",
}
PROBE_WITHIN = 5.0
"""Seconds for a ping to each partner, all at once: the approver waits."""


class WebhookChannel:
    name: ClassVar[str] = "webhook"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Webhook naar partners", "en": "Webhook to partners"},
        audience="personal",
        update=True,
        recall=True,
        renews="announce",
        picture=True,
        credentials="shared secret",
        partners=True,
        chunk=1,
    )

    def __init__(
        self,
        config: ChannelsConfig,
        db: Database,
        secret: Callable[[], bytes],
        clock: Callable[[], datetime],
        base_url: str,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        """`secret` is the installation's, which opens the register and makes the words of removals."""
        self._db = db
        self._secret = cache(secret)  # to ask the key store for it is a transaction of its own
        self._clock = clock
        self._base_url = base_url
        self._book = PartnerBook(config, db, self._secret, clock)
        self._caller = Caller(answer_within)
        self._prober = Caller(min(answer_within, PROBE_WITHIN))
        self._care = PartnerCare(config, db, self._secret, clock, base_url, self._book, self._caller)

    def render(self, edition: Edition, base_url: str) -> Rendition:
        payload = {
            "programme": edition.programme,
            "texts": {language: text.model_dump(mode="json") for language, text in edition.texts.items()},
            "photos": [
                {"url": f"{base_url}/media/{photo.token}", "alt": photo.alt, "sha256": photo.sha256}
                for photo in edition.photos
            ],
            "area": {"name": edition.area.name, "codes": edition.area.codes, "polygons": edition.area.polygons},
            "tip_line": edition.tip_line,
            "url": f"{base_url}/alerts/{edition.alert_id}",
        }
        content = json.dumps(payload, ensure_ascii=False, indent=1)
        return Rendition(channel=self.name, parts=(Part(name="payload", media="json", content=content),))

    async def probe(self, kind: Kind) -> str | None:
        """A signed ping to each partner that is not paused; no alert goes with it."""
        known = await asyncio.to_thread(self._book.all, exercise=kind is Kind.EXERCISE)
        asked = [one for one in known if not one.paused]
        if not asked:
            return f"no partner is configured for {kind.value} alerts"
        async with self._prober.client() as client:
            outcomes = await asyncio.gather(*(self._ping(client, one) for one in asked))
        return "; ".join(str(outcome) for outcome in outcomes if outcome) or None

    async def _ping(self, client: httpx.AsyncClient, known: Known) -> Outcome:
        if forbidden := self._book.forbids(known.partner.url):
            return Rejected(f"{known.partner.name} {forbidden}")
        return await self._prober.call(client, known.partner, f"ping-{uuid.uuid4().hex}", event(PING, {}))

    def limit(self, job: WaveJob) -> Limit | None:
        """None: every partner is a counterpart of its own, and gets one call."""
        return None

    async def listen(self) -> None:
        """Remind those who have not said that an alert is gone, and see who is there."""
        await self._care.run()

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        async with self._caller.client() as client:
            return [await self._send(client, job, message, still) for message in messages]

    async def _send(
        self, client: httpx.AsyncClient, job: WaveJob, message: Outgoing, still: Callable[[], bool]
    ) -> Outcome:
        exercise = job.alert_kind is Kind.EXERCISE
        known = await asyncio.to_thread(self._book.find, message.address, exercise=exercise)
        if known is None:
            return Gone("this partner is not configured any more")
        cancels = message.kind is MessageKind.CANCEL
        if known.paused and not cancels:
            return Rejected(f"{known.partner.name} is paused")
        if forbidden := self._book.forbids(known.partner.url):
            return Rejected(f"{known.partner.name} {forbidden}")
        noted = not cancels or await asyncio.to_thread(self._note_told, job, message)
        said = self._said(job, message)
        outcome = await self._caller.call(client, known.partner, message.id, event(TYPES[message.kind], said), still)
        if outcome is None:
            await asyncio.to_thread(self._book.note_answer, message.address, exercise=exercise)
            # What takes away waits for nothing; but that a partner has still to confirm it is not lost either.
            return None if noted else Unreachable("that it was told could not be written down", in_doubt=True)
        return outcome

    def _note_told(self, job: WaveJob, message: Outgoing) -> bool:
        """From now on it has to say that the alert is gone; whether that could be written down."""
        exercise = job.alert_kind is Kind.EXERCISE
        try:
            with self._db.write() as session:
                removals.told(session, job.alert_id, message.address, message.id, self._clock(), exercise=exercise)
        except STORE_AWAY:
            return False
        return True

    def _said(self, job: WaveJob, message: Outgoing) -> Mapping[str, Any]:
        data: dict[str, Any] = {
            "alert_id": job.alert_id,
            "edition": job.edition,
            "announcement": job.announcement,
            "kind": message.kind.value,
            "status": job.alert_kind.value,
            "lease_until": job.lease_until.isoformat() if job.lease_until else None,
        }
        if job.end_texts is None:
            return {**data, **json.loads(job.rendition.part("payload"))}
        removed = removed_url(self._secret(), self._base_url, job.alert_id, message.address)
        return {**data, "end": job.end_texts[message.language], "removed_url": removed}
