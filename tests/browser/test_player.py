"""The player in a browser: it follows, fits every screen, and lets go of the alert by itself at the end of a lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, Page

from alerts.vocabulary import Meaning
from starter.parts import Parts
from starter.screens import screen_address
from store import proof
from tests.browser.looking import TAGS, axe, until_true
from tests.browser.serving import ALERT, show
from tests.support.editions import ShownAlert, case_document
from tests.support.waiting import eventually

LYING, STANDING = (1280, 720), (540, 960)
DAY = 86_400_000
"""Milliseconds."""
RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
INSIDE = """() => [...document.querySelectorAll(".event, .words > *, .tip, .photos img")]
  .filter((one) => !one.hidden)
  .filter((one) => {
    const box = one.getBoundingClientRect();
    return box.top < -1 || box.left < -1 || box.bottom > innerHeight + 1 || box.right > innerWidth + 1
      || box.width < 1 || box.height < 1 || one.scrollWidth > one.clientWidth + 1;
  }).map((one) => one.className || one.tagName)"""

FONT_SIZES = """() => Object.fromEntries([...document.querySelectorAll(".event, .screen h1, .fact, .warning, .tip")]
  .map((one) => [one.textContent, parseFloat(getComputedStyle(one).fontSize)]))"""
CAPITAL = 0.716
"""Height of a capital of Arial, and of the fonts made to its measures, in parts of the font's size."""
LONG_SIDE = 1218
"""Millimetres, of a screen of 55 inches, 16 by 9."""
READ_FROM_10_M = 10_000 / 304.8 / 30 * 25.4
"""Millimetres: an inch of capital for 30 feet, the rule of the United States Sign Council."""

NOTE_WHEN_GONE = """() => {
  window.goneAt = Infinity;
  new MutationObserver(() => {
    if (!document.querySelector(".screen")) goneAt = Math.min(goneAt, performance.timeOrigin + performance.now());
  }).observe(document.body, { childList: true, subtree: true });
}"""
"""By a clock that nobody sets, in the page: whoever asks from outside hears of it later."""


@contextmanager
def screen(browser: Browser, address: str, size: tuple[int, int] = LYING, *, clock: int = 0) -> Iterator[Page]:
    """A player that must not complain; `clock` is how wrong its wall clock is, in milliseconds."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="nl-NL")
    context.add_init_script(f"const right = Date.now; Date.now = () => right() + {clock};")
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(address)
    yield page
    context.close()
    assert complaints == []


def test_alert_when_the_network_is_cut_leaves_the_screen_at_lease_end_whatever_its_clock_says(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    show(alert, "signage")
    with screen(browser, f"{web}/signage") as right, screen(browser, f"{web}/signage", clock=-DAY) as slow:
        for page in (right, slow):
            page.locator(".screen h1", has_text="Noor").wait_for()
            until_true(page, "document.querySelector('.screen img')?.naturalWidth > 0")
            page.evaluate(NOTE_WHEN_GONE)
        until = datetime.now(UTC) + timedelta(seconds=6)
        alert.renew(lease=until - alert.now)
        for page in (right, slow):
            until_true(page, f"document.querySelector('.screen').dataset.until === '{until.isoformat()}'")
            page.context.set_offline(True)
        time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds() - 2))
        for page in (right, slow):
            assert page.locator(".screen").count() == 1, "it goes on showing while the lease runs"
        for page in (right, slow):
            page.locator(".screen").wait_for(state="detached", timeout=10_000)
            assert -2 < page.evaluate("goneAt") / 1000 - until.timestamp() < 1
            assert page.locator("#idle").is_visible()


def test_lease_when_renewed_keeps_it_and_found_takes_it_off(browser: Browser, web: str, alert: ShownAlert) -> None:
    until = show(alert, "signage", seconds=8)
    with screen(browser, f"{web}/signage") as page:
        page.locator(".screen h1").wait_for()
        alert.renew(lease=timedelta(minutes=5))
        time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds() + 1))
        assert page.locator(".screen").count() == 1
        alert.dark_at_once(Meaning.WITHDRAWN)
        page.locator(".screen").wait_for(state="detached", timeout=5_000)


def test_largest_alert_when_shown_fits_with_headline_plate_and_number_whole(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    child = case_document()["children"][0]
    car = {"plate": "VX-1?3-B", "colour": "donkergrijze", "make": "bestelbus", "release": RELEASE}
    show(
        alert,
        "signage",
        children=[{**child, "name": "Noor-Wilhelmina Voorbeeld van den Verzonnenhoven"}],
        vehicles=[car],
        suspect={"description": "Een man van ongeveer veertig jaar met een groene jas. " * 4, "release": RELEASE},
        public={
            "situation": "Verhaal.",
            "headline": {"nl": "Vermist " * 19, "en": "Missing " * 19},
            "body": {"nl": "Verhaal. " * 150},
        },
        tip_line="0800-6070 (gratis, dag en nacht)",
    )
    for size in (LYING, STANDING, (1920, 480), (320, 240)):
        with screen(browser, f"{web}/signage", size) as page:
            page.locator(".screen h1").wait_for()
            until_true(page, "document.querySelector('.screen img')?.naturalWidth > 0")
            assert page.evaluate(INSIDE) == [], size
            shown = page.locator(".screen").inner_text()
            for said in ("Vermist Vermist", "VX-1?3-B", "0800-6070 (gratis, dag en nacht)", "Bel 112"):
                assert said in shown, size
            assert page.evaluate("document.getAnimations().length") == 0


def test_usual_alert_when_shown_leaves_nothing_out_and_axe_finds_nothing(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    show(alert, "signage")
    for size in (LYING, STANDING):
        with screen(browser, f"{web}/signage", size) as page:
            page.locator(".screen h1").wait_for()
            until_true(page, "document.querySelector('.screen img')?.naturalWidth > 0")
            assert page.evaluate(INSIDE) == [], size
            assert page.locator(".screen [hidden]").count() == 0, size
            assert axe(page, runOnly=TAGS) == [], size


def test_what_matters_when_shown_on_55_inches_is_read_from_10_metres(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    child = case_document()["children"][0]
    looks = {"hair": "Donkerblond, tot de schouders", "clothing": "Rode jas, spijkerbroek, witte gymschoenen"}
    show(
        alert,
        "signage",
        children=[{**child, **looks}],
        vehicles=[{"plate": "VX-1?3-B", "colour": "grijze", "make": "bestelbus", "release": RELEASE}],
    )
    for size in (LYING, STANDING, (1920, 1080), (1080, 1920)):
        with screen(browser, f"{web}/signage", size) as page:
            page.locator(".screen h1").wait_for()
            until_true(page, "document.querySelector('.screen img')?.naturalWidth > 0")
            sizes = page.evaluate(FONT_SIZES)
            assert len(sizes) == 6
            capitals = {words: pixels * CAPITAL * LONG_SIDE / max(size) for words, pixels in sizes.items()}
            assert {words: height for words, height in capitals.items() if height < READ_FROM_10_M} == {}, size
            assert page.evaluate(INSIDE) == [], size


def screens(parts: Parts, edition: int | None = None) -> int:
    """How many say that they show the alert."""
    with parts.db.read() as session:
        return proof.screens(session, ALERT, datetime.now(UTC), edition)


def test_screen_when_it_has_a_name_tells_what_it_shows(
    browser: Browser, web: str, parts: Parts, alert: ShownAlert
) -> None:
    show(alert, "signage")
    with screen(browser, screen_address(parts.keys, web, "Hal 1", exercise=False)) as page:
        page.locator(".screen h1").wait_for()
        eventually(lambda: screens(parts, edition=1) == 1, within=6, what="the screen's word")
        alert.dark_at_once(Meaning.WITHDRAWN)
        eventually(lambda: screens(parts) == 0, within=10, what="the screen's word that it is gone")
