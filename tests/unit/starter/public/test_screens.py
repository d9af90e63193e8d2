"""The player's content obeys the store's revision and lease; a screen's report counts with its own key alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts
from starter.public.site import public_router
from starter.screens import screen_address
from store import proof
from tests.support.editions import BASE_URL, ShownAlert, case_document

Site = httpx.AsyncClient


@pytest.fixture
def alert(parts: Parts) -> ShownAlert:
    return shown(parts, "abcdefghij")


def shown(parts: Parts, alert_id: str, kind: Kind = Kind.ACTUAL) -> ShownAlert:
    parts.keys.create(alert_id)
    alert = ShownAlert(parts.db, alert_id=alert_id, kind=kind, key=parts.keys.display_key(alert_id))
    alert.show()
    alert.publish("signage")
    return alert


@pytest.fixture
async def site(parts: Parts, alert: ShownAlert) -> AsyncIterator[Site]:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alert.now))
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        yield client


async def content(site: Site, **params: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = (await site.get("/signage/content.json", params={"lang": "nl", **params})).json()
    return told


async def test_content_when_shown_has_what_was_approved_and_its_lease(site: Site, alert: ShownAlert) -> None:
    (one,) = await content(site)
    assert one["alert_id"] == alert.alert_id
    assert one["html"] == alert.channels["signage"].render(alert.edition, BASE_URL).part("screen.nl")
    assert one["lease_until"] == (alert.now + timedelta(hours=2)).isoformat()
    answer = await site.get("/signage/content.json")
    assert answer.headers["baken-now"] == alert.now.isoformat(timespec="milliseconds")


async def test_content_when_taken_away_is_empty_at_once_whatever_the_channel_did(
    site: Site, alert: ShownAlert
) -> None:
    alert.dark_at_once(Meaning.WITHDRAWN)
    assert await content(site) == []


async def test_content_when_the_lease_is_over_is_empty(site: Site, alert: ShownAlert) -> None:
    alert.pass_time(hours=2)
    assert await content(site) == []


async def test_content_when_retracted_stays_away_until_the_edition_without_it(site: Site, alert: ShownAlert) -> None:
    alert.dark_at_once(Meaning.HELD)
    alert.show(alert.make(case_document(), number=2, withheld=("children/0/photos",)))
    assert await content(site) == []
    alert.publish("signage")
    (one,) = await content(site)
    assert 'data-edition="2"' in one["html"]
    assert "<img" not in one["html"]


async def test_exercise_is_on_screens_for_exercises_and_on_no_other(parts: Parts, site: Site) -> None:
    shown(parts, "drillalert", Kind.EXERCISE)
    assert [one["alert_id"] for one in await content(site)] == ["abcdefghij"]
    assert [one["alert_id"] for one in await content(site, exercise=1)] == ["drillalert"]


async def report(site: Site, parts: Parts, screen: str, *, of: str | None = None) -> int:
    """With the key of another screen where `of` names one."""
    address = screen_address(parts.keys, BASE_URL, of or screen, exercise=False)
    key = parse_qs(urlsplit(address).fragment)["key"][0]
    shows = [{"alert_id": "abcdefghij", "edition": 1}]
    return (await site.post("/signage/seen", json={"screen": screen, "key": key, "shows": shows})).status_code


def screens(parts: Parts, now: datetime) -> int:
    """Those of which the store knows that they show edition 1."""
    with parts.db.read() as session:
        return proof.screens(session, "abcdefghij", now, edition=1)


async def test_report_when_it_has_the_screens_own_key_counts_for_a_minute(
    parts: Parts, site: Site, alert: ShownAlert
) -> None:
    assert await report(site, parts, "Hal 1") == 204
    assert screens(parts, alert.now) == 1
    assert screens(parts, alert.now + proof.FRESH) == 0


async def test_report_when_the_key_is_anothers_does_not_count(parts: Parts, site: Site, alert: ShownAlert) -> None:
    assert await report(site, parts, "Hal 1", of="Hal 2") == 403
    assert screens(parts, alert.now) == 0
