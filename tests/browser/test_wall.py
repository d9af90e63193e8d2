"""The wall in a browser: it follows by itself, fits a phone, and neither complains nor shuts anybody out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from alerts.vocabulary import Action
from tests.browser.looking import WIDTHS, aside, axe
from tests.support.cases import amber_case
from tests.support.programmes import FEW
from tests.support.running import Running


@pytest.fixture(scope="module")
def live(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("wall")
    alert_id = aside(lambda: shared_baken.start_alert(amber_case(folder, programme=FEW), folder))
    aside(lambda: shared_baken.until_pending(alert_id))
    aside(lambda: shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: shared_baken.until_channels(alert_id, "showing", 1))
    return alert_id


@pytest.fixture
def page(browser: Browser, live: str) -> Iterator[Page]:
    """A page that must not complain."""
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    yield page
    page.close()
    assert complaints == []


def test_wall_fits_and_axe_finds_nothing(shared_baken: Running, page: Page) -> None:
    page.goto(f"{shared_baken.web}/demo/?lang=en")  # in Dutch it is in the tour of `screens`
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe(page, rules={"color-contrast": {"enabled": width == WIDTHS[0]}}) == []


def test_an_opened_mail_fits_a_phone_and_axe_finds_nothing(shared_baken: Running, page: Page) -> None:
    page.goto(f"{shared_baken.web}/demo/")
    # Other tests' mails are on the wall too: one that still shows the child has her picture.
    page.locator(".mails li a", has_text="Noor Voorbeeld").first.click()
    page.frame_locator("iframe").locator("img").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert axe(page) == []


def test_wall_follows_by_itself_when_the_child_is_found(shared_baken: Running, page: Page, live: str) -> None:
    page.goto(f"{shared_baken.web}/demo/?lang=en")
    line = page.locator("#verdict p", has_text=live)
    assert "is now on: Website, CAP feed, E-mail, Partners (webhook)" in line.inner_text()
    code, _, said = shared_baken.cli("alert", "found", live, "--as", "operator1", "--confirmed-by", "police")
    assert code == 0, said
    page.locator("#verdict p.is-down", has_text=live).wait_for(timeout=15_000)
