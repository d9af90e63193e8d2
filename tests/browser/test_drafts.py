"""A new alert while it is typed: nothing of it is lost, whatever becomes of the browser, the network or the login."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from activities.channels import NAMES
from starter.demo_case import draw_portrait
from starter.parts import Parts
from starter.web.session import COOKIE, LASTS
from store.drafts import Drafts
from store.keys import load_secret
from tests.browser.looking import Watched, aside, until_true, watched
from tests.support.cases import amber_case
from tests.support.running import Running

FORM = "/console/new/actual"
MOST_INTERACTIONS = 15


@pytest.fixture
def operator(browser: Browser, web: str) -> Iterator[Watched]:
    with watched(browser, web) as watch:
        yield watch.sign_in("operator1")


def state(page: Page, expected: str) -> None:
    expect(page.locator("#saved")).to_have_attribute("data-state", expected)


def field(page: Page, name: str) -> str:
    return page.locator(f'[id="{name}"]').input_value()


def fill(page: Page, **said: str) -> None:
    for name, value in said.items():
        page.locator(f'[id="{name.replace("__", "/")}"]').fill(value)


def kept(parts: Parts) -> list[dict[str, str]]:
    return [draft.values for draft in Drafts(parts.db, parts.keys).all("operator1")]


def test_draft_when_the_browser_dies_is_on_the_start_page_until_it_is_deleted(browser: Browser, web: str) -> None:
    with watched(browser, web) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        fill(page, children__0__name="Noor", circumstances="Verzonnen.")
        state(page, "saved")
        assert "Noor" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    with watched(browser, web) as watch:
        page = watch.sign_in("operator1").open("/console/").page
        page.get_by_role("link", name="Noor").click()
        assert (field(page, "children/0/name"), field(page, "circumstances")) == ("Noor", "Verzonnen.")
        watch.open("/console/")
        page.get_by_role("button", name="Verwijderen Noor").click()
        expect(page.get_by_role("link", name="Noor")).to_have_count(0)
        assert watch.faults == []
    with watched(browser, web) as other:
        assert "Noor" not in other.sign_in("operator2").open("/console/").page.content()


def test_form_when_the_network_breaks_keeps_all_and_its_photo_and_saves_them_when_it_is_back(
    operator: Watched, parts: Parts, tmp_path: Path
) -> None:
    draw_portrait(tmp_path / "noor.jpg")
    page = operator.open(FORM).page
    fill(page, children__0__name="Noor")
    state(page, "saved")
    page.context.set_offline(True)
    fill(page, children__0__hair="rood", public__situation="Een meisje is weg.")
    state(page, "lost")
    page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
    expect(page.locator(".drop .saved")).to_contain_text("Nog niet bewaard: noor.jpg")
    page.locator("#send").click()
    expect(page.locator("#not-sent")).to_be_visible()
    assert field(page, "children/0/hair") == "rood"
    page.context.set_offline(False)
    state(page, "saved")
    expect(page.locator(".drafted img")).to_have_count(1)
    expect(page.locator(".drop .saved")).to_be_empty()
    (values,) = aside(lambda: kept(parts))
    assert (values["children/0/hair"], values["public/situation"]) == ("rood", "Een meisje is weg.")


def test_tab_when_it_fell_behind_never_overwrites_the_newer_one_by_itself(operator: Watched, parts: Parts) -> None:
    old = operator.open(FORM).page
    fill(old, children__0__name="Noor")
    state(old, "saved")
    new = old.context.new_page()
    new.goto(old.url)
    fill(new, children__0__name="Noor Nieuw")
    state(new, "saved")
    fill(old, children__0__hair="rood")
    state(old, "stale")
    (values,) = aside(lambda: kept(parts))
    assert values["children/0/name"] == "Noor Nieuw"


def expire(watch: Watched, parts: Parts) -> None:
    """Give the browser the session it has, of a shift ago."""

    class ShiftAgo(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - LASTS - 60

    key = load_secret(parts.settings.paths.secrets / "session.key")
    (cookie,) = [one for one in watch.page.context.cookies() if one["name"] == COOKIE]
    session = URLSafeTimedSerializer(key, salt="console").loads(cookie["value"])
    old = URLSafeTimedSerializer(key, salt="console", signer=ShiftAgo).dumps(session)
    watch.page.context.add_cookies([{"name": COOKIE, "value": str(old), "url": watch.web}])


def test_login_when_it_expires_keeps_what_is_typed_and_goes_on_after_signing_in(
    operator: Watched, parts: Parts
) -> None:
    page = operator.open(FORM).page
    fill(page, children__0__name="Noor")
    state(page, "saved")
    expire(operator, parts)
    fill(page, children__0__hair="rood")
    state(page, "out")
    page.locator("#send").click()
    expect(page.locator("#not-sent")).to_be_visible()
    with page.context.expect_page() as opened:
        page.locator("#sign-in a").click()
    opened.value.locator("button[value=operator1]").click()
    state(page, "saved")
    (values,) = aside(lambda: kept(parts))
    assert values["children/0/hair"] == "rood"


def test_login_when_it_expires_without_script_keeps_what_was_sent(browser: Browser, web: str, parts: Parts) -> None:
    with watched(browser, web, script=False) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        fill(page, children__0__name="Noor", circumstances="Verzonnen.")
        expire(watch, parts)
        page.locator("#send").click()
        page.locator("button[value=operator1]").click()
        assert (field(page, "children/0/name"), field(page, "circumstances")) == ("Noor", "Verzonnen.")


def test_alert_when_it_cannot_be_started_keeps_all_and_may_be_sent_again(operator: Watched, tmp_path: Path) -> None:
    draw_portrait(tmp_path / "noor.jpg")
    page = operator.open(FORM).page
    fill(page, children__0__name="Noor", children__0__age="7", last_seen__at="2026-01-02T03:04", circumstances="-")
    fill(page, public__situation="Een meisje is weg.")
    page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
    expect(page.locator(".drafted img")).to_have_count(1)
    state(page, "saved")
    page.locator("#send").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Temporal", timeout=40_000)
    assert field(page, "children/0/name") == "Noor"
    expect(page.locator(".drafted img")).to_have_count(1)


def test_photo_when_dropped_or_pasted_is_added_and_a_bad_one_is_explained(operator: Watched, tmp_path: Path) -> None:
    draw_portrait(tmp_path / "noor.jpg")
    page = operator.open(FORM).page
    bytes_of = list((tmp_path / "noor.jpg").read_bytes())
    send = """([kind, bytes]) => {
        const data = new DataTransfer()
        data.items.add(new File([new Uint8Array(bytes)], `${kind}.jpg`, {type: 'image/jpeg'}))
        const at = kind === 'paste' ? document : document.querySelector('.drop')
        const event = kind === 'paste' ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true})
          : new DragEvent('drop', {dataTransfer: data, bubbles: true})
        at.dispatchEvent(event)
    }"""
    for n, kind in enumerate(("drop", "paste"), start=1):
        page.evaluate(send, [kind, bytes_of])
        expect(page.locator(".drafted img")).to_have_count(n)
    page.evaluate(send, ["drop", [1, 2, 3]])
    expect(page.locator(".drop .govuk-error-message")).to_be_visible()
    page.get_by_role("button", name="Weghalen drop.jpg").click()
    expect(page.locator(".drafted img")).to_have_count(1)
    until_true(page, "document.getElementById('saved').dataset.state === 'saved'")
    assert operator.faults == []


def test_photo_when_cropped_by_keyboard_is_shown_so_everywhere(
    operator: Watched, parts: Parts, tmp_path: Path
) -> None:
    draw_portrait(tmp_path / "noor.jpg")
    page = operator.open(FORM).page
    page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
    expect(page.locator(".drafted")).to_contain_text("600 x 720")
    page.locator(".drafted summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    slow = {"offline": False, "latency": 600, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    for n in range(8):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300 if n == 3 else 0)  # so that it is asked half-way, and answered at the end
    expect(page.locator(".drafted")).to_contain_text("428 x 428")
    assert page.evaluate("document.activeElement.name").endswith("/near")
    shown = page.request.get(f"{operator.web}{page.locator('.drafted img').get_attribute('src')}")
    assert Image.open(io.BytesIO(shown.body())).size == (428, 428)
    until_true(page, "document.getElementById('saved').dataset.state === 'saved'")
    assert operator.problems() == []
    page.get_by_role("button", name="Alles tonen").click()
    expect(page.locator(".drafted")).to_contain_text("600 x 720")


def test_criteria_when_typed_are_judged_and_the_programme_that_fits_is_one_press_away(operator: Watched) -> None:
    page = operator.open(FORM).page
    minor = page.locator(".brief li", has_text="Jonger dan 18")
    expect(minor).to_have_class("criterion-unknown")
    fill(page, children__0__name="Noor", children__0__age="19")
    expect(minor).to_have_class("criterion-not_met")
    page.get_by_role("button", name="Neem Burgernet").click()
    expect(page.locator("#programme")).to_have_value("burgernet")
    expect(page.locator(".brief li", has_text="lokaal gebied")).to_have_count(1)
    expect(minor).to_have_count(0)
    page.locator(".brief summary").first.click()
    fill(page, children__0__hair="rood")
    state(page, "saved")
    expect(page.locator(".brief details[open]")).to_have_count(1)
    assert operator.faults == []


def test_preview_when_a_text_does_not_fit_says_where_and_shows_what_becomes_of_it(
    operator: Watched, tmp_path: Path
) -> None:
    page = operator.open(FORM).page
    channel = {name: page.locator(f"#preview-{name}") for name in NAMES}
    fill(page, children__0__name="Noor", last_seen__place="Ede", public__situation="Een meisje is weg. " * 60)
    expect(page.locator(".reads__headline")).to_have_text("Vermist: Noor, Ede")
    expect(channel["sms"].locator("summary")).to_contain_text("let op: 3")
    for one in channel.values():
        one.locator("summary").click()
    expect(channel["sms"]).to_contain_text("de tekst (nl) wordt afgebroken: er is in totaal plaats voor 612 tekens")
    expect(channel["sms"]).to_contain_text("er is geen tekst (en) geschreven")
    expect(channel["sms"]).to_contain_text("4 delen per telefoon, GSM-7")
    expect(channel["app"]).to_contain_text("er is geen foto om te tonen")
    expect(channel["cap"].locator("pre")).to_contain_text("<headline>Vermist: Noor, Ede</headline>")
    draw_portrait(tmp_path / "noor.jpg")
    fill(page, public__situation="Een meisje is weg.", public__body__en="A girl is missing.")
    page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
    expect(page.locator("#beside .trouble-said")).to_have_count(0)
    expect(channel["email"]).to_have_attribute("open", "")
    mail = channel["email"].locator("iframe").first.get_attribute("src")
    answer = page.request.get(f"{operator.web}{mail}")
    assert re.search(r'src="data:image/jpeg;base64,/9j/', answer.text())
    assert "sandbox" in answer.headers["content-security-policy"]
    page.evaluate("document.querySelector('.beside').scrollTo(0, 0)")
    assert operator.problems() == []


def test_draft_when_sent_through_the_door_of_another_kind_is_refused(operator: Watched, parts: Parts) -> None:
    page = operator.open("/console/new/exercise").page
    fill(page, children__0__name="Noor")
    state(page, "saved")
    page.evaluate("document.getElementById('case-form').setAttribute('action', '/console/new/actual')")
    page.locator("#send").click()
    expect(page.locator("main")).to_contain_text("exercise")
    assert page.locator("#case-form").count() == 0
    assert [draft.door for draft in Drafts(parts.db, parts.keys).all("operator1")] == ["exercise"]


class Counting:
    """A hand on the form: every press and choice is counted, typing and the photo are not."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.interactions = 0

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f'[id="{name}"]').select_option(value)
        self.interactions += 1

    def send_twice(self) -> None:
        """As nervous fingers do; a double click is one."""
        self.page.locator("#send").dblclick()
        self.interactions += 1


def test_alert_when_started_from_an_empty_form_takes_few_presses_and_starts_once(
    shared_baken: Running, browser: Browser, tmp_path: Path
) -> None:
    amber_case(tmp_path)
    before = len(aside(lambda: shared_baken.ask(lambda baken: baken.list())))
    with watched(browser, shared_baken.web) as watch:
        page = watch.sign_in("operator1").open("/console/new/exercise").page
        hand = Counting(page)
        fill(page, children__0__name="Tess Telling", children__0__age="7", children__0__hair="rood")
        page.locator('[id="children/0/photos/0/file"]').set_input_files(tmp_path / "noor.jpg")
        fill(page, last_seen__at="2026-01-02T03:04", last_seen__place="Ede", circumstances="Verzonnen.")
        fill(page, public__situation="Een meisje is weg.", publicity__given_by="moeder")
        hand.choose("children/0/gender", "girl")
        hand.choose("assessment/abducted_by_unknown", "yes")
        hand.choose("assessment/life_in_danger", "yes")
        hand.choose("assessment/relation", "stranger")
        hand.choose("publicity/basis", "parent")
        expect(page.locator(".drafted img")).to_have_count(1)
        expect(page.locator(".brief .criterion-met")).to_have_count(6)
        form = page.url
        hand.send_twice()
        page.wait_for_url("**/console/exercises/*")
        assert hand.interactions == 6 <= MOST_INTERACTIONS  # docs/console.md has the figure
        alert = page.url
        page.go_back()
        page.goto(form)
        assert page.url == alert
        watch.open("/console/new/exercise")
        fill(page, children__0__name="tess telling")
        expect(page.locator(".same a")).to_have_attribute("href", alert.removeprefix(shared_baken.web))
        assert watch.faults == []
    assert len(aside(lambda: shared_baken.ask(lambda baken: baken.list()))) == before + 1
