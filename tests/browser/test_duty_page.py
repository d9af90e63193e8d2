"""The duty roster in a browser: red before anybody begins, and a shift taken; calls are in `test_subscribing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from starter.parts import Parts, open_parts
from tests.browser.looking import watched
from tests.support.homes import silent_home


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A home that says who it is to push services; nobody is on duty in it."""
    settings = silent_home(tmp_path / "home")
    (settings.home / "config.toml").write_text('[channels.webpush]\ncontact = "mailto:push@baken.example"\n')
    with closing(open_parts(settings)) as opened:
        yield opened


def test_roster_when_looked_at_is_red_until_a_supervisor_begins(browser: Browser, web: str) -> None:
    with watched(browser, web) as watch:
        watch.sign_in("supervisor1").open("/console/duty").page.locator("[data-when~=off]").wait_for()
        watch.check_widths("nobody on duty")
        assert watch.dark() == []
        expect(watch.page.locator(".duty--nobody h2")).to_have_text("Niemand kan nu akkoord geven")
        watch.page.locator("#until").fill("07:00")
        watch.page.get_by_role("button", name="Begin mijn dienst").click()
        expect(watch.page.locator(".govuk-notification-banner--success")).to_contain_text("U hebt dienst")
        expect(watch.page.locator(".duty--nobody")).to_have_count(0)
        watch.check_widths("on duty")
