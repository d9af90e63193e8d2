"""Parts that are away when they are needed (row 5)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from alerts.vocabulary import Action
from tests.support.cases import amber_case
from tests.support.programmes import FEW
from tests.support.running import Running
from tests.support.waiting import eventually

DOWN = 60.0
"""Seconds from the approval on for which mail is down: its tries lie as far apart as they ever do."""


def test_mail_down_delays_nobody_else_and_goes_out_by_itself_and_found_darkens_while_temporal_is_stopped(
    shared_baken: Running, tmp_path: Path
) -> None:
    """Down at approval for a while, amended meanwhile: only the newest edition is sent, each once.

    Another alert, found before mail came back, is dark at once although Temporal is stopped, and nobody is mailed it.
    """
    baken = shared_baken
    baken.fault("email", "down", 600)
    try:
        alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
        baken.until_pending(alert_id)
        began = time.monotonic()
        baken.accepted(alert_id, Action.APPROVE, "supervisor1")
        eventually(lambda: "Noor" in baken.get(f"/alerts/{alert_id}").text, 10, what="the page")
        eventually(lambda: len(baken.received(alert_id, "webhook")) == 3, 10, what="the partners")
        assert time.monotonic() - began < 10
        trouble = baken.until(alert_id, lambda view: bool(_mail(view).get("error")), what="error", live=True)
        assert _mail(trouble)["state"] == "retrying"
        amended = {"patch": {"public": {"situation": "Gewijzigd: zie foto."}}}
        baken.accepted(alert_id, Action.AMEND, "operator1", content=amended)
        baken.until_pending(alert_id, 2)
        baken.accepted(alert_id, Action.APPROVE, "supervisor1")
        other = _found_while_temporal_is_stopped(baken, tmp_path)
        time.sleep(max(0.0, DOWN - (time.monotonic() - began)))
    finally:
        baken.clear_faults()
    back = time.monotonic()
    baken.until_channels(alert_id, "showing", 2, 40)
    print(f"mail out {time.monotonic() - back:.1f} s after it came back")
    assert time.monotonic() - back <= 30
    mails = baken.received(alert_id, "email")
    assert {line["edition"] for line in mails} == {2}
    assert {line["kind"] for line in mails} == {"alert"}
    (email,) = [one for one in baken.cli("subscribers", "count")[1] if one["channel"] == "email"]
    assert len(mails) == len({line["id"] for line in mails}) == email["active"] >= 40
    assert baken.received(other, "email") == []
    newest = baken.get(f"/alerts/{alert_id}/cap.xml").text
    assert "<msgType>Update" in newest


def _mail(view: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in view["channels"] if one["channel"] == "email"), {})


def _found_while_temporal_is_stopped(baken: Running, folder: Path) -> str:
    alert_id = baken.start_alert(amber_case(folder, programme=FEW), folder)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: "Noor" in baken.get(f"/alerts/{alert_id}").text, what="the page of the other")
    page = baken.get(f"/alerts/{alert_id}").text
    photo = page.split('src="', 1)[1].split('"', 1)[0]
    assert baken.get(photo).status_code == 200
    (server,) = baken.pids("start-dev")
    os.kill(server, signal.SIGSTOP)
    try:
        began = time.monotonic()
        ruling = baken.command(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
        assert ruling is None
        assert baken.get(photo).status_code == 410
        assert "beëindigd" in baken.get(f"/alerts/{alert_id}").text
        print(f"dark {time.monotonic() - began:.1f} s after found, Temporal stopped")
    finally:
        os.kill(server, signal.SIGCONT)
    view = baken.until_channels(alert_id, "withdrawn", within=40)
    assert view["outcome"] == "found"
    assert [one["accepted"] for one in view["rulings"] if one["action"] == "found"] == [True]
    return alert_id
