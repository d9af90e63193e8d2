"""Networks and brokers when they are away: B takes over, nobody else is delayed, and what comes back needs nobody."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from alerts.vocabulary import Action
from simulators import cellbroadcast, screens
from tests.integration.channels.eyes import coat
from tests.support.cases import amber_case
from tests.support.programmes import AIRED
from tests.support.running import Running
from tests.support.waiting import eventually

NETWORKS, SCREENS = "cellbroadcast", "signage"
PROMISE = 30.0
"""Seconds after one address of two is back."""


def told(baken: Running, alert_id: str, kind: str) -> set[str]:
    """Networks that were."""
    return {line["recipient"] for line in baken.received(alert_id, NETWORKS, kind)}


def on_player(baken: Running, alert_id: str) -> bool:
    return any(one["alert_id"] == alert_id for one in baken.get("/signage/content.json").json())


def until_only(baken: Running, alert_id: str, channel: str, *said: str, shown: int | None = None) -> None:
    """Until it says all that as its trouble while every other channel shows this edition; None: whatever they do."""

    def so(view: dict[str, Any]) -> bool:
        mine = [one for one in view["channels"] if one["channel"] == channel]
        others = [(one["state"], one["edition"]) for one in view["channels"] if one["channel"] != channel]
        away = any(one["state"] == "retrying" and all(words in (one["error"] or "") for words in said) for one in mine)
        return away and (shown is None or all(other == ("showing", shown) for other in others))

    baken.until(alert_id, so, what=f"trouble of {channel} alone that says {said}")


def test_what_is_away_delays_no_other_and_is_told_without_a_human_once_it_is_back(
    shared_baken: Running, tmp_path: Path
) -> None:
    baken, alert_id = shared_baken, shared_baken.start_alert(amber_case(tmp_path, programme=AIRED), tmp_path)
    baken.until_pending(alert_id)
    baken.fault(f"{NETWORKS}.a", "down", 600)
    baken.fault(SCREENS, "down", 600)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: on_player(baken, alert_id), what="the player")
    until_only(baken, alert_id, SCREENS, "the broker does not answer", shown=1)
    assert told(baken, alert_id, "alert") == set(cellbroadcast.LIVE), "B took over from A"
    baken.fault(SCREENS, "down", 0.01)
    baken.until_channels(alert_id, "showing", 1)

    baken.fault(f"{NETWORKS}.b", "down", 600)
    patch = {"public": {"situation": coat(2)}}
    baken.accepted(alert_id, Action.AMEND, "operator1", content={"patch": patch})
    baken.until_pending(alert_id, 2)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    away = [f"{name}: A does not answer; B does not answer" for name in cellbroadcast.LIVE]
    until_only(baken, alert_id, NETWORKS, *away, shown=2)
    assert told(baken, alert_id, "update") == set()

    baken.fault(f"{NETWORKS}.b", "down", 0.01)
    back, everybody = time.monotonic(), set(cellbroadcast.LIVE)
    eventually(lambda: told(baken, alert_id, "update") == everybody, within=PROMISE, what="the change on all networks")
    print(f"told {time.monotonic() - back:.1f} s after B was back")
    baken.until_channels(alert_id, "showing", 2)

    baken.fault(SCREENS, "reject", 600)
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    assert not on_player(baken, alert_id)
    until_only(baken, alert_id, SCREENS, "the broker refused the message: Not authorized (135)")
    baken.clear_faults()
    baken.until_channels(alert_id, "withdrawn")
    assert told(baken, alert_id, "cancel") == set(cellbroadcast.LIVE)
    assert len(baken.received(alert_id, NETWORKS)) == 3 * len(cellbroadcast.LIVE)
    lines = baken.received(alert_id, SCREENS)
    assert Counter(line["recipient"] for line in lines) == dict.fromkeys(screens.LIVE, 3)
    kinds = ("alert", "update", "cancel")
    assert [line["kind"] for line in lines] == [kind for kind in kinds for _ in screens.LIVE]
