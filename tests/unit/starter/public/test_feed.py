"""The feed for people, as an independent reader of feeds understands it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import feedparser  # type: ignore[import-untyped]
import httpx
import pytest
from fastapi import FastAPI

from alerts.vocabulary import CancelReason, Kind, Meaning
from starter.parts import Parts
from starter.public.site import public_router
from tests.support.editions import BASE_URL, NOW, ShownAlert, case_document

ALERT = "abcdefghij"
Site = httpx.AsyncClient


@pytest.fixture
def alert(parts: Parts) -> ShownAlert:
    return shown(parts, ALERT)


@pytest.fixture
async def site(parts: Parts, alert: ShownAlert) -> AsyncIterator[Site]:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alert.now))
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        yield client


def shown(parts: Parts, alert_id: str, kind: Kind = Kind.ACTUAL) -> ShownAlert:
    parts.keys.create(alert_id)
    alert = ShownAlert(parts.db, alert_id=alert_id, kind=kind, key=parts.keys.display_key(alert_id))
    alert.show()
    alert.publish("web")
    return alert


async def read(site: Site, **params: str) -> Any:
    """The feed as feedparser sees it, which must find no fault."""
    answer = await site.get("/feeds/rss.xml", params=params)
    feed = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "rss20"
    return feed


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("nl", "AMBER Alert: Vermist: Noor Voorbeeld (7), Amersfoort"),
        ("en", "AMBER Alert: Missing: Noor Voorbeeld (7), Amersfoort"),
    ],
)
async def test_feed_when_an_alert_is_live_tells_title_text_link_and_time(
    site: Site, language: str, title: str
) -> None:
    feed = await read(site, lang=language)
    assert (feed.feed.language, feed.feed.link) == (language, f"{BASE_URL}/?lang={language}")
    (entry,) = feed.entries
    assert (entry.title, entry.link) == (title, f"{BASE_URL}/alerts/{ALERT}?lang={language}")
    assert "Amersfoort" in entry.description
    assert tuple(entry.published_parsed[:6]) == NOW.timetuple()[:6]


@pytest.mark.parametrize(
    ("way", "titles"), [(Meaning.WITHDRAWN, ["Dit alert is beëindigd"]), (Meaning.HELD, [])], ids=["found", "held"]
)
async def test_feed_when_an_alert_is_taken_away_forgets_it_at_once(
    site: Site, alert: ShownAlert, way: Meaning, titles: list[str]
) -> None:
    (before,) = (await read(site)).entries
    alert.dark_at_once(way)
    after = (await read(site)).entries
    assert [entry.title for entry in after] == titles
    assert [entry.id for entry in after] == [before.id][: len(titles)], "it takes the place of what readers kept"
    assert "Noor" not in str(after)


async def test_feed_when_an_alert_was_a_hoax_says_so_for_a_week(site: Site, alert: ShownAlert) -> None:
    alert.end(Meaning.WITHDRAWN, CancelReason.HOAX)
    (entry,) = (await read(site)).entries
    assert "valse melding" in entry.description
    alert.pass_time(days=7, seconds=1)
    assert (await read(site)).entries == []


async def test_feed_when_a_text_looks_like_markup_gives_it_as_text(site: Site, alert: ShownAlert) -> None:
    alert.show(alert.make(case_document(public={"situation": "Een <b>rode</b> jas & tas."})))
    alert.publish("web")
    (entry,) = (await read(site)).entries
    assert "&lt;b&gt;rode&lt;/b&gt; jas &amp; tas" in entry.description


async def test_feed_when_there_is_an_exercise_never_has_it(site: Site, parts: Parts) -> None:
    drill = shown(parts, "exercise23", Kind.EXERCISE)
    assert [entry.id for entry in (await read(site)).entries] == [f"{BASE_URL}/alerts/{ALERT}"]
    drill.dark_at_once(Meaning.WITHDRAWN)
    assert len((await read(site)).entries) == 1


async def test_pages_when_read_name_the_feed(site: Site) -> None:
    for path in ("/", f"/alerts/{ALERT}"):
        assert '<link rel="alternate" type="application/rss+xml"' in (await site.get(path)).text
