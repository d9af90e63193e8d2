"""Alerts on a site of somebody else: they come by themselves, follow, and go, whatever happens to Baken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import APIResponse, Browser, Frame, Page, Route

from alerts.vocabulary import Action
from tests.browser.looking import aside, until_true, watched
from tests.browser.serving import ALERT, OtherSite, OwnWeb, show
from tests.support.cases import amber_case
from tests.support.editions import ShownAlert
from tests.support.programmes import PAGE
from tests.support.running import Running
from tests.support.waiting import eventually

BANNER, WIDGET = 'data-show="banner" async', 'data-show="widget" data-lang="en"'
HEIGHTS = "[...document.querySelectorAll('iframe')].map((one) => one.getBoundingClientRect().height)"


@contextmanager
def other_site(browser: Browser, web: str, *tags: str) -> Iterator[Page]:
    """A page of it that must not complain: of Baken's frames least of all."""
    site = OtherSite(web, *tags)
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 800, "height": 600}, locale="nl-NL")
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    try:
        page.goto(site.address)
        yield page
        assert context.cookies() == []
    finally:
        context.close()
        site.stop()
    assert complaints == []


def frames(page: Page) -> list[Frame]:
    return [frame for frame in page.frames if "/embed/" in frame.url]


def test_banner_on_another_site_appears_when_approved_follows_and_is_gone_when_found(
    browser: Browser, shared_baken: Running, tmp_path: Path
) -> None:
    baken = shared_baken
    case = amber_case(tmp_path, programme=PAGE, children=[{"name": "Fenna Verzonnen", "age": 7, "hair": "rood"}])
    alert_id = aside(lambda: baken.start_alert(case, tmp_path))
    with other_site(browser, baken.web, BANNER) as page:
        eventually(lambda: frames(page), what="the frame")
        mine = page.frame_locator("iframe").locator(".alert", has_text="Fenna Verzonnen")
        aside(lambda: baken.until_pending(alert_id))
        assert mine.count() == 0
        aside(lambda: baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
        mine.wait_for(timeout=15_000)
        assert page.evaluate(HEIGHTS)[0] > 50
        aside(
            lambda: baken.accepted(alert_id, Action.AMEND, "operator1", content={"patch": {"tip_line": "0800-1234"}})
        )
        aside(lambda: baken.until_pending(alert_id, 2))
        aside(lambda: baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
        mine.filter(has_text="0800-1234").wait_for(timeout=15_000)
        found = time.monotonic()
        aside(lambda: baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"}))
        mine.wait_for(state="detached", timeout=10_000)
        assert time.monotonic() - found < 10


def test_alert_on_another_site_when_baken_is_cut_off_is_gone_at_lease_end(
    browser: Browser, own_web: OwnWeb, alert: ShownAlert
) -> None:
    with other_site(browser, own_web.web, BANNER, WIDGET) as page:
        eventually(lambda: asked(own_web, 200) >= 2, what="both frames")
        page.wait_for_timeout(500)
        assert page.evaluate(HEIGHTS) == [0, 0]
        until = show(alert, "web", seconds=16)
        eventually(lambda: all(height > 50 for height in page.evaluate(HEIGHTS)), within=10, what="both alerts")
        page.evaluate("postMessage({ bakenHeight: 999 }, '*')")  # says somebody else than the frame
        eventually(lambda: asked(own_web, 304), what="an answer that nothing changed")
        aside(own_web.stop)
        page.wait_for_timeout(max(0.0, (until - datetime.now(UTC)).total_seconds() - 2) * 1000)
        assert all(50 < height < 600 for height in page.evaluate(HEIGHTS)), "they go on while the lease runs"
        eventually(lambda: page.evaluate(HEIGHTS) == [0, 0], within=6, what="their end")
        assert -2 < (datetime.now(UTC) - until).total_seconds() < 1.5
        assert [frame.locator(".alert").count() for frame in frames(page)] == [0, 0]


def test_alert_when_a_cache_repeats_an_old_answer_without_its_age_is_gone_at_lease_end(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    until = show(alert, "web", seconds=7)
    kept: list[APIResponse] = []

    def stale(route: Route) -> None:
        kept.append(kept[0] if kept else route.fetch())
        route.fulfill(response=kept[0])

    page = browser.new_page()
    page.route("**/embed/banner.json*", stale)
    page.goto(f"{web}/embed/banner")
    page.locator(".alert").wait_for()
    page.wait_for_timeout(max(0.0, (until - datetime.now(UTC)).total_seconds() + 1) * 1000)
    assert len(kept) > 1, "it was repeated"
    assert page.locator(".alert").count() == 0
    page.close()


def asked(own_web: OwnWeb, status: int) -> int:
    """How often frames that asked what to show were answered so."""
    return sum(
        path.startswith("/embed/") and path.endswith(".json") and said == status for path, said in own_web.answered
    )


def test_widget_when_an_alert_is_shown_has_its_photo_and_leads_to_its_page(
    browser: Browser, web: str, alert: ShownAlert
) -> None:
    show(alert, "web")
    with other_site(browser, web, WIDGET) as page:
        page.frame_locator("iframe").locator("img").wait_for()
        (frame,) = frames(page)
        until_true(frame, "document.querySelector('img').naturalWidth > 0")
        assert "Missing: Noor Voorbeeld" in frame.locator(".alert").inner_text()
        link = frame.locator("a[target=_blank]").get_attribute("href")
        assert str(link).endswith(f"/alerts/{ALERT}?lang=en")


def test_pages_for_others_when_opened_fit_and_axe_finds_nothing(browser: Browser, web: str, alert: ShownAlert) -> None:
    show(alert, "web", children=[{"name": "Noor-Wilhelmina Voorbeeld van den Verzonnenhoven", "age": 7}])
    with watched(browser, web, 320) as watch:
        for path in ("/embed?lang=nl", "/embed?lang=en", "/embed/banner?lang=en", "/embed/widget?lang=nl"):
            watch.open(path)
            if "banner" in path or "widget" in path:
                watch.page.locator(".alert h2", has_text="Noor").wait_for()
                assert [*watch.problems(), *watch.dark()] == [], path
            else:  # its contrast is in the tour of `screens`
                watch.page.frame_locator("iframe").last.locator(".alert").wait_for()
                assert watch.problems(contrast=False) == [], path
            assert watch.page.evaluate("document.getAnimations().length") == 0
