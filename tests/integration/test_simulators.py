"""The demo's counterparts, spoken to over real SMTP and HTTP: what they write down, and how they fail."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from activities.channels.base import Messages, WaveJob
from activities.channels.webpush import WebPushChannel
from activities.endpoints import ChannelsConfig, LiveChannels, WebPushEndpoint
from alerts.vocabulary import Kind, MessageKind
from simulators.browsers import Browsers
from simulators.control import CHANNELS
from simulators.listener import CUT_AFTER
from simulators.received import FIELDS
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.support.simulators import Counterparts, build_mail
from tests.support.waiting import eventually

WRONG = "whsec_" + base64.b64encode(b"0" * 24).decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulators")


@pytest.fixture(scope="module")
def process(home: Path) -> Iterator[Counterparts]:
    running = Counterparts(home).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def counterparts(process: Counterparts) -> Counterparts:
    return process.fresh()


def test_a_mail_gives_a_line_for_each_recipient_with_the_contracts_fields_only(counterparts: Counterparts) -> None:
    counterparts.mail(to=("een@demo.baken.example", "twee@demo.baken.example"))
    lines = counterparts.received()
    assert [line["recipient"] for line in lines] == ["een@demo.baken.example", "twee@demo.baken.example"]
    assert all(tuple(line) == FIELDS for line in lines)
    said = {(line["channel"], line["alert_id"], line["edition"], line["kind"]) for line in lines}
    assert said == {("email", counterparts.alert, 1, "alert")}


def test_a_signed_call_gives_a_line_with_the_partners_name(counterparts: Counterparts) -> None:
    assert counterparts.call("update").status_code == 204
    (line,) = counterparts.received()
    assert (line["channel"], line["recipient"], line["kind"]) == ("webhook", "De Dagpost", "update")
    assert line["id"] == "id-update"


def test_a_wrongly_signed_call_is_refused_and_not_written_down(counterparts: Counterparts) -> None:
    assert counterparts.call(secret=WRONG).status_code == 401
    assert counterparts.received() == []


def test_a_signed_call_without_what_is_needed_is_a_bad_request(counterparts: Counterparts) -> None:
    assert counterparts.call(alert_id=None, edition=None).status_code == 400
    assert counterparts.received() == []


def test_received_json_is_filtered_by_channel_and_alert(counterparts: Counterparts) -> None:
    counterparts.mail(alert="a2")
    counterparts.call()
    said = counterparts.ask("GET", "/received.json", params={"channel": "email", "alert": "a2"}).json()
    assert [line["alert_id"] for line in said] == ["a2"]
    assert counterparts.ask("GET", "/received.json").json()[-2:] == counterparts.received()
    assert counterparts.ask("GET", "/received.json", params={"alert": "a3"}).json() == []


def test_five_hundred_mails_over_twenty_connections_are_all_written_down(counterparts: Counterparts) -> None:
    async def lane(number: int) -> None:
        async with counterparts.mail_client() as client:
            for one in range(25):
                await client.sendmail("alert@baken.example", [f"r{number}-{one}@demo.baken.example"], mail)

    async def all_lanes() -> None:
        await asyncio.gather(*(lane(number) for number in range(20)))

    mail, began = build_mail().as_bytes(), time.monotonic()
    asyncio.run(all_lanes())
    print(f"500 mails in {time.monotonic() - began:.2f} s")
    assert len({line["recipient"] for line in counterparts.received()}) == 500


def test_kill_keeps_all_that_was_answered_where_it_was_answered_and_the_next_line_after_a_torn_one(
    tmp_path: Path,
) -> None:
    counterparts = Counterparts(tmp_path).start()
    before = counterparts.ports
    counterparts.mail()
    counterparts.call()
    counterparts.kill()
    with (tmp_path / "demo" / "received.jsonl").open("a") as file:
        file.write('{"channel": "ema')
    assert counterparts.start().ports == before, "secrets too"
    wall = counterparts.wall()
    assert wall["mailboxes"] == [{"alert_id": "a1", "showing": 1, "ended": 0}]
    assert wall["partners"][0]["calls"][0]["kind"] == "alert"
    counterparts.mail("cancel")
    assert [line["kind"] for line in counterparts.received()] == ["alert", "alert", "cancel"]
    assert counterparts.ask("GET", "/received.json").json() == counterparts.received()
    assert counterparts.stop() == 0


def test_ports_file_is_private(counterparts: Counterparts, home: Path) -> None:
    assert (home / "demo" / "ports.json").stat().st_mode & 0o777 == 0o600
    assert (home / "demo" / "received.jsonl").stat().st_mode & 0o777 == 0o600
    assert len(counterparts.ports["partners"]) == 3


def test_nothing_about_the_child_is_on_disk(counterparts: Counterparts, home: Path) -> None:
    counterparts.mail()
    counterparts.call(texts={"nl": {"headline": "Noor vermist"}})
    files = [path for path in home.rglob("*") if path.is_file()]
    keys = {"ca.pem", "server.pem", "client.pem", "app.json", "app_exercise.json"}
    assert {path.name for path in files} == {"ports.json", "browsers.json", "received.jsonl", *keys}
    assert not any(b"Noor" in path.read_bytes() for path in files)


# Faults


def test_down_refuses_connections_until_it_ends(counterparts: Counterparts) -> None:
    counterparts.fault("email", "down")
    counterparts.fault("webhook", "down")
    with pytest.raises(aiosmtplib.SMTPConnectError):
        counterparts.mail()
    with pytest.raises(httpx.ConnectError):
        counterparts.call()
    counterparts.ask("DELETE", "/faults")
    counterparts.mail()
    assert counterparts.call().status_code == 204
    assert len(counterparts.received()) == 2


def test_down_cuts_open_connections(counterparts: Counterparts) -> None:
    async def cut() -> None:
        client = counterparts.mail_client()
        await client.connect()
        await asyncio.to_thread(counterparts.fault, "email", "down")
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await client.noop()

    asyncio.run(cut())


def test_cut_takes_the_message_and_breaks_off_its_answer(counterparts: Counterparts) -> None:
    """Each connection after a moment, so that some requests get through: on a busy machine not the first ones."""
    counterparts.fault("webhook", "cut")

    def gets_through() -> bool:
        try:
            return counterparts.call().status_code == 204
        except httpx.RemoteProtocolError:
            return False

    eventually(gets_through, what="a call that is through before its connection is cut")
    counterparts.fault("email", "cut")

    async def ask_late() -> None:
        client = counterparts.mail_client()
        await client.connect()
        await asyncio.sleep(CUT_AFTER)
        await client.noop()

    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        asyncio.run(ask_late())


def test_malformed_answers_nonsense_and_passes_nothing_on(counterparts: Counterparts) -> None:
    counterparts.fault("email", "malformed")
    counterparts.fault("webhook", "malformed")
    with pytest.raises(aiosmtplib.SMTPResponseException, match="Malformed"):
        counterparts.mail()
    with pytest.raises(httpx.RemoteProtocolError):
        counterparts.call()
    counterparts.ask("DELETE", "/faults")
    assert counterparts.call().status_code == 204
    assert [line["channel"] for line in counterparts.received()] == ["webhook"]


def test_a_fault_of_one_channel_leaves_the_other_alone(counterparts: Counterparts) -> None:
    counterparts.fault("email", "down")
    assert counterparts.call().status_code == 204


def test_a_fault_ends_by_itself_after_its_seconds(counterparts: Counterparts) -> None:
    counterparts.fault("webhook", "error", 0.5)
    assert counterparts.call().status_code == 503
    assert eventually(lambda: counterparts.call().status_code == 204, within=3)


@pytest.mark.parametrize(("mode", "smtp", "http"), [("error", 451, 503), ("reject", 550, 403), ("denied", 530, 401)])
def test_fault_that_refuses_answers_with_its_codes(
    counterparts: Counterparts, mode: str, smtp: int, http: int
) -> None:
    counterparts.fault("email", mode)
    counterparts.fault("webhook", mode)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        counterparts.mail()
    assert refused.value.code == smtp
    assert counterparts.call().status_code == http
    assert counterparts.received() == []


def test_slow_answers_after_three_seconds(counterparts: Counterparts) -> None:
    counterparts.fault("webhook", "slow")
    began = time.monotonic()
    assert counterparts.call().status_code == 204
    assert 2.9 < time.monotonic() - began < 6


def test_slow_mail_is_noted_when_it_came_and_not_when_that_was_said(counterparts: Counterparts) -> None:
    counterparts.fault("email", "slow")
    began = time.time()
    counterparts.mail()
    took = time.time() - began
    (line,) = counterparts.received()
    assert took > 2.9
    assert datetime.fromisoformat(line["at"]).timestamp() < began + took - 2.5


def test_flaky_fails_every_second_request(counterparts: Counterparts) -> None:
    counterparts.fault("webhook", "flaky")
    assert [counterparts.call().status_code for _ in range(4)] == [503, 204, 503, 204]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"channel": "web", "mode": "down", "seconds": 1}, "email, webhook"),
        (
            {"channel": "email", "mode": "tired", "seconds": 1},
            "down, error, slow, flaky, reject, cut, malformed, denied",
        ),
        ({"channel": "email", "mode": "down", "seconds": 0}, "seconds"),
        ({"channel": "email", "mode": "down"}, "seconds"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_says_what_can(
    counterparts: Counterparts, said: dict[str, object], names: str
) -> None:
    answer = counterparts.ask("POST", "/faults", json=said)
    assert answer.status_code == 400
    assert names in answer.json()["detail"]
    assert counterparts.wall()["faults"] == dict.fromkeys(CHANNELS)


# What benches measure against


def test_push_service_of_a_bench_counts_what_came_and_opens_a_sample_afterwards(tmp_path: Path) -> None:
    counterparts = Counterparts(tmp_path, BAKEN_SIMULATORS_BENCH="1").start()
    sender = WebPushEndpoint(contact="mailto:a@b.example", authority=counterparts.ports["webpush"]["authority"])
    config = ChannelsConfig(channels=LiveChannels(webpush=sender))
    channel = WebPushChannel(config, lambda: bytes(32), lambda: datetime.now(UTC))
    rendition = channel.render(make_edition(case_document()), BASE_URL)
    job = WaveJob("a1", Kind.ACTUAL, 1, 0, None, rendition)
    browsers, number = Browsers.of_demo(tmp_path / "demo", lambda: 0), 1_500
    addresses = [browsers.subscription(f"r{n}") for n in range(number)]
    messages = Messages([f"{n:032x}" for n in range(number)], [MessageKind.ALERT] * number, addresses, ["nl"] * number)
    assert set(asyncio.run(channel.send(job, messages, lambda: True))) == {None}
    kept = counterparts.ask("GET", "/kept.json", params={"alert": "a1", "channel": "webpush"}).json()
    told = {name: kept[name] for name in ("messages", "recipients", "sampled", "opened", "ids")}
    assert told == {"messages": 1_500, "recipients": 1_500, "sampled": 1_001, "opened": 1_001, "ids": 1_001}
    assert counterparts.stop() == 0


# What receivers see


def test_an_opened_mail_has_its_photo_inside(counterparts: Counterparts) -> None:
    counterparts.mail()
    (head,) = counterparts.wall()["mails"]
    opened = counterparts.ask("GET", f"/mails/{head['number']}").json()
    assert 'src="data:image/jpeg;base64,/9j/2Q=="' in opened["html"]
    assert opened["text"].strip() == "Kijk uit naar Noor."
    assert counterparts.ask("GET", "/mails/999").status_code == 404


def test_one_mail_of_each_sort_is_kept_however_many_come(counterparts: Counterparts) -> None:
    for _ in range(3):
        counterparts.mail()
    (kept,) = counterparts.wall()["mails"]
    counterparts.mail("cancel")
    assert [mail["kind"] for mail in counterparts.wall()["mails"]] == ["cancel", "alert"]
    assert counterparts.wall()["mails"][1] == kept


def test_wall_says_what_each_receiver_has_before_it_now(counterparts: Counterparts) -> None:
    counterparts.mail(to=("een@demo.baken.example", "twee@demo.baken.example"))
    counterparts.call(texts={"nl": {"headline": "Noor vermist"}})
    counterparts.mail("cancel")
    wall = counterparts.wall()
    assert wall["mailboxes"] == [{"alert_id": counterparts.alert, "showing": 1, "ended": 1}]
    (call,) = wall["partners"][0]["calls"]
    assert (call["kind"], call["headline"]) == ("alert", {"nl": "Noor vermist"})
    counterparts.call("cancel")
    (call,) = counterparts.wall()["partners"][0]["calls"]
    assert (call["kind"], call["headline"]) == ("cancel", {})


def test_exercises_have_receivers_of_their_own(counterparts: Counterparts) -> None:
    counterparts.mail(exercise=True)
    assert counterparts.call(exercise=True).status_code == 204
    wall = counterparts.wall()
    assert [mail["exercise"] for mail in wall["mails"]] == [True]
    assert [one["name"] for one in wall["partners"] if one["calls"]] == ["Oefenredactie"]
    live, drill = counterparts.ports["partners"], counterparts.ports["partners_exercise"]
    assert drill[0]["url"].split("/partner")[0] != live[0]["url"].split("/partner")[0]
