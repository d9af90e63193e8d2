"""Notifications of a browser: what was on the wire is shown by the real service worker, replaced, and gone.

Calls to those on duty come the same way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.compose import end_text
from alerts.vocabulary import MessageKind
from simulators.browsers import Browsers
from simulators.http2 import Reply
from starter.duty import on_duty
from starter.parts import Parts, open_parts
from starter.roster import Roster
from store.area_files import import_areas
from store.subscribers import Entry, Subscribers
from tests.browser.looking import WIDTHS, aside, watched
from tests.browser.serving import ALERT, OwnWeb
from tests.structure.files import ROOT
from tests.support.editions import case_document, make_edition
from tests.support.homes import silent_home
from tests.support.push import SECRET, Push, columns, job
from tests.support.waiting import eventually

AREAS = ROOT / "tests" / "fixtures" / "areas" / "gemeenten-synthetic.geojson"
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(
  ({ tag, title, body, image, renotify, data }) => ({ tag, title, body, image, renotify, url: data.url }))"""
SHOW = """async () => (await navigator.serviceWorker.ready).showNotification(
  "Vermist: Noor Voorbeeld", { tag: "a1", data: { url: "/alerts/a1" } })"""
DISMISS = """async () => {
  for (const one of await (await navigator.serviceWorker.ready).getNotifications()) one.close();
}"""
COUNT = """() => {
  const before = inTurn;
  self.taken = 0;
  inTurn = (said) => { self.taken += 1; return before(said); };
}"""
OTHER = (
    b'{"tag": "another", "title": "Another alert", "body": "", "edition": 1, "order": [1, 0, 1, 0], "kind": "alert"}'
)
CALL = {"title": "AMBER Alert: een alert wacht op akkoord", "body": "Lees het en beslis:", "tag": "a1", "lang": "nl"}
PUSH_STUB = """(subscription) => {
  // Stands for the vendor's push service, without which no browser gives a subscription.
  let kept = null;
  const given = (key) => ({
    toJSON: () => JSON.parse(subscription), options: { applicationServerKey: key },
    unsubscribe: async () => { kept = null; return true; },
  });
  PushManager.prototype.getSubscription = async () => kept;
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    const raw = atob(applicationServerKey.replace(/-/g, "+").replace(/_/g, "/"));
    return kept = given(Uint8Array.from(raw, (one) => one.charCodeAt(0)).buffer);
  };
}"""


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A home that says who it is to push services, and knows municipalities."""
    settings = silent_home(tmp_path / "home")
    (settings.home / "config.toml").write_text('[channels.webpush]\ncontact = "mailto:push@baken.example"\n')
    opened = open_parts(settings)
    import_areas(opened.db, AREAS)
    yield opened
    opened.close()


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Push]:
    opened = Push(tmp_path, lambda _: Reply(201))
    yield opened
    opened.close()


class Worker:
    """The real service worker of a page, given messages as the browser's push client would."""

    def __init__(self, page: Page, web: str) -> None:
        self._page, self._web = page, web
        self._protocol = page.context.new_cdp_session(page)
        self._registrations: list[str] = []
        self._protocol.on("ServiceWorker.workerRegistrationUpdated", self._note)
        page.goto(f"{web}/subscribe")
        page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")
        self._protocol.send("ServiceWorker.enable")
        while not (self._registrations and page.context.service_workers):
            page.wait_for_timeout(50)
        (self._worker,) = page.context.service_workers
        self._worker.evaluate(COUNT)

    def _note(self, event: dict[str, Any]) -> None:
        self._registrations += [one["registrationId"] for one in event["registrations"]]

    def given(self, *plaintexts: bytes) -> None:
        """One right after the other; all were dealt with when this returns.

        Only then may somebody look: Chromium forgets one that is being shown when it is asked what it shows.
        """
        taken = self._worker.evaluate("taken") + len(plaintexts)
        for one in plaintexts:
            said = {"origin": self._web, "registrationId": self._registrations[0], "data": one.decode()}
            self._protocol.send("ServiceWorker.deliverPushMessage", said)
        eventually(lambda: self._worker.evaluate("taken") == taken, what="the worker's taking in of all messages")
        self._worker.evaluate("last")

    def dismiss(self) -> None:
        """Wipe away all that is shown."""
        self._page.evaluate(DISMISS)

    def shown(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._page.evaluate(SHOWN)
        return found

    def until(self, *titles: str) -> list[dict[str, Any]]:
        """What is shown once it has just these titles, in any order."""

        found: list[dict[str, Any]] = []

        def just_these() -> bool:
            found[:] = self.shown()
            return sorted(one["title"] for one in found) == sorted(titles)

        try:
            eventually(just_these, what=f"showing {titles}")
        except AssertionError as error:
            error.add_note(f"It shows {found}")
            raise
        return found


@contextmanager
def notified(browser: Browser, web: str) -> Iterator[Worker]:
    context = browser.new_context(permissions=["notifications"], locale="nl-NL")
    context.set_default_timeout(15_000)
    yield Worker(context.new_page(), web)
    context.close()


def on_the_wire(
    push: Push, web: str, kind: MessageKind, number: int = 1, *, revision: int = 1, **changes: Any
) -> bytes:
    """The text of a message that the channel sent to a push service, as its browser's keys opened it."""
    edition = make_edition(case_document(**changes), alert_id=ALERT, number=number)
    ends = {language: end_text(language, None) for language in ("nl", "en")} if kind is MessageKind.CANCEL else None
    shown = push.channel.render(edition, web)
    wave = job(push.channel, edition, alert_id=ALERT, rendition=shown, end_texts=ends, revision=revision)
    message = columns(push.to("r1", kind))
    outcomes = aside(lambda: asyncio.run(push.channel.send(wave, message, lambda: True)))
    assert outcomes == [None]
    return push.browsers.plaintext("r1", push.asked[-1].body)


def test_message_on_the_wire_when_opened_is_shown_replaced_and_gone(
    whole_browser: Browser, own_web: OwnWeb, push: Push
) -> None:
    web = own_web.web
    first = on_the_wire(push, web, MessageKind.ALERT)
    changed = on_the_wire(
        push, web, MessageKind.UPDATE, 2, revision=2, last_seen={"at": "2026-11-24T11:00:00Z", "place": "Zwolle"}
    )
    over = on_the_wire(push, web, MessageKind.CANCEL, 2, revision=3)
    with notified(whole_browser, web) as worker:
        worker.given(first)
        (shown,) = worker.until("Vermist: Noor Voorbeeld (7), Amersfoort")
        assert (shown["tag"], shown["renotify"]) == (ALERT, False)
        assert shown["url"] == f"{web}/alerts/{ALERT}"
        worker.given(changed)
        (shown,) = worker.until("Vermist: Noor Voorbeeld (7), Zwolle")
        assert shown["renotify"]
        worker.given(first, over)  # a push service brought the first one late
        (shown,) = worker.until("AMBER Alert")
        assert shown["body"] == end_text("nl", None)
        assert not shown["image"]
        assert "Noor" not in json.dumps(worker.shown())


@pytest.mark.parametrize(
    ("revision", "dismissed"), [(2, True), (1, False)], ids=["held-and-dismissed", "lease-over-and-left"]
)
def test_show_when_it_comes_after_its_cancel_is_ignored_and_shown_when_reinstated(
    whole_browser: Browser, own_web: OwnWeb, push: Push, revision: int, *, dismissed: bool
) -> None:
    web = own_web.web
    first = on_the_wire(push, web, MessageKind.ALERT)
    over = on_the_wire(push, web, MessageKind.CANCEL, revision=revision)
    again = on_the_wire(push, web, MessageKind.ALERT, revision=3)
    with notified(whole_browser, web) as worker:
        worker.given(first)
        worker.until("Vermist: Noor Voorbeeld (7), Amersfoort")
        worker.given(over)
        worker.until("AMBER Alert")
        ended = ["AMBER Alert"]
        if dismissed:
            worker.dismiss()
            ended = []
        worker.given(first, OTHER)  # a push service brought the first one late
        worker.until(*ended, "Another alert")
        worker.given(again)
        worker.until("Vermist: Noor Voorbeeld (7), Amersfoort", "Another alert")


def test_subscribing_when_a_place_is_chosen_takes_two_clicks_and_one_ends_it(
    whole_browser: Browser, own_web: OwnWeb, parts: Parts
) -> None:
    subscription = Browsers(9, SECRET).subscription("me")
    with watched(whole_browser, own_web.web, 320, worker=True) as watch:
        context = watch.page.context
        watch.page.add_init_script(f"({PUSH_STUB})({json.dumps(subscription)})")
        context.grant_permissions(["notifications"])
        watch.open("/subscribe?lang=nl")
        watch.check("off")
        watch.page.get_by_label("Waar?").select_option(index=1)
        place = watch.page.get_by_label("Waar?").input_value()
        watch.page.get_by_role("button", name="Zet meldingen aan").click()
        watch.page.get_by_text("Meldingen staan aan").wait_for()
        watch.check("on")
        assert subscribed(parts) == [Entry(subscription, "nl", (place,))]
        watch.page.evaluate(f"({SHOW})()")
        watch.page.get_by_role("button", name="Stop de meldingen").click()
        watch.page.get_by_text("Meldingen staan uit").wait_for()
        assert subscribed(parts) == []
        assert watch.page.evaluate(SHOWN) == []
        watch.open("/subscribe?lang=en").check("in English")


def subscribed(parts: Parts) -> list[Entry]:
    subscribers = Subscribers(parts.keys.system_key("subscribers"), "webpush")
    return [entry._replace(since=None) for entry in subscribers.everybody(parts.db)]


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
        assert called(page, own_web.web) == [
            {**{name: CALL[name] for name in ("tag", "title", "body")}, "url": f"{own_web.web}/console/alerts/a1"}
        ]
        Roster(parts).set_browser(on_duty(parts.db, "supervisor1"), subscription, "nl", on=False)
        assert Roster(parts).addresses("supervisor1") == []


def called(page: Page, web: str) -> list[dict[str, Any]]:
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
    notes = eventually(lambda: page.evaluate(SHOWN), what="the call")
    return [{name: one[name] for name in ("tag", "title", "body", "url")} for one in notes]
