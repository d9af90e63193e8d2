"""Refreshes on real clocks: the grid, a restart in between, and leases that run out by themselves (row 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.vocabulary import Action
from tests.support.cases import amber_case
from tests.support.programmes import write_programme
from tests.support.running import Running
from tests.support.waiting import eventually

EVERY = 2.0
"""Seconds between two refreshes of the plan below."""
SETTLES = 4.0
"""Seconds after `baken up` says ready in which all its processes still do for the first time what they do later."""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Running]:
    """AMBER by four channels, with a refresh every two seconds for 24 seconds."""
    quick = {"plan": '[{every = "2s", for = "24s"}]', "lease": '"8s"', "undo": '"1s"'}
    folder = write_programme(tmp_path / "programmes", channels='["web", "cap", "email", "webhook"]', **quick)
    running = Running(tmp_path / "home", "--recipients", "20", "--programmes", str(folder), forked=True).start()
    yield running
    running.stop()


def _live(baken: Running, folder: Path) -> str:
    alert_id = baken.start_alert(amber_case(folder), folder)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    return alert_id


@pytest.mark.quiet
def test_twelve_of_twelve_without_drift_and_none_after_found(quick: Running, tmp_path: Path) -> None:
    """Two alerts at once: one runs its plan to the end and expires, the other is found on the way."""
    alert_id, other = _live(quick, tmp_path), _live(quick, tmp_path)
    quick.until(other, lambda view: len(view["refreshes"]) >= 2, 20, "2 refreshes")
    quick.accepted(other, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    fired = len(quick.show(other)["refreshes"])
    view = quick.until(alert_id, lambda view: len(view["refreshes"]) == 12, 40, "12 refreshes")
    drifts = [_drift(one) for one in view["refreshes"]]
    print(f"drift of 12 refreshes: {min(drifts):.3f} to {max(drifts):.3f} s, last {drifts[-1]:.3f} s")
    assert max(drifts) <= 0.5
    refreshed = quick.received(alert_id, "webhook", "refresh")
    assert len({line["id"] for line in refreshed}) == len(refreshed)
    assert len(quick.show(other)["refreshes"]) == fired
    closed = quick.until(alert_id, lambda view: view["outcome"], 20, "the end of the plan")
    assert closed["outcome"] == "expired"


@pytest.mark.quiet
def test_killed_and_restarted_catches_up_once_and_keeps_the_grid(quick: Running, tmp_path: Path) -> None:
    alert_id = _live(quick, tmp_path)
    quick.until(alert_id, lambda view: len(view["refreshes"]) >= 2, 20, "2 refreshes")
    killed = _now()
    quick.kill()
    time.sleep(3)
    quick.start()
    settled = _now() + SETTLES
    view = quick.until(alert_id, lambda view: len(view["refreshes"]) == 12, 40, "the grid's end")
    assert [one["n"] for one in view["refreshes"]] == list(range(1, 13))
    fired = [one for one in view["refreshes"] if one["at"]]
    missed = [one for one in view["refreshes"] if not one["at"]]
    # While everything starts on two cores a refresh may come late, but in its own period; the grid itself stays.
    assert all(_drift(one) < EVERY for one in fired), fired
    assert all(killed - EVERY < _seconds(one["due"]) < settled for one in missed), (killed, settled, view["refreshes"])
    assert _drift(fired[-1]) <= 0.5
    assert len(fired) >= 6


def test_terminated_alert_leaves_nothing_on_show_past_its_lease(quick: Running, tmp_path: Path) -> None:
    alert_id = _live(quick, tmp_path)
    quick.until_channels(alert_id, "showing", 1)
    quick.temporal("workflow", "terminate", "-w", f"alert-{alert_id}")
    eventually(lambda: "Noor" not in quick.get(f"/alerts/{alert_id}").text, 9, what="dark at the end of the lease")

    def told(channel: str) -> set[str]:
        return {line["recipient"] for line in quick.received(alert_id, channel, "cancel")}

    eventually(lambda: len(told("webhook")) == 3, 15, what="partners told")
    eventually(lambda: len(told("email")) == 20, 15, what="mailboxes told")
    eventually(lambda: "Cancel" in quick.get(f"/alerts/{alert_id}/cap.xml").text, 15, what="a Cancel in the feed")


def _drift(refreshed: dict[str, str]) -> float:
    """Seconds between due and fired."""
    return _seconds(refreshed["at"]) - _seconds(refreshed["due"])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _now() -> float:
    return datetime.now(UTC).timestamp()
