"""The public site obeys the store's revision at every request, whatever the channels have done by then."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI

from alerts.compose import end_text
from alerts.edition import Edition
from alerts.vocabulary import CancelReason, Kind, Meaning
from starter.parts import Parts, open_parts
from starter.public.site import public_router
from store.subscribers import Entry, Subscribers, tallies
from tests.support.editions import BASE_URL, JPEG, NOW, ShownAlert, case_document
from tests.support.homes import silent_home

ATOM = {"a": "http://www.w3.org/2005/Atom"}
Site = httpx.AsyncClient
Start = Callable[..., ShownAlert]


@pytest.fixture
def parts(tmp_path: Path, database_url: str) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path / "home", database_url))
    yield opened
    opened.close()


@pytest.fixture
def start(parts: Parts) -> Start:
    """Starts an alert that the public sees."""

    def started(alert_id: str = "abcdefghij", kind: Kind = Kind.ACTUAL) -> ShownAlert:
        parts.keys.create(alert_id)
        alert = ShownAlert(parts.db, alert_id=alert_id, kind=kind, key=parts.keys.display_key(alert_id))
        alert.show()
        publish(alert)
        return alert

    return started


@pytest.fixture
def alert(start: Start) -> ShownAlert:
    return start()


@pytest.fixture
async def site(parts: Parts, alert: ShownAlert) -> AsyncIterator[Site]:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alert.now))
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        yield client
    parts.close()


def publish(alert: ShownAlert) -> None:
    for channel in ("web", "cap"):
        alert.publish(channel)


def take_down(alert: ShownAlert) -> None:
    for channel in ("web", "cap"):
        alert.take_down(channel)


def media(alert: ShownAlert) -> str:
    return f"/media/{alert.edition.photos[0].token}"


def without_plate(alert: ShownAlert) -> Edition:
    return alert.make(case_document(), number=2)


def with_plate(alert: ShownAlert) -> Edition:
    release = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
    return alert.make(case_document(vehicles=[{"plate": "VX-123-B", "release": release}]))


async def statuses(site: Site, *paths: str) -> list[int]:
    return [(await site.get(path)).status_code for path in paths]


async def entries(site: Site) -> list[str]:
    tree = ElementTree.fromstring((await site.get("/feeds/cap.atom")).content)
    return [str(found.text) for found in tree.findall("a:entry/a:title", ATOM)]


async def test_everything_when_live_is_served(site: Site, alert: ShownAlert) -> None:
    page = f"/alerts/{alert.alert_id}"
    for path in ("/", page, f"{page}/cap.xml", f"{page}/cap/1.xml", "/feeds/rss.xml"):
        answer = await site.get(path)
        assert (answer.status_code, "Noor Voorbeeld" in answer.text) == (200, True), path
    assert (await site.get(media(alert))).content == JPEG
    assert await entries(site) == ["Alert"]


async def test_lease_when_renewed_moves_for_apps_and_is_gone_once_nothing_is_shown(
    site: Site, alert: ShownAlert
) -> None:
    address = f"/alerts/{alert.alert_id}/lease"
    assert (await site.get("/alerts/nobody/lease")).status_code == 404
    before = (await site.get(address)).json()["lease_until"]
    alert.pass_time(hours=1)
    until = alert.renew().lease_until
    assert until is not None
    assert (await site.get(address)).json()["lease_until"] == until.isoformat() > before
    alert.pass_time(hours=3)
    assert (await site.get(address)).status_code == 410
    alert.renew()
    alert.dark_at_once(Meaning.HELD)
    assert (await site.get(address)).status_code == 410


async def test_page_when_asked_in_english_is_english(site: Site, alert: ShownAlert) -> None:
    page = f"/alerts/{alert.alert_id}"
    assert '<html lang="nl">' in (await site.get(page)).text
    assert '<html lang="en">' in (await site.get(page, params={"lang": "en"})).text
    assert '<html lang="en">' in (await site.get(page, headers={"accept-language": "en-GB,en"})).text
    assert '<html lang="nl">' in (await site.get(page, params={"lang": "xx"})).text


async def test_unknown_when_asked_for_is_404(site: Site) -> None:
    asked = ("/alerts/nothing", "/alerts/nothing/cap.xml", "/alerts/nothing/cap/1.xml", "/media/nothing", "/check/no")
    assert await statuses(site, *asked) == [404] * 5


async def test_alert_when_nothing_of_it_was_shown_yet_is_unknown(site: Site, parts: Parts) -> None:
    ShownAlert(parts.db, alert_id="waiting234")
    assert await statuses(site, "/alerts/waiting234", "/check/waiting234") == [404, 404]


async def test_found_when_only_the_starter_heard_darkens_everything(site: Site, alert: ShownAlert) -> None:
    alert.dark_at_once(Meaning.WITHDRAWN)
    page = f"/alerts/{alert.alert_id}"
    assert await statuses(site, page, media(alert), f"{page}/cap.xml", f"{page}/cap/1.xml") == [200, 410, 410, 410]
    for path in ("/", page, "/feeds/rss.xml", "/feeds/cap.atom"):
        assert "Noor" not in (await site.get(path)).text
    assert "Dit alert is beëindigd. Dank voor uw hulp." in (await site.get(page)).text


async def test_withdrawn_when_all_is_done_leaves_the_cancel(site: Site, alert: ShownAlert) -> None:
    alert.end(Meaning.WITHDRAWN, CancelReason.HOAX)
    take_down(alert)
    page = f"/alerts/{alert.alert_id}"
    assert await statuses(site, f"{page}/cap.xml", f"{page}/cap/2.xml", f"{page}/cap/1.xml") == [200, 200, 410]
    assert "<msgType>Cancel</msgType>" in (await site.get(f"{page}/cap.xml")).text
    assert await entries(site) == ["Cancel"]
    assert "valse melding" in (await site.get(page)).text
    alert.pass_time(hours=25)
    assert await entries(site) == []


async def test_display_key_when_destroyed_leaves_the_end_page(site: Site, alert: ShownAlert, parts: Parts) -> None:
    alert.end(Meaning.WITHDRAWN)
    take_down(alert)
    parts.keys.destroy(alert.alert_id, "display")
    page = f"/alerts/{alert.alert_id}"
    assert await statuses(site, page, f"{page}/cap.xml", f"{page}/cap/1.xml", media(alert)) == [200, 200, 410, 410]


async def test_display_key_when_lost_while_live_shows_nothing(site: Site, alert: ShownAlert, parts: Parts) -> None:
    parts.keys.destroy(alert.alert_id, "display")
    page = f"/alerts/{alert.alert_id}"
    assert await statuses(site, "/", page, f"{page}/cap.xml", media(alert)) == [200, 200, 410, 410]
    assert "niet getoond" in (await site.get(page)).text


@pytest.mark.parametrize("why", ["held", "lapsed"])
async def test_alert_when_dark_but_open_says_it_is_not_shown(site: Site, alert: ShownAlert, why: str) -> None:
    if why == "held":
        alert.dark_at_once(Meaning.HELD)
    else:
        alert.pass_time(hours=2)
    page = await site.get(f"/alerts/{alert.alert_id}")
    assert (page.status_code, "Dit alert wordt nu niet getoond" in page.text) == (200, True)
    assert "beëindigd" not in page.text
    assert await statuses(site, media(alert), f"/alerts/{alert.alert_id}/cap.xml") == [410, 410]


async def test_retracted_when_the_rest_is_shown_again_is_in_no_earlier_message(site: Site, alert: ShownAlert) -> None:
    alert.show(with_plate(alert))
    publish(alert)
    page = f"/alerts/{alert.alert_id}"
    assert "VX-123-B" in (await site.get(f"{page}/cap/2.xml")).text
    alert.dark_at_once(Meaning.HELD)
    alert.show(without_plate(alert))
    assert await statuses(site, f"{page}/cap.xml", f"{page}/cap/1.xml", f"{page}/cap/2.xml") == [410] * 3
    assert "VX-123-B" not in (await site.get(page)).text
    publish(alert)
    assert await statuses(site, page, f"{page}/cap.xml", f"{page}/cap/3.xml") == [200] * 3
    assert await statuses(site, f"{page}/cap/1.xml", f"{page}/cap/2.xml") == [410] * 2


async def test_amended_when_not_published_yet_keeps_the_old_page_up(site: Site, alert: ShownAlert) -> None:
    alert.show(alert.make(case_document(tip_line="0800-1234"), number=2))
    page = f"/alerts/{alert.alert_id}"
    assert "0800-6070" in (await site.get(page)).text
    publish(alert)
    assert "0800-1234" in (await site.get(page)).text
    assert await statuses(site, f"{page}/cap/1.xml", f"{page}/cap/2.xml") == [200, 200]


async def test_photo_when_no_longer_in_the_edition_is_gone(site: Site, alert: ShownAlert) -> None:
    photo = media(alert)
    alert.show(alert.make(case_document(children=[{"name": "Noor", "age": 7}]), number=2))
    assert await statuses(site, photo) == [410]


async def test_photo_when_read_is_not_kept_for_long(site: Site, alert: ShownAlert) -> None:
    answer = await site.get(media(alert))
    assert answer.headers["content-type"] == "image/jpeg"
    assert (
        answer.headers["cache-control"] == "public, s-maxage=1, max-age=0, stale-while-revalidate=1, stale-if-error=0"
    )


async def test_page_when_the_reader_has_it_is_not_sent_again(site: Site, alert: ShownAlert) -> None:
    for path in (f"/alerts/{alert.alert_id}", f"/alerts/{alert.alert_id}/cap.xml", media(alert), "/"):
        etag = (await site.get(path)).headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}'):
            assert (await site.get(path, headers={"if-none-match": known})).status_code == 304
        assert (await site.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_page_when_ended_is_sent_to_who_has_the_old_one(site: Site, alert: ShownAlert) -> None:
    page = f"/alerts/{alert.alert_id}"
    etag = (await site.get(page)).headers["etag"]
    alert.dark_at_once(Meaning.WITHDRAWN)
    assert (await site.get(page, headers={"if-none-match": etag})).status_code == 200


async def test_exercise_when_live_is_listed_apart(site: Site, start: Start) -> None:
    drill = start("exercise23", Kind.EXERCISE)
    for path in ("/", "/feeds/rss.xml", "/feeds/cap.atom"):
        assert drill.alert_id not in (await site.get(path)).text
    listed = (await site.get("/exercise")).text
    assert drill.alert_id in listed
    assert "abcdefghij" not in listed
    assert "OEFENING" in (await site.get(f"/alerts/{drill.alert_id}")).text
    assert await statuses(site, f"/check/{drill.alert_id}") == [404]


async def test_short_address_when_opened_leads_to_the_page(site: Site, alert: ShownAlert) -> None:
    answer = await site.get(f"/a/{alert.alert_id}")
    assert (answer.status_code, answer.headers["location"]) == (302, f"/alerts/{alert.alert_id}")
    assert (await site.get("/a/%2F%2Felsewhere.example")).headers.get("location", "/")[:2] != "//"


async def test_check_when_asked_by_id_or_its_beginning_says_real_and_active(site: Site, alert: ShownAlert) -> None:
    for code in (alert.alert_id, alert.alert_id[:8]):
        answer = await site.get(f"/check/{code}")
        assert "Dit alert is echt en actief" in answer.text
        assert f'href="/alerts/{alert.alert_id}?lang=nl"' in answer.text
    guesses = (f"/check/{alert.alert_id[:7]}", "/check/________", "/check/%25%25%25%25%25%25%25%25")
    assert await statuses(site, *guesses) == [404] * 3
    alert.dark_at_once(Meaning.HELD)
    assert "nu niet actief" in (await site.get(f"/check/{alert.alert_id}")).text


async def test_check_when_the_alert_is_old_or_unknown_says_what_to_do(site: Site, alert: ShownAlert) -> None:
    alert.end(Meaning.WITHDRAWN)
    old = await site.get(f"/check/{alert.alert_id}")
    assert (old.status_code, "verwijder wat u hebt gedeeld" in old.text, "Noor" in old.text) == (200, True, False)
    wrong = await site.get("/check/%3Cb%3Ewrong?lang=en")
    assert (wrong.status_code, "do not share it" in wrong.text, "<b>wrong" in wrong.text) == (404, True, False)
    assert 'value="&lt;b&gt;wrong"' in wrong.text, "to be mended, not typed again"


async def test_check_when_a_code_is_typed_leads_to_its_answer(site: Site, alert: ShownAlert) -> None:
    asked = await site.get("/check?lang=en")
    assert (asked.status_code, "Is an alert real?" in asked.text) == (200, True)
    typed = await site.get("/check", params={"code": f" {alert.alert_id[:8]} ", "lang": "en"})
    assert (typed.status_code, typed.headers["location"]) == (302, f"/check/{alert.alert_id[:8]}?lang=en")


@pytest.mark.parametrize(("language", "words"), [("nl", "groepsgesprekken"), ("en", "group chats")])
async def test_ended_when_read_thanks_and_says_how_to_delete(
    site: Site, alert: ShownAlert, language: str, words: str
) -> None:
    alert.end(Meaning.WITHDRAWN)
    page = (await site.get(f"/alerts/{alert.alert_id}", params={"lang": language})).text
    assert end_text(language, None) in page
    assert words in page
    assert "Noor" not in page


async def test_shared_when_read_by_other_sites_has_title_words_and_a_picture_that_dies(
    site: Site, alert: ShownAlert
) -> None:
    address = f"{BASE_URL}/alerts/{alert.alert_id}"
    page = (await site.get(f"/alerts/{alert.alert_id}?lang=en")).text
    said = dict(re.findall(r'<meta (?:property|name)="([a-z:_]+)" content="([^"]*)">', page))
    assert said["og:title"] == "Missing: Noor Voorbeeld (7), Amersfoort"
    assert "24 November 2026, 12:00, Amersfoort" in said["og:description"]
    assert (said["og:url"], said["og:locale"]) == (f"{address}?lang=en", "en_GB")
    assert said["twitter:card"] == "summary_large_image"
    assert said["og:image"] == BASE_URL + media(alert)
    for language in ("nl", "en"):
        assert f'hreflang="{language}" href="{address}?lang={language}"' in page
    alert.dark_at_once(Meaning.WITHDRAWN)
    assert await statuses(site, media(alert)) == [410]
    assert "og:image" not in (await site.get(f"/alerts/{alert.alert_id}")).text


async def test_page_when_read_says_how_to_tell_but_not_in_a_public_test(site: Site, start: Start) -> None:
    for kind, tells in ((Kind.ACTUAL, True), (Kind.EXERCISE, True), (Kind.PUBLIC_TEST, False)):
        shown = start(f"kind-{kind.value}", kind)
        page = (await site.get(f"/alerts/{shown.alert_id}")).text
        assert (f'href="/tip/{shown.alert_id}?lang=nl"' in page) == tells, kind
        assert ('href="tel:08006070"' in page) == tells, kind


async def test_security_when_asked_for_says_where_until_when(site: Site) -> None:
    answer = await site.get("/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    said = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert said["Contact"] == f"{BASE_URL}/privacy"
    assert said["Canonical"] == f"{BASE_URL}/.well-known/security.txt"
    assert timedelta(0) < datetime.fromisoformat(said["Expires"]) - NOW < timedelta(days=365)


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("path", ["/accessibility", "/privacy"])
async def test_page_about_us_when_read_is_linked_from_every_page(
    site: Site, alert: ShownAlert, path: str, language: str
) -> None:
    answer = await site.get(path, params={"lang": language})
    assert (answer.status_code, f'<html lang="{language}">' in answer.text) == (200, True)
    for page in ("/", f"/alerts/{alert.alert_id}", "/check", "/embed", "/subscribe"):
        assert f'href="{path}?lang={language}"' in (await site.get(page, params={"lang": language})).text, page


async def test_owner_when_configured_is_named_and_reached(parts: Parts, alert: ShownAlert) -> None:
    (parts.settings.home / "config.toml").write_text(
        '[site]\noperator = "Meldkamer <West>"\ncontact = "mailto:web@west.example"\n'
        'security = "https://west.example/cvd"\n'
    )
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alert.now))
    async with Site(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        for path in ("/privacy", "/accessibility"):
            page = (await client.get(path)).text
            assert "Meldkamer &lt;West&gt;" in page
            assert 'href="mailto:web@west.example"' in page
        assert "Contact: https://west.example/cvd" in (await client.get("/.well-known/security.txt")).text


@pytest.mark.parametrize(
    ("language", "asks", "ended"),
    [("nl", "Stop de mails", "U bent afgemeld"), ("en", "Stop the mails", "Your subscription has ended")],
)
async def test_unsubscribe_when_looked_at_changes_nothing_and_one_click_ends_it(
    site: Site, parts: Parts, language: str, asks: str, ended: str
) -> None:
    subscribers = Subscribers(parts.keys.system_key("subscribers"), "email")
    with parts.db.write() as session:
        subscribers.subscribe(session, [Entry("a@b.example")], NOW)
    link = f"/unsubscribe/{subscribers.leave_word('a@b.example')}"
    page = await site.get(link, params={"lang": language})
    assert page.text.count("<button>") == 1
    assert asks in page.text
    assert left(parts) == 0
    for _ in range(2):  # mail servers try again
        answer = await site.post(link, params={"lang": language}, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, ended in answer.text) == (200, True)
    assert left(parts) == 1


async def test_unsubscribe_when_the_link_is_not_whole_says_so(site: Site, parts: Parts) -> None:
    answer = await site.post("/unsubscribe/guessed", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, "Deze link kennen wij niet" in answer.text) == (404, True)


def left(parts: Parts) -> int:
    with parts.db.read() as session:
        return tallies(session, exercise=False)["email"].left


async def test_outcome_when_approved_stands_on_the_end_page(site: Site, alert: ShownAlert) -> None:
    texts = {
        language: text.model_copy(update={"body": f"Afloop {language}", "children": (), "more": ()})
        for language, text in alert.edition.texts.items()
    }
    outcome = alert.edition.model_copy(update={"purpose": "outcome", "texts": texts, "photos": (), "number": 2})
    alert.end(Meaning.WITHDRAWN, outcome=Edition.model_validate(outcome.model_dump()))
    page = (await site.get(f"/alerts/{alert.alert_id}")).text
    assert "Afloop nl" in page
    assert "Noor" not in page


async def test_feed_when_read_again_has_a_newer_heartbeat(site: Site, alert: ShownAlert) -> None:
    async def heartbeat() -> str:
        tree = ElementTree.fromstring((await site.get("/feeds/cap.atom")).content)
        return str(tree.findtext("a:updated", namespaces=ATOM))

    before = await heartbeat()
    alert.pass_time(seconds=5)
    assert (before, await heartbeat()) == (NOW.isoformat(), (NOW + timedelta(seconds=5)).isoformat())


async def test_feeds_when_texts_hold_markup_stay_well_formed(site: Site, alert: ShownAlert) -> None:
    alert.show(alert.make(case_document(children=[{"name": "<b>&Sam", "age": 9}])))
    publish(alert)
    rss = ElementTree.fromstring((await site.get("/feeds/rss.xml")).content)
    assert "<b>&Sam" in str(rss.findtext("channel/item/title"))


async def test_address_when_only_its_head_is_asked_answers(site: Site, alert: ShownAlert) -> None:
    for path in ("/", f"/alerts/{alert.alert_id}", media(alert), "/feeds/cap.atom"):
        assert (await site.head(path)).status_code == 200
