"""Networks when their entities are away: B takes over, and both away delays nobody and needs nobody."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from alerts.vocabulary import Action
from simulators.cellbroadcast import LIVE
from tests.integration.channels.eyes import coat
from tests.support.cases import amber_case
from tests.support.programmes import AIRED
from tests.support.running import Running
from tests.support.waiting import eventually

CHANNEL = "cellbroadcast"
PROMISE = 30.0
"""Seconds after one address of two is back."""


def told(baken: Running, alert_id: str, kind: str) -> set[str]:
    return {line["recipient"] for line in baken.received(alert_id, CHANNEL, kind)}


def test_b_takes_over_from_a_and_one_that_is_back_is_told_without_a_human(
    shared_baken: Running, tmp_path: Path
) -> None:
    baken = shared_baken
    baken.fault(f"{CHANNEL}.a", "down", 600)
    alert_id = baken.start_alert(amber_case(tmp_path, programme=AIRED), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing", 1)
    assert told(baken, alert_id, "alert") == set(LIVE)

    baken.fault(f"{CHANNEL}.b", "down", 600)
    patch = {"public": {"situation": coat(2)}}
    baken.accepted(alert_id, Action.AMEND, "operator1", content={"patch": patch})
    baken.until_pending(alert_id, 2)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until(alert_id, only_this_one_is_troubled, what="every other channel showing edition 2")
    assert told(baken, alert_id, "update") == set()

    baken.fault(f"{CHANNEL}.b", "down", 0.01)
    back = time.monotonic()
    eventually(lambda: told(baken, alert_id, "update") == set(LIVE), within=PROMISE, what="the change on all networks")
    print(f"told {time.monotonic() - back:.1f} s after B was back")
    baken.until_channels(alert_id, "showing", 2)

    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn")
    baken.clear_faults()
    assert told(baken, alert_id, "cancel") == set(LIVE)
    assert len(baken.received(alert_id, CHANNEL)) == 3 * len(LIVE)


def only_this_one_is_troubled(view: dict[str, Any]) -> bool:
    mine = next(one for one in view["channels"] if one["channel"] == CHANNEL)
    others = [one for one in view["channels"] if one["channel"] != CHANNEL]
    away = all(f"{name}: A does not answer; B does not answer" in (mine["error"] or "") for name in LIVE)
    return away and all((one["state"], one["edition"]) == ("showing", 2) for one in others)
