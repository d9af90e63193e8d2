"""Who may send a form by an intake link at the same time: a slow line keeps nobody but itself waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from starter.parts import Parts
from starter.public.intake import OF_A_LINK, intake_router
from store.drafts import Drafts
from store.intake import Intake

FORM = {"content-type": "application/x-www-form-urlencoded", "content-length": "60"}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def links(parts: Parts) -> list[str]:
    """The words of two of them."""
    draft = Drafts(parts.db, parts.keys).save("operator1", "abcdefgh23", "actual", {}, page="p", version=0, now=now())
    return [Intake(parts.db, parts.keys).make(draft, now()) for _ in range(2)]


class Slow:
    """A form of which the rest never comes."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        yield b"children%2F0%2Fhair="
        self.begun.set()
        await asyncio.Event().wait()


def test_link_when_its_lines_are_slow_keeps_nobody_else_waiting(parts: Parts, links: list[str]) -> None:
    async def run() -> None:
        app = FastAPI()
        app.include_router(intake_router(parts, now))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
            slow = [Slow() for _ in range(OF_A_LINK)]
            sent = [
                asyncio.create_task(client.post(f"/intake/{links[0]}", content=one.body(), headers=FORM))
                for one in slow
            ]
            await asyncio.gather(*(one.begun.wait() for one in slow))
            said = {"children/0/hair": "rood"}
            assert (await client.post(f"/intake/{links[0]}", data=said)).status_code == 503
            assert (await client.post(f"/intake/{links[1]}", data=said)).status_code == 200
            for one in sent:
                one.cancel()
            await asyncio.gather(*sent, return_exceptions=True)
            assert (await client.post(f"/intake/{links[0]}", data=said)).status_code == 200

    asyncio.run(run())


def test_form_when_it_takes_too_long_says_so_and_the_link_still_works(parts: Parts, links: list[str]) -> None:
    async def run() -> None:
        app = FastAPI()
        app.include_router(intake_router(parts, now, within=0.05))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
            answer = await client.post(f"/intake/{links[0]}", content=Slow().body(), headers=FORM)
            assert answer.status_code == 503
            assert "duurde te lang" in answer.text
            assert (await client.get(f"/intake/{links[0]}")).status_code == 200

    asyncio.run(run())
