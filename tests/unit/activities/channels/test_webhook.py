"""Calls to partners on the wire: what their answers mean, however odd, and that none of them holds up a call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Messages,
    NotSent,
    Outcome,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.channels.webhook import WebhookChannel
from activities.endpoints import ChannelsConfig, LiveChannels, WebhookPartner
from activities.webhook_calls import ANSWER_WITHIN
from alerts.vocabulary import Kind, MessageKind
from store.database import Database
from tests.support.editions import BASE_URL, KEY, NOW, case_document, make_edition
from tests.support.partner import SECRET
from tests.support.stores import new_store

DRIP = 0.02
"""Seconds between two bytes of a partner that never comes to its end."""


@asynccontextmanager
async def answering(said: bytes, drips: bytes = b"") -> AsyncIterator[int]:
    """A partner that answers so, whatever it is sent; then byte by byte for ever."""

    calls: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        with contextlib.suppress(OSError):
            while drips:
                writer.write(drips)
                await writer.drain()
                await asyncio.sleep(DRIP)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.wait([call for call in calls if call], timeout=5)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = new_store(tmp_path_factory.mktemp("webhook") / "baken.db")
    yield opened
    opened.close()


async def send(
    store: Database, port: int, answer_within: float = ANSWER_WITHIN, still: Callable[[], bool] = lambda: True
) -> Sequence[Outcome]:
    partner = WebhookPartner(name="Own", url=f"http://127.0.0.1:{port}/", secret=SECRET)
    config = ChannelsConfig(channels=LiveChannels(webhook=(partner,)))
    channel = WebhookChannel(config, store, lambda: KEY, lambda: NOW, BASE_URL, answer_within)
    job = WaveJob("a1", Kind.ACTUAL, 1, 0, None, channel.render(make_edition(case_document()), BASE_URL))
    told = Messages(["0" * 32], [MessageKind.ALERT], ["Own"], ["nl"])
    return await channel.send(job, told, still)


@pytest.mark.parametrize(
    ("said", "means", "in_doubt"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", None, False),
        (b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", Denied, False),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", Rejected, False),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Rejected, False),
        (b"HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", Busy, False),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnot!", None, False),
        (b"250 2.0.0 accepted\r\n\r\n", Unreachable, True),
        (b"", Unreachable, True),
    ],
)
async def test_answer_when_it_comes_is_classified(
    store: Database, said: bytes, means: type[ChannelError] | None, in_doubt: bool
) -> None:
    async with answering(said) as port:
        (outcome,) = await send(store, port)
    assert (type(outcome) if outcome else None) is means
    assert getattr(outcome, "in_doubt", False) is in_doubt


async def test_body_without_end_when_accepted_is_not_read(store: Database) -> None:
    async with asyncio.timeout(5), answering(b"HTTP/1.1 200 OK\r\n\r\n", drips=b"x") as port:
        assert await send(store, port) == [None]


async def test_head_without_end_is_given_up_and_in_doubt(store: Database) -> None:
    async with asyncio.timeout(5), answering(b"HTTP/1.1 200 OK\r\n", drips=b"a: b\r\n") as port:
        (outcome,) = await send(store, port, answer_within=0.3)
    assert isinstance(outcome, Unreachable)
    assert outcome.in_doubt


async def test_call_when_overtaken_while_it_connects_says_nothing(store: Database) -> None:
    """That it may leave is asked right before its body does, and so never of who does not answer."""
    asked = list[str]()

    def still() -> bool:
        asked.append("may it leave?")
        return False

    with socket.create_server(("127.0.0.1", 0)) as partner:
        port = int(partner.getsockname()[1])
        (outcome,) = await send(store, port, still=still)
        line, _ = partner.accept()
        with line:
            heard = b"".join(iter(partial(line.recv, 65_536), b""))
    assert heard.startswith(b"POST ")
    assert heard.partition(b"\r\n\r\n")[1:] == (b"\r\n\r\n", b"")
    assert isinstance(outcome, NotSent)
    (outcome,) = await send(store, port, still=still)
    assert isinstance(outcome, Unreachable)
    assert len(asked) == 1
