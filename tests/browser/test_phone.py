"""The phone of the demo, in a browser: it gets every alert and decides by itself, telling nobody where it is."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi import Request as Asked
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser, Page, Request

from activities.channels.app import AppChannel
from activities.channels.base import Messages, WaveJob
from activities.endpoints import AppEndpoint, ChannelsConfig, LiveChannels
from alerts.vocabulary import Kind, MessageKind
from starter.policy import CSP
from starter.web.demo import demo_router
from tests.browser.looking import aside, watched
from tests.structure.files import ROOT
from tests.support.editions import case_document, make_edition
from tests.support.simulators import Counterparts
from tests.support.waiting import eventually

INSIDE, OUTSIDE = ("52.1561", "5.3878"), ("51.9225", "4.4791")
CIRCLE = {"circle": {"lat": 52.15, "lon": 5.38, "radius_m": 5000}}
SQUARE = {"polygon": [[5.3, 52.1], [5.5, 52.1], [5.5, 52.2], [5.3, 52.2]]}
ROTTERDAM = {"circle": {"lat": 51.92, "lon": 4.48, "radius_m": 5000}}
ENDS = {"nl": "Dit alert is voorbij.", "en": "This alert has ended."}
SHOWN = "#alerts article h2"


class Push:
    """The channel, and the gateway behind which the phone is."""

    def __init__(self, counterparts: Counterparts, web: str) -> None:
        server = AppEndpoint(**counterparts.ports["app"])
        self._config = ChannelsConfig(channels=LiveChannels(app=server))
        self.web = web
        self.renewed: set[str] = set()
        """Alerts whose lease was lengthened meanwhile."""
        self._sent = 0

    def lease(self, alert_id: str) -> Response:
        """As the public site answers."""
        until = datetime.now(UTC) + timedelta(seconds=7)
        return JSONResponse({"lease_until": until.isoformat()}) if alert_id in self.renewed else Response("", 503)

    def send(
        self, alert_id: str, *, area: Any = None, edition: int = 1, kind: str = "alert", lease: float = 3600, name: str
    ) -> None:
        channel = AppChannel(self._config)
        child = {**case_document()["children"][0], "name": name}
        document = case_document(children=[child], area=area or {"nation": "NL"})
        rendition = channel.render(make_edition(document, alert_id=alert_id, number=edition), self.web)
        until = datetime.now(UTC) + timedelta(seconds=lease)
        ends = ENDS if kind == "cancel" else None
        job = WaveJob(alert_id, Kind.ACTUAL, edition, 0, until, rendition, end_texts=ends)
        self._sent += 1
        told = Messages([f"{self._sent:032x}"], [MessageKind(kind)], ["/topics/nl"], ["nl"])
        assert asyncio.run(channel.send(job, told, lambda: True)) == [None]


@pytest.fixture(scope="module")
def push(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Push]:
    counterparts = Counterparts(tmp_path_factory.mktemp("phone")).start()
    app = FastAPI()

    @app.middleware("http")
    async def with_policy(request: Asked, go_on: Callable[[Asked], Awaitable[Response]]) -> Response:
        answer = await go_on(request)
        answer.headers["content-security-policy"] = CSP
        return answer

    app.mount("/static", StaticFiles(directory=ROOT / "starter" / "public" / "static"))
    app.mount("/console-static", StaticFiles(directory=ROOT / "starter" / "web" / "static"))
    app.mount("/assets", StaticFiles(directory=ROOT / "build" / "assets"))
    app.include_router(demo_router(counterparts.ports["control"]))
    app.get("/media/{token}")(lambda token: None)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        eventually(lambda: server.started, what="the web server")
        phones = Push(counterparts, f"http://127.0.0.1:{bound.getsockname()[1]}")
        app.get("/alerts/{alert_id}/lease")(phones.lease)
        yield phones
        server.should_exit = True
        thread.join(10)
    counterparts.stop()


def stand(page: Page, place: tuple[str, str]) -> None:
    page.locator("#lat").fill(place[0])
    page.locator("#lon").fill(place[1])
    page.locator("form button").click()


def listened(*pages: Page) -> None:
    """Wait until each asked twice what is new."""
    for _ in range(2):
        with ExitStack() as all_of_them:
            for page in pages:
                all_of_them.enter_context(page.expect_event("response", lambda answer: "messages.json" in answer.url))
    pages[0].wait_for_timeout(50)


def test_phone_shows_what_it_stands_in_until_it_is_changed_ended_or_over(browser: Browser, push: Push) -> None:
    with watched(browser, push.web, 360) as watch:
        page = watch.open("/demo/phone/?lang=nl").page
        watch.check("phone")
        aside(lambda: push.send("circle", area=CIRCLE, name="Cirkel"))
        aside(lambda: push.send("square", area=SQUARE, name="Vierkant"))
        aside(lambda: push.send("country", name="Land"))
        page.locator(SHOWN, has_text="Land").wait_for()
        assert page.locator(SHOWN).count() == 1, "it does not know where it is"
        stand(page, OUTSIDE)
        assert page.locator(SHOWN).count() == 1
        stand(page, INSIDE)
        assert page.locator(SHOWN).count() == 3
        aside(lambda: push.send("circle", area=CIRCLE, edition=2, kind="update", name="Anders"))
        page.locator(SHOWN, has_text="Anders").wait_for()
        assert page.locator(SHOWN, has_text="Cirkel").count() == 0
        aside(lambda: push.send("square", area=ROTTERDAM, edition=2, kind="update", name="Vierkant"))
        page.locator(SHOWN, has_text="Vierkant").wait_for(state="detached")
        aside(lambda: push.send("circle", edition=2, kind="cancel", name="Anders"))
        page.locator(SHOWN, has_text="Anders").wait_for(state="detached")
        assert ENDS["nl"] in page.locator("#said").inner_text()
        aside(lambda: push.send("square", edition=2, kind="cancel", name="Vierkant"))
        listened(page)
        assert "AMBER" in page.locator("#said").inner_text(), "nothing is said of the end of what was not shown"
        push.renewed.add("country")
        aside(lambda: push.send("country", edition=2, kind="update", lease=4, name="Kort"))
        page.locator(SHOWN, has_text="Kort").wait_for()
        page.wait_for_timeout(4_500)
        assert page.locator(SHOWN, has_text="Kort").count() == 1, "its lease was lengthened"
        page.context.set_offline(True)
        page.locator(SHOWN, has_text="Kort").wait_for(state="detached", timeout=12_000)
        assert page.locator("#alerts article").count() == 0


def test_requests_tell_nobody_where_the_phone_is_nor_whether_it_shows(browser: Browser, push: Push) -> None:
    aside(lambda: push.send("hidden", area=CIRCLE, name="Verborgen"))
    with standing(browser, push, INSIDE) as inside, standing(browser, push, OUTSIDE) as outside:
        listened(inside[0], outside[0])
        asked = {place: _asked(*phone, place) for place, phone in ((INSIDE, inside), (OUTSIDE, outside))}
    assert asked[INSIDE] == asked[OUTSIDE]
    assert any("/media/" in url for url in asked[INSIDE])


@contextmanager
def standing(browser: Browser, push: Push, place: tuple[str, str]) -> Iterator[tuple[Page, list[Request]]]:
    """A phone at this place, and all that it says."""
    said: list[Request] = []
    with watched(browser, push.web) as watch:
        watch.page.on("request", lambda request: said.append(request))  # noqa: PLW0108  it wants no built-in
        stand(watch.open("/demo/phone/").page, place)
        yield watch.page, said


def _asked(page: Page, said: list[Request], place: tuple[str, str]) -> set[str]:
    """All addresses that the phone asked for; what else it said is looked through here."""
    assert page.locator(SHOWN, has_text="Verborgen").count() == (place is INSIDE)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    whole = " ".join(f"{one.url} {one.all_headers()} {one.post_data}" for one in said)
    assert not re.search("|".join(number[:5].replace(".", r"\.") for number in place), whole)
    return {one.url for one in said}
