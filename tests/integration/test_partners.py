"""Partners of the register in a running Baken: let in by a second person, paused, given another secret, sent what they
missed, and asked until they say that an alert is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from alerts.vocabulary import Action
from starter.duty import on_duty
from starter.errors import RefusedByRule
from starter.partners import Partners
from starter.parts import open_parts
from starter.settings import load_settings
from tests.support.cases import amber_case
from tests.support.partner import OwnPartner
from tests.support.running import Running
from tests.support.waiting import eventually

DESK, STATION = "Redactie & Co", "Station Zuid"


class Office:
    """Those who keep the register, and two partners of their own."""

    def __init__(self, baken: Running, stack: ExitStack) -> None:
        self.baken = baken
        parts = stack.enter_context(closing(open_parts(load_settings({}, home=baken.home))))
        self.register = Partners(parts)
        self.one, self.other = (on_duty(parts.db, f"supervisor{n}") for n in (1, 2))
        self.desk, self.station = OwnPartner(), OwnPartner()
        for partner in (self.desk, self.station):
            stack.callback(partner.close)

    def let_in(self, name: str, partner: OwnPartner) -> str:
        """Its secret."""
        secret = self.register.add(self.one, name, partner.url, exercise=False).secret
        self.register.resume(self.other, name)
        return secret

    def missed(self, name: str, secret: str) -> httpx.Response:
        now = datetime.now(UTC)
        headers = {
            "webhook-id": "asked-1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign("asked-1", now, ""),
        }
        return httpx.get(f"{self.baken.web}/partners/{name}/events", headers=headers, trust_env=False)

    def events(self, name: str, secret: str, alert_id: str) -> list[dict[str, Any]]:
        answer = self.missed(name, secret)
        assert answer.status_code == 200
        return [one for one in answer.json()["events"] if one["data"]["alert_id"] == alert_id]

    def open_at(self, alert_id: str) -> list[str]:
        return sorted(one.partner for one in self.register.removals(alert_id))


@pytest.fixture
def office(shared_baken: Running) -> Iterator[Office]:
    with ExitStack() as stack:
        office = Office(shared_baken, stack)
        yield office
        for row in office.register.list():  # other tests find the partners they expect
            if row["from"] == "register" and row["state"] != "paused":
                office.register.pause(office.one, row["name"])


def calls(partner: OwnPartner, alert_id: str) -> list[dict[str, Any]]:
    """Those about the alert: pings come in between."""
    return [call for call in partner.calls if call["data"].get("alert_id") == alert_id]


def types(partner: OwnPartner, alert_id: str) -> list[str]:
    return [call["type"] for call in calls(partner, alert_id)]


def told(partner: OwnPartner, secret: str) -> list[str]:
    """What it can verify with this secret, but for pings."""
    return [kind for kind in partner.verified(secret) if kind != "baken.ping"]


def test_partners_through_the_life_of_an_alert(office: Office, tmp_path: Path) -> None:
    baken = office.baken
    desk_secret, station_secret = office.let_in(DESK, office.desk), office.let_in(STATION, office.station)
    alert_id = baken.start_alert(amber_case(tmp_path), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing", 1)
    assert told(office.desk, desk_secret) == types(office.desk, alert_id) == ["alert.published"]
    (live,) = office.events(DESK, desk_secret, alert_id)
    assert (live["type"], live["data"]["texts"]) == (
        "alert.published",
        calls(office.desk, alert_id)[-1]["data"]["texts"],
    )

    rotated = office.register.rotate(office.one, DESK).secret
    office.register.pause(office.one, STATION)
    patch = {"public": {"situation": "Er is meer bekend. Kijk uit."}}
    baken.accepted(alert_id, Action.AMEND, "operator1", content={"patch": patch})
    baken.until_pending(alert_id, 2)
    baken.accepted(alert_id, Action.APPROVE, "supervisor2")
    eventually(lambda: "alert.updated" in types(office.desk, alert_id), what="the change at the desk")
    assert told(office.desk, desk_secret)[-1:] == told(office.desk, rotated) == ["alert.updated"]
    assert office.events(STATION, station_secret, alert_id) == []

    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn")
    assert types(office.station, alert_id) == ["alert.published", "alert.cancelled"]
    for name, secret in ((DESK, rotated), (STATION, station_secret)):
        (over,) = office.events(name, secret, alert_id)
        assert over["type"] == "alert.cancelled"
        assert "texts" not in over["data"]
    assert office.missed(DESK, station_secret).status_code == 401
    eventually(lambda: office.open_at(alert_id) == sorted((DESK, STATION)), what="the demo's partners' word")

    page = calls(office.desk, alert_id)[-1]["data"]["removed_url"]
    assert httpx.get(page, trust_env=False).status_code == 200  # what scans mails
    assert office.open_at(alert_id) == sorted((DESK, STATION))
    assert [httpx.post(page, trust_env=False).status_code for _ in range(2)] == [200, 200]
    assert office.open_at(alert_id) == [STATION]
    assert STATION in waited_for(baken, alert_id)
    assert httpx.post(f"{page[:-3]}abc", trust_env=False).status_code == 404


def waited_for(baken: Running, alert_id: str) -> str:
    """What the alert's page says is not yet confirmed to be gone."""
    with httpx.Client(base_url=baken.web, trust_env=False, timeout=10) as client:
        client.post("/console/login", data={"user": "operator1", "next": "/console/"})
        page = client.get(f"/console/alerts/{alert_id}", params={"lang": "en"}).text
    return page.partition("Not yet confirmed to be gone")[2].partition("</section>")[0]


def test_partner_of_exercises_when_added_gets_its_test_at_once(office: Office) -> None:
    baken = office.baken
    code, added, _ = baken.cli("partners", "add", "Proefredactie", office.desk.url, "--exercise", "--as", "engineer1")
    assert (code, added["paused"]) == (0, False)
    code, tried, _ = baken.cli("partners", "test", "Proefredactie", "--as", "supervisor1")
    assert (code, tried["accepted"]) == (0, True)
    assert told(office.desk, added["secret"]) == ["alert.published", "alert.cancelled"]
    assert [call["data"]["status"] for call in office.desk.calls if call["data"]] == ["exercise"] * 2
    code, rows, _ = baken.cli("partners", "list")
    assert code == 0
    assert [(row["from"], row["state"]) for row in rows if row["name"] == "Proefredactie"] == [("register", "active")]
    assert {row["from"] for row in rows if row["name"] == "De Dagpost"} == {"file"}


def test_partner_of_the_public_when_added_is_let_in_by_another_supervisor_only(office: Office) -> None:
    office.register.add(office.one, "Alleen", office.desk.url, exercise=False)
    with pytest.raises(RefusedByRule, match="another supervisor must let alerts go to it"):
        office.register.resume(office.one, "Alleen")
    assert [row["state"] for row in office.register.list() if row["name"] == "Alleen"] == ["paused"]
    with pytest.raises(RefusedByRule, match="stands in the settings file"):
        office.register.pause(office.one, "De Dagpost")
