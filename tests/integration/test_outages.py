"""Parts that are away when they are needed (row 5)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from alerts.vocabulary import Action
from tests.support.cases import amber_case
from tests.support.programmes import FEW
from tests.support.running import Running
from tests.support.waiting import eventually


def test_found_while_temporal_is_stopped_darkens_at_once(own_baken: Running, tmp_path: Path) -> None:
    baken = own_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing")
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


def test_mail_down_delays_nobody_else_and_goes_out_by_itself(own_baken: Running, tmp_path: Path) -> None:
    """Down at approval for a while, amended meanwhile: only the newest edition is sent, each once."""
    baken = own_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id)
    baken.fault("email", "down", 60)
    began = time.monotonic()
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: "Noor" in baken.get(f"/alerts/{alert_id}").text, 10, what="the page")
    eventually(lambda: len(baken.received(alert_id, "webhook")) == 3, 10, what="the partners")
    assert time.monotonic() - began < 10
    trouble = baken.until(
        alert_id,
        lambda view: any(one["channel"] == "email" and one["error"] for one in view["channels"]),
        what="error",
        live=True,
    )
    (mail,) = [one for one in trouble["channels"] if one["channel"] == "email"]
    assert mail["state"] == "retrying"
    baken.accepted(
        alert_id, Action.AMEND, "operator1", content={"patch": {"public": {"situation": "Gewijzigd: zie foto."}}}
    )
    baken.until_pending(alert_id, 2)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    other = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(other)
    baken.accepted(other, Action.APPROVE, "supervisor1")
    baken.accepted(other, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    time.sleep(max(0.0, 60 - (time.monotonic() - began)))
    back = time.monotonic()
    baken.until_channels(alert_id, "showing", 2, 40)
    print(f"mail out {time.monotonic() - back:.1f} s after it came back")
    assert time.monotonic() - back <= 30
    mails = baken.received(alert_id, "email")
    assert {line["edition"] for line in mails} == {2}
    assert {line["kind"] for line in mails} == {"alert"}
    assert len(mails) == len({line["id"] for line in mails}) == 200
    assert baken.show(other)["stage"] == "closing"
    assert baken.received(other, "email") == []
    newest = baken.get(f"/alerts/{alert_id}/cap.xml").text
    assert "<msgType>Update" in newest
