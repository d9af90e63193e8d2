"""Messages to an app gateway on the wire: what a real HTTP/2 server is sent, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.channels.app import MESSAGE_MAX, AppChannel
from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Gone,
    Messages,
    Outcome,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.endpoints import AppEndpoint, ChannelsConfig, LiveChannels
from alerts.vocabulary import Kind, MessageKind
from simulators.http2 import CUT, Reply
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.support.gateway import OwnGateway

ALERT_ID = "20261124-0123456789abcdef"
LONGEST_TOKEN = "t" * 512


class Answers:
    """Which answer comes next."""

    def __init__(self) -> None:
        self.next = Reply(200, b"{}")


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers()


@pytest.fixture(scope="module")
def gateway(answers: Answers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnGateway]:
    own = OwnGateway(tmp_path_factory.mktemp("app"), lambda _: answers.next)
    yield own
    own.close()


async def send(
    gateway: OwnGateway, document: dict[str, Any], kind: MessageKind = MessageKind.ALERT
) -> Sequence[Outcome]:
    server = AppEndpoint(url=gateway.url, token="secret", authority=str(gateway.authority))
    channel = AppChannel(ChannelsConfig(channels=LiveChannels(app=server)))
    rendition = channel.render(make_edition(document, alert_id=ALERT_ID, number=100), BASE_URL)
    job = WaveJob(ALERT_ID, Kind.ACTUAL, 100, 0, datetime.now(UTC) + timedelta(days=30), rendition)
    told = Messages(["0" * 32], [kind], [LONGEST_TOKEN], ["nl"])
    return await channel.send(job, told, lambda: True)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (Reply(200, b"{}"), None),
        (Reply(200, b"<html>not what was asked"), None),
        (Reply(401), Denied),
        (Reply(403), Rejected),
        (Reply(404), Gone),
        (Reply(429), Busy),
        (Reply(503), Busy),
        (Reply(999), Busy),
        (CUT, Unreachable),
    ],
)
async def test_answer_when_it_comes_is_classified(
    gateway: OwnGateway, answers: Answers, answer: Reply, means: type[ChannelError] | None
) -> None:
    answers.next = answer
    (outcome,) = await send(gateway, case_document())
    assert (type(outcome) if outcome else None) is means


@pytest.mark.parametrize("sign", ["\U0001f468\u200d\U0001f469\u200d\U0001f467", '"', "\u0645\u064f"])
async def test_longest_message_when_sent_fits_and_is_whole(gateway: OwnGateway, answers: Answers, sign: str) -> None:
    answers.next = Reply(200, b"{}")
    name, situation = (sign * 400)[:400], (f"Zij heet {sign}. " * 4000)[:4000]
    child = {**case_document()["children"][0], "name": name}
    assert await send(gateway, case_document(children=[child], public={"situation": situation})) == [None]
    body = gateway.asked[-1].body
    assert len(body) <= MESSAGE_MAX
    data = json.loads(body)["message"]["data"]
    assert data["body"].startswith(f"Zij heet {sign}.")
    assert data["title"].startswith(f"Vermist: {sign}{sign}")
    assert data["body"].endswith("...")
