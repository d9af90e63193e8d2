"""The console as people use it: approve, watch, find, hold, amend; wrong input keeps what was typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from alerts.vocabulary import Action, Kind
from tests.browser.looking import Watched, aside, watched
from tests.browser.screens import tour
from tests.support.cases import amber_case
from tests.support.programmes import FEW, FEW_CHANNELS
from tests.support.running import Running


def waiting(baken: Running, folder: Path) -> str:
    """An alert that waits for approval."""
    alert_id = aside(lambda: baken.start_alert(amber_case(folder, programme=FEW), folder))
    aside(lambda: baken.until_pending(alert_id))
    return alert_id


@pytest.fixture
def live(shared_baken: Running, tmp_path: Path) -> str:
    """One that every channel of its programme shows."""
    alert_id = waiting(shared_baken, tmp_path)
    aside(lambda: shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: shared_baken.until_channels(alert_id, "showing"))
    return alert_id


def stage(watch: Watched, expected: str) -> None:
    expect(watch.page.locator("#stage")).to_have_attribute("data-stage", expected, timeout=20_000)


def test_pages_when_looked_at_neither_clip_nor_fail_nor_exclude(shared_baken: Running, browser: Browser) -> None:
    faults: list[str] = []

    def see(watch: Watched, name: str, width: int) -> None:
        faults.extend(f"{name} at {width}: {fault}" for fault in watch.problems())

    tour(shared_baken, browser, see)
    assert faults == []


def test_alert_when_approved_and_found_in_the_browser_ends_on_every_page(
    shared_baken: Running, browser: Browser, tmp_path: Path
) -> None:
    alert_id = waiting(shared_baken, tmp_path)
    web, here = shared_baken.web, f"/console/alerts/{alert_id}"
    with watched(browser, web) as supervisor, watched(browser, web) as operator, watched(browser, web) as public:
        supervisor.sign_in("supervisor1").open(here).page.locator(".button-approve").click()
        expect(supervisor.page.locator(".govuk-notification-banner--success")).to_be_visible()
        stage(supervisor, "live")
        expect(supervisor.page.locator('[data-state="showing"]')).to_have_count(len(FEW_CHANNELS), timeout=20_000)
        operator.sign_in("operator1").open(here).page.locator(".button-found").click()
        expect(operator.page.locator(".govuk-notification-banner--success")).to_be_visible()
        stage(supervisor, "closing")
        expect(supervisor.page.locator(".moved")).to_be_visible()
        expect(supervisor.page.locator('[data-state="withdrawn"]')).to_have_count(len(FEW_CHANNELS), timeout=20_000)
        public.open(f"/alerts/{alert_id}?lang=nl")
        expect(public.page.locator("main")).to_contain_text("beëindigd")
        assert supervisor.faults == operator.faults == public.faults == []


def test_case_when_typed_wrong_keeps_what_was_typed(shared_baken: Running, browser: Browser, tmp_path: Path) -> None:
    amber_case(tmp_path)
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open("/console/new/exercise").page
        page.locator('[id="children/0/name"]').fill("Noor “Verzonnen”")
        page.locator('[id="children/0/age"]').fill("zeven")
        page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
        page.locator('[id="last_seen/at"]').fill("2026-01-02T03:04")
        page.locator('[id="circumstances"]').fill("Verzonnen.")
        page.get_by_role("button", name="Akkoord vragen").click()
        expect(page.locator(".govuk-error-summary")).to_contain_text("Leeftijd")
        expect(page.locator('[id="children/0/name"]')).to_have_value("Noor “Verzonnen”")
        expect(page.locator('[id="children/0/age"]')).to_have_value("zeven")
        expect(page.locator('[id="children/0/photos"]')).to_contain_text("noor.jpg")
        page.locator('[id="children/0/age"]').fill("7")
        page.locator('[id="public/situation"]').fill("Een meisje is weg.")
        page.get_by_role("button", name="Akkoord vragen").click()
        page.wait_for_url("**/console/exercises/*")
        expect(page.locator("h1")).to_have_text('Oefening: Noor "Verzonnen"')
        expect(page).to_have_title(re.compile("^Oefening: "))
        expect(page.locator(".band__kind")).to_contain_text("Oefening")
        found = page.url.rsplit("/", 1)[1]
    view = aside(lambda: shared_baken.show(found))
    assert view["kind"] == Kind.EXERCISE
    assert len((view["draft"] or view)["case"]["children"][0]["photos"]) == 1


def test_alert_when_held_without_script_goes_dark(shared_baken: Running, browser: Browser, live: str) -> None:
    with watched(browser, shared_baken.web, 360, script=False) as watch:
        watch.sign_in("supervisor1").open(f"/console/alerts/{live}")
        watch.page.get_by_role("button", name="Alles stilzetten").click()
        stage(watch, "held")
        assert shared_baken.get(f"/media/{'0' * 40}").status_code in (404, 410)
        watch.page.locator("#reinstate-reason").fill("Het klopte toch")
        watch.page.get_by_role("button", name="Terugbrengen").click()
        expect(watch.page.locator("#refused")).to_contain_text("een andere supervisor moet het terugbrengen")
        expect(watch.page.locator("#reinstate-reason")).to_have_value("Het klopte toch")


def test_plate_when_chosen_is_taken_off_in_one_step(shared_baken: Running, browser: Browser, live: str) -> None:
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator2").open(f"/console/alerts/{live}").page
        page.get_by_label("Kenteken: VX-123-B").check(force=True)
        page.get_by_role("button", name="Direct weghalen").click()
        expect(page.locator(".govuk-notification-banner--success")).to_be_visible()
    aside(lambda: shared_baken.until(live, lambda view: "vehicles/0/plate" in view["withheld"]))


def test_change_when_asked_for_is_marked_for_the_supervisor(
    shared_baken: Running, browser: Browser, live: str
) -> None:
    with watched(browser, shared_baken.web) as operator, watched(browser, shared_baken.web) as supervisor:
        page = operator.sign_in("operator1").open(f"/console/alerts/{live}/amend").page
        page.locator('[id="children/0/hair"]').fill("zwart")
        page.get_by_role("button", name="Akkoord vragen").click()
        page.wait_for_url("**/console/alerts/*?said=*")
        aside(lambda: shared_baken.until_pending(live, 2))
        page = supervisor.sign_in("supervisor2").open(f"/console/alerts/{live}").page
        expect(page.locator(".facts ins")).to_have_text("[nieuw: zwart]")
        expect(page.locator(".facts del")).to_have_text("[weg: rood]")
        assert operator.faults == supervisor.faults == []


def test_exercise_when_a_screen_shows_it_is_confirmed_by_that_screen(
    shared_baken: Running, browser: Browser, tmp_path: Path
) -> None:
    drill = aside(lambda: shared_baken.start_alert(amber_case(tmp_path), tmp_path, Kind.EXERCISE))
    aside(lambda: shared_baken.until_pending(drill))
    _, said, _ = aside(lambda: shared_baken.cli("screen", "Hal 1", "--exercise"))
    with watched(browser, shared_baken.web) as watch, watched(browser, shared_baken.web) as screen:
        screen.page.goto(said["address"])
        aside(lambda: shared_baken.accepted(drill, Action.APPROVE, "supervisor1"))
        shown = screen.page.locator(f'.screen[data-alert="{drill}"]')
        expect(shown).to_be_visible(timeout=30_000)
        page = watch.sign_in("operator1").open(f"/console/alerts/{drill}").page
        confirmed = page.get_by_text("schermen die zeggen dat zij het tonen: 1")
        expect(confirmed).to_be_visible()
        assert _seen(aside(lambda: shared_baken.show(drill)), "signage") == 1
        aside(lambda: shared_baken.accepted(drill, Action.FOUND, "operator1", content={"confirmed_by": "police"}))
        expect(shown).to_have_count(0)
        expect(confirmed).to_have_count(0)
        assert watch.faults == screen.faults == []


def _seen(view: dict[str, Any], channel: str) -> int:
    return next(int(one["seen"]) for one in view["channels"] if one["channel"] == channel)


def test_page_when_the_connection_is_lost_says_so(shared_baken: Running, browser: Browser, live: str) -> None:
    with watched(browser, shared_baken.web) as watch:
        watch.sign_in("operator1").open(f"/console/alerts/{live}")
        expect(watch.page.locator("#lost")).to_be_hidden()
        watch.page.context.set_offline(True)
        expect(watch.page.locator("#lost")).to_be_visible()


def test_console_when_dark_is_still_readable(shared_baken: Running, browser: Browser, live: str) -> None:
    with watched(browser, shared_baken.web, dark=True) as watch:
        watch.sign_in("operator1", "en")
        for path in ("/console/", f"/console/alerts/{live}", "/console/new/exercise"):
            watch.open(path).check(f"dark {path}")


def test_photo_when_not_kept_in_a_change_is_gone_from_the_next_edition(
    shared_baken: Running, browser: Browser, live: str
) -> None:
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open(f"/console/alerts/{live}/amend").page
        page.locator('[id="children/0/photos/0"]').uncheck(force=True)
        page.get_by_role("button", name="Voertuig toevoegen").click()
        expect(page.locator('[id="children/0/photos/0"]')).not_to_be_checked()
        page.get_by_role("button", name="Akkoord vragen").click()
        page.wait_for_url("**/console/alerts/*?said=*")
    view = aside(lambda: shared_baken.until_pending(live, 2))
    assert view["draft"]["case"]["children"][0]["photos"] == []
    assert len(view["case"]["children"][0]["photos"]) == 1
    assert len(view["draft"]["case"]["vehicles"]) == 1
