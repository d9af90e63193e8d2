"""A supervisor with a phone: from the notification to the decision, and when somebody else was first."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import TAGS, aside, axe, watched
from tests.support.running import Running
from tests.support.waiting import eventually

PHONE = 360
PRESS_AT = """([button, moment]) => {
  setTimeout(() => document.querySelector(button).click(), moment - Date.now())
}"""


class Taps:
    """Counts what a thumb does."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.made = 0

    def on(self, selector: str) -> None:
        self._page.locator(selector).tap()
        self.made += 1


def call_for(baken: Running, alert_id: str) -> str:
    """The address in the mail that called supervisor1, as it came into the mailbox."""

    def found() -> str:
        mails = baken.get("/demo/").text
        for number in re.findall(r"/demo/mails/(\d+)", mails):
            text = baken.get(f"/demo/mails/{number}").text
            if link := re.search(rf"http://[^\s<]+/console/\w+/{alert_id}\b", text):
                return link[0]
        return ""

    return eventually(found, 40, what="the call by mail")  # a try that failed is made again after 15 s


def test_supervisor_when_called_decides_in_three_taps_on_a_phone_and_another_sees_at_once_who_and_when(
    shared_baken: Running, browser: Browser, waiting: str
) -> None:
    address = aside(lambda: call_for(shared_baken, waiting))
    context = browser.new_context(viewport={"width": PHONE, "height": 740}, has_touch=True, locale="nl-NL")
    page = context.new_page()
    page.set_content(f'<a href="{address}">{address}</a>')
    taps = Taps(page)
    taps.on("a")
    taps.on("button[value=supervisor1]")
    expect(page.locator(".decide")).to_contain_text("Nederland")
    with watched(browser, shared_baken.web, PHONE) as other:
        later = other.sign_in("supervisor2").open(f"/console/alerts/{waiting}").page
        expect(later.locator(".button-approve")).to_be_visible()
        taps.on(".button-approve")
        expect(page.locator(".govuk-notification-banner--success")).to_be_visible()
        moved = later.locator(".moved")
        expect(moved).to_contain_text("supervisor1: Akkoord gegeven", timeout=10_000)
        expect(moved).to_be_in_viewport()
        expect(moved.locator("time")).to_have_count(1)
        expect(later.locator(".button-approve")).to_be_hidden()
        assert axe(later, runOnly=TAGS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    context.close()
    print(f"taps from the call to the decision: {taps.made}")
    assert taps.made <= 3
    aside(lambda: shared_baken.until_stage(waiting, "live"))


def test_buttons_when_they_are_opposite_stand_apart_and_one_is_folded_away(
    shared_baken: Running, browser: Browser, one_waiting: str
) -> None:
    with watched(browser, shared_baken.web, PHONE) as watch:
        page = watch.sign_in("supervisor1").open(f"/console/alerts/{one_waiting}").page
        expect(page.get_by_role("button", name="Afwijzen")).to_be_hidden()
        page.locator(".not-so summary").click()
        approve, reject = (
            page.locator(".button-approve").bounding_box(),
            page.get_by_role("button", name="Afwijzen").bounding_box(),
        )
        assert approve
        assert reject
        assert reject["y"] - (approve["y"] + approve["height"]) > 100


def test_renderings_when_folded_can_each_be_opened_before_the_decision(
    shared_baken: Running, browser: Browser, one_waiting: str
) -> None:
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("supervisor1").open(f"/console/alerts/{one_waiting}").page
        web = page.locator(".pending > details").first
        assert [one.is_visible() for one in web.locator("iframe").all()] == [True] + [False] * 5
        for folded in web.locator("details > summary").all():
            folded.click()
        web.locator("iframe").last.scroll_into_view_if_needed()
        expect(web.frame_locator("iframe").last.locator("body")).to_contain_text("Noor")
        assert all(one.is_visible() for one in web.locator("iframe, pre").all())
        assert watch.problems() == []


def test_two_browsers_when_they_press_opposite_buttons_one_wins_and_the_other_is_told(
    shared_baken: Running, browser: Browser, one_waiting: str
) -> None:
    with watched(browser, shared_baken.web) as one, watched(browser, shared_baken.web) as other:
        pages = {
            user: watch.sign_in(user).open(f"/console/alerts/{one_waiting}").page
            for user, watch in (("supervisor1", one), ("supervisor2", other))
        }
        pages["supervisor2"].locator(".not-so summary").click()
        pages["supervisor2"].locator("#reject-reason").fill("Niet zo")
        moment = time.time() * 1000 + 1500
        for user, button in (("supervisor1", ".button-approve"), ("supervisor2", 'form[action$="/reject"] button')):
            pages[user].evaluate(PRESS_AT, [button, moment])
        ends = {user: page.locator(".govuk-notification-banner--success, #refused") for user, page in pages.items()}
        for end in ends.values():
            expect(end).to_be_visible(timeout=20_000)
        (won,) = [user for user, end in ends.items() if end.get_attribute("id") != "refused"]
        (lost,) = pages.keys() - {won}
        expect(ends[lost]).to_contain_text(f"{won} was u voor:")
        expect(ends[lost].locator("time")).to_have_count(1)
    view = aside(lambda: shared_baken.show(one_waiting))
    assert [ruling["actor"] for ruling in view["rulings"] if ruling["accepted"]] == [won]
