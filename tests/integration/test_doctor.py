"""`baken doctor` against the simulators: each fault of each channel, for the public and for exercises, told apart."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from activities.channels import CAPABILITIES, NAMES
from simulators.received import read_received
from starter.doctor import REMEDY, VERDICT, _records, examine
from starter.home import write_private
from starter.parts import Parts, open_parts
from starter.settings import load_settings
from tests.support.homes import silent_home
from tests.support.running import Running

COUNTERPARTS = {name for name, can in CAPABILITIES.items() if can.counterpart}
ANSWERING = COUNTERPARTS - {"webpush"}
"""Push services are named in subscriptions: of them there is nothing to ask."""
WRONG: dict[str, dict[str, Any]] = {
    "mail": {"password": "wrong"},
    **{name: {"password": "wrong"} for name in ("sms", "sms_exercise", "signage", "signage_exercise")},
    **{name: {"secret": "whsec_d3Jvbmd3cm9uZ3dyb25n"} for name in ("partners", "partners_exercise")},
    **{name: {"accounts": {"secret": "wrong"}} for name in ("social", "social_exercise")},
}
"""Of those whose simulator knows a wrong one from the right one."""
BOTH = ("public", "exercises")
Rows = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def parts(shared_baken: Running) -> Iterator[Parts]:
    with closing(open_parts(load_settings({}, home=shared_baken.home))) as opened:
        yield opened


@pytest.fixture
def faulty(shared_baken: Running) -> Iterator[Running]:
    yield shared_baken
    shared_baken.clear_faults()


def look(parts: Parts) -> Rows:
    return {(row["channel"], row["for"]): row for row in asyncio.run(examine(parts))}


def spoiled(known: Any, said: dict[str, Any]) -> Any:
    """The same with this in it, in each one of a list, and of what it names in turn."""
    if isinstance(known, list):
        return [spoiled(one, said) for one in known]
    return known | {key: spoiled(known[key], one) if isinstance(one, dict) else one for key, one in said.items()}


def shown(baken: Running) -> int:
    """Messages that showed an alert to anybody, of this home and ever."""
    return sum(line["kind"] != "cancel" for line in read_received(baken.home / "demo" / "received.jsonl"))


def test_doctor_when_all_is_well_finds_nothing_and_sends_nothing(shared_baken: Running, parts: Parts) -> None:
    before = shown(shared_baken)
    found = look(parts)
    assert set(found) == {("duty", "approvals"), ("record", "retention")} | {
        (name, side) for name in NAMES for side in BOTH
    }
    assert {key: row["trouble"] for key, row in found.items() if not row["ok"]} == {}
    assert shown(shared_baken) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of MQTT, as in test_brokers.py
@pytest.mark.parametrize(("mode", "fault"), [("down", "away"), ("malformed", "nonsense"), ("denied", "denied")])
def test_doctor_when_counterparts_have_a_fault_says_which_of_each(
    faulty: Running, parts: Parts, mode: str, fault: str
) -> None:
    channels = ANSWERING if mode != "denied" else ANSWERING - {"email"}  # it refuses mails then, and not us
    for channel in channels:
        faulty.fault(channel, mode, 60)
    found = look(parts)
    wrong = {(name, side): fault for name in channels for side in BOTH}
    assert {key: row["fault"] for key, row in found.items() if not row["ok"]} == wrong
    assert {key for key, row in found.items() if not row["ok"]} == set(wrong)


def test_doctor_when_passwords_are_wrong_says_so_of_each(parts: Parts, tmp_path: Path) -> None:
    settings = parts.settings.model_copy(update={"home": tmp_path})
    settings.paths.prepare()
    ports = json.loads(parts.settings.paths.demo_ports.read_text("utf-8"))
    for name, said in WRONG.items():
        ports[name] = spoiled(ports[name], said)
    settings.paths.demo_ports.parent.mkdir(parents=True, exist_ok=True)
    write_private(settings.paths.demo_ports, ports)
    write_private(settings.paths.run, json.loads(parts.settings.paths.run.read_text("utf-8")))
    found = look(dataclasses.replace(parts, settings=settings))
    denied = {key for key, row in found.items() if row["fault"] == "denied"}
    assert denied == {(name, side) for name in ("email", "webhook", "sms", "social", "signage") for side in BOTH}
    social = found["social", "public"]["trouble"]
    assert "Politie op Mastodon does not accept our token, which is not right, or was taken back (401)" in social
    assert "Politie op Bluesky does not accept our handle or app password, which is not right" in social
    assert not any("wrong" in (row["trouble"] or "") for row in found.values())


def test_doctor_when_nothing_is_configured_misses_what_programmes_use(tmp_path: Path) -> None:
    with closing(open_parts(silent_home(tmp_path))) as nothing:
        found = look(nothing)
    assert {name for name, side in found if found[name, side]["fault"] == "unconfigured"} == COUNTERPARTS
    assert all(found[name, "exercises"]["ok"] for name in COUNTERPARTS)
    assert not found["email", "public"]["ok"]
    assert found["web", "public"]["fault"] == "away"


def test_doctor_on_the_command_line_when_one_channel_is_ill_names_it_and_ends_with_4(faulty: Running) -> None:
    faulty.fault("webhook", "denied", 60)
    code, rows, said = faulty.cli("doctor", "--language", "nl")
    ill = [row for row in rows if not row["ok"]]
    assert (code, {row["channel"] for row in ill}) == (4, {"webhook"})
    assert {row["verdict"] for row in ill} == {"weigert onze gegevens"}
    assert "webhook (public), webhook (exercises)" in said


def test_faults_when_told_have_a_verdict_and_a_remedy_in_each_language() -> None:
    assert set(VERDICT) == set(REMEDY)
    assert {language for said in (*VERDICT.values(), *REMEDY.values()) for language in said} == {"nl", "en"}
    assert [fault for fault, said in REMEDY.items() if fault and not all(said.values())] == []


def test_doctor_when_nobody_said_how_long_records_are_kept_says_so_where_it_is_real(tmp_path: Path) -> None:
    settings = silent_home(tmp_path / "home")
    with closing(open_parts(settings)) as opened:
        embedded = _records(opened, "nl")
        assert (embedded["ok"], embedded["fault"], embedded["verdict"]) == (True, "forever", "blijft altijd leesbaar")
        elsewhere = settings.model_copy(update={"temporal_address": "127.0.0.1:7233"})
        assert not _records(dataclasses.replace(opened, settings=elsewhere), "nl")["ok"]
        (settings.home / "config.toml").write_text("[record]\nkeep_days = 1826\n")
        assert _records(opened, "en")["fault"] is None
