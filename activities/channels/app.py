"""`app`: push messages to phones through FCM (HTTP v1) or a gateway like it, one JSON message a token or topic.

A message carries what the notification shows and nothing else of the case; the app opens the public page. Collapse key
and tag are the alert, so a change or the end replaces what the phone shows, and its life is the lease. A topic is a
recipient like any other, whose area is the one that its phones want to hear of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from activities.app_message import (
    BETWEEN,
    BODY_MAX,
    END_LIVES,
    TOPICS,
    Mould,
    Told,
    token_mould,
    token_shown,
    topic_mould,
    topics_shown,
)
from activities.bulk_http import Answer, BulkHttp, Request, classified
from activities.channels.base import (
    Busy,
    Capabilities,
    ChannelError,
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
from activities.endpoints import FCM, AppServer, ChannelsConfig
from activities.pacing import Limit
from activities.service_account import AccessToken, AccessTokens
from alerts.edition import Edition
from alerts.vocabulary import Kind, MessageKind
from store.areas import nation

TOPIC = "/topics/"
"""Begins an address that is a topic, not one phone's token."""
PATIENCE = 60.0
"""Seconds to wait where a quota is used up and no time is given: what FCM asks for (ErrorCode, QUOTA_EXCEEDED)."""
_TRY = b'{"validate_only":true,"message":{"topic":"baken","data":{"kind":"try"}}}'
_ADDRESS = re.compile(r"[A-Za-z0-9_:.-]{8,512}|/topics/[A-Za-z0-9_.~%-]{1,100}")
"""As gateways give tokens, and name topics; nothing in it needs escaping, and only topics have a slash."""


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
        credentials="service account",
        chunk=500,
        together=4,
    )

    def __init__(self, config: ChannelsConfig) -> None:
        self._config = config
        self._gateways: dict[AppServer, _Gateway] = {}

    @staticmethod
    def address_problem(address: str) -> str | None:
        """What is wrong with a token or topic, or None."""
        if _ADDRESS.fullmatch(address):
            return None
        return "is no token of an app (8 to 512 letters, digits or _ : . -) and no topic (/topics/ and its name)"

    @staticmethod
    def normal_address(address: str) -> str:
        return address

    def render(self, edition: Edition, base_url: str) -> Rendition:
        everywhere = edition.area.polygons == nation().polygons
        said = {
            f"message.{language}": token_shown(edition, text, base_url) for language, text in edition.texts.items()
        }
        said[TOPICS] = topics_shown(edition, base_url, everywhere=everywhere)
        parts = (
            Part(name=name, media="json", content=json.dumps(one, ensure_ascii=False)) for name, one in said.items()
        )
        return Rendition(channel=self.name, parts=tuple(parts))

    async def probe(self, kind: Kind) -> str | None:
        """Whether the gateway accepts our token: a message that it checks and sends to nobody (`validate_only`)."""
        server = self._config.endpoints_for(kind).app
        if server is None:
            return f"no app gateway is configured for {kind.value} alerts"
        trouble = await self._trouble(self._gateway(server))
        return str(trouble) if trouble else None

    async def _trouble(self, gateway: _Gateway) -> ChannelError | None:
        """What is wrong between the gateway and us, whoever a message is for."""
        try:
            token = await gateway.tokens.current()
            answer = await gateway.validate(token)
            if answer.status == 401:
                answer = await gateway.validate(await gateway.tokens.instead_of(token))
        except ChannelError as error:
            return error
        if answer.status == 403:
            return Denied("the app gateway does not accept our service account (403)")
        if answer.status == 404:
            return Denied("the app gateway knows no such project (404)")
        outcome = _outcome(answer)
        return Denied(str(outcome)) if isinstance(outcome, Rejected) else outcome

    def limit(self, job: WaveJob) -> Limit | None:
        server = self._config.endpoints_for(job.alert_kind).app
        return server.limit(server.url or server.service_account) if server else None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        server = self._config.endpoints_for(job.alert_kind).app
        if server is None:
            return [Rejected("no app gateway is configured")] * len(messages)
        gateway, told = self._gateway(server), _apart(messages)
        if told is messages or any(part.name == TOPICS for part in job.rendition.parts):
            return await self._post(gateway, _Moulds(job), told, still)
        found: list[Outcome] = [Rejected("this edition was made before there were topics")] * len(told)
        phones = [place for place, language in enumerate(told.languages) if language != TOPICS]
        for place, outcome in zip(
            phones, await self._post(gateway, _Moulds(job), told.at(phones), still), strict=True
        ):
            found[place] = outcome
        return found

    async def _post(
        self, gateway: _Gateway, moulds: _Moulds, messages: Messages, still: Callable[[], bool]
    ) -> Sequence[Outcome]:
        """A refusal for good is believed of a gateway that takes other messages, and of no other.

        A wrong address or project of ours would end every subscription.
        """
        outcomes = await self._post_with_token(gateway, moulds, messages, still)
        if not any(isinstance(outcome, (Gone, Rejected)) for outcome in filter(None, outcomes)):
            return outcomes
        trouble = await self._trouble(gateway)
        if trouble is None:
            return outcomes
        return [trouble if isinstance(outcome, (Gone, Rejected)) else outcome for outcome in outcomes]

    async def _post_with_token(
        self, gateway: _Gateway, moulds: _Moulds, messages: Messages, still: Callable[[], bool]
    ) -> Sequence[Outcome]:
        try:
            token = await gateway.tokens.current()
        except ChannelError as error:
            return [error] * len(messages)
        outcomes = await gateway.post(moulds, messages, token, still)
        if not any(isinstance(outcome, Denied) for outcome in filter(None, outcomes)):
            return outcomes
        return await self._once_more(gateway, moulds, messages, token, still, outcomes)

    async def _once_more(
        self,
        gateway: _Gateway,
        moulds: _Moulds,
        messages: Messages,
        token: AccessToken,
        still: Callable[[], bool],
        outcomes: Sequence[Outcome],
    ) -> Sequence[Outcome]:
        """Those that were denied again with another token: the gateway may have ended ours before its time."""
        found = list(outcomes)
        denied = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Denied)]
        try:
            token = await gateway.tokens.instead_of(token)
        except ChannelError as error:
            again: Sequence[Outcome] = [error] * len(denied)
        else:
            again = await gateway.post(moulds, messages.at(denied), token, still)
        for place, outcome in zip(denied, again, strict=True):
            found[place] = outcome
        return found

    def _gateway(self, server: AppServer) -> _Gateway:
        if server not in self._gateways:
            self._gateways[server] = _Gateway(server, only_loopback=self._config.loopback == "only")
        return self._gateways[server]


class _Gateway:
    """What all messages to one gateway share."""

    def __init__(self, server: AppServer, *, only_loopback: bool) -> None:
        authority = Path(server.authority) if server.authority else None
        self.tokens = AccessTokens(Path(server.service_account), authority, only_loopback=only_loopback)
        self._url = server.url
        self._pool = BulkHttp(authority)

    async def post(
        self, moulds: _Moulds, messages: Messages, token: AccessToken, still: Callable[[], bool]
    ) -> Sequence[Outcome]:
        requests = moulds.requests(messages, *self._to(token))
        return classified(await self._pool.send(requests, len(messages), still), _outcome)

    async def validate(self, token: AccessToken) -> Answer:
        """What it says of a message that goes to nobody."""
        (answer,) = await self._pool.send([(*self._to(token), _TRY)], 1)
        return answer

    def _to(self, token: AccessToken) -> tuple[str, tuple[str, ...]]:
        """Address and headers."""
        headers = ("content-type: application/json", f"authorization: Bearer {token.value}")
        return self._url or FCM.format(token.project), headers


class _Moulds:
    """Messages as bytes with a gap for token and id, made once for each kind and language."""

    def __init__(self, job: WaveJob) -> None:
        self._job = job
        self._made: dict[tuple[MessageKind, str], Mould] = {}

    def requests(self, messages: Messages, url: str, headers: tuple[str, ...]) -> Iterator[Request]:
        columns = zip(messages.addresses, messages.ids, messages.kinds, messages.languages, strict=True)
        last_kind, last_language, head, rest = None, "", b"", b""
        for token, number, kind, language in columns:
            if kind is not last_kind or language is not last_language:  # a look by both costs a tenth of all
                head, rest = self._made.get((kind, language)) or self._make(kind, language)
                last_kind, last_language = kind, language
            yield url, headers, b"".join((head, token.encode(), BETWEEN, number.encode(), rest))

    def _make(self, kind: MessageKind, language: str) -> Mould:
        job = self._job
        now = datetime.now(UTC)
        until = job.lease_until if job.end_texts is None else None
        lives = END_LIVES if until is None else min(max(until - now, timedelta(0)), END_LIVES)
        told = Told(job.alert_id, job.edition, kind, lives, now, until)
        if language == TOPICS:
            mould = topic_mould(json.loads(job.rendition.part(TOPICS)), told, job.end_texts)
        else:
            shown = json.loads(job.rendition.part(f"message.{language}"))
            mould = token_mould(shown, told, job.end_texts[language] if job.end_texts is not None else None)
        self._made[kind, language] = mould
        return mould


def _apart(messages: Messages) -> Messages:
    """Topics by their names, in the language of all: nearly always there are none, and one look tells it."""
    if "/" not in "".join(messages.addresses):
        return messages
    pairs = zip(messages.addresses, messages.languages, strict=True)
    languages = [TOPICS if address.startswith(TOPIC) else language for address, language in pairs]
    addresses = [address.removeprefix(TOPIC) for address in messages.addresses]
    return Messages(messages.ids, messages.kinds, addresses, languages)


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if status == 200:
        return None
    if status == 0:
        return _unanswered(answer)
    if status == 401:
        return Denied("the app gateway does not accept our access token (401)")
    if status == 404:
        return Gone("the app was removed")
    if status == 429 or status >= 500:
        wait = min(answer.retry_after, PATIENCE) or (PATIENCE if status == 429 else 1.0)
        return Busy(f"the app gateway asks for patience ({status})", retry_after=wait)
    return Rejected(f"the app gateway refused it ({status})")


def _unanswered(answer: Answer) -> Outcome:
    if not answer.error:
        return NotSent("something newer holds")
    return Unreachable(f"the app gateway{answer.trouble}", in_doubt=answer.in_doubt)
