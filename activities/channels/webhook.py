"""`webhook`: Standard Webhooks to newsrooms and screens of others, each partner with a secret of its own.

The `webhook-id` is the same at every attempt, so a receiver drops what it has already. A refresh tells partners
that the lease is longer; hold and end tell them to take everything down.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
from standardwebhooks.webhooks import Webhook

from activities.channels.base import (
    Busy,
    Capabilities,
    Denied,
    Gone,
    Messages,
    NotSent,
    Outcome,
    Outgoing,
    Part,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.endpoints import ChannelsConfig, Partner
from activities.pacing import Limit
from alerts.edition import Edition
from alerts.vocabulary import Kind, MessageKind

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
ANSWER_WITHIN = 15.0
"""Seconds for a call as a whole: a partner that answers a byte at a time keeps every time-out of a read."""
TYPES = {
    MessageKind.ALERT: "alert.published",
    MessageKind.UPDATE: "alert.updated",
    MessageKind.REFRESH: "alert.refreshed",
    MessageKind.CANCEL: "alert.cancelled",
}


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

    def __init__(self, config: ChannelsConfig, answer_within: float = ANSWER_WITHIN) -> None:
        self._config = config
        self._answer_within = answer_within
        self._trust = ssl.create_default_context()
        """Made once: it takes some 20 ms, in which no other message can leave."""

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
        """Whether each partner's address accepts a connection; nothing is sent to it."""
        partners = self._config.endpoints_for(kind).webhook
        if not partners:
            return f"no partner is configured for {kind.value} alerts"
        silent = [partner.name for partner in partners if not await _listens(partner)]
        return f"no answer from {', '.join(silent)}" if silent else None

    def limit(self, job: WaveJob) -> Limit | None:
        """None: every partner is a counterpart of its own, and gets one call."""
        return None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=self._trust) as client:
            return [await self._send(client, job, message, still) for message in messages]

    async def _send(
        self, client: httpx.AsyncClient, job: WaveJob, message: Outgoing, still: Callable[[], bool]
    ) -> Outcome:
        partners = self._config.endpoints_for(job.alert_kind).webhook
        partner = next((partner for partner in partners if partner.name == message.address), None)
        if partner is None:
            return Gone("this partner is not configured any more")
        body = json.dumps(_body(job, message), ensure_ascii=False)
        headers = _headers(partner, message.id, body)
        if not still():
            return NotSent("something newer holds")
        try:
            async with asyncio.timeout(self._answer_within):
                call = client.stream("POST", partner.url, content=body.encode(), headers=headers)
                async with call as answer:  # its body is of no use to us, and may be endless
                    return _answered(partner, answer)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Unreachable(f"{partner.name} does not answer")
        except httpx.RemoteProtocolError:
            return Unreachable(f"{partner.name}'s answer breaks off or makes no sense", in_doubt=True)
        except (httpx.HTTPError, TimeoutError) as error:
            return Unreachable(f"{partner.name} went silent ({type(error).__name__})", in_doubt=True)


def _body(job: WaveJob, message: Outgoing) -> dict[str, Any]:
    data: dict[str, Any] = {
        "alert_id": job.alert_id,
        "edition": job.edition,
        "announcement": job.announcement,
        "kind": message.kind.value,
        "status": job.alert_kind.value,
        "lease_until": job.lease_until.isoformat() if job.lease_until else None,
    }
    if job.end_texts is not None:
        data["end"] = job.end_texts[message.language]
    else:
        data.update(json.loads(job.rendition.part("payload")))
    return {"type": TYPES[message.kind], "timestamp": datetime.now(UTC).isoformat(), "data": data}


def _headers(partner: Partner, message_id: str, body: str) -> dict[str, str]:
    sent = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": Webhook(partner.secret).sign(msg_id=message_id, timestamp=sent, data=body),
    }


def _answered(partner: Partner, answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Denied(f"{partner.name} does not accept our signature (401)")
    if answer.status_code == httpx.codes.GONE:
        return Gone(f"{partner.name} is gone (410)")
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        after = answer.headers.get("retry-after", "")
        patience = min(float(after), 60.0) if after.isdecimal() else 1.0
        return Busy(f"{partner.name} asks for patience ({answer.status_code})", retry_after=patience)
    return Rejected(f"{partner.name} refused it ({answer.status_code})")


async def _listens(partner: Partner) -> bool:
    url = httpx.URL(partner.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(url.host, port), 3.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
