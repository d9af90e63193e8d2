"""Refused, with a reason a person can act on, and nothing changed (issue 3, row 6); and what is never refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.command import Ruling
from alerts.vocabulary import Action
from starter.client import Baken
from tests.support.cases import amber_case
from tests.support.programmes import PAGE
from tests.support.running import Running

WAITS = "awaiting_approval"


def _started(baken: Running, folder: Path) -> str:
    alert_id = baken.start_alert(amber_case(folder, programme=PAGE), folder)
    baken.until(alert_id, lambda view: view["stage"] == WAITS, what="verification")
    return alert_id


def _until_changed(baken: Running, alert_id: str, old: str) -> None:
    """Something else than `old` waits for approval."""
    baken.until(
        alert_id, lambda view: view["stage"] == WAITS and view["pending"]["digest"] != old, what="another edition"
    )


@pytest.fixture(scope="module")
def live(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[httpx.Response]]:
    """One that is shown, and the answers to its approval, which was given twice; only the last test ends it."""
    alert_id = _started(shared_baken, tmp_path_factory.mktemp("live"))
    digest = shared_baken.show(alert_id)["pending"]["digest"]
    path, said = f"/api/v1/alerts/{alert_id}/commands/approve", {"id": "once", "digest": digest}
    answers = [_post(shared_baken, path, said, "supervisor1") for _ in range(2)]
    shared_baken.until(alert_id, lambda view: view["standing"] == "edition", what="the edition")
    return alert_id, answers


def _refused(baken: Running, alert_id: str, action: Action, user: str, **more: Any) -> str:
    """Give a command that must be refused and change nothing but the rulings; the reason."""

    async def give(client: Baken) -> tuple[Any, Ruling | None, Any]:
        before = await client.show(alert_id)
        ruling = await client.command(alert_id, action, user, **more)
        return before, ruling, await client.show(alert_id)

    before, ruling, after = baken.ask(give)
    assert ruling is not None
    assert not ruling.accepted
    for part in ("stage", "edition", "digest", "case", "held", "ended", "standing"):
        assert after[part] == before[part]
    return str(ruling.reason)


def test_the_command_line_says_why_and_ends_with_its_code(shared_baken: Running, tmp_path: Path) -> None:
    alert_id = _started(shared_baken, tmp_path)
    code, said, errors = shared_baken.cli("alert", "approve", alert_id, "--as", "operator1", forked=False)
    assert (code, said["accepted"], said["stage"]) == (3, False, WAITS)
    assert errors == f"baken: approve refused: {said['reason']}\n"
    code, said, errors = shared_baken.cli("alert", "reject", alert_id, "--reason", "geen alert")
    assert (code, said["accepted"], errors) == (0, True, "")
    shared_baken.until_stage(alert_id, "closed")
    code, said, errors = shared_baken.cli("alert", "found", alert_id)
    assert (code, said["accepted"], said["stage"]) == (3, False, "closed")
    assert "start a new one" in errors
    code, said, errors = shared_baken.cli("alert", "found", "nope")
    assert (code, said) == (2, None)
    assert errors.startswith("baken: ID: no alert 'nope' here")


def test_approval_is_refused_to_everybody_it_should_be_and_to_who_retracted_before(
    shared_baken: Running, tmp_path: Path
) -> None:
    baken, alert_id = shared_baken, _started(shared_baken, tmp_path)
    old = baken.show(alert_id)["pending"]["digest"]
    assert "role supervisor" in _refused(baken, alert_id, Action.APPROVE, "operator2")
    assert "role supervisor" in _refused(baken, alert_id, Action.APPROVE, "engineer1")
    assert "changed since" in _refused(baken, alert_id, Action.APPROVE, "supervisor1", digest="0" * 64)
    patch = {"public": {"situation": "Een meisje is in een bestelbus gestapt."}}
    baken.accepted(alert_id, Action.AMEND, "operator2", content={"patch": patch})
    _until_changed(baken, alert_id, old)
    digest = baken.show(alert_id)["pending"]["digest"]
    assert "changed since" in _refused(baken, alert_id, Action.APPROVE, "supervisor1", digest=old)
    baken.accepted(alert_id, Action.RETRACT, "supervisor2", reason="fout", content={"what": "vehicles/0"})
    _until_changed(baken, alert_id, digest)
    assert "four eyes" in _refused(baken, alert_id, Action.APPROVE, "supervisor2")
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until(alert_id, lambda view: view["standing"] == "edition", what="the approved edition declared")
    assert "nothing waits" in _refused(baken, alert_id, Action.APPROVE, "supervisor2")
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"child": 1})
    assert "comes after the end" in _refused(baken, alert_id, Action.APPROVE, "supervisor1")


def test_the_same_command_twice_has_one_effect(shared_baken: Running, live: tuple[str, list[httpx.Response]]) -> None:
    alert_id, (first, second) = live
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert [one["command"] for one in shared_baken.show(alert_id)["rulings"]] == ["once"]


def test_reinstating_is_refused_to_the_one_who_held(
    shared_baken: Running, live: tuple[str, list[httpx.Response]]
) -> None:
    baken, alert_id = shared_baken, live[0]
    baken.accepted(alert_id, Action.HOLD, "supervisor1", reason="twijfel")
    baken.until(alert_id, lambda view: view["standing"] == "held", what="dark in the store")
    assert "another supervisor" in _refused(baken, alert_id, Action.REINSTATE, "supervisor1")
    assert "role supervisor" in _refused(baken, alert_id, Action.REINSTATE, "operator2")
    baken.accepted(alert_id, Action.REINSTATE, "supervisor2")
    baken.until(alert_id, lambda view: view["standing"] == "edition", what="the edition again")


def test_what_takes_away_but_names_nothing_darkens_nothing(
    shared_baken: Running, live: tuple[str, list[httpx.Response]]
) -> None:
    baken, alert_id = shared_baken, live[0]
    nothing = {"what": "vehicles/7"}
    assert "nothing at" in _refused(baken, alert_id, Action.RETRACT, "operator1", reason="x", content=nothing)
    assert "no child 3" in _refused(baken, alert_id, Action.FOUND, "operator1", content={"child": 3})
    assert "role operator" in _refused(baken, alert_id, Action.FOUND, "engineer1")


def test_one_operator_takes_away_at_once_in_any_stage(
    shared_baken: Running, live: tuple[str, list[httpx.Response]]
) -> None:
    baken, alert_id = shared_baken, live[0]
    baken.accepted(alert_id, Action.RETRACT, "operator1", reason="fout", content={"what": "vehicles/0"})
    baken.until(alert_id, lambda view: view["standing"] == "edition", what="the reduced edition")
    baken.accepted(alert_id, Action.HOLD, "operator1", reason="twijfel")
    assert baken.show(alert_id)["standing"] == "held"
    baken.accepted(alert_id, Action.FOUND, "operator1")
    assert baken.show(alert_id)["standing"] == "withdrawn"


def test_programs_start_and_end_an_alert_with_its_photo(shared_baken: Running, tmp_path: Path) -> None:
    new = {"case": amber_case(tmp_path, programme=PAGE), "kind": "exercise"}
    new["photos"] = {"noor.jpg": base64.b64encode((tmp_path / "noor.jpg").read_bytes()).decode()}
    started = _post(shared_baken, "/api/v1/alerts", new, "operator1")
    assert started.status_code == 201, started.text
    address = f"/api/v1/alerts/{started.json()['alert_id']}"
    assert (started.headers["location"], started.json()["kind"]) == (address, "exercise")
    refused = _post(shared_baken, f"{address}/commands/approve", {}, "operator1")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    said = {"why": "error", "reason": "oefening voorbij"}
    ended = _post(shared_baken, f"{address}/commands/cancel", said, "operator1")
    assert ended.json()["accepted"] is True


def _post(baken: Running, path: str, said: dict[str, Any], user: str) -> httpx.Response:
    tokens: dict[str, str] = json.loads((baken.home / "secrets/tokens.json").read_text("utf-8"))
    token = next(token for token, owner in tokens.items() if owner == user)
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{baken.web}{path}", json=said, headers=headers, trust_env=False, verify=False, timeout=20)
