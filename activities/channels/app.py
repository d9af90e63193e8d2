"""`app`: push messages to phones through an app gateway, one JSON message a token, in the shape of FCM HTTP v1.

A message carries what the notification shows and nothing else of the case; the app opens the public page. The
collapse key is the alert, so a change or the end replaces what the phone shows, and its life is the lease.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from activities.bulk_http import Answer, BulkHttp, Request, classified
from activities.channels.base import (
    Busy,
    Capabilities,
    Denied,
    Gone,
    Messages,
    NotSent,
    Outcome,
    Part,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.endpoints import AppServer, ChannelsConfig
from activities.pacing import Limit
from alerts.edition import Edition, LanguageText
from alerts.fitting import cut
from alerts.vocabulary import Kind, MessageKind

BODY_MAX = 1_000
"""Characters of the notification's text; fewer where they take many bytes."""
MESSAGE_MAX = 4_096
"""Bytes that the gateway takes."""
ENVELOPE = 1_000
"""Bytes of a message beside what is shown: token, ids, and what each kind of phone wants to know."""
END_LIVES = timedelta(weeks=4)
"""How long the end waits for a phone that is off: it may still show the alert. The gateway's longest."""
_TRY = b'{"validate_only":true,"message":{"topic":"baken","data":{"kind":"try"}}}'
_TOKEN = re.compile(r"[A-Za-z0-9_:.-]{8,512}")
"""As gateways give them; nothing in it needs escaping."""


class AppChannel:
    name: ClassVar[str] = "app"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "App", "en": "App"},
        audience="personal",
        update=True,
        recall=True,
        renews="late_joiners",
        picture=True,
        text_max=BODY_MAX,
        credentials="bearer token",
        chunk=500,
    )

    def __init__(self, config: ChannelsConfig) -> None:
        self._config = config
        self._pools: dict[str, BulkHttp] = {}

    @staticmethod
    def address_problem(address: str) -> str | None:
        """What is wrong with a token, or None."""
        return None if _TOKEN.fullmatch(address) else "is no token of an app: 8 to 512 letters, digits or _ : . -"

    @staticmethod
    def normal_address(address: str) -> str:
        return address

    def render(self, edition: Edition, base_url: str) -> Rendition:
        photo = edition.photos[0] if edition.photos else None
        image = f"{base_url}/media/{photo.token}" if photo else None
        parts = tuple(
            Part(name=f"message.{language}", media="json", content=_shown(edition, text, base_url, image))
            for language, text in edition.texts.items()
        )
        return Rendition(channel=self.name, parts=parts)

    async def probe(self, kind: Kind) -> str | None:
        """Whether the gateway accepts our token: a message that it checks and sends to nobody (`validate_only`)."""
        server = self._config.endpoints_for(kind).app
        if server is None:
            return f"no app gateway is configured for {kind.value} alerts"
        headers = ("content-type: application/json", f"authorization: Bearer {server.token}")
        (answer,) = await self._pool(server).send([(server.url, headers, _TRY)], 1)
        if answer.status == 404:
            return "the app gateway knows no such project (404)"
        outcome = _outcome(answer)
        return str(outcome) if outcome else None

    def limit(self, job: WaveJob) -> Limit | None:
        server = self._config.endpoints_for(job.alert_kind).app
        return server.limit(server.url) if server else None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        server = self._config.endpoints_for(job.alert_kind).app
        if server is None:
            return [Rejected("no app gateway is configured")] * len(messages)
        moulds = _Moulds(server, job)
        answers = await self._pool(server).send(moulds.requests(messages), len(messages), still)
        return classified(answers, _outcome)

    def _pool(self, server: AppServer) -> BulkHttp:
        if server.url not in self._pools:
            self._pools[server.url] = BulkHttp(Path(server.authority) if server.authority else None)
        return self._pools[server.url]


class _Moulds:
    """Messages as bytes with a gap for token and id, made once for each kind and language."""

    def __init__(self, server: AppServer, job: WaveJob) -> None:
        self._url = server.url
        self._headers = ("content-type: application/json", f"authorization: Bearer {server.token}")
        self._job = job
        self._made: dict[tuple[MessageKind, str], bytes] = {}

    def requests(self, messages: Messages) -> Iterator[Request]:
        columns = zip(messages.addresses, messages.ids, messages.kinds, messages.languages, strict=True)
        last_kind, last_language, rest = None, "", b""
        for token, number, kind, language in columns:
            if kind is not last_kind or language is not last_language:  # a look by both costs a tenth of all
                rest = self._made.get((kind, language)) or self._make(kind, language)
                last_kind, last_language = kind, language
            said = b'{"message":{"token":"%b","data":{"id":"%b",%b' % (token.encode(), number.encode(), rest)
            yield self._url, self._headers, said

    def _make(self, kind: MessageKind, language: str) -> bytes:
        """All that follows the id; the braces before it are `requests`'."""
        job = self._job
        data = {"alert_id": job.alert_id, "edition": str(job.edition), "kind": kind.value}
        shown = json.loads(job.rendition.part(f"message.{language}"))
        lives = END_LIVES if job.lease_until is None else max(job.lease_until - datetime.now(UTC), timedelta(0))
        if job.end_texts is not None:
            shown = {"title": shown["event"], "body": job.end_texts[language], "event": shown["event"]}
            lives = END_LIVES
        data |= {name: value for name, value in shown.items() if value}
        seconds = int(min(lives, END_LIVES).total_seconds())
        expires = int((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp())
        more = {
            "android": {"priority": "high", "collapse_key": job.alert_id, "ttl": f"{seconds}s"},
            "apns": {
                "headers": {
                    "apns-priority": "10",
                    "apns-collapse-id": job.alert_id,
                    "apns-expiration": str(expires),
                }
            },
        }
        said = f"{json.dumps(data, ensure_ascii=False)[1:]},{json.dumps(more)[1:]}}}"
        self._made[kind, language] = said.encode()
        return self._made[kind, language]


def _shown(edition: Edition, text: LanguageText, base_url: str, image: str | None) -> str:
    said = {
        "event": text.event,
        "title": text.headline,
        "body": "",
        "url": f"{base_url}/alerts/{edition.alert_id}",
        "image": image,
    }
    around = len(json.dumps(said, ensure_ascii=False).encode())
    said["body"] = cut(text.body, BODY_MAX, MESSAGE_MAX - ENVELOPE - around)
    return json.dumps(said, ensure_ascii=False)


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if status == 200:
        return None
    if status == 0:
        return _unanswered(answer)
    if status == 401:
        return Denied("the app gateway does not accept our token (401)")
    if status == 404:
        return Gone("the app was removed")
    if status == 429 or status >= 500:
        return Busy(f"the app gateway asks for patience ({status})", retry_after=min(answer.retry_after, 60.0) or 1.0)
    return Rejected(f"the app gateway refused it ({status})")


def _unanswered(answer: Answer) -> Outcome:
    if not answer.error:
        return NotSent("something newer holds")
    return Unreachable(f"the app gateway{answer.trouble}", in_doubt=answer.in_doubt)
