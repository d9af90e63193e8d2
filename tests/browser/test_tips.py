"""Telling us something on a small phone: in five seconds, without script, without a network, and as the child itself.

Only the web server runs: what people tell is kept while Temporal and the workers are away. The pages as they come are
in the tour of `screens`; here they are checked once something was done on them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser

from alerts.tip import CameBy
from alerts.vocabulary import Meaning
from starter.parts import Parts
from starter.tips import Tips
from store.tips import OpenTip
from tests.browser.looking import Watched, until_true, watched
from tests.browser.serving import ALERT, OwnWeb
from tests.support.editions import ShownAlert

PHONE = 360
CONTROLLED = "navigator.serviceWorker.controller !== null"
PAGE_KEPT = f"caches.open('tip-pages').then((kept) => kept.match('/tip/{ALERT}?lang=nl')).then(Boolean)"
WAITING = "bakenTips.waiting().then((kept) => kept.length)"


@pytest.fixture
def live(alert: ShownAlert) -> ShownAlert:
    alert.now = datetime.now(UTC)
    alert.show(lease=timedelta(hours=1))
    alert.publish("web")
    return alert


@contextmanager
def telephone(browser: Browser, own_web: OwnWeb, **more: Any) -> Iterator[Watched]:
    with watched(browser, own_web.web, PHONE, **{"worker": True, **more}) as phone:
        yield phone


def kept(parts: Parts) -> list[OpenTip]:
    return Tips(parts).newest(ALERT)


def photo(folder: Path) -> Path:
    """A large one, as a camera makes it."""
    image, out = Image.effect_noise((1700, 1200), 40).convert("RGB"), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "Geheime plek"
    image.save(out, "JPEG", quality=95, exif=exif)
    (folder / "seen.jpg").write_bytes(out.getvalue())
    return folder / "seen.jpg"


def test_tip_when_told_from_the_alert_takes_four_presses_with_the_place(
    browser: Browser, own_web: OwnWeb, parts: Parts, live: ShownAlert
) -> None:
    with telephone(browser, own_web) as phone:
        page = phone.page
        page.context.grant_permissions(["geolocation"])
        page.context.set_geolocation({"latitude": 52.1561, "longitude": 5.3878, "accuracy": 12})
        phone.open(f"/alerts/{ALERT}?lang=nl")
        page.get_by_role("link", name="Of vertel het ons hier").click()
        page.get_by_label("Waar?").wait_for()
        page.get_by_label("Waar?").fill("Bij het station")
        page.get_by_role("button", name="Hier, waar ik nu ben").click()
        page.get_by_text("Uw plek gaat mee, tot op").wait_for()
        page.get_by_role("button", name="Verstuur").first.click()
        page.get_by_text("Dank u. Uw tip is bij ons.").wait_for()
        phone.check("sent")
        assert page.get_by_label("Waar?").input_value() == ""
    (tip,) = kept(parts)
    assert tip.told.here is not None
    assert (tip.told.where, tip.told.here.lat, tip.told.here.accuracy_m) == ("Bij het station", 52.1561, 12)


def test_tip_when_sent_without_script_is_kept_with_its_photo(
    browser: Browser, own_web: OwnWeb, parts: Parts, live: ShownAlert, tmp_path: Path
) -> None:
    with telephone(browser, own_web, script=False) as phone:
        page = phone.open(f"/tip/{ALERT}?lang=nl").page
        page.get_by_label("Wat zag u?").fill("Een rode jas")
        page.get_by_label("Foto").set_input_files(photo(tmp_path))
        page.get_by_role("button", name="Verstuur").first.click()
        page.get_by_role("heading", name="Dank u. Uw tip is bij ons.").wait_for()
        page.reload()  # sends the form again
        page.get_by_role("heading", name="Dank u").wait_for()
    (tip,) = kept(parts)
    assert (tip.told.text, tip.has_photo, tip.repeats) == ("Een rode jas", True, ())
    jpeg = Tips(parts).photo(ALERT, 1)
    assert jpeg is not None
    assert b"Geheime plek" not in jpeg


def test_tip_when_written_without_a_network_is_sent_once_when_there_is_one(
    browser: Browser, own_web: OwnWeb, parts: Parts, live: ShownAlert, tmp_path: Path
) -> None:
    with telephone(browser, own_web) as phone:
        page = phone.open(f"/tip/{ALERT}?lang=nl").page
        until_true(page, CONTROLLED)
        until_true(page, PAGE_KEPT)
        page.context.set_offline(True)
        page.goto(f"{own_web.web}/tip/{ALERT}?lang=nl")  # opens from what the telephone kept
        page.get_by_label("Wat zag u?").fill("Een blauwe fiets")
        page.get_by_label("Foto").set_input_files(photo(tmp_path))
        page.get_by_role("button", name="Verstuur").first.click()
        page.get_by_text("Bewaard op deze telefoon, nog niet verstuurd.").wait_for()
        phone.faults = [one for one in phone.faults if "ERR_INTERNET_DISCONNECTED" not in one]
        phone.check("kept")
        assert page.get_by_label("Wat zag u?").input_value() == ""
        assert kept(parts) == []
        page.goto(f"{own_web.web}/tip/{ALERT}?lang=nl")
        page.get_by_text("Bewaard op deze telefoon, nog niet verstuurd.").wait_for()
        page.context.set_offline(False)
        page.get_by_text("Dank u. Uw tip is bij ons.").wait_for()
        until_true(page, f"{WAITING}.then((kept) => kept === 0)")
    (tip,) = kept(parts)
    assert (tip.told.text, tip.has_photo, tip.repeats) == ("Een blauwe fiets", True, ())


def test_tip_when_there_is_no_place_and_the_alert_ended_meanwhile_says_so(
    browser: Browser, own_web: OwnWeb, parts: Parts, live: ShownAlert
) -> None:
    with telephone(browser, own_web) as phone:
        page = phone.open(f"/tip/{ALERT}?lang=en").page
        page.get_by_role("button", name="Here, where I am now").click()
        page.get_by_text("Your phone does not give the place").wait_for()
        page.get_by_role("button", name="Send").first.click()
        page.get_by_text("At least say where it was").wait_for()
        phone.check("denied and empty")
        page.get_by_label("Where?").fill("At the station")
        live.end(Meaning.WITHDRAWN)
        page.get_by_role("button", name="Send").first.click()
        page.get_by_text("This alert has ended. What you wrote was not sent.").wait_for()
        phone.faults.clear()  # the answer was 410, as it should
        phone.open(f"/tip/{ALERT}?lang=nl")
        page.get_by_role("link", name="Bel 0800-6070").wait_for()
        assert phone.faults == []
    assert kept(parts) == []


def test_childs_door_when_opened_is_calm_left_quickly_and_heard_first(
    browser: Browser, own_web: OwnWeb, parts: Parts, live: ShownAlert
) -> None:
    with telephone(browser, own_web) as phone:
        page = phone.open(f"/alerts/{ALERT}?lang=nl").page
        page.get_by_role("link", name="Ben jij dit, of ben je bij dit kind?").click()
        page.get_by_label("Wat wil je zeggen?").wait_for()
        assert page.title() == "Baken"
        page.get_by_label("Wat wil je zeggen?").fill("Ik ben bij oma")
        page.get_by_role("button", name="Verstuur").click()
        page.get_by_role("heading", name="Je bericht is bij ons").wait_for()
        phone.check("heard")
        stored = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert stored == [0, 0, ""]
        page.route("https://www.knmi.nl/**", lambda route: route.fulfill(body="het weer"))
        page.keyboard.press("Escape")
        page.wait_for_url("https://www.knmi.nl/")
        page.go_back()
        assert "Je bericht is bij ons" not in page.content()
    (tip,) = kept(parts)
    assert (tip.told.came_by, tip.told.text) == (CameBy.CHILD, "Ik ben bij oma")
