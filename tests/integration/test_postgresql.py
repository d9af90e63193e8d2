"""The promises of the whole, with PostgreSQL as the store: an alert's life, and what breaks while it is being sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.vocabulary import Action
from store.database import Database
from tests.support.cases import amber_case
from tests.support.postgres import PostgresServer
from tests.support.programmes import FEW, write_few
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
    options = ("--recipients", str(RECIPIENTS), "--programmes", str(write_few(tmp_path / "programmes")))
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


def _reached(baken: Running, alert_id: str, channel: str, kind: str) -> list[str]:
    return [line["recipient"] for line in baken.received(alert_id, channel, kind)]


def test_alert_on_postgresql_reaches_its_audience_once_and_all_hear_that_it_ended(
    baken: Running, address: str, tmp_path: Path
) -> None:
    assert not list(baken.home.glob("baken.db*"))
    assert baken.get("/readyz").status_code == 200
    alert_id = baken.start_alert(amber_case(tmp_path), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing", 1)
    assert "Noor" in baken.get(f"/alerts/{alert_id}").text
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn")
    assert "Noor" not in baken.get(f"/alerts/{alert_id}").text
    for channel in PERSONAL:
        got = _reached(baken, alert_id, channel, "alert")
        assert len(got) == len(set(got)) == _audience(address, channel) > 0
        assert sorted(_reached(baken, alert_id, channel, "cancel")) == sorted(got)
    assert baken.cli("audit", "verify")[0] == 0


@pytest.mark.timeout(240)
def test_killed_in_mid_send_on_postgresql_everybody_is_reached(baken: Running, address: str, tmp_path: Path) -> None:
    baken.fault("email", "slow", 60)
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: len(baken.received(alert_id, "email")) > 20, every=0.01, what="the first messages")
    baken.kill()
    broken_off = len(set(_reached(baken, alert_id, "email", "alert")))
    assert 0 < broken_off < RECIPIENTS
    baken.start()
    baken.until_channels(alert_id, "showing", 1, 40)
    got = baken.received(alert_id, "email", "alert")
    assert len({line["recipient"] for line in got}) == _audience(address, "email") == RECIPIENTS
    assert len({line["id"] for line in got}) == RECIPIENTS
    print(f"broken off after {broken_off} of {RECIPIENTS}; sent again {len(got) - RECIPIENTS}")


def test_connections_cut_in_mid_send_everybody_is_reached_and_hears_the_end(
    baken: Running, postgres: PostgresServer, address: str, tmp_path: Path
) -> None:
    baken.fault("email", "slow", 10)
    alert_id = baken.start_alert(amber_case(tmp_path, programme=FEW), tmp_path)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: len(baken.received(alert_id, "email")) > 20, every=0.01, what="the first messages")
    for _ in range(5):
        postgres.cut(address)
        time.sleep(0.2)
    baken.until_channels(alert_id, "showing", 1, 40)
    postgres.cut(address)
    baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    baken.until_channels(alert_id, "withdrawn", within=40)
    got = baken.received(alert_id, "email", "alert")
    assert len({line["recipient"] for line in got}) == len({line["id"] for line in got}) == RECIPIENTS
    assert set(_reached(baken, alert_id, "email", "cancel")) == {line["recipient"] for line in got}
    assert baken.cli("audit", "verify")[0] == 0
