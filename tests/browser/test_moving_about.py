"""Getting about without a mouse and without anything that moves: where Tab comes, that it shows, and calm pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.vocabulary import Action
from tests.browser.looking import Watched, aside, watched
from tests.support.running import Running

MOST_STOPS = 250
FOCUSED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect()
  const seen = [one, one.nextElementSibling].filter(Boolean)
    .flatMap(part => [getComputedStyle(part), getComputedStyle(part, '::before')])
  return {
    what: one === document.body ? '' : one.outerHTML.slice(0, 90),
    place: [...document.querySelectorAll('*')].indexOf(one),
    inside: box.bottom > 0 && box.top < innerHeight,
    // Of what is within a frame, or a part of a date, the browser marks that part.
    marked: one.matches('iframe, [type^=date], [type=time]') ||
      seen.some(style => style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
    key: [
      ['skip', '.govuk-skip-link'], ['found', '.button-found'], ['approve', '.button-approve'],
      ['send', '#send'], ['name', '[id="children/0/name"]'], ['beside', '.beside summary'],
      ['not so', '.not-so summary'], ['take away', '.takes *'], ['add', '.adds *'], ['last', '#shortcuts-open'],
    ].find(([, selector]) => one.matches(selector))?.[0],
  }
}"""
MOVING = """() => [...document.querySelectorAll('*')].flatMap(one => ['', '::before', '::after'].map(pseudo => {
  const style = getComputedStyle(one, pseudo || null)
  const times = style.transitionDuration.split(', ').map(parseFloat)
  const moves = style.animationName !== 'none' || times.some(time => time > 0)
  return moves || style.scrollBehavior === 'smooth' ? one.outerHTML.slice(0, 90) + pseudo : ''
})).filter(Boolean)"""


@pytest.fixture
def watch(shared_baken: Running, browser: Browser) -> Iterator[Watched]:
    with watched(browser, shared_baken.web) as opened:
        yield opened


def stops(page: Page) -> list[str]:
    """Tab through the whole page: each stop lies further in the document, is on the screen, and is marked.

    The names of those that `FOCUSED` knows, each once.
    """
    keys: list[str | None] = []
    place = -1
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["key"] == "last":
            return list(dict.fromkeys(filter(None, keys)))
        if not at["what"]:  # on the way into a frame
            continue
        # The same again is a part of a date, or within a frame.
        assert at["place"] >= place, f"goes back to {at['what']}"
        assert at["inside"], f"out of sight: {at['what']}"
        assert at["marked"], f"not to be seen that it has the focus: {at['what']}"
        place = at["place"]
        keys.append(at["key"])
    raise AssertionError(f"no end after {MOST_STOPS} stops")


def test_focus_goes_through_form_approval_and_live_page_in_their_order(
    shared_baken: Running, watch: Watched, one_waiting: str
) -> None:
    page = watch.sign_in("operator1").open("/console/new/actual").page
    assert stops(page) == ["skip", "name", "send", "beside"]
    page = watch.sign_in("supervisor1").open(f"/console/alerts/{one_waiting}").page
    assert stops(page) == ["skip", "approve", "not so", "take away"]
    aside(lambda: shared_baken.accepted(one_waiting, Action.APPROVE, "supervisor1"))
    aside(lambda: shared_baken.until_channels(one_waiting, "showing"))
    page = watch.sign_in("operator1").open(f"/console/alerts/{one_waiting}").page
    assert stops(page) == ["skip", "found", "take away", "add"]


def test_pages_when_less_motion_is_asked_for_move_nothing(watch: Watched, one_waiting: str) -> None:
    watch.page.emulate_media(reduced_motion="reduce")
    watch.sign_in("operator1")
    for path in (
        "/console/",
        "/console/new/actual",
        f"/console/alerts/{one_waiting}",
        f"/alerts/{one_waiting}",
        "/demo/",
    ):
        assert watch.open(path).page.evaluate(MOVING) == [], path
    expect(watch.open("/console/new/actual").page.locator(".leaflet-container")).to_be_visible()
    expect(watch.page.locator(".leaflet-zoom-anim, .leaflet-fade-anim")).to_have_count(0)
