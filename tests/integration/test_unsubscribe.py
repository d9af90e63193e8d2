"""Leaving by the link in a mail: one click of a mailbox provider, and the next mail is not sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from alerts.vocabulary import Action
from tests.support.cases import amber_case
from tests.support.programmes import FEW
from tests.support.running import Running

LEAVER = "leaver@demo.baken.example"


def test_leaver_when_one_click_was_made_gets_nothing_more(shared_baken: Running, tmp_path: Path) -> None:
    baken = shared_baken
    subscribe(baken, tmp_path)
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing", 1)
    link = mail_of_leaver(baken, alert_id)["list_unsubscribe"].strip("<>")
    assert link.startswith(f"{baken.web}/unsubscribe/")
    answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"}, trust_env=False, verify=False)
    assert answer.status_code == 200
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn")
    told = baken.received(alert_id, "email")
    assert [line["kind"] for line in told if line["recipient"] == LEAVER] == ["alert"]
    assert {line["kind"] for line in told} == {"alert", "cancel"}


def subscribe(baken: Running, folder: Path) -> None:
    """In a language of its own, so that the inbox keeps the mail."""
    people = folder / "people.csv"
    people.write_text(f"address,language\n{LEAVER},en\n")
    code, said, _ = baken.cli("subscribers", "import", str(people), "--channel", "email")
    assert (code, said["new"]) == (0, 1)


def mail_of_leaver(baken: Running, alert_id: str) -> dict[str, Any]:
    inbox = json.loads((baken.home / "demo" / "ports.json").read_text("utf-8"))["control"]
    mails = httpx.get(f"{inbox}/wall.json", trust_env=False, verify=False).json()["mails"]
    (number,) = [one["number"] for one in mails if (one["alert_id"], one["recipient"]) == (alert_id, LEAVER)]
    opened: dict[str, Any] = httpx.get(f"{inbox}/mails/{number}", trust_env=False, verify=False).json()
    return opened
