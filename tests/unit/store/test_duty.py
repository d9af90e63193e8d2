"""Shifts and where supervisors are called: what counts as duty, and what of an address is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import select

from store import duty
from store.database import Database
from store.duty import Addresses
from store.tables.duty import DutyAddress

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def on(db: Database, now: datetime = NOW) -> list[str]:
    with db.read() as session:
        return [one.user for one in duty.on_duty(session, now)]


def test_shift_when_acknowledged_counts_until_it_is_over(db: Database) -> None:
    with db.write() as session:
        duty.begin(session, "a", NOW + HOUR, NOW)
    assert on(db) == ["a"]
    assert on(db, NOW + HOUR) == []


def test_shift_when_begun_again_is_one_with_the_new_end(db: Database) -> None:
    with db.write() as session:
        duty.begin(session, "a", NOW + HOUR, NOW)
        duty.begin(session, "a", NOW + 2 * HOUR, NOW)
    assert on(db, NOW + HOUR) == ["a"]


def test_shift_when_only_announced_is_nobodys_duty(db: Database) -> None:
    with db.write() as session:
        duty.announce(session, "b", NOW, NOW + HOUR)
    assert on(db) == []
    with db.read() as session:
        assert [one.user for one in duty.announced(session, NOW)] == ["b"]


def test_shift_when_handed_over_stays_until_the_other_one_begins(db: Database) -> None:
    with db.write() as session:
        duty.begin(session, "a", NOW + HOUR, NOW)
        duty.announce(session, "b", NOW, NOW + 2 * HOUR, relieves="a")
    assert on(db) == ["a"]
    with db.write() as session:
        duty.begin(session, "b", NOW + 2 * HOUR, NOW)
    assert on(db) == ["b"]
    with db.read() as session:
        assert duty.announced(session, NOW) == []


def test_shift_when_ended_is_over_at_once(db: Database) -> None:
    with db.write() as session:
        duty.begin(session, "a", NOW + HOUR, NOW)
        assert duty.end(session, "a", NOW)
        assert not duty.end(session, "a", NOW)
    assert on(db) == []


def test_address_when_kept_opens_again_and_is_nowhere_in_the_clear(db: Database) -> None:
    addresses = Addresses(bytes(32))
    with db.write() as session:
        addresses.put(session, "a", "email", "old@baken.example", "nl")
        addresses.put(session, "a", "email", "a@baken.example", "en")
        addresses.put(session, "a", "webpush", "one", "nl")
        addresses.put(session, "a", "webpush", "two", "nl")
        addresses.put(session, "b", "email", "b@baken.example", "nl")
    with db.read() as session:
        found = {(one.way, one.address) for one in addresses.of(session, ["a"])}
        rows = " ".join(str(row.model_dump()) for row in session.exec(select(DutyAddress)))
    assert found == {("email", "a@baken.example"), ("webpush", "one"), ("webpush", "two")}
    assert "baken.example" not in rows
    with db.write() as session:
        addresses.forget(session, "a", "webpush", "one")
        addresses.forget(session, "a", "email")
    with db.read() as session:
        assert [one.address for one in addresses.of(session, ["a"])] == ["two"]
