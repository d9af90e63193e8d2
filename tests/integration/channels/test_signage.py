"""Screens when their broker is away: those with the player do not notice, the operator does, and it ends right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from alerts.vocabulary import Action
from simulators.screens import LIVE
from tests.support.cases import amber_case
from tests.support.programmes import AIRED
from tests.support.running import Running
from tests.support.waiting import eventually


def on_player(baken: Running, alert_id: str) -> bool:
    return any(one["alert_id"] == alert_id for one in baken.get("/signage/content.json").json())


def until_trouble(baken: Running, alert_id: str, said: str) -> None:
    def told(view: dict[str, Any]) -> bool:
        mine = [one for one in view["channels"] if one["channel"] == "signage"]
        return any(one["state"] == "retrying" and said in (one["error"] or "") for one in mine)

    baken.until(alert_id, told, what=f"trouble that says {said!r}")


def test_broker_when_away_delays_no_player_and_is_brought_what_holds(shared_baken: Running, tmp_path: Path) -> None:
    baken, alert_id = shared_baken, shared_baken.start_alert(amber_case(tmp_path, programme=AIRED), tmp_path)
    baken.until_pending(alert_id)
    baken.fault("signage", "down", 60)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: on_player(baken, alert_id), what="the player")
    until_trouble(baken, alert_id, "the broker does not answer")
    httpx.delete(f"{baken.web}/demo/faults", trust_env=False, verify=False).raise_for_status()
    baken.until_channels(alert_id, "showing", 1)
    baken.fault("signage", "reject", 60)
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    assert not on_player(baken, alert_id)
    until_trouble(baken, alert_id, "the broker refused the message: Not authorized (135)")
    httpx.delete(f"{baken.web}/demo/faults", trust_env=False, verify=False).raise_for_status()
    baken.until_channels(alert_id, "withdrawn")
    lines = baken.received(alert_id, "signage")
    assert Counter(line["recipient"] for line in lines) == dict.fromkeys(LIVE, 2)
    assert [line["kind"] for line in lines] == ["alert"] * len(LIVE) + ["cancel"] * len(LIVE)
