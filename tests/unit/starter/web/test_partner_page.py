"""The console's page of partners asks store and key store in threads: the loop it runs on serves everybody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import Engine

from starter.client import open_baken
from starter.web.console import console_router
from tests.support.homes import silent_home
from tests.support.partner import OwnPartner

NAME = "Krant"


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = silent_home(tmp_path / "home")
    async with open_baken(settings, patience=0.2) as baken:
        app = FastAPI()
        app.include_router(console_router(baken, settings))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
            await client.post("/console/login", data={"user": "supervisor1", "next": "/console/"})
            yield client


@pytest.fixture
def on_loop(console: httpx.AsyncClient) -> Iterator[list[str]]:
    """What any database is asked from now on in a thread that runs a loop."""
    asked: list[str] = []

    def look(_: Any, __: Any, statement: str, *___: Any) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", look)
    yield asked
    event.remove(Engine, "before_cursor_execute", look)


@pytest.fixture
def partner() -> Iterator[OwnPartner]:
    own = OwnPartner()
    yield own
    own.close()


async def test_page_when_used_asks_no_store_on_the_loop(
    console: httpx.AsyncClient, on_loop: list[str], partner: OwnPartner
) -> None:
    page = await console.get("/console/partners")
    assert page.status_code == 200
    (token, *_) = re.findall(r'name="token" value="([^"]+)"', page.text)

    async def post(action: str, **more: str) -> httpx.Response:
        return await console.post(f"/console/partners/{action}", data={"token": token, "name": NAME, **more})

    assert (await post("add", url=partner.url, exercise="yes")).status_code == 200
    assert [(await post(action)).status_code for action in ("test", "pause", "resume")] == [303] * 3
    first = (await post("rotate")).text
    assert 'name="at_once"' in first
    assert (await post("rotate")).status_code == 409, "it would end the one that the partner still has"
    assert (await post("rotate", at_once="yes")).status_code == 200
    assert on_loop == []
