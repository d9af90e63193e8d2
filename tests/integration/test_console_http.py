"""What the web process answers to programs at its edges: codec, readiness, figures, and forms from elsewhere."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
from temporalio.client import Client

from alerts.vocabulary import Action, Kind
from starter.begin import read_tokens
from starter.settings import load_settings
from starter.web.case_form import values_of
from tests.support.cases import amber_case
from tests.support.programmes import FEW, PAGE
from tests.support.running import Running
from tests.support.waiting import eventually

CHILD = "Noor Voorbeeld"


def until_waiting(running: Running, folder: Path, programme: str, kind: Kind = Kind.ACTUAL) -> str:
    """An alert that waits for its approval, all its channels ready; the id."""
    alert_id = running.start_alert(amber_case(folder, programme=programme), folder, kind)
    running.until(alert_id, _all_armed, what="every channel armed")
    return alert_id


def _all_armed(view: dict[str, Any]) -> bool:
    return bool(view["pending"]) and len(view["pending"]["arms"]) == len(view["pending"]["channels"])


@pytest.fixture(scope="module")
def waiting(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One on all channels, that many tests look at and all leave as it is."""
    return until_waiting(shared_baken, tmp_path_factory.mktemp("waiting"), "amber")


@pytest.fixture(scope="module")
def cancelled(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that was cancelled by a form that came twice."""
    alert_id = until_waiting(shared_baken, tmp_path_factory.mktemp("cancelled"), PAGE)
    with visitor(shared_baken, "operator1") as client:
        token = token_of(client.get(f"/console/alerts/{alert_id}").text)
        said = {"token": token, "id": "0123456789abcdef", "why": "error", "reason": "Vergissing"}
        answers = [client.post(f"/console/alerts/{alert_id}/cancel", data=said) for _ in range(2)]
    assert answers[0].status_code == 303
    return alert_id


@pytest.fixture(scope="module")
def sent(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str | None, str | None]:
    """One that is shown: the id, and what its page said of mail while the server was away and once it was back."""
    alert_id = until_waiting(shared_baken, tmp_path_factory.mktemp("sent"), FEW)
    shared_baken.fault("email", "down", 60)
    try:
        shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1")
        with visitor(shared_baken, "operator1") as client:
            away = eventually(lambda: _trouble_of(client, alert_id, "email"), within=30, what="trouble with mail")
            shared_baken.clear_faults()
            shared_baken.until_channels(alert_id, "showing", within=30)
            return alert_id, away, _trouble_of(client, alert_id, "email")
    finally:
        shared_baken.clear_faults()


@pytest.fixture
def own_alert(shared_baken: Running, tmp_path: Path) -> str:
    """One that a test may end."""
    return until_waiting(shared_baken, tmp_path, PAGE)


@contextmanager
def visitor(running: Running, user: str | None = None) -> Iterator[httpx.Client]:
    """A browser without script; signed in when a user is named."""
    with httpx.Client(base_url=running.web, trust_env=False, verify=False, timeout=10) as client:
        if user:
            assert client.post("/console/login", data={"user": user, "next": "/console/"}).status_code == 303
        yield client


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


async def start_payload(running: Running, alert_id: str) -> dict[str, Any]:
    """The encrypted input of an alert's workflow, as its history has it."""
    run = load_settings({}, home=running.home).run_info()
    client = await Client.connect(run.temporal, namespace=run.namespace)
    async for event in client.get_workflow_handle(f"alert-{alert_id}").fetch_history_events():
        payload = event.workflow_execution_started_event_attributes.input.payloads[0]
        metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
        return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}
    raise AssertionError("no history")


def opened(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [base64.b64decode(one["data"]).decode() for one in answer.json()["payloads"]]


async def test_codec_when_asked_by_an_engineer_opens_and_by_others_does_not(
    shared_baken: Running, waiting: str
) -> None:
    payloads = {"payloads": [await start_payload(shared_baken, waiting)]}
    for user in (None, "operator1", "supervisor1"):
        with visitor(shared_baken, user) as client:
            assert client.post("/codec/decode", json=payloads).status_code == 401
    with visitor(shared_baken, "engineer1") as client:
        assert CHILD in opened(client.post("/codec/decode", json=payloads))[0]
        elsewhere = {"origin": "https://elsewhere.example"}
        assert client.post("/codec/decode", json=payloads, headers=elsewhere).status_code == 401


async def test_codec_when_asked_with_an_engineers_token_opens(shared_baken: Running, waiting: str) -> None:
    tokens = {user: token for token, user in read_tokens(load_settings({}, home=shared_baken.home)).items()}
    payloads = {"payloads": [await start_payload(shared_baken, waiting)]}
    with visitor(shared_baken) as client:
        statuses = {
            user: client.post(
                "/codec/decode", json=payloads, headers={"authorization": f"Bearer {tokens[user]}"}
            ).status_code
            for user in ("engineer1", "operator1")
        }
    assert statuses == {"engineer1": 200, "operator1": 401}


async def test_codec_when_a_payload_is_bad_answers_a_tombstone_and_opens_the_rest(
    shared_baken: Running, waiting: str
) -> None:
    good = await start_payload(shared_baken, waiting)
    bad = {**good, "data": base64.b64encode(b"garbage").decode()}
    other = {**good, "metadata": {**good["metadata"], "key-id": base64.b64encode(b"alert-nobody").decode()}}
    with visitor(shared_baken, "engineer1") as client:
        texts = opened(client.post("/codec/decode", json={"payloads": [bad, other, good]}))
    assert [json.loads(text) for text in texts[:2]] == ["[not readable]", "[key destroyed]"]
    assert CHILD in texts[2]


def test_codec_when_the_temporal_ui_asks_allows_its_origin_alone(shared_baken: Running) -> None:
    ui = load_settings({}, home=shared_baken.home).run_info().temporal_ui
    with visitor(shared_baken) as client:
        answers = [client.options("/codec/decode", headers={"origin": origin}) for origin in (ui, "https://x.example")]
    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [ui, None]
    assert answers[0].headers["access-control-allow-credentials"] == "true"


def test_history_when_an_engineer_asks_is_one_click_away(shared_baken: Running, waiting: str) -> None:
    with visitor(shared_baken, "engineer1") as client:
        here = f"/console/alerts/{waiting}/temporal"
        address = client.get(here).headers["location"]
        assert f"/workflows/alert-{waiting}/" in address
        assert httpx.get(address, trust_env=False, verify=False).status_code == 200
    with visitor(shared_baken, "operator1") as client:
        assert client.get(here).status_code == 403


def test_approval_page_when_text_messages_wait_tells_their_parts_and_cost(shared_baken: Running, waiting: str) -> None:
    with visitor(shared_baken, "supervisor1") as client:
        page = client.get(f"/console/alerts/{waiting}").text
    told = re.search(r'aria-label="SMS: Delen en kosten \(nl\)">([^<]+)<', page)
    assert told
    assert re.fullmatch(r"2 delen per telefoon, GSM-7, \d+/306; 2 x € 0\.08 = € 0\.16", told[1])
    assert "SMS, ontvangers: 40" in page


def test_area_when_widened_is_said_to_who_approves_and_one_abroad_is_refused(
    shared_baken: Running, tmp_path: Path
) -> None:
    area = {"circle": {"lat": 52.1561, "lon": 5.3878, "radius_m": 10_000}}
    alert_id = shared_baken.start_alert(amber_case(tmp_path, programme=PAGE, area=area), tmp_path)
    shared_baken.until_pending(alert_id)
    shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    here = f"/console/alerts/{alert_id}"
    with visitor(shared_baken, "operator1") as client:
        page = client.get(f"{here}/amend").text
        filled = {**values_of(shared_baken.show(alert_id)["case"]), "token": token_of(page)}
        refused = client.post(f"{here}/amend", data={**filled, "area/circle/lat": "48.85"})
        assert refused.status_code == 422
        assert "ligt helemaal buiten Nederland; het gebied moet het land raken" in refused.text
        wider = {**filled, "area/circle/radius_m": "20000"}
        reach = client.post("/console/areas/reach", data={**wider, "area/was": json.dumps(area)})
        assert "Groter dan wat eerst gekozen was: ongeveer" in reach.text
        assert client.post(f"{here}/amend", data=wider).status_code == 303
    shared_baken.until_pending(alert_id, 2)
    with visitor(shared_baken, "supervisor2") as client:
        page = client.get(here).text
    assert re.search(r'data-more="[1-9]\d+">Groter dan wat live is: ongeveer [\d.]+ mensen meer', page)
    assert "een grove schatting" in page
    assert "CBS, Kerncijfers wijken en buurten 2023 (CC BY 4.0); naar aandeel in het oppervlak van het land" in page


def test_readyz_when_all_is_well_says_so(shared_baken: Running, waiting: str) -> None:
    assert shared_baken.get("/readyz").json() == {"ready": True, "problems": []}


def test_metrics_when_read_hold_figures_and_no_names(shared_baken: Running, waiting: str) -> None:
    text = shared_baken.get("/metrics").text
    assert re.search(r'^baken_alerts\{stage="awaiting_approval",kind="actual"\} [1-9]', text, re.MULTILINE)
    assert re.search(r"^baken_outbox_depth \d+$", text, re.MULTILINE)
    assert waiting not in text
    assert "operator" not in text
    assert CHILD not in text


def test_page_when_nobody_is_signed_in_leads_to_the_door(shared_baken: Running, waiting: str) -> None:
    answer = shared_baken.get(f"/console/alerts/{waiting}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/console/login?next=/console/alerts/{waiting}"


def test_session_when_forged_is_nobody(shared_baken: Running) -> None:
    with visitor(shared_baken, "operator1") as client:
        real = client.cookies["baken_session"]
    pages = [
        httpx.get(f"{shared_baken.web}/console/", cookies={"baken_session": cookie}, trust_env=False, verify=False)
        for cookie in (real, real[:-3] + "AAA", "")
    ]
    assert [page.status_code for page in pages] == [200, 303, 303]


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}, {"origin": "null"}]
)
def test_form_when_another_site_sends_it_changes_nothing(
    shared_baken: Running, waiting: str, headers: dict[str, str]
) -> None:
    with visitor(shared_baken, "operator1") as client:
        page = client.get(f"/console/alerts/{waiting}").text
        said = {"token": token_of(page), "why": "error", "reason": "x"}
        answer = client.post(f"/console/alerts/{waiting}/cancel", data=said, headers=headers)
    assert answer.status_code == 403
    assert shared_baken.show(waiting)["rulings"] == []


def test_form_when_its_token_is_of_another_session_changes_nothing(shared_baken: Running, waiting: str) -> None:
    with visitor(shared_baken, "operator1") as client, visitor(shared_baken, "operator2") as other:
        token = token_of(other.get("/console/").text)
        answer = client.post(f"/console/alerts/{waiting}/found", data={"token": token})
    assert answer.status_code == 403
    assert shared_baken.show(waiting)["rulings"] == []


def test_command_when_its_form_is_sent_twice_has_one_effect(shared_baken: Running, cancelled: str) -> None:
    rulings = shared_baken.show(cancelled)["rulings"]
    assert [ruling["action"] for ruling in rulings] == ["cancel"]


def test_operator_when_sending_the_supervisors_form_is_refused(shared_baken: Running, waiting: str) -> None:
    with visitor(shared_baken, "operator1") as client:
        token = token_of(client.get(f"/console/alerts/{waiting}").text)
        digest = shared_baken.show(waiting)["pending"]["digest"]
        answer = client.post(f"/console/alerts/{waiting}/approve", data={"token": token, "digest": digest})
    assert answer.status_code == 403
    assert shared_baken.show(waiting)["stage"] == "awaiting_approval"


def test_door_when_told_to_go_elsewhere_stays_in_the_console(shared_baken: Running) -> None:
    with visitor(shared_baken) as client:
        for outside in ("https://elsewhere.example/", "//elsewhere.example", "/console/\\\\elsewhere"):
            answer = client.post("/console/login", data={"user": "operator1", "next": outside})
            assert answer.headers["location"] == "/console/"


def test_piece_when_shown_in_a_frame_may_load_nothing_else(shared_baken: Running, waiting: str) -> None:
    digest = shared_baken.show(waiting)["pending"]["edition_digest"]
    with visitor(shared_baken, "supervisor1") as client:
        answer = eventually(
            lambda: client.get(f"/console/alerts/{waiting}/pieces/{digest}/email/html.nl"), what="the mail"
        )
    assert CHILD in answer.text
    assert "data:image/jpeg;base64," in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert shared_baken.get(f"/console/alerts/{waiting}/pieces/{digest}/email/html.nl").status_code == 303


def test_readyz_when_temporal_is_stopped_says_so_and_the_page_too(shared_baken: Running) -> None:
    (server,) = shared_baken.pids("start-dev")
    os.kill(server, signal.SIGSTOP)
    try:
        eventually(lambda: shared_baken.get("/readyz").status_code == 503, what="the watchdog")
        assert "Temporal" in shared_baken.get("/readyz").json()["problems"][0]
        with visitor(shared_baken, "operator1") as client:
            assert "Temporal" in client.get("/console/").text
    finally:
        os.kill(server, signal.SIGCONT)
    eventually(lambda: shared_baken.get("/readyz").status_code == 200, what="readiness")


def test_list_when_an_alert_is_an_exercise_shows_it_apart(shared_baken: Running, cancelled: str) -> None:
    with visitor(shared_baken, "operator1") as client:
        page = client.get("/console/").text
    assert page.index('class="drills"') > page.index(cancelled)


@pytest.mark.parametrize(
    ("kind", "place", "sentence", "button"),
    [
        (Kind.ACTUAL, "alerts", "Dit is echt.", "Akkoord en versturen"),
        (Kind.EXERCISE, "exercises", "Dit is een oefening.", "Akkoord met de oefening"),
    ],
)
def test_kinds_when_approved_differ_in_address_words_and_confirmation(
    shared_baken: Running, waiting: str, tmp_path: Path, kind: Kind, place: str, sentence: str, button: str
) -> None:
    alert_id = waiting if kind is Kind.ACTUAL else until_waiting(shared_baken, tmp_path, FEW, kind)
    with visitor(shared_baken, "supervisor1") as client:
        for wrong in {"alerts", "exercises", "tests"} - {place}:
            answer = client.get(f"/console/{wrong}/{alert_id}?said=x")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/console/{place}/{alert_id}?said=x")
        page = client.get(f"/console/{place}/{alert_id}").text
    assert sentence in page
    assert button in page
    assert f'action="/console/{place}/{alert_id}/approve"' in page
    assert ("<title>Oefening: " in page) == (kind is Kind.EXERCISE)
    assert ("Tegenpartijen voor oefeningen, en niemand anders: Oefenredactie" in page) == (kind is Kind.EXERCISE)
    assert shared_baken.show(alert_id)["url"].endswith(f"/console/{place}/{alert_id}")


def test_public_test_when_approved_in_the_console_wants_the_word_and_two_supervisors_and_shows_no_child(
    shared_baken: Running, tmp_path: Path
) -> None:
    alert_id = until_waiting(shared_baken, tmp_path, FEW, Kind.PUBLIC_TEST)
    digest, here = shared_baken.show(alert_id)["pending"]["digest"], f"/console/tests/{alert_id}"
    for user in ("supervisor1", "supervisor2"):
        with visitor(shared_baken, user) as client:
            page = client.get(here).text
            assert "<title>Openbare test: " in page
            said = {"token": token_of(page), "digest": digest}
            assert client.post(f"{here}/approve", data=said).status_code == 409
            assert client.post(f"{here}/approve", data={**said, "typed": "test"}).status_code == 303
        if user == "supervisor1":
            again = shared_baken.command(alert_id, Action.APPROVE, user)
            assert again is not None
            assert not again.accepted
            once = shared_baken.show(alert_id)
            assert (once["stage"], once["pending"]["approvals"]) == ("awaiting_approval", [user])
    shared_baken.until_channels(alert_id, "showing")
    page = shared_baken.get(f"/alerts/{alert_id}").text
    assert "<title>TEST" in page
    assert CHILD.split(maxsplit=1)[0] not in page
    assert "/media/" not in page
    shared_baken.accepted(alert_id, Action.CANCEL, "operator1", reason="klaar", content={"why": "error"})
    shared_baken.until_channels(alert_id, "withdrawn")
    assert "door een fout verstuurd" in shared_baken.get(f"/alerts/{alert_id}").text
    told = shared_baken.received(alert_id, "email", "cancel")
    assert len(told) == len(shared_baken.received(alert_id, "email", "alert"))


def test_live_page_when_a_counterpart_is_away_says_what_baken_does_and_then_no_more(
    sent: tuple[str, str | None, str | None],
) -> None:
    _, away, back = sent
    assert away is not None
    assert re.match(r"De mailserver antwoordt niet\. Baken probeert het over [1248] s weer", away)
    assert "De andere kanalen lopen geen vertraging op." in away
    assert "does not answer (SMTPConnectError)" in away
    assert back is None


def _trouble_of(client: httpx.Client, alert_id: str, channel: str) -> str | None:
    page = client.get(f"/console/alerts/{alert_id}").text
    found = re.search(rf'id="trouble-{channel}"><td[^>]*><strong>[^<]*</strong>: (.*?)</td>', page, re.DOTALL)
    return found[1] if found else None


def test_events_when_an_alert_changes_tell_every_page_in_its_language(shared_baken: Running, own_alert: str) -> None:
    with visitor(shared_baken, "operator1") as dutch, visitor(shared_baken, "operator2") as english:
        english.get("/console/language?lang=en")
        here = f"/console/alerts/{own_alert}/events"
        with dutch.stream("GET", here, timeout=30) as first, english.stream("GET", here, timeout=30) as second:
            lines = [first.iter_lines(), second.iter_lines()]
            for one in lines:
                assert next(one) == "event: live"
            shared_baken.accepted(own_alert, Action.CANCEL, "operator1", reason="Nee", content={"why": "error"})
            said = [_until_news(one) for one in lines]
            assert [list(one)[-3] for one in lines] == ["event: done"] * 2
    assert said[0].startswith("De fase is nu: Gesloten.")
    assert said[1].startswith("The stage is now: Closed.")


def _until_news(lines: Iterator[str]) -> str:
    event = next(line for line in lines if line == "event: news")
    return next(lines).removeprefix("data: ") if event else ""


def test_report_when_an_alert_was_sent_has_its_figures_alike_everywhere_and_nothing_of_the_child(
    shared_baken: Running, sent: tuple[str, str | None, str | None]
) -> None:
    alert_id = sent[0]
    shared_baken.accepted(alert_id, Action.FOUND, "operator2", content={"confirmed_by": "police"})
    shared_baken.until_channels(alert_id, "withdrawn")
    code, printed, _ = shared_baken.cli("alert", "report", alert_id)
    with visitor(shared_baken, "operator1") as client:
        here = f"/console/alerts/{alert_id}/report"
        page, document, pdf = client.get(here), client.get(f"{here}.json"), client.get(f"{here}.pdf")
    assert (code, [one.status_code for one in (page, document, pdf)]) == (0, [200] * 3)
    found = document.json()
    assert found == printed
    mail = [(one["purpose"], one["messages"], one["reached"]) for one in found["waves"] if one["channel"] == "email"]
    assert mail == [("show", 40, 40), ("end", 40, 40)]
    assert [one["partner"] for one in found["removals"]]
    assert [one["actor"] for one in found["rulings"]] == ["supervisor1", "operator2"]
    assert pdf.content.startswith(b"%PDF-")
    assert "40 / 40" in page.text
    assert "AMBER Alert" in page.text
    for said in (page.text, document.text, _words_of(pdf.content)):
        assert alert_id in said
        assert CHILD.split(maxsplit=1)[0] not in said


def _words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    words = " ".join(page.get_textpage().get_text_bounded() for page in document)
    document.close()
    return words


def test_report_when_the_display_key_is_destroyed_still_answers_and_says_so(
    shared_baken: Running, cancelled: str
) -> None:
    shared_baken.until_stage(cancelled, "closed")
    with visitor(shared_baken, "supervisor1") as client:
        here = f"/console/alerts/{cancelled}/report"
        found = eventually(lambda: not client.get(f"{here}.json").json()["readable"], what="the key's destruction")
        page = client.get(here).text
        assert found
        assert "niemand kan ze nog lezen" in page
        assert "Vergissing" in page
        assert client.get(f"{here}.pdf").content.startswith(b"%PDF-")
