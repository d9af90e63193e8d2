"""The feed of CAP messages: a partner repairs itself from it, and it tells of nothing that was taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import httpx
import pytest
from cryptography import x509
from fastapi import FastAPI

from activities.channels import build_channels
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts, open_parts
from starter.public.site import public_router
from tests.support.cap import xmlsec1
from tests.support.cap_partner import ATOM, CapPartner
from tests.support.cap_story import RandomStory
from tests.support.editions import BASE_URL, LEASE, NOW, ShownAlert, case_document
from tests.support.homes import silent_home

STORIES, SEED = 6, 20261126
TOKEN = "a-token-of-a-partner"


class OneSite:
    """A public site of its own, and alerts that share its clock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.now = NOW
        config = parts.settings.channels()
        self.channels = build_channels(
            parts.db, parts.keys.display_key, lambda: self.now, BASE_URL, config, parts.keys.system_key
        )
        app = FastAPI()
        app.include_router(public_router(parts, BASE_URL, lambda: self.now))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)

    def alert(self, alert_id: str = "a1", kind: Kind = Kind.ACTUAL) -> ShownAlert:
        self._parts.keys.create(alert_id)
        keys = self._parts.keys
        return ShownAlert(
            self._parts.db,
            alert_id=alert_id,
            kind=kind,
            key=keys.display_key(alert_id),
            channels=self.channels,
        )

    async def listed(self) -> list[str]:
        """Type and address of each message in the feed, in its order."""
        feed = ElementTree.fromstring((await self.client.get("/feeds/cap.atom")).content)
        links = feed.findall("a:entry/a:link", ATOM)
        titles = feed.findall("a:entry/a:title", ATOM)
        return [
            f"{title.text} {link.attrib['href'].removeprefix(BASE_URL)}"
            for title, link in zip(titles, links, strict=True)
        ]


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[OneSite]:
    settings = silent_home(tmp_path / "home", database_url)
    (settings.home / "config.toml").write_text(f'[[channels.cap]]\nname = "omroep"\ntoken = "{TOKEN}"\n', "utf-8")
    parts = open_parts(settings)
    yield OneSite(parts)
    parts.close()


async def test_message_of_a_live_alert_is_listed_until_a_day_after_it_expired(site: OneSite) -> None:
    alert = site.alert()
    alert.show()
    alert.publish("cap")
    alert.pass_time(minutes=30)
    alert.renew()
    alert.publish("cap")
    site.now = alert.now
    assert await site.listed() == ["Update /alerts/a1/cap/2.xml", "Alert /alerts/a1/cap/1.xml"]
    alert.renew(lease=timedelta(days=3))
    site.now = NOW + LEASE + timedelta(hours=24)
    assert await site.listed() == ["Update /alerts/a1/cap/2.xml"]


async def test_message_that_was_taken_away_is_not_listed(site: OneSite) -> None:
    alert = site.alert()
    alert.show()
    alert.publish("cap")
    alert.dark_at_once(Meaning.HELD)
    assert await site.listed() == []
    alert.end(Meaning.HELD)
    alert.take_down("cap")
    alert.show(alert.make(case_document(), number=2))
    alert.publish("cap")
    assert await site.listed() == ["Alert /alerts/a1/cap/3.xml", "Cancel /alerts/a1/cap/2.xml"]
    assert (await site.client.get("/alerts/a1/cap/1.xml")).status_code == 410


async def test_cancel_is_listed_for_a_day(site: OneSite) -> None:
    alert = site.alert()
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    site.now += timedelta(hours=24, seconds=-1)
    assert await site.listed() == ["Cancel /alerts/a1/cap/2.xml"]
    site.now += timedelta(seconds=1)
    assert await site.listed() == []


async def test_exercise_is_not_listed(site: OneSite) -> None:
    drill = site.alert(kind=Kind.EXERCISE)
    drill.show()
    drill.publish("cap")
    assert await site.listed() == []


async def test_certificate_when_fetched_verifies_what_is_served(site: OneSite, tmp_path: Path) -> None:
    alert = site.alert()
    alert.show()
    alert.publish("cap")
    (tmp_path / "cap.pem").write_bytes((await site.client.get("/feeds/cap.pem")).content)
    (tmp_path / "cap.xml").write_bytes((await site.client.get("/alerts/a1/cap.xml")).content)
    assert xmlsec1(tmp_path / "cap.pem", [tmp_path / "cap.xml"])
    certificate = x509.load_pem_x509_certificate((tmp_path / "cap.pem").read_bytes())
    assert certificate.not_valid_after_utc.year == 9999


async def test_message_is_signed_when_it_is_published_and_not_at_each_read(site: OneSite) -> None:
    alert = site.alert()
    alert.show()
    alert.publish("cap")
    first, second = [(await site.client.get("/alerts/a1/cap/1.xml")).content for _ in range(2)]
    assert first == second


async def test_partner_with_an_address_of_its_own_is_named_when_it_is_silent(site: OneSite) -> None:
    cap = site.channels["cap"]
    said = "CAP partners that do not fetch the feed: omroep"
    assert await cap.probe(Kind.ACTUAL) == f"{said} (never did)"
    assert await cap.probe(Kind.EXERCISE) is None
    for _ in range(2):
        answer = await site.client.get(f"/feeds/cap/{TOKEN}.atom")
        assert f'rel="self" type="application/atom+xml" href="{BASE_URL}/feeds/cap/{TOKEN}.atom"' in answer.text
    assert await cap.probe(Kind.PUBLIC_TEST) is None
    site.now += timedelta(minutes=6)
    assert await cap.probe(Kind.ACTUAL) == f"{said} (last at 2026-11-24 12:00 UTC)"
    await site.client.get(f"/feeds/cap/{TOKEN}.atom")
    assert await cap.probe(Kind.ACTUAL) is None


async def test_address_of_no_partner_is_not_found(site: OneSite) -> None:
    assert (await site.client.get(f"/feeds/cap/{TOKEN[::-1]}.atom")).status_code == 404


async def test_partner_that_was_away_repairs_itself_from_the_feed_alone(site: OneSite) -> None:
    rng = Random(SEED)
    for number in range(STORIES):
        site.now += timedelta(days=3)  # nothing of the story before is listed any more
        always, away, late = (CapPartner(site.client) for _ in range(3))
        alerts = [site.alert(f"a{number}-{which}", rng.choice((Kind.ACTUAL, Kind.PUBLIC_TEST))) for which in range(2)]
        for alert in alerts:
            alert.now = site.now
        stories = [RandomStory(alert, rng) for alert in alerts]
        await away.poll()
        for _ in range(rng.randrange(4, 9)):
            rng.choice(stories).step()
            site.now = max(alert.now for alert in alerts)
            for alert in alerts:
                alert.now = site.now
            await always.poll()
        if rng.random() < 0.5:
            stories[0].end()
            await always.poll()
        await away.poll()
        await late.poll()
        live = [alert.desired for alert in alerts if alert.desired.meaning is Meaning.EDITION]
        in_time = [desired for desired in live if desired.lease_until and desired.lease_until > site.now]
        shown = [partner.shows(site.now) for partner in (always, away, late)]
        assert shown == [shown[0]] * 3, number
        assert len(shown[0]) == len(in_time), number
