"""The promises of the whole, with PostgreSQL as the store: an alert's life, and what breaks while it is being sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.vocabulary import Action
from store.database import Database
from tests.support.cases import amber_case
from tests.support.postgres import PostgresServer
from tests.support.programmes import write_programme
from tests.support.running import Running
from tests.support.waiting import eventually

RECIPIENTS = 200
PERSONAL = ("email", "app", "webhook")


@pytest.fixture
def address(postgres: PostgresServer) -> Iterator[str]:
    """Of a database without any table."""
    with postgres.database(migrated=False) as address:
        yield address


@pytest.fixture
def baken(address: str, tmp_path: Path) -> Iterator[Running]:
    programmes = write_programme(tmp_path / "programmes", channels=json.dumps(["web", *PERSONAL]))
    options = ("--recipients", str(RECIPIENTS), "--programmes", str(programmes))
    running = Running(tmp_path / "home", *options, environ={"BAKEN_DATABASE_URL": address}, forked=True).start()
    yield running
    running.stop()


def _audience(address: str, channel: str) -> int:
    """Counted by a query of its own."""
    store = Database(address)
    query = "SELECT count(*) FROM subscriber WHERE channel = :channel AND NOT exercise AND left_at IS NULL"
    with store.read() as session:
        count: int = session.connection().execute(text(query), {"channel": channel}).scalar_one()
    store.close()
    return count


def _approved(baken: Running, folder: Path) -> str:
    alert_id = baken.start_alert(amber_case(folder), folder)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    return alert_id


def _reached(baken: Running, alert_id: str, channel: str, kind: str = "alert") -> set[str]:
    return {line["recipient"] for line in baken.received(alert_id, channel, kind)}


@pytest.mark.timeout(240)
def test_killed_and_then_cut_off_in_mid_send_on_postgresql_everybody_is_reached_once_and_hears_the_end(
    baken: Running, postgres: PostgresServer, address: str, tmp_path: Path
) -> None:
    assert not list(baken.home.glob("baken.db*"))
    assert baken.get("/readyz").status_code == 200
    baken.fault("email", "slow", 60)
    alert_id = _approved(baken, tmp_path)
    eventually(lambda: len(baken.received(alert_id, "email")) > 20, every=0.05, what="the first messages")
    baken.kill()
    broken_off = len(_reached(baken, alert_id, "email"))
    assert 0 < broken_off < RECIPIENTS
    baken.start()
    baken.fault("email", "slow", 60)
    eventually(lambda: len(_reached(baken, alert_id, "email")) > broken_off + 20, every=0.05, what="more messages")
    for _ in range(5):
        postgres.cut(address)
        time.sleep(0.2)
    assert len(_reached(baken, alert_id, "email")) < RECIPIENTS
    baken.clear_faults()
    baken.until_channels(alert_id, "showing", 1, 40)
    assert "Noor" in baken.get(f"/alerts/{alert_id}").text
    postgres.cut(address)
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn", within=40)
    assert "Noor" not in baken.get(f"/alerts/{alert_id}").text
    for channel in PERSONAL:
        got = baken.received(alert_id, channel, "alert")
        reached = {line["recipient"] for line in got}
        assert len(reached) == len({line["id"] for line in got}) == _audience(address, channel) > 0
        assert _reached(baken, alert_id, channel, "cancel") == reached
    assert _audience(address, "email") == RECIPIENTS
    assert baken.cli("audit", "verify")[0] == 0
    sent_again = len(baken.received(alert_id, "email", "alert")) - RECIPIENTS
    print(f"broken off after {broken_off} of {RECIPIENTS}; sent again {sent_again}")
