"""`kill -9` of everything at each moment of an alert's life, and what the counterparts saw of it (row 4)."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from alerts.vocabulary import Action
from simulators.received import read_received
from tests.support.cases import amber_case
from tests.support.programmes import FEW, PAGE
from tests.support.running import Running
from tests.support.waiting import eventually

RECIPIENTS = 200


def _audience(baken: Running) -> int:
    """Counted by a query of its own, straight from the store's file."""
    with sqlite3.connect(baken.home / "baken.db") as db:
        rows = db.execute(
            "SELECT count(*) FROM subscriber WHERE channel = 'email' AND exercise = 0 AND left_at IS NULL"
        )
        count: int = rows.fetchone()[0]
    db.close()
    return count


def _resends(baken: Running, alert_id: str) -> int:
    """Lines beyond the first of each id; a resend has the same id."""
    lines = [line for line in read_received(baken.home / "demo/received.jsonl") if line["alert_id"] == alert_id]
    by_id: dict[str, tuple[str, str, int, str]] = {}
    for line in lines:
        said = (line["channel"], line["recipient"], line["edition"], line["kind"])
        assert by_id.setdefault(line["id"], said) == said
    keys = {(line["channel"], line["recipient"], line["edition"], line["kind"]) for line in lines}
    announced = {line["id"] for line in lines if line["kind"] != "refresh"}
    assert len(announced) == len({key for key in keys if key[3] != "refresh"})
    return len(lines) - len(by_id)


@pytest.mark.timeout(240)
def test_killed_at_every_stage_alerts_go_on_by_themselves(own_baken: Running, tmp_path: Path) -> None:
    """One is told to people, another shows a page only; each kill meets both."""
    baken = own_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id, live=True)
    other = baken.start_alert(amber_case(tmp_path, programme=PAGE), tmp_path)
    baken.kill()  # awaiting approval; the other verifying, or just after
    baken.start()
    baken.until_pending(other, live=True)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    deadline = time.monotonic() + 20
    while not 40 < len(baken.received(alert_id, "email")) < RECIPIENTS and time.monotonic() < deadline:
        time.sleep(0.01)
    broken_off = len(baken.received(alert_id, "email"))
    baken.kill()  # broadcasting; the other awaiting approval
    baken.start()
    baken.accepted(other, Action.APPROVE, "supervisor1")
    for one in (alert_id, other):
        baken.until_channels(one, "showing", 1, 40)
    got = {line["recipient"] for line in baken.received(alert_id, "email", "alert")}
    assert len(got) == _audience(baken) == RECIPIENTS
    shown = f'<p class="is-shown"><strong>Alert {alert_id}'
    eventually(lambda: shown in baken.get("/demo/", lang="en").text, what="the alert on the wall")
    assert f"<strong>{RECIPIENTS}</strong> mailboxes" in baken.get("/demo/", lang="en").text
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.kill()  # closing; the other live
    baken.start()
    assert "Noor" in baken.get(f"/alerts/{other}").text
    baken.until_channels(alert_id, "withdrawn", within=40)
    told = {line["recipient"] for line in baken.received(alert_id, "email", "cancel")}
    assert told == got
    baken.accepted(other, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(other, "withdrawn")
    assert "Noor" not in baken.get(f"/alerts/{other}").text
    print(f"broken off after {broken_off} of {RECIPIENTS}; resends {_resends(baken, alert_id)}")


def test_a_killed_worker_is_started_again_and_the_alert_goes_on(shared_baken: Running, tmp_path: Path) -> None:
    baken = shared_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=PAGE), tmp_path)
    baken.until_pending(alert_id)
    for pid in baken.pids("-m worker"):
        os.kill(pid, signal.SIGKILL)
    ruling = baken.command(alert_id, Action.APPROVE, "supervisor1", digest=baken.show(alert_id)["pending"]["digest"])
    assert ruling is None or ruling.accepted
    baken.until_channels(alert_id, "showing", 1, 40)
