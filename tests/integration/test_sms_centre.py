"""The SMPP session against an SMS centre of other hands: the npm package `smpp`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities.channels.base import Messages, WaveJob
from activities.channels.sms import SmsChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SmsEndpoint
from alerts.vocabulary import Kind, MessageKind
from store import proof
from store.database import Database
from store.subscribers import Entry, Subscribers
from tests.structure.files import ROOT
from tests.support.editions import BASE_URL, NOW, case_document, make_edition

KEY, PHONE = bytes(range(32)), "+31690000001"
NODE = shutil.which("node", path=f"{ROOT / '.venv/node/bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
async def centre() -> AsyncIterator[Process]:
    assert NODE is not None, "node is not there; make install brings it"
    process = await asyncio.create_subprocess_exec(NODE, str(ROOT / "tests/support/sms_centre.cjs"), stdout=PIPE)
    yield process
    process.kill()
    await process.wait()
    process._transport.close()  # type: ignore[attr-defined]  # else it complains once its loop is gone


async def said(centre: Process, number: int) -> list[dict[str, Any]]:
    """The next lines of the centre."""
    assert centre.stdout is not None
    return [json.loads(await asyncio.wait_for(centre.stdout.readline(), 10)) for _ in range(number)]


async def until_gone(db: Database, subscribers: Subscribers) -> None:
    for _ in range(100):
        with db.read() as session:
            if subscribers.count(session) == 0:
                return
        await asyncio.sleep(0.02)
    raise AssertionError("the subscription did not end")


async def until_seen(db: Database) -> None:
    for _ in range(150):
        with db.read() as session:
            if proof.seen(session, "a1", "sms", 1):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("no receipt was written down")


@pytest.mark.parametrize(
    ("situation", "width"), [("Zij draagt een jas van €10 [rood]. " * 8, 153), ("Zoë is weg. 🧸 " * 4, 67)]
)
async def test_message_when_taken_by_another_centre_is_whole_and_receipt_and_stop_are_heard(
    db: Database, centre: Process, situation: str, width: int
) -> None:
    (listening,) = await said(centre, 1)
    endpoint = SmsEndpoint(
        host="127.0.0.1", port=listening["port"], system_id="baken", password="geheim12", sender="2424"
    )
    channel = SmsChannel(ChannelsConfig(channels=LiveChannels(sms=endpoint)), db, lambda _: KEY, lambda: NOW)
    subscribers = Subscribers(KEY, "sms")
    with db.write() as session:
        subscribers.subscribe(session, [Entry(PHONE)], NOW)
    rendition = channel.render(make_edition(case_document(public={"situation": situation})), BASE_URL)
    job = WaveJob("a1", Kind.ACTUAL, 1, 0, None, rendition)
    line = asyncio.create_task(channel.listen())
    messages = Messages([f"{7:032x}"], [MessageKind.ALERT], [PHONE], ["nl"])
    assert await channel.send(job, messages, lambda: True) == [None]
    await until_gone(db, subscribers)
    await until_seen(db)
    told = await said(centre, 9)
    line.cancel()
    await asyncio.gather(line, return_exceptions=True)
    assert (await said(centre, 1))[0] == {"unbound": True}
    bound, parts = told[0], sorted((one for one in told if "text" in one), key=lambda one: one["header"][0][4])
    assert bound == {"bound": "baken", "password": "geheim12", "version": 0x34}
    assert "".join(one["text"] for one in parts) == rendition.part("sms.nl")
    assert max(len(one["text"].encode("utf-16-be")) // 2 for one in parts) <= width
    references = {header[2] for one in parts for header in one["header"]}
    assert len(references) == 1
    assert [one["header"] for one in parts] == [[[0, 3, *references, 4, n]] for n in (1, 2, 3, 4)]
    assert {(one["to"], one["from"], *one["numbering"]) for one in parts} == {("31690000001", "2424", 3, 0, 1, 1)}
    assert len({one["reference"] for one in parts}) == 1
    assert [one for one in told if "answered" in one] == [{"answered": 0}] * 4
