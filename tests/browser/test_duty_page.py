"""The duty roster in a browser: red before anybody begins, a shift taken, and calls that come into this browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from simulators.browsers import Browsers
from starter.duty import on_duty
from starter.parts import Parts, open_parts
from starter.roster import Roster
from tests.browser.looking import WIDTHS, watched
from tests.browser.serving import OwnWeb
from tests.browser.test_subscribing import PUSH_STUB, SHOWN
from tests.support.homes import silent_home
from tests.support.push import SECRET

CALL = {"title": "AMBER Alert: een alert wacht op akkoord", "body": "Lees het en beslis:", "tag": "a1", "lang": "nl"}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A home that says who it is to push services; nobody is on duty in it."""
    settings = silent_home(tmp_path / "home")
    (settings.home / "config.toml").write_text('[channels.webpush]\ncontact = "mailto:push@baken.example"\n')
    with closing(open_parts(settings)) as opened:
        yield opened


def test_roster_when_looked_at_is_red_until_a_supervisor_begins(whole_browser: Browser, web: str) -> None:
    with watched(whole_browser, web) as watch, watched(whole_browser, web, WIDTHS[0], dark=True) as dark:
        for one in (watch.sign_in("supervisor1"), dark.sign_in("supervisor1")):
            one.open("/console/duty").check("nobody on duty")
        expect(watch.page.locator(".duty--nobody h2")).to_have_text("Niemand kan nu akkoord geven")
        watch.page.locator("#until").fill("07:00")
        watch.page.get_by_role("button", name="Begin mijn dienst").click()
        expect(watch.page.locator(".govuk-notification-banner--success")).to_contain_text("U hebt dienst")
        expect(watch.page.locator(".duty--nobody")).to_have_count(0)
        for width in WIDTHS:
            watch.page.set_viewport_size({"width": width, "height": 900})
            watch.check(f"on duty at {width}")


def test_calls_when_wanted_come_into_this_browser_until_they_are_not(
    whole_browser: Browser, own_web: OwnWeb, parts: Parts
) -> None:
    subscription = Browsers(9, SECRET).subscription("me")
    with watched(whole_browser, own_web.web, WIDTHS[0], worker=True) as watch:
        page = watch.page
        page.add_init_script(f"({PUSH_STUB})({json.dumps(subscription)})")
        page.context.grant_permissions(["notifications"])
        watch.sign_in("supervisor1").open("/console/duty")
        page.get_by_role("button", name="Roep mij in deze browser").click()
        expect(page.locator(".govuk-notification-banner--success")).to_contain_text("geroepen in deze browser")
        (kept,) = Roster(parts).addresses("supervisor1")
        assert (kept.way, kept.address, kept.language) == ("webpush", subscription, "nl")
        assert shown(page, own_web.web) == [
            {**{name: CALL[name] for name in ("tag", "title", "body")}, "url": f"{own_web.web}/console/alerts/a1"}
        ]
        Roster(parts).set_browser(on_duty(parts.db, "supervisor1"), subscription, "nl", on=False)
        assert Roster(parts).addresses("supervisor1") == []


def shown(page: Page, web: str) -> list[dict[str, Any]]:
    """What the console's own service worker makes of a call that its push service brings."""
    protocol, found = page.context.new_cdp_session(page), list[str]()
    protocol.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(
            one["registrationId"] for one in event["registrations"] if one["scopeURL"].endswith("/console/")
        ),
    )
    protocol.send("ServiceWorker.enable")
    while not found:
        page.wait_for_timeout(50)
    said = json.dumps({**CALL, "url": f"{web}/console/alerts/a1"})
    protocol.send("ServiceWorker.deliverPushMessage", {"origin": web, "registrationId": found[0], "data": said})
    for _ in range(100):
        if notes := page.evaluate(SHOWN):
            return [{name: one[name] for name in ("tag", "title", "body", "url")} for one in notes]
        page.wait_for_timeout(50)
    raise AssertionError("nothing is shown")
