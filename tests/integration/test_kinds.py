"""Exercises cannot be mixed up with an alert."""

from __future__ import annotations

import re
from pathlib import Path

from alerts.vocabulary import Action, Kind
from tests.support.cases import amber_case
from tests.support.programmes import FEW
from tests.support.running import Running


def test_exercise_reaches_exercise_counterparts_only(shared_baken: Running, tmp_path: Path) -> None:
    baken = shared_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path, Kind.EXERCISE)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing")
    mails = {line["recipient"] for line in baken.received(alert_id, "email")}
    assert mails
    assert all(recipient.startswith("exercise") for recipient in mails)
    assert {line["recipient"] for line in baken.received(alert_id, "webhook")} == {"Oefenredactie"}
    assert "OEFENING" in baken.get(f"/alerts/{alert_id}").text
    assert alert_id not in baken.get("/").text
    assert alert_id not in baken.get("/feeds/rss.xml").text
    assert alert_id in baken.get("/exercise").text
    wall = baken.get("/demo/", lang="en").text
    assert re.search(rf'<p class="is-shown"><strong>Alert {alert_id}', wall)
    assert '<strong class="drill">exercise</strong>' in wall
    assert "<status>Exercise" in baken.get(f"/alerts/{alert_id}/cap.xml").text
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
