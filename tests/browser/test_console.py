"""The console as people use it: approve, watch, find, hold, amend; wrong input keeps what was typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from alerts.vocabulary import Action, Kind
from tests.browser.looking import WIDTHS, Watched, aside, until_true, watched
from tests.browser.screens import tour
from tests.browser.serving import start_waiting
from tests.support.cases import amber_case
from tests.support.programmes import AIRED, PAGE
from tests.support.running import Running

APART = """() => Math.min(...[...document.querySelectorAll('.takes button, .button-found')].flatMap(one =>
  [...document.querySelectorAll('.adds button, .adds a.govuk-button')].map(other => {
    const a = one.getBoundingClientRect(), b = other.getBoundingClientRect()
    if (!a.width || !b.width) return Infinity
    return Math.max(b.top - a.bottom, a.top - b.bottom, b.left - a.right, a.left - b.right)
  })))"""
"""Pixels between the nearest two buttons of which one takes away and the other adds."""
HEAR = """() => {
  const news = document.getElementById('news')
  window.said = []
  new MutationObserver(() => window.said.push(news.textContent)).observe(news, { childList: true })
}"""
"""Keep all that is read out in `said`: the next news may take its place at once."""


@pytest.fixture
def live(shared_baken: Running, tmp_path: Path) -> str:
    """One that every channel of its programme shows."""
    alert_id = start_waiting(shared_baken, tmp_path)
    aside(lambda: shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: shared_baken.until_channels(alert_id, "showing"))
    return alert_id


@pytest.fixture(scope="module")
def steady(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that is live, for tests that only look and the one after them."""
    alert_id = start_waiting(shared_baken, tmp_path_factory.mktemp("steady"))
    aside(lambda: shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: shared_baken.until_channels(alert_id, "showing"))
    return alert_id


def stage(watch: Watched, expected: str) -> None:
    expect(watch.page.locator("#stage")).to_have_attribute("data-stage", expected, timeout=20_000)


@pytest.mark.timeout(400)  # each page there is
def test_pages_when_looked_at_neither_clip_nor_fail_nor_exclude(shared_baken: Running, browser: Browser) -> None:
    faults: list[str] = []

    def see(watch: Watched, name: str, width: int) -> None:
        narrow = width == WIDTHS[0]
        found = [*watch.problems(contrast=narrow), *(watch.dark() if narrow else [])]
        faults.extend(f"{name} at {width}: {fault}" for fault in found)

    tour(shared_baken, browser, see)
    assert faults == []


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
        page.locator("#programme").select_option(PAGE)
        page.get_by_role("button", name="Akkoord vragen").click()
        page.wait_for_url("**/console/exercises/*")
        expect(page.locator("h1")).to_have_text('Oefening: Noor "Verzonnen"')
        expect(page).to_have_title(re.compile("^Oefening: "))
        expect(page.locator(".band__kind")).to_contain_text("Oefening")
        found = page.url.rsplit("/", 1)[1]
    view = aside(lambda: shared_baken.show(found))
    assert view["kind"] == Kind.EXERCISE
    assert len((view["draft"] or view)["case"]["children"][0]["photos"]) == 1


def test_plate_when_chosen_is_taken_off_in_one_step_and_all_goes_dark_when_held_without_script(
    shared_baken: Running, browser: Browser, live: str
) -> None:
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator2").open(f"/console/alerts/{live}").page
        page.get_by_role("button", name="Haal weg: Kenteken: VX-123-B").click()
        expect(page.locator(".govuk-notification-banner--success")).to_be_visible()
    aside(lambda: shared_baken.until(live, lambda view: "vehicles/0/plate" in view["withheld"]))
    with watched(browser, shared_baken.web, 360, script=False) as watch:
        watch.sign_in("supervisor1").open(f"/console/alerts/{live}")
        watch.page.get_by_role("button", name="Alles stilzetten").click()
        stage(watch, "held")
        assert shared_baken.get(f"/media/{'0' * 40}").status_code in (404, 410)
        watch.page.locator("#reinstate-reason").fill("Het klopte toch")
        watch.page.get_by_role("button", name="Terugbrengen").click()
        expect(watch.page.locator("#refused")).to_contain_text("een andere supervisor moet het terugbrengen")
        expect(watch.page.locator("#reinstate-reason")).to_have_value("Het klopte toch")


def test_change_is_kept_while_the_login_ended_and_marked_for_the_supervisor_and_a_photo_not_kept_is_gone(
    shared_baken: Running, browser: Browser, live: str
) -> None:
    with watched(browser, shared_baken.web) as operator, watched(browser, shared_baken.web) as supervisor:
        page = operator.sign_in("operator1").open(f"/console/alerts/{live}/amend").page
        page.locator('[id="children/0/hair"]').fill("zwart")
        page.locator('[id="children/0/photos/0"]').uncheck(force=True)
        page.get_by_role("button", name="Voertuig toevoegen").click()
        expect(page.locator('[id="vehicles/1/plate"]')).to_be_visible()
        expect(page.locator('[id="children/0/photos/0"]')).not_to_be_checked()
        assert operator.faults == []
        page.context.set_offline(True)
        page.locator("#send").click()
        expect(page.locator("#unsent")).to_contain_text("geen verbinding")
        page.context.set_offline(False)
        _signed_out_and_in(page, page.locator("#send"), "operator1")
        expect(page.locator(".govuk-notification-banner--success")).to_contain_text("Gewijzigd")
        view = aside(lambda: shared_baken.until_pending(live, 2))
        shown = supervisor.sign_in("supervisor2").open(f"/console/alerts/{live}").page
        expect(shown.locator(".facts ins", has_text="zwart")).to_have_text("[nieuw: zwart]")
        expect(shown.locator(".facts del", has_text="rood")).to_have_text("[weg: rood]")
        assert supervisor.faults == []
        page.locator("#hold-reason").fill("Verkeerde foto")
        _signed_out_and_in(page, page.get_by_role("button", name="Alles stilzetten"), "operator1")
        stage(operator, "held")
    assert view["draft"]["case"]["children"][0]["hair"] == "zwart"
    assert view["draft"]["case"]["children"][0]["photos"] == []
    assert len(view["case"]["children"][0]["photos"]) == 1
    assert len(view["draft"]["case"]["vehicles"]) == 1
    assert aside(lambda: shared_baken.show(live))["held"]["reason"] == "Verkeerde foto"


def _signed_out_and_in(page: Page, button: Locator, user: str) -> None:
    """The button says that the login ended; it does its work once one signed in again in another tab."""
    page.context.clear_cookies()
    button.click()
    expect(page.locator("#unsent")).to_contain_text("uitgelogd")
    with page.context.expect_page() as opened:
        page.locator("#unsent a").click()
    opened.value.locator(f"button[value={user}]").click()
    opened.value.wait_for_url("**/console/")
    opened.value.close()
    button.click()


def test_exercise_when_a_screen_shows_it_is_confirmed_by_that_screen(
    shared_baken: Running, browser: Browser, tmp_path: Path
) -> None:
    drill = aside(lambda: shared_baken.start_alert(amber_case(tmp_path, programme=AIRED), tmp_path, Kind.EXERCISE))
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


def test_keys_when_pressed_bring_to_places_can_be_switched_off_and_do_nothing_while_typing(
    shared_baken: Running, browser: Browser, steady: str
) -> None:
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open(f"/console/alerts/{steady}").page
        focused = "document.activeElement.dataset.key || document.activeElement.id"
        page.keyboard.press("f")
        assert page.evaluate(focused) == "f"
        page.keyboard.press("?")
        expect(page.locator("#shortcuts")).to_be_visible()
        assert page.evaluate("document.querySelector('#shortcuts').contains(document.activeElement)")
        page.get_by_label("Losse toetsen werken op deze computer").uncheck(force=True)
        page.keyboard.press("Escape")
        expect(page.locator("#shortcuts")).to_be_hidden()
        assert page.evaluate(focused) == "f"
        page.keyboard.press("c")
        assert page.evaluate(focused) == "f"
        page.get_by_role("button", name="Sneltoetsen").click()
        page.get_by_label("Losse toetsen werken op deze computer").check(force=True)
        page.get_by_role("button", name="Sluiten").click()
        page.locator("#hold-reason").fill("")
        page.keyboard.type("af?")
        expect(page.locator("#hold-reason")).to_have_value("af?")
        expect(page.locator("#shortcuts")).to_be_hidden()
        stage(watch, "live")
        assert watch.faults == []


def test_opposite_buttons_are_never_beside_each_other(shared_baken: Running, browser: Browser, steady: str) -> None:
    """What takes away and what adds each have a place of their own, apart from the other, and found comes first."""
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open(f"/console/alerts/{steady}").page
        assert page.evaluate("document.querySelector('main button').classList.contains('button-found')")
        for taking in page.locator(".takes button").all():
            assert taking.evaluate("one => !one.closest('.adds')")
        assert page.evaluate(APART) > 24
        expect(page.locator(".adds").first).to_contain_text("supervisor1, supervisor2")


def test_page_when_others_act_stays_as_it_is_and_one_that_lost_its_connection_says_so_and_catches_up(
    shared_baken: Running, browser: Browser, steady: str
) -> None:
    """What was typed, the focus and open details are kept, and only what matters is said."""
    with watched(browser, shared_baken.web) as watch, watched(browser, shared_baken.web) as beside:
        other = beside.sign_in("operator1").open(f"/console/alerts/{steady}").page
        until_true(other, "document.readyState === 'complete'")
        other.locator("#live details summary").first.focus()
        other.keyboard.press("Enter")
        page = watch.sign_in("operator1").open(f"/console/alerts/{steady}").page
        expect(page.locator("#lost")).to_be_hidden()
        page.locator("#hold-reason").fill("Verkeerde foto")
        page.context.set_offline(True)
        expect(page.locator("#lost")).to_be_visible()
        expect(page.locator("#heard")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
        page.get_by_role("button", name="Alles stilzetten").click()
        expect(page.locator("#unsent")).to_be_visible()
        aside(lambda: shared_baken.accepted(steady, Action.KEEP, "operator2"))
        expect(other.locator(".rulings li")).to_have_count(2)
        assert other.evaluate("document.activeElement.closest('details').open")
        expect(other.locator("#news")).to_be_empty()
        other.evaluate(HEAR)
        expect(page.locator(".rulings li")).to_have_count(1)
        page.context.set_offline(False)
        expect(page.locator(".rulings li")).to_have_count(2, timeout=20_000)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#news")).to_contain_text("De verbinding is terug")
        page.get_by_role("button", name="Alles stilzetten").dblclick()
        stage(watch, "held")
        until_true(other, "said.some(words => words.includes('De fase is nu: Stilgezet'))")
        assert other.evaluate("document.activeElement.closest('details').open")
        assert beside.faults == []
    view = aside(lambda: shared_baken.show(steady))
    assert view["held"]["reason"] == "Verkeerde foto"
    assert [one["action"] for one in view["rulings"]] == ["approve", "keep", "hold"]
