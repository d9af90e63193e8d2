"""Posters as the public gets them, and what whoever scans one on a wall reads, at every turn of an alert."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from alerts.edition import Edition
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts, open_parts
from starter.public.site import public_router
from tests.support.editions import BASE_URL, ShownAlert, case_document
from tests.support.homes import silent_home

FILES = {"poster-a4.pdf": "application/pdf", "poster-a3.pdf": "application/pdf", "poster.png": "image/png"}
ID = "abcdefghij"
Site = httpx.AsyncClient


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path / "home"))
    opened.keys.create(ID)
    yield opened
    opened.close()


@pytest.fixture
def alert(parts: Parts) -> ShownAlert:
    return ShownAlert(parts.db, alert_id=ID, key=parts.keys.display_key(ID))


@pytest.fixture
async def site(parts: Parts, alert: ShownAlert) -> AsyncIterator[Site]:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alert.now))
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        yield client


def show(alert: ShownAlert, number: int = 1) -> None:
    alert.show(edition(alert, number))
    alert.publish("poster")


def edition(alert: ShownAlert, number: int) -> Edition:
    child = {"name": "Noor Voorbeeld", "age": 7, "clothing": f"jas {number}"}
    return alert.make(case_document(children=[child]), number=number)


async def statuses(site: Site) -> set[int]:
    return {(await site.get(f"/a/{ID}/{file}")).status_code for file in FILES}


def code(edition: Edition) -> str:
    return f"{edition.number}-{edition.digest[:6]}"


async def scanned(site: Site, code: str = "1", language: str = "en") -> str:
    return (await site.get(f"/a/{ID}/{code}", params={"lang": language})).text


async def test_files_when_shown_are_served_in_both_languages_and_never_kept(site: Site, alert: ShownAlert) -> None:
    assert await statuses(site) == {404}
    show(alert)
    for file, media in FILES.items():
        dutch, english = [await site.get(f"/a/{ID}/{file}", params={"lang": one}) for one in ("nl", "en")]
        assert (dutch.status_code, dutch.headers["content-type"]) == (200, media)
        assert dutch.content != english.content
        assert dutch.headers["cache-control"] == "no-cache"
        assert dutch.headers["x-robots-tag"] == "noindex"
        assert "nl" in dutch.headers["content-disposition"]
        assert dutch.links["describedby"]["url"] == f"/a/{ID}/{code(alert.edition)}"
        again = await site.get(f"/a/{ID}/{file}?lang=nl", headers={"if-none-match": dutch.headers["etag"]})
        assert again.status_code == httpx.codes.NOT_MODIFIED
    assert (await site.get(f"/a/{ID}/poster-a5.pdf")).status_code == 422
    assert (await site.get("/a/nobody/poster.png")).status_code == 404


async def test_code_when_the_poster_holds_leads_to_the_alert(site: Site, alert: ShownAlert) -> None:
    show(alert)
    answer = await site.get(f"/a/{ID}/{code(alert.edition)}")
    assert (answer.status_code, answer.headers["location"]) == (302, f"/alerts/{ID}")
    assert answer.headers["cache-control"] == "no-store"


async def test_code_when_the_poster_is_older_offers_the_new_one(site: Site, alert: ShownAlert) -> None:
    show(alert)
    first = code(alert.edition)
    show(alert, 2)
    said = await scanned(site, first)
    assert "There is a newer poster" in said
    assert f'href="/a/{ID}/poster-a4.pdf?lang=en"' in said
    assert f'href="/alerts/{ID}?lang=en"' in said
    assert "Er is een nieuwere poster" in await scanned(site, first, language="nl")
    assert (await site.get(f"/a/{ID}/{code(alert.edition)}")).status_code == 302


async def test_code_of_a_draft_that_was_never_approved_holds_at_no_time(site: Site, alert: ShownAlert) -> None:
    """Not when it was printed, nor once another draft of its number is approved."""
    rejected, approved = (code(alert.make(case_document(tip_line=line), number=2)) for line in ("0800-1", "0800-2"))
    show(alert)
    assert "newer poster" in await scanned(site, rejected)
    alert.show(alert.make(case_document(tip_line="0800-2"), number=2))
    assert "newer poster" in await scanned(site, rejected)
    assert "newer poster" in await scanned(site, "2"), "it says of no edition that it is its"
    assert (await site.get(f"/a/{ID}/{approved}")).status_code == 302


@pytest.mark.parametrize(
    ("meaning", "said"),
    [(Meaning.HELD, "not valid at the moment"), (Meaning.WITHDRAWN, "no longer valid")],
)
async def test_files_and_code_when_taken_away_obey_at_once(
    site: Site, alert: ShownAlert, meaning: Meaning, said: str
) -> None:
    show(alert)
    alert.dark_at_once(meaning)
    assert await statuses(site) == {410}
    page = await scanned(site)
    assert said in page
    assert "Please take the poster down" in page
    assert "Noor" not in page
    alert.take_down("poster", alert.end(meaning))
    assert await statuses(site) == {410}
    assert await scanned(site) == page


async def test_files_and_code_when_the_lease_is_over_are_dark(site: Site, alert: ShownAlert) -> None:
    show(alert)
    alert.pass_time(hours=3)
    assert await statuses(site) == {410}
    assert "not valid at the moment" in await scanned(site)


async def test_code_when_the_key_is_destroyed_still_says_that_it_is_over(
    site: Site, alert: ShownAlert, parts: Parts
) -> None:
    show(alert)
    alert.end(Meaning.WITHDRAWN)
    parts.keys.destroy(ID, "display")
    assert await statuses(site) == {410}
    assert "no longer valid" in await scanned(site)
    assert "geldt niet meer" in await scanned(site, language="nl")


async def test_code_when_of_no_alert_that_was_shown_is_unknown(site: Site, alert: ShownAlert) -> None:
    assert (await site.get(f"/a/{ID}/1")).status_code == 404
    show(alert)
    assert [(await site.get(address)).status_code for address in (f"/a/{ID}/0", f"/a/{ID}/1-x", "/a/nobody/1")] == [
        404
    ] * 3


async def test_page_when_the_programme_has_posters_links_to_them(site: Site, alert: ShownAlert) -> None:
    show(alert)
    alert.publish("web")
    for language, words in {"nl": "Print een poster", "en": "Print a poster"}.items():
        page = (await site.get(f"/alerts/{ID}", params={"lang": language})).text
        assert words in page
        assert all(f'href="/a/{ID}/{file}?lang={language}"' in page for file in FILES)


async def test_code_of_an_exercise_when_scanned_leads_to_the_exercise(parts: Parts) -> None:
    drill = ShownAlert(parts.db, alert_id=ID, kind=Kind.EXERCISE, key=parts.keys.display_key(ID))
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: drill.now))
    show(drill)
    drill.dark_at_once(Meaning.WITHDRAWN)
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        assert 'class="kind-exercise"' in await scanned(client)
