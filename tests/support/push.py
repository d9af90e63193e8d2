"""A push service of a test's own and the browsers behind it, reached by the real sending path."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.channels.base import Messages, Outcome, Outgoing, WaveJob
from activities.channels.webpush import WebPushChannel
from activities.endpoints import ChannelsConfig, ExerciseChannels, ExerciseWebPushEndpoint, LiveChannels, Loopback
from activities.endpoints import WebPushEndpoint as Endpoint
from alerts.edition import Edition
from alerts.vocabulary import MessageKind
from simulators.browsers import Browsers
from simulators.http2 import Asked, Handler
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.support.gateway import OwnGateway

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = bytes(range(32))
CONTACT = "mailto:push@baken.example"
ID = "0123456789abcdef" * 2


class Push:
    """A push service of a test's own, its browsers, and the channel as a home would have it."""

    def __init__(self, folder: Path, handler: Handler) -> None:
        self._gateway = OwnGateway(folder, handler, decode=True)
        self.browsers = Browsers(self._gateway.port, SECRET)
        self.channel = self.home("only")

    def home(self, loopback: Loopback) -> WebPushChannel:
        said = {"contact": CONTACT, "authority": str(self._gateway.authority)}
        config = ChannelsConfig(
            channels=LiveChannels(webpush=Endpoint(**said)),
            exercise=ExerciseChannels(webpush=ExerciseWebPushEndpoint(**said)),
            loopback=loopback,
        )
        return WebPushChannel(config, lambda: SECRET, lambda: NOW)

    @property
    def asked(self) -> Sequence[Asked]:
        return self._gateway.asked

    def to(self, name: str, kind: MessageKind = MessageKind.ALERT, language: str = "nl") -> Outgoing:
        return Outgoing(ID, kind, self.browsers.subscription(name), language)

    async def send(self, *messages: Outgoing, edition: Edition | None = None, **more: Any) -> Sequence[Outcome]:
        return await self.channel.send(job(self.channel, edition, **more), columns(*messages), lambda: True)

    def opened(self) -> list[dict[str, Any]]:
        """What each browser read."""
        said = []
        for asked in self.asked:
            opened = self.browsers.opened(asked.headers[":path"].rsplit("/", 1)[1], asked.body)
            assert opened is not None
            said.append(opened)
        return said

    def close(self) -> None:
        self._gateway.close()


def columns(*messages: Outgoing) -> Messages:
    return Messages(*zip(*messages, strict=True))


def job(channel: WebPushChannel, edition: Edition | None = None, **more: Any) -> WaveJob:
    edition = edition or make_edition(case_document())
    said: dict[str, Any] = {
        "alert_id": "a1",
        "alert_kind": edition.kind,
        "edition": edition.number,
        "announcement": 0,
        "lease_until": NOW + timedelta(minutes=90),
        "rendition": channel.render(edition, BASE_URL),
    }
    return WaveJob(**(said | more))
