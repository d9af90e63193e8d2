"""Nothing that anybody types into Temporal can send, freeze or end an alert (DESIGN, rule 3; issue row 6)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.common import RawValue

from alerts.vocabulary import Action
from tests.support.cases import amber_case
from tests.support.programmes import PAGE
from tests.support.running import Running


def _signal(baken: Running, alert_id: str, name: str, text: str | None, *more: str) -> None:
    given = [] if text is None else ["--input", text]
    baken.temporal("workflow", "signal", "-w", f"alert-{alert_id}", "--name", name, *given, *more)


def test_hundreds_of_forged_signals_and_replayed_ones_change_nothing_and_found_works_at_once(
    shared_baken: Running, tmp_path: Path
) -> None:
    baken = shared_baken
    alert_id = baken.start_alert(amber_case(tmp_path, programme=PAGE), tmp_path)
    digest = baken.until_pending(alert_id)["pending"]["digest"]
    command = {"id": "x1", "alert_id": alert_id, "action": "approve", "actor": "supervisor1", "digest": digest}
    command["at"] = "2026-11-24T12:00:00Z"
    forged = {"command": json.dumps(command), "signature": base64.b64encode(b"0" * 64).decode()}
    _signal(baken, alert_id, "approve", json.dumps(forged))
    _signal(baken, alert_id, "approve", json.dumps({"approved": True}))
    _signal(baken, alert_id, "approve", "[1, 2]")
    _signal(baken, alert_id, "approve", None)
    _signal(baken, alert_id, "no_such_signal", '"x"')
    _signal(baken, alert_id, "channel_report", json.dumps({"view": {"channel": "web", "state": "showing"}}))
    _signal(baken, alert_id, "approve", '"garbage"', "--input-meta", "encoding=binary/encrypted")
    other = baken.start_alert(amber_case(tmp_path, programme=PAGE), tmp_path)
    meta = ("--input-meta", "encoding=binary/encrypted", "--input-meta", f"key-id=alert-{other}")
    _signal(baken, alert_id, "approve", '"garbage"', *meta)
    big = tmp_path / "big.json"
    big.write_text(json.dumps("x" * 1_900_000))
    baken.temporal("workflow", "signal", "-w", f"alert-{alert_id}", "--name", "found", "--input-file", str(big))
    _flood(baken, alert_id, forged, 300)
    view = baken.until(
        alert_id, lambda now: now["unverified"]["count"] >= 300, 30, "300 unverified signals", live=True
    )
    assert view["stage"] == "awaiting_approval"
    assert view["rulings"] == []
    assert len(view["unverified"]["last"]) == 20
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing")

    baken.accepted(alert_id, Action.HOLD, "operator1", reason="proef")
    baken.accepted(alert_id, Action.REINSTATE, "supervisor1")
    before = len(baken.show(alert_id)["rulings"])
    _replay_hold(baken, alert_id)
    view = baken.show(alert_id)
    assert view["stage"] == "live"
    assert len(view["rulings"]) == before

    _flood(baken, alert_id, forged, 100)
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    assert "beëindigd" in baken.get(f"/alerts/{alert_id}").text


def _flood(baken: Running, alert_id: str, forged: dict[str, Any], number: int) -> None:
    """Unsigned plaintext, straight from a client without our codec, as an attacker would."""

    async def flood(client: Any) -> None:
        run = client.parts.settings.run_info()
        plain = await Client.connect(run.temporal)
        handle = plain.get_workflow_handle(f"alert-{alert_id}")
        for n in range(number):
            await handle.signal("approve" if n % 2 else "found", {**forged, "n": n})

    baken.ask(flood)


def _replay_hold(baken: Running, alert_id: str) -> None:
    """The very bytes of the hold once more, as whoever reads histories can send them."""

    async def replay(client: Any) -> None:
        plain = await Client.connect(client.parts.settings.run_info().temporal)
        handle = plain.get_workflow_handle(f"alert-{alert_id}")
        async for event in handle.fetch_history_events():
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == "hold":
                await handle.signal("hold", RawValue(signal.input.payloads[0]))

    baken.ask(replay)
