"""Refused, with a reason a person can act on, and nothing changed (issue 3, row 6); by the command line."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx

from tests.support.cases import amber_case
from tests.support.running import Running

WAITS = "awaiting_approval"


def _case(folder: Path, **changes: Any) -> str:
    path = folder / "case.json"
    path.write_text(json.dumps(amber_case(folder, **changes)), "utf-8")
    return str(path)


def _started(baken: Running, folder: Path, **changes: Any) -> dict[str, Any]:
    code, view, said = baken.cli("alert", "start", _case(folder, **changes))
    assert code == 0, said
    view = baken.until(view["alert_id"], lambda now: now["stage"] != "verifying", what="verification")
    return view


def _refused(baken: Running, view: dict[str, Any], *command: str) -> str:
    """Give a command that must be refused and change nothing but the rulings; the reason."""
    action, *rest = command
    before = baken.show(view["alert_id"])
    code, said, errors = baken.cli("alert", action, view["alert_id"], *rest)
    assert (code, said["accepted"]) == (3, False), errors
    assert said["reason"] in errors
    after = baken.show(view["alert_id"])
    for part in ("stage", "edition", "digest", "case", "held", "ended", "standing"):
        assert after[part] == before[part]
    return str(said["reason"])


def _accepted(baken: Running, view: dict[str, Any], *command: str) -> dict[str, Any]:
    action, *rest = command
    code, said, errors = baken.cli("alert", action, view["alert_id"], *rest)
    assert (code, said["accepted"]) == (0, True), errors
    return baken.show(view["alert_id"])


def test_approval_is_refused_to_everybody_it_should_be(shared_baken: Running, tmp_path: Path) -> None:
    view = _started(shared_baken, tmp_path)
    assert view["stage"] == WAITS
    old = view["pending"]["digest"]
    assert "role supervisor" in _refused(shared_baken, view, "approve", "--as", "operator2")
    assert "role supervisor" in _refused(shared_baken, view, "approve", "--as", "engineer1")
    assert "changed since" in _refused(shared_baken, view, "approve", "--digest", "0" * 64)
    changes = tmp_path / "changes.json"
    changes.write_text('{"public": {"situation": "Een meisje is in een bestelbus gestapt."}}', "utf-8")
    _accepted(shared_baken, view, "amend", str(changes))
    shared_baken.until(view["alert_id"], lambda now: now["stage"] == WAITS, what="the amended edition")
    assert "changed since" in _refused(shared_baken, view, "approve", "--digest", old)
    assert _accepted(shared_baken, view, "approve")["stage"] == "live"
    assert "nothing waits" in _refused(shared_baken, view, "approve", "--as", "supervisor2")
    _accepted(shared_baken, view, "found")
    assert "comes after the end" in _refused(shared_baken, view, "approve")


def test_reinstating_is_refused_to_the_one_who_held(shared_baken: Running, tmp_path: Path) -> None:
    view = _started(shared_baken, tmp_path)
    _accepted(shared_baken, view, "approve")
    held = _accepted(shared_baken, view, "hold", "--reason", "twijfel", "--as", "supervisor1")
    assert (held["stage"], held["standing"]) == ("held", "held")
    reason = _refused(shared_baken, view, "reinstate", "--as", "supervisor1")
    assert "another supervisor" in reason
    assert "role supervisor" in _refused(shared_baken, view, "reinstate", "--as", "operator2")
    assert _accepted(shared_baken, view, "reinstate", "--as", "supervisor2")["stage"] == "live"
    _accepted(shared_baken, view, "cancel", "--why", "error", "--reason", "test")


def test_the_author_of_a_retraction_cannot_approve_what_follows(shared_baken: Running, tmp_path: Path) -> None:
    view = _started(shared_baken, tmp_path)
    _accepted(shared_baken, view, "retract", "--what", "vehicles/0", "--reason", "fout", "--as", "supervisor1")
    shared_baken.until(view["alert_id"], lambda now: now["stage"] == WAITS, what="the edition without it")
    assert "four eyes" in _refused(shared_baken, view, "approve", "--as", "supervisor1")
    assert _accepted(shared_baken, view, "approve", "--as", "supervisor2")["stage"] == "live"
    _accepted(shared_baken, view, "found")


def test_what_takes_away_but_names_nothing_darkens_nothing(shared_baken: Running, tmp_path: Path) -> None:
    view = _started(shared_baken, tmp_path)
    _accepted(shared_baken, view, "approve")
    assert "nothing at" in _refused(shared_baken, view, "retract", "--what", "vehicles/7", "--reason", "x")
    assert "no child 3" in _refused(shared_baken, view, "found", "--child", "3")
    assert "role operator or supervisor" in _refused(shared_baken, view, "found", "--as", "engineer1")
    _accepted(shared_baken, view, "found", "--child", "1")


def test_commands_on_unknown_and_closed_alerts_are_refused(shared_baken: Running, tmp_path: Path) -> None:
    code, said, errors = shared_baken.cli("alert", "found", "nope")
    assert (code, said) == (2, None)
    assert errors.startswith("baken: ID: no alert 'nope' here")
    view = _started(shared_baken, tmp_path)
    _accepted(shared_baken, view, "reject", "--reason", "geen alert")
    closed = shared_baken.until(view["alert_id"], lambda now: now["stage"] == "closed", what="the end")
    assert closed["outcome"] == "rejected"
    for command in (("approve",), ("found",), ("hold", "--reason", "x")):
        assert "closed" in _refused(shared_baken, view, *command)


def test_the_same_command_twice_has_one_effect(shared_baken: Running, tmp_path: Path) -> None:
    view = _started(shared_baken, tmp_path)
    path = f"/api/v1/alerts/{view['alert_id']}/commands/approve"
    said = {"id": "once", "digest": view["pending"]["digest"]}
    first, second = (_post(shared_baken, path, said, "supervisor1") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    rulings = [one for one in shared_baken.show(view["alert_id"])["rulings"] if one["command"] == "once"]
    assert len(rulings) == 1
    _accepted(shared_baken, view, "found")


def test_programs_start_and_end_an_alert_with_its_photo(shared_baken: Running, tmp_path: Path) -> None:
    case = amber_case(tmp_path)
    photos = {"noor.jpg": base64.b64encode((tmp_path / "noor.jpg").read_bytes()).decode()}
    started = _post(shared_baken, "/api/v1/alerts", {"case": case, "photos": photos, "kind": "exercise"}, "operator1")
    assert started.status_code == 201, started.text
    view = started.json()
    assert started.headers["location"] == f"/api/v1/alerts/{view['alert_id']}"
    assert view["kind"] == "exercise"
    refused = _post(shared_baken, f"{started.headers['location']}/commands/approve", {}, "operator1")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    said = {"why": "error", "reason": "oefening voorbij"}
    ended = _post(shared_baken, f"{started.headers['location']}/commands/cancel", said, "operator1")
    assert ended.json()["accepted"] is True


def _post(baken: Running, path: str, said: dict[str, Any], user: str) -> httpx.Response:
    tokens: dict[str, str] = json.loads((baken.home / "secrets/tokens.json").read_text("utf-8"))
    token = next(token for token, owner in tokens.items() if owner == user)
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{baken.web}{path}", json=said, headers=headers, trust_env=False, timeout=20)
