"""The partner register in the console: added, tried, let in by another supervisor, paused; what it must not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect

from starter.parts import open_parts
from starter.settings import load_settings
from store.removals import word_of
from tests.browser.looking import WIDTHS, watched
from tests.support.partner import OwnPartner
from tests.support.running import Running

NAME = "Krant van Verzonnen"


@pytest.fixture
def partner() -> Iterator[OwnPartner]:
    own = OwnPartner()
    yield own
    own.close()


def test_partner_when_kept_in_the_browser_goes_from_added_to_let_in_and_paused(
    shared_baken: Running, browser: Browser, partner: OwnPartner
) -> None:
    web, mine = shared_baken.web, f"tr:has-text('{NAME}')"
    with watched(browser, web) as first, watched(browser, web) as second:
        page = first.sign_in("supervisor1").open("/console/partners").page
        page.locator("#name").fill(NAME)
        page.locator("#url").fill(partner.url)
        page.get_by_role("button", name="Partner toevoegen").click()
        secret = page.locator("#secret").inner_text()
        assert secret.startswith("whsec_")
        first.open("/console/partners")
        assert secret not in page.content()
        page.locator(mine).get_by_role("button", name="Proef").click()
        expect(page.locator(".govuk-notification-banner--success")).to_contain_text("nam de oefening")
        assert [kind for kind in partner.verified(secret) if kind != "baken.ping"] == [
            "alert.published",
            "alert.cancelled",
        ]
        other = second.sign_in("supervisor2").open("/console/partners").page
        expect(other.locator(mine)).to_contain_text("Gepauzeerd")
        other.locator(mine).get_by_role("button", name="Laat alerts").click()
        expect(other.locator(mine)).to_contain_text("Actief")
        other.locator(mine).get_by_role("button", name="Pauzeren").click()
        expect(other.locator(mine)).to_contain_text("Gepauzeerd")
        assert first.faults == second.faults == []


def test_page_of_partners_when_an_operator_looks_offers_no_changes_and_is_whole(
    shared_baken: Running, browser: Browser
) -> None:
    """As a supervisor sees it is in the tour of `screens`."""
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open("/console/partners").page
        assert page.locator("#name").count() == 0
        watch.check_widths("partners")


def test_page_that_confirms_a_removal_when_looked_at_is_whole(shared_baken: Running, browser: Browser) -> None:
    with watched(browser, shared_baken.web, WIDTHS[0]) as watch:
        for language in ("nl", "en"):
            watch.page.goto(f"{shared_baken.web}{removal_path(shared_baken)}?lang={language}")
            watch.check(f"removal in {language}")


def removal_path(baken: Running) -> str:
    """Of a removal that nobody asked for: looking at it changes nothing."""
    with closing(open_parts(load_settings({}, home=baken.home))) as parts:
        return f"/removed/{word_of(parts.keys.system_key('partners'), 'a2b3c4d5e6', NAME)}"
