"""A crowd shares answers, none of which was read from the store more than 50 ms before it was asked for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from alerts.vocabulary import Meaning
from starter.client import Baken
from starter.parts import Parts
from starter.public.herd import LOOK_AFTER, SHARED_FOR, Herd
from starter.serve import build_app, look_at, web_config
from tests.support.editions import JPEG, ShownAlert
from tests.support.waiting import eventually, eventually_async

ALERT = "abcdefghij"
PAGE = f"/alerts/{ALERT}"
Site = httpx.AsyncClient


class Clock:
    """Stands still until told otherwise."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Behind:
    """The site behind, which counts how often it is asked, and may be slow or broken."""

    def __init__(self, parts: Parts) -> None:
        baken = Baken(parts)
        self._app = build_app(baken, parts.settings)
        self._look = look_at(baken, self._app)
        self.asked = 0
        self.broken = False
        self.let_go = asyncio.Event()
        self.let_go.set()

    def look(self, alert_ids: Collection[str]) -> Mapping[str, str]:
        if self.broken:
            raise RuntimeError("the store is away")
        return self._look(alert_ids)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.let_go.wait()
        if self.broken:
            raise RuntimeError("the store is away")
        await self._app(scope, receive, send)


@pytest.fixture
def alert(parts: Parts) -> ShownAlert:
    parts.keys.create(ALERT)
    alert = ShownAlert(parts.db, alert_id=ALERT, key=parts.keys.display_key(ALERT))
    alert.now = datetime.now(UTC)
    alert.show()
    alert.publish("web")
    return alert


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def behind(parts: Parts) -> Behind:
    return Behind(parts)


@pytest.fixture
async def herd(behind: Behind, clock: Clock) -> Herd:
    return Herd(behind, behind.look, clock)


@pytest.fixture
async def site(herd: Herd) -> AsyncIterator[Site]:
    async with Site(transport=httpx.ASGITransport(herd), base_url="http://baken") as client:
        yield client


def photo(alert: ShownAlert) -> str:
    return f"/media/{alert.edition.photos[0].token}"


async def test_crowd_when_it_asks_at_once_costs_one_look(site: Site, behind: Behind, alert: ShownAlert) -> None:
    answers = await asyncio.gather(*(site.get(PAGE) for _ in range(50)))
    assert behind.asked == 1
    assert all("Noor Voorbeeld" in answer.text for answer in answers)
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert "frame-ancestors 'self'" in answers[0].headers["content-security-policy"]


async def test_answer_when_taken_away_is_given_50_ms_at_most(
    site: Site, clock: Clock, behind: Behind, alert: ShownAlert
) -> None:
    assert [(await site.get(path)).status_code for path in (PAGE, photo(alert))] == [200, 200]
    alert.dark_at_once(Meaning.WITHDRAWN)
    assert (await site.get(photo(alert))).content == JPEG, "by the clock no time has gone"
    clock.now += SHARED_FOR + 0.001
    assert (await site.get(photo(alert))).status_code == 410
    assert "beëindigd" in (await site.get(PAGE)).text
    assert behind.asked == 4


async def test_answer_when_somebody_goes_on_asking_is_compared_meanwhile(
    site: Site, clock: Clock, alert: ShownAlert
) -> None:
    await site.get(photo(alert))
    alert.dark_at_once(Meaning.HELD)
    clock.now += LOOK_AFTER + 0.001
    assert (await site.get(photo(alert))).status_code == 200, "he does not wait"

    async def dark() -> bool:
        return (await site.get(photo(alert))).status_code == 410

    await eventually_async(dark, every=0.001)
    assert clock.now < 100.0 + SHARED_FOR


async def test_answer_when_it_was_begun_too_long_before_is_waited_for_anew(
    site: Site, clock: Clock, behind: Behind, alert: ShownAlert
) -> None:
    behind.let_go.clear()
    first = asyncio.create_task(site.get(photo(alert)))
    await asyncio.sleep(0.01)
    clock.now += SHARED_FOR + 0.001
    late = asyncio.create_task(site.get(photo(alert)))
    await asyncio.sleep(0.01)
    assert behind.asked == 1
    behind.let_go.set()
    assert [(await first).status_code, (await late).status_code] == [200, 200]
    assert behind.asked == 2


async def test_answer_when_the_store_says_the_same_is_not_made_again(
    site: Site, clock: Clock, behind: Behind, alert: ShownAlert
) -> None:
    etag = (await site.get(PAGE)).headers["etag"]
    for _ in range(5):
        clock.now += LOOK_AFTER + 0.001
        assert (await site.get(PAGE)).headers["etag"] == etag
        await asyncio.sleep(0.05)
    assert behind.asked == 1


async def test_answer_when_nobody_asks_again_is_forgotten(
    site: Site, clock: Clock, herd: Herd, alert: ShownAlert
) -> None:
    await site.get(PAGE)
    clock.now += SHARED_FOR

    async def empty() -> bool:
        return not herd.kept

    await eventually_async(empty)


async def test_site_when_it_fails_serves_nothing_of_before(
    site: Site, clock: Clock, behind: Behind, alert: ShownAlert
) -> None:
    await site.get(PAGE)
    behind.broken = True
    clock.now += SHARED_FOR + 0.001
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await site.get(PAGE)
    behind.broken = False
    assert (await site.get(PAGE)).status_code == 200


async def test_reader_when_he_has_the_answer_gets_304_and_by_head_no_body(site: Site, alert: ShownAlert) -> None:
    for path in (PAGE, photo(alert), "/", "/static/public.css", "/embed/banner.json"):
        whole = await site.get(path)
        known = await site.get(path, headers={"if-none-match": f"W/{whole.headers['etag']}"})
        assert (known.status_code, known.content) == (304, b""), path
        assert known.headers["cache-control"] == whole.headers["cache-control"]
        assert (await site.get(path, headers={"if-none-match": '"other"'})).content == whole.content
        head = await site.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))


async def test_languages_when_asked_for_are_kept_apart_whatever_else_is_asked(
    site: Site, behind: Behind, alert: ShownAlert
) -> None:
    async def language(query: str, preferred: str) -> tuple[str, str | None]:
        answer = await site.get(f"{PAGE}{query}", headers={"accept-language": preferred})
        return answer.text.partition('<html lang="')[2][:2], answer.headers.get("vary")

    for preferred in ("nl", "nl-NL,nl;q=0.9", "fr"):
        assert await language("?fbclid=1", preferred) == ("nl", "accept-language")
        assert await language("?fbclid=2&lang=en", preferred) == ("en", None)
    assert await language("", "en-GB,nl") == ("en", "accept-language")
    assert await language("?lang=nl", "en-GB,nl") == ("nl", None)
    assert behind.asked == 4
    assert "EXAMPLE" in (await site.get("/embed/banner.json?lang=en&example")).text
    assert "EXAMPLE" not in (await site.get("/embed/banner.json?lang=en")).text


async def test_what_is_not_the_same_for_all_when_asked_for_is_not_shared(site: Site, behind: Behind) -> None:
    for path in ("/console/login", "/healthz", "/subscribe", "/signage/content.json", "/feeds/cap.atom"):
        await asyncio.gather(site.get(path), site.get(path))
    assert behind.asked == 10
    await site.post(PAGE)
    assert behind.asked == 11


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (timedelta(hours=1), "public, s-maxage=1, max-age=0, stale-while-revalidate=1, "),
        (timedelta(seconds=2.9), "no-cache"),
    ],
)
async def test_caches_when_a_lease_ends_soon_may_not_outlive_it(
    site: Site, clock: Clock, alert: ShownAlert, left: timedelta, kept: str
) -> None:
    paths = ("/", PAGE, photo(alert))
    for path in paths:  # on a busy machine first answers take seconds, in which so short a lease would be over
        await site.get(path)
    clock.now += 2 * SHARED_FOR
    alert.now = datetime.now(UTC)
    alert.renew(lease=left)
    for path in paths:
        assert (await site.get(path)).headers["cache-control"].startswith(kept), path


@pytest.fixture
def served(parts: Parts, alert: ShownAlert) -> Iterator[socket.socket]:
    """A connection to the web as it is served."""
    listening = socket.create_server(("127.0.0.1", 0))
    baken = Baken(parts)
    server = uvicorn.Server(web_config(baken, build_app(baken, parts.settings), 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    eventually(lambda: server.started, what="the web server")
    with socket.create_connection(listening.getsockname()[:2], timeout=10) as connection:
        yield connection
    server.should_exit = True
    thread.join(10)
    listening.close()


def ask(connection: socket.socket, *requests: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Send all at once; status, headers and body of the answer to each."""
    connection.sendall("".join(f"{request}\r\nhost: baken\r\n\r\n" for request in requests).encode())
    found = []
    with connection.makefile("rb") as stream:
        for request in requests:
            status = int(stream.readline().split()[1])
            lines = iter(stream.readline, b"\r\n")
            headers = dict(line.decode().rstrip().lower().split(": ", 1) for line in lines)
            whole = status != 304 and not request.startswith("HEAD")
            found.append((status, headers, stream.read(int(headers.get("content-length", 0)) if whole else 0)))
    return found


def test_connection_when_many_ask_on_it_gets_the_same_short_and_long_way(
    served: socket.socket, alert: ShownAlert
) -> None:
    get = f"GET {PAGE}?lang=nl HTTP/1.1"
    ((status, headers, page),) = ask(served, get)
    assert (status, b"Noor Voorbeeld" in page) == (200, True)
    known = f"{get}\r\nif-none-match: {headers['etag']}"
    asked = (get, known, get, f"HEAD {PAGE} HTTP/1.1", get, "POST / HTTP/1.1\r\ncontent-length: 0", get)
    answers = ask(served, *asked)
    assert [answer[0] for answer in answers] == [200, 304, 200, 200, 200, 405, 200]
    assert {body for _, _, body in answers[:5:2]} == {page}
    for _, again, _ in (answers[0], answers[2], answers[6]):
        assert {**again, "date": ""} == {**headers, "date": ""}
    assert "baken-stamp" not in headers


def test_connection_when_the_alert_is_taken_away_gets_nothing_of_it_after_50_ms(
    served: socket.socket, alert: ShownAlert
) -> None:
    get = f"GET {PAGE}?lang=nl HTTP/1.1"
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        assert b"Noor" in ask(served, get)[0][2]
    alert.dark_at_once(Meaning.WITHDRAWN)
    late = time.monotonic() + SHARED_FOR
    while True:
        asked = time.monotonic()
        if b"Noor" not in ask(served, get)[0][2]:
            break
        assert asked <= late
