"""`webpush`: notifications of browsers that asked for them, sealed for each alone (RFC 8030, 8291, 8292).

A push service sees to whom, how long it holds and what it replaces; what it says only that browser can read. The
topic and the notification's tag are the alert, so a change or the end replaces what waits and what is shown.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from activities.bulk_http import TIMED_OUT, Answer, BulkHttp, Request, classified
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
from activities.endpoints import ChannelsConfig, Loopback, PushSender
from activities.pacing import Limit
from activities.web_push import (
    PLAINTEXT_MAX,
    Vapid,
    check_endpoint,
    encrypt,
    headers,
    parse_subscription,
    store_subscription,
    stored_subscription,
    vapid_key,
)
from alerts.edition import Edition, LanguageText
from alerts.fitting import cut
from alerts.vocabulary import Kind, MessageKind

BODY_MAX = 1_000
"""Characters of a notification's text; fewer where they take many bytes."""
REST: Final = 60.0
"""Seconds in which nothing goes to a push service that was silent, so that it costs the others little."""
_ID_LENGTH = 32
_WIDEST_KIND = max(MessageKind, key=len)
_WIDEST_NUMBER: Final = 99_999_999
"""Of a revision or announcement, for which room is kept; no alert comes near."""


class WebPushChannel:
    name: ClassVar[str] = "webpush"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Browsers", "en": "Browsers"},
        audience="personal",
        update=True,
        recall=True,
        renews="late_joiners",
        picture=True,
        text_max=BODY_MAX,
        credentials="VAPID key",
        chunk=500,
        together=4,
    )

    def __init__(self, config: ChannelsConfig, secret: Callable[[], bytes], clock: Callable[[], datetime]) -> None:
        """`secret` is the installation's, from which its VAPID key follows; asked for at the first message."""
        self._config = config
        self._secret = secret
        self._clock = clock
        self._senders: dict[PushSender, _Sender] = {}

    @staticmethod
    def address_problem(address: str) -> str | None:
        """What is wrong with a subscription as browsers give it (JSON), or None."""
        try:
            parse_subscription(address)
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def normal_address(address: str) -> str:
        """The same for the same browser, whatever else it said of its subscription."""
        return store_subscription(parse_subscription(address))

    def render(self, edition: Edition, base_url: str) -> Rendition:
        photo = edition.photos[0] if edition.photos else None
        image = f"{base_url}/media/{photo.token}" if photo else None
        parts = tuple(
            Part(name=f"message.{language}", media="json", content=_shown(edition, language, text, base_url, image))
            for language, text in edition.texts.items()
        )
        return Rendition(channel=self.name, parts=parts)

    async def probe(self, kind: Kind) -> str | None:
        """Whether push services could ask us, and our key is there; which ones there are stands in subscriptions."""
        server = self._config.endpoints_for(kind).webpush
        if server is None:
            return f"no contact for push services is configured for {kind.value} alerts"
        await asyncio.to_thread(self._sender, server)
        return None

    def limit(self, job: WaveJob) -> Limit | None:
        """Of all push services together."""
        server = self._config.endpoints_for(job.alert_kind).webpush
        return server.limit(self.name) if server else None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        server = self._config.endpoints_for(job.alert_kind).webpush
        if server is None:
            return [Rejected("no contact for push services is configured")] * len(messages)
        sender = self._sender(server)
        chunk = _Chunk(job, messages, sender, self._config.loopback, self._clock())
        return chunk.outcomes(await sender.pool.send(chunk.requests(), len(messages), still))

    def _sender(self, server: PushSender) -> _Sender:
        if server not in self._senders:
            pool = BulkHttp(Path(server.authority) if server.authority else None)
            self._senders[server] = _Sender(Vapid(vapid_key(self._secret()), server.contact), pool)
        return self._senders[server]


class _Sender:
    """What all messages from one contact share."""

    def __init__(self, vapid: Vapid, pool: BulkHttp) -> None:
        self.vapid = vapid
        self.pool = pool
        self._silent: dict[str, float] = {}
        """Push services that let messages wait in vain, and until when they have rest."""

    def resting(self) -> Collection[str]:
        now = time.monotonic()
        self._silent = {service: until for service, until in self._silent.items() if until > now}
        return self._silent.keys()

    def rest(self, services: Collection[str]) -> None:
        self._silent |= dict.fromkeys(services, time.monotonic() + REST)


class _Chunk:
    """The messages of one call as requests, and what became of each."""

    def __init__(self, job: WaveJob, messages: Messages, sender: _Sender, loopback: Loopback, now: datetime) -> None:
        self._job = job
        self._messages = messages
        self._sender = sender
        self._loopback = loopback
        self._now = now
        self._plain = {said: self._say(*said) for said in set(zip(messages.kinds, messages.languages, strict=True))}
        self._headers: dict[tuple[str, MessageKind], tuple[str, ...]] = {}
        self._resting = sender.resting()
        self._sent: list[tuple[int, str]] = []
        self._kept_back: dict[int, Outcome] = {}

    def requests(self) -> Iterator[Request]:
        """Each is sealed when it is taken; what cannot be sent is left out."""
        told = self._messages
        columns = zip(told.addresses, told.ids, told.kinds, told.languages, strict=True)
        heads: tuple[str, ...] = ()
        service, plain = "/", b""
        last_kind, last_language = None, ""
        for index, (address, number, kind, language) in enumerate(columns):
            try:
                subscription = stored_subscription(address)
                endpoint = subscription.endpoint
                if kind is not last_kind or language is not last_language or not endpoint.startswith(service):
                    site = "/".join(endpoint.split("/", 3)[:3]) + "/"
                    heads = self._headers.get((site, kind)) or self._tell(site, kind, endpoint)
                    plain, service = self._plain[kind, language], site
                    last_kind, last_language = kind, language
                if service in self._resting:
                    self._kept_back[index] = Unreachable("a push service was silent and has rest for a minute")
                    continue
                sealed = encrypt(subscription, plain % number.encode())
            except ValueError as error:
                self._kept_back[index] = Rejected(str(error))
                continue
            self._sent.append((index, service))
            yield endpoint, heads, sealed

    def outcomes(self, answers: Sequence[Answer]) -> Sequence[Outcome]:
        """One for each message; `answers` are those of `requests`, in order."""
        found: list[Outcome] = list(classified(answers, _outcome))
        if not any(found):
            return found
        found = [NotSent("something newer holds")] * len(self._messages)
        for index, outcome in self._kept_back.items():
            found[index] = outcome
        silent, heard = set[str](), set[str]()
        for (index, service), answer in zip(self._sent, answers, strict=False):
            found[index] = _outcome(answer)
            if answer.status:
                heard.add(service)
            elif answer.error == TIMED_OUT:
                silent.add(service)
        self._sender.rest(silent - heard)
        return found

    def _tell(self, service: str, kind: MessageKind, endpoint: str) -> tuple[str, ...]:
        """The headers for a push service, after a look whether we may ask it at all; raises ValueError."""
        check_endpoint(endpoint, self._loopback)
        lease_until = self._job.lease_until if self._job.end_texts is None else None
        said = headers(kind, self._job.alert_id, lease_until, self._now)
        said["authorization"] = self._sender.vapid.authorization(endpoint, self._now)
        said["user-agent"] = "Baken"  # curl's own would tell the version of every library
        self._headers[service, kind] = tuple(f"{name}: {value}" for name, value in said.items())
        return self._headers[service, kind]

    def _say(self, kind: MessageKind, language: str) -> bytes:
        """The plaintext, with a gap for the id."""
        job = self._job
        shown = json.loads(job.rendition.part(f"message.{language}"))
        event = shown.pop("event")
        if job.end_texts is not None:
            shown |= {"title": event, "body": job.end_texts[language], "image": None}
        return _plaintext(shown, job.alert_id, job.edition, kind, job.revision, job.announcement)


def _plaintext(
    shown: dict[str, str | None], alert_id: str, edition: int, kind: MessageKind, revision: int, announcement: int
) -> bytes:
    """What the service worker gets, with `%s` for the id.

    Of two messages the newer has the greater `order`, from the left: a lease that runs out, and the outcome after the
    end, are told under the revision of what was told before.
    """
    said = {name: value for name, value in shown.items() if value}
    said |= {"tag": alert_id, "alert_id": alert_id, "kind": kind.value}
    order = [revision, announcement, edition, int(kind is MessageKind.CANCEL)]
    rest = json.dumps({**said, "edition": edition, "order": order}, ensure_ascii=False, separators=(",", ":"))
    return b'{"id":"%s",' + rest[1:].encode().replace(b"%", b"%%")


def _shown(edition: Edition, language: str, text: LanguageText, base_url: str, image: str | None) -> str:
    said: dict[str, str | None] = {
        "event": text.event,
        "title": text.headline,
        "body": "",
        "url": f"{base_url}/alerts/{edition.alert_id}",
        "image": image,
        "lang": language,
    }
    around = _plaintext(
        {**said, "body": "."}, edition.alert_id, edition.number, _WIDEST_KIND, _WIDEST_NUMBER, _WIDEST_NUMBER
    )
    said["body"] = cut(text.body, BODY_MAX, PLAINTEXT_MAX - len(around % (b"0" * _ID_LENGTH)) + 1)
    return json.dumps(said, ensure_ascii=False)


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if status in (200, 201, 202):
        return None
    if status == 0:
        return _unanswered(answer)
    if status in (404, 410):
        return Gone("the browser ended its subscription")
    if status == 429 or status >= 500:
        return Busy(f"a push service asks for patience ({status})", retry_after=min(answer.retry_after, 60.0) or 1.0)
    if status == 401:
        return Denied("a push service does not accept our VAPID token (401)")
    why = "does not accept our VAPID key for this browser" if status == 403 else "refused it"
    return Rejected(f"a push service {why} ({status})")


def _unanswered(answer: Answer) -> Outcome:
    if not answer.error:
        return NotSent("something newer holds")
    return Unreachable(f"a push service{answer.trouble}", in_doubt=answer.in_doubt)
