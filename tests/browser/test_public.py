"""The page of an alert on a small phone: read in five seconds, light, still, without script, on light and dark."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Browser, Response, ViewportSize

from tests.browser.looking import watched
from tests.browser.serving import ALERT, show
from tests.support.editions import ShownAlert

PAGE = f"/alerts/{ALERT}"
SMALL: ViewportSize = {"width": 360, "height": 640}
WEIGHT = 100_000
"""Bytes of page, style and all else but photos."""
SHIFT = 0.02
SHIFTED = """() => new Promise(resolve => {
  let shifted = 0
  new PerformanceObserver(list => { for (const one of list.getEntries()) shifted += one.value })
    .observe({ type: 'layout-shift', buffered: true })
  setTimeout(() => resolve(shifted), 300)
})"""
BOTTOMS = """() => Object.fromEntries(['h1', '.photos img', '.seen div:nth-child(2)', '.call a']
  .map(one => [one, Math.round(document.querySelector(one).getBoundingClientRect().bottom)]))"""


def test_alert_when_opened_on_the_smallest_phone_without_script_is_whole(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    """Wider ones are in the tour of `screens`, and so is the contrast."""
    show(alert, "web")
    with watched(browser, web, 320) as watch:
        assert watch.open(PAGE).problems(contrast=False) == []
    with watched(browser, web, 320, script=False) as watch:
        watch.open(PAGE)
        assert watch.page.locator(".call a").get_attribute("href") == "tel:08006070"
        assert watch.page.locator(".tell a").is_visible()
        assert watch.page.locator("script").count() == 0


def test_alert_when_opened_shows_who_where_when_and_what_to_do_on_the_first_screen(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    show(alert, "web")
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    with watched(browser, web) as watch:
        watch.page.set_viewport_size(SMALL)
        watch.page.on("response", note)
        watch.open(f"{PAGE}?lang=nl")
        bottoms = watch.page.evaluate(BOTTOMS)
        assert {what: bottom for what, bottom in bottoms.items() if bottom > SMALL["height"]} == {}
        assert watch.page.evaluate(SHIFTED) <= SHIFT
        light = [one for one in answers if not urlsplit(one.url).path.startswith("/media/")]
        assert 0 < sum(len(one.body()) for one in light) < WEIGHT


def test_gallery_when_a_line_is_copied_says_so(browser: Browser, web: str) -> None:
    with watched(browser, web) as watch:
        watch.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        watch.open("/embed?lang=en")
        watch.page.locator("[data-copies=tag-banner]").click()
        watch.page.locator("[data-copied=tag-banner]").wait_for()
        assert watch.page.evaluate("navigator.clipboard.readText()") == watch.page.locator("#tag-banner").input_value()
        watch.check("the gallery")
