"""`baken doctor` against the simulators: each fault of each channel, for the public and for exercises, told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from activities.channels import CAPABILITIES, NAMES
from starter import doctor
from starter.doctor import REMEDY, VERDICT, examine
from starter.home import write_private
from starter.parts import Parts, open_parts
from tests.support.homes import silent_home
from tests.support.running import Running
from tests.support.simulators import Counterparts

COUNTERPARTS = {name for name, can in CAPABILITIES.items() if can.counterpart} - {"webpush"}
"""What answers. Push services are named in subscriptions: of them there is nothing to ask."""
PASSWORDS = ("email", "sms", "signage", "webhook")
"""Those of which the simulator itself knows a wrong password."""
BOTH = ("public", "exercises")
Rows = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counterparts, Parts]]:
    home = tmp_path_factory.mktemp("doctor")
    settings = silent_home(home)
    counterparts = Counterparts(home).start()
    control = counterparts.ports["control"]  # a web process of its own: the simulators', which answers to `/wall.json`
    write_private(settings.paths.run, {**settings.run_info().model_dump(mode="json"), "web": control})
    with closing(open_parts(settings)) as parts:
        yield counterparts, parts
    counterparts.stop()


@pytest.fixture
def own_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baken's own pages stand elsewhere where the simulators are alone."""
    monkeypatch.setattr(doctor, "OWN", {"web": "/wall.json", "cap": "/wall.json"})


@pytest.fixture
def simulators(alone: tuple[Counterparts, Parts], own_pages: None) -> tuple[Counterparts, Parts]:
    alone[0].fresh()
    return alone


def look(parts: Parts) -> Rows:
    return {(row["channel"], row["for"]): row for row in asyncio.run(examine(parts))}


def test_doctor_when_all_is_well_finds_nothing_and_sends_nothing(simulators: tuple[Counterparts, Parts]) -> None:
    counterparts, parts = simulators
    found = look(parts)
    assert set(found) == {(name, side) for name in NAMES for side in BOTH}
    assert {key: row["trouble"] for key, row in found.items() if not row["ok"]} == {}
    assert counterparts.received() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of MQTT, as in test_brokers.py
@pytest.mark.parametrize(("mode", "fault"), [("down", "away"), ("malformed", "nonsense"), ("denied", "denied")])
def test_doctor_when_counterparts_have_a_fault_says_which_of_each(
    simulators: tuple[Counterparts, Parts], mode: str, fault: str
) -> None:
    counterparts, parts = simulators
    modes = COUNTERPARTS if mode != "denied" else COUNTERPARTS - {"email"}  # it refuses mails then, and not us
    for channel in modes:
        counterparts.fault(channel, mode)
    found = look(parts)
    assert {key: row["fault"] for key, row in found.items() if row["fault"]} == {
        (name, side): fault for name in modes for side in BOTH
    }
    assert {key for key, row in found.items() if not row["ok"]} == {(name, side) for name in modes for side in BOTH}
    assert counterparts.received() == []


def test_doctor_when_passwords_are_wrong_says_so_of_each(simulators: tuple[Counterparts, Parts]) -> None:
    counterparts, parts = simulators
    said = counterparts.ports
    wrong = {
        **said,
        "mail": {**said["mail"], "password": "wrong"},
        **{side: {**said[side], "password": "wrong"} for side in ("sms", "sms_exercise")},
        **{side: {**said[side], "password": "wrong"} for side in ("signage", "signage_exercise")},
        **{
            side: [{**one, "secret": "whsec_d3Jvbmd3cm9uZ3dyb25n"} for one in said[side]]
            for side in ("partners", "partners_exercise")
        },
    }
    write_private(parts.settings.paths.demo_ports, wrong)
    try:
        found = look(parts)
    finally:
        write_private(parts.settings.paths.demo_ports, said)
    denied = {key for key, row in found.items() if row["fault"] == "denied"}
    assert denied == {(name, side) for name in PASSWORDS for side in BOTH}
    assert "wrong" not in str([row["trouble"] for row in found.values()]).replace("something is wrong", "")


def test_doctor_when_nothing_is_configured_misses_what_programmes_use(tmp_path: Path) -> None:
    with closing(open_parts(silent_home(tmp_path))) as parts:
        found = look(parts)
    counterparts = {name for name, can in CAPABILITIES.items() if can.counterpart}
    assert {name for name, side in found if found[name, side]["fault"] == "unconfigured"} >= counterparts
    assert all(found[name, "exercises"]["ok"] for name in counterparts)
    assert not found["email", "public"]["ok"]
    assert found["web", "public"]["fault"] == "away"


def test_doctor_on_the_command_line_when_one_channel_is_ill_names_it_and_ends_with_4(shared_baken: Running) -> None:
    shared_baken.fault("webhook", "denied", 60)
    try:
        code, rows, said = shared_baken.cli("doctor", "--language", "nl")
    finally:
        shared_baken.clear_faults()
    ill = [row for row in rows if not row["ok"]]
    assert (code, {row["channel"] for row in ill}) == (4, {"webhook"})
    assert {row["verdict"] for row in ill} == {"weigert onze gegevens"}
    assert "webhook (public), webhook (exercises)" in said


def test_faults_when_told_have_a_verdict_and_a_remedy_in_each_language() -> None:
    assert set(VERDICT) == set(REMEDY)
    assert {language for said in (*VERDICT.values(), *REMEDY.values()) for language in said} == {"nl", "en"}
    assert [fault for fault, said in REMEDY.items() if fault and not all(said.values())] == []
