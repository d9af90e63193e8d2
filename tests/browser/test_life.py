"""One alert's whole life in Chromium: operator, supervisor and citizen side by side, each at a page of their own.

Twice: with nothing but a keyboard and in English, and on a small phone and in Dutch. Everybody gets everywhere by
what the pages offer; only what stands on a poster or in a bookmark is typed as an address.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from starter.demo_case import draw_portrait
from tests.browser.looking import Watched, aside, watched
from tests.support.programmes import FEW, FEW_CHANNELS, PAGE
from tests.support.running import Running

PHONE = 360
MOST_STOPS = 250
"""Tab presses after which a place counts as out of reach."""
SITUATION = "A girl was taken at a playground."
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LAST_SEEN = "2026-02-02T03:04"


class Mouse:
    """Points and clicks; every page it uses must be in its language and must not scroll sideways."""

    def __init__(self, watch: Watched, language: str) -> None:
        self.watch = watch
        self.page: Page = watch.page
        self._language = language

    def open(self, path: str) -> Mouse:
        self.watch.open(path)
        return self

    def sign_in(self, user: str) -> None:
        """The console is in Dutch until somebody chooses another language."""
        self.open("/console/")
        if self._language != "nl":
            self.follow(f"a[hreflang={self._language}]")
        self.follow(f"button[value={user}]")
        expect(self.page.locator(".band__who")).to_have_text(user)

    def press(self, selector: str) -> None:
        self._look()
        self._press(selector)

    def follow(self, selector: str) -> None:
        """Press what leads to another page."""
        with self.page.expect_navigation(wait_until="load"):
            self._press(selector)
        self._look()

    def write(self, selector: str, text: str) -> None:
        self._look()
        self.page.locator(selector).fill(text)

    def choose(self, selector: str, value: str) -> None:
        self.page.locator(selector).select_option(value)

    def attach(self, selector: str, file: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self._press(selector)
        chooser.value.set_files(file)

    def _look(self) -> None:
        assert self.page.evaluate("document.documentElement.lang") == self._language, self.page.url
        assert self.page.evaluate(SIDEWAYS) <= 0, self.page.url

    def _press(self, selector: str) -> None:
        self.page.locator(selector).first.click()


class Thumb(Mouse):
    """Touches what it presses."""

    def _press(self, selector: str) -> None:
        self.page.locator(selector).first.tap()


class Keys(Mouse):
    """A keyboard: it gets to a place by Tab alone, and what it cannot reach it cannot use."""

    def write(self, selector: str, text: str) -> None:
        self._reach(selector)
        if self.page.locator(selector).get_attribute("type") != "datetime-local":
            self.page.keyboard.type(text)
            return
        # Day and month are the same, and "a" is for a browser that has a morning: good in every order of the parts.
        year, month, day, hour, minute = re.findall(r"\d+", text)
        assert day == month
        self.page.keyboard.type(f"{day}{month}{year}")
        self.page.keyboard.press("ArrowRight")
        self.page.keyboard.type(f"{hour}{minute}a")
        expect(self.page.locator(selector)).to_have_value(text)

    def choose(self, selector: str, value: str) -> None:
        self._reach(selector)
        chosen = self.page.locator(selector)
        for _ in range(chosen.locator("option").count()):
            if chosen.input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        expect(chosen).to_have_value(value)

    def _press(self, selector: str) -> None:
        self._reach(selector)
        self.page.keyboard.press("Enter")

    def _reach(self, selector: str) -> None:
        for _ in range(MOST_STOPS):
            if self.page.evaluate("one => document.activeElement.matches(one)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {selector} on {self.page.url}")


def fill_in(hand: Mouse, photo: Path, programme: str) -> None:
    """The form from top to bottom, as the call comes in."""
    hand.write('[id="children/0/name"]', "Noor Voorbeeld")
    hand.write('[id="children/0/age"]', "7")
    hand.choose('[id="children/0/gender"]', "girl")
    hand.write('[id="children/0/hair"]', "rood")
    hand.attach('[id="children/0/photos/0/file"]', photo)
    expect(hand.page.locator(".drafted img")).to_have_count(1)
    hand.write('[id="last_seen/at"]', LAST_SEEN)
    hand.write('[id="last_seen/place"]', "Ede")
    hand.write('[id="circumstances"]', "Verzonnen.")
    hand.write('[id="public/situation"]', SITUATION)
    hand.write('[id="public/body/en"]', SITUATION)
    hand.choose('[id="assessment/abducted_by_unknown"]', "yes")
    hand.choose('[id="assessment/life_in_danger"]', "yes")
    hand.choose('[id="assessment/relation"]', "stranger")
    hand.choose('[id="publicity/basis"]', "parent")
    hand.write('[id="publicity/given_by"]', "moeder")
    hand.choose("#programme", programme)


def stage(hand: Mouse, expected: str) -> None:
    expect(hand.page.locator("#stage")).to_have_attribute("data-stage", expected, timeout=20_000)


@pytest.mark.parametrize(
    ("hands", "width", "language", "programme", "channels"),
    [(Keys, 1280, "en", FEW, len(FEW_CHANNELS)), (Thumb, PHONE, "nl", PAGE, 1)],
    ids=["keyboard-english", "phone-dutch"],
)
def test_alert_from_an_empty_form_to_its_end_by_what_the_pages_offer(
    shared_baken: Running,
    browser: Browser,
    tmp_path: Path,
    hands: type[Mouse],
    width: int,
    language: str,
    programme: str,
    channels: int,
) -> None:
    draw_portrait(tmp_path / "noor.jpg")
    with ExitStack() as stack:

        def somebody(*, worker: bool = False) -> Mouse:
            locale = {"nl": "nl-NL", "en": "en-GB"}[language]
            touch = hands is Thumb
            seat = watched(browser, shared_baken.web, width, worker=worker, touch=touch, locale=locale)
            return hands(stack.enter_context(seat), language)

        operator, supervisor, citizen = somebody(), somebody(), somebody(worker=True)
        operator.sign_in("operator1")
        supervisor.sign_in("supervisor1")

        operator.follow('a[href="/console/new/actual"]')
        fill_in(operator, tmp_path / "noor.jpg", programme)
        expect(operator.page.locator(".brief .criterion-met")).to_have_count(6)
        operator.follow("#send")
        operator.page.wait_for_url("**/console/alerts/*")
        alert_id = operator.page.url.split("?")[0].rsplit("/", 1)[1]
        shown = f'main a[href^="/alerts/{alert_id}"]'
        expect(citizen.open("/").page.locator(shown)).to_have_count(0)
        aside(lambda: shared_baken.until_pending(alert_id))

        supervisor.open("/console/").follow(f'main a[href="/console/alerts/{alert_id}"]')
        expect(supervisor.page.locator(".pending")).to_contain_text("operator1")
        supervisor.follow(".button-approve")
        expect(supervisor.page.locator(".govuk-notification-banner--success")).to_be_visible()
        for hand in (supervisor, operator):
            stage(hand, "live")
            expect(hand.page.locator('[data-state="showing"]')).to_have_count(channels, timeout=20_000)
        if language != "nl":  # in Dutch it is in the tour of `screens`
            operator.watch.check("live")

        citizen.open("/").follow(shown)
        expect(citizen.page.locator("main")).to_contain_text(SITUATION)
        expect(citizen.page.locator("main img").first).to_be_visible()
        citizen.follow(f'a[href^="/tip/{alert_id}"]')
        citizen.write("#where", "Station Ede-Wageningen")
        citizen.press("#tip button:not([type])")
        expect(citizen.page.locator('#said [data-when="sent"]')).to_be_visible()

        expect(operator.page.locator("#tips-unread")).to_have_text("1", timeout=20_000)
        operator.follow(f'a[href="/console/alerts/{alert_id}/tips"]')
        expect(operator.page.locator(".tips")).to_contain_text("Station Ede-Wageningen")
        operator.follow(f'main a[href="/console/alerts/{alert_id}"]')
        operator.follow(".button-found")
        expect(operator.page.locator(".govuk-notification-banner--success")).to_be_visible()
        expect(supervisor.page.locator(".moved")).to_be_visible(timeout=20_000)
        for hand in (operator, supervisor):
            stage(hand, "closing")
            expect(hand.page.locator('[data-state="withdrawn"]')).to_have_count(channels, timeout=20_000)

        ended = {"nl": "beëindigd", "en": "has ended"}[language]
        citizen.follow(shown)
        expect(citizen.page.locator("h1")).to_contain_text(ended)
        expect(citizen.page.locator("main")).not_to_contain_text("Noor")
        for hand in (operator, supervisor, citizen):
            assert hand.watch.faults == []
