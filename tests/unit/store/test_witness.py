"""A store that knows less than the key store saw of it is an older copy; a crash between the two makes none of it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlmodel import Session

from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store import audit
from store.database import Database
from store.keys import KeyStore
from store.ledger import Wave, count_batch
from store.standing import (
    WrongIncarnation,
    catch_up,
    close,
    declare,
    incarnation_of,
    may_serve,
    open_alert,
    renew_incarnation,
    require_incarnation,
    standing,
    take_away,
)
from store.tables.sending import LedgerChunk
from store.witness import INCARNATION, MARKS, StoreRestored, Witness, forgotten, marks_of, read_marks

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={})
SHOWN = Desired(meaning=Meaning.EDITION, edition=EDITION, lease_until=NOW + timedelta(hours=1))
WITHDRAWN = Desired(meaning=Meaning.WITHDRAWN, edition=EDITION)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.db", os.urandom(32))


@pytest.fixture
def db(db: Database, keys: KeyStore) -> Database:
    """A store that these keys worked with, with one alert that shows an edition."""
    keys.remember(INCARNATION, incarnation_of(db))
    with db.write() as session:
        open_alert(session, "a", Kind.ACTUAL, "amber", NOW)
        session.flush()
        declare(session, "a", 0, SHOWN, NOW)
    Witness(db, keys).note()
    return db


def _withdraw(session: Session) -> None:
    take_away(session, "a", Meaning.WITHDRAWN, NOW)


def _open(session: Session) -> None:
    open_alert(session, "b", Kind.ACTUAL, "amber", NOW)


def _close(session: Session) -> None:
    close(session, "a", NOW)


def _send(session: Session) -> None:
    wave = Wave(alert_id="a", channel="app", purpose="show", edition=1, announcement=0, revision=1)
    session.add(
        LedgerChunk(**dict(wave.model_dump(exclude={"announces"})), start=0, intent_at=NOW, intended=b"\1", messages=1)
    )


def _audit(session: Session) -> None:
    keys = SimpleNamespace(record_key=lambda _: bytes(32))
    said = {"alert_id": "a", "actor": "x", "action": "hold", "verdict": "given", "command_id": "c"}
    audit.append(session, keys, NOW, details={}, **said)  # type: ignore[arg-type]


def _finish(session: Session) -> None:
    count_batch(session.connection(), "a", "app")


@pytest.mark.parametrize("change", [_withdraw, _open, _close, _send, _finish, _audit])
def test_store_without_what_was_noted_is_an_older_copy(
    db: Database, keys: KeyStore, change: Callable[[Session], None]
) -> None:
    witness = Witness(db, keys)
    before = read_marks(keys)
    with db.write() as session:
        change(session)
    witness.check()  # not noted yet: as after a crash in between
    with db.read() as session:
        _, marks = marks_of(session.connection())
    assert sum(forgotten(marks, before).values()) > 0
    keys.raise_numbers(MARKS, {name: number + (number > before[name]) for name, number in marks.items()})
    with pytest.raises(StoreRestored, match="older copy"):
        witness.check()
    noted = read_marks(keys)
    with pytest.raises(StoreRestored):
        witness.note()
    assert read_marks(keys) == noted


def test_noting_when_nothing_changed_writes_nothing(db: Database, keys: KeyStore, tmp_path: Path) -> None:
    log = tmp_path / "keys.db-wal"
    before = log.stat().st_size
    for _ in range(3):
        Witness(db, keys).note()
    assert log.stat().st_size == before


def test_numbers_beside_the_keys_never_go_back(keys: KeyStore) -> None:
    keys.raise_numbers("n", {"one": 3, "two": 1})
    keys.raise_numbers("n", {"one": 2, "two": 4})
    assert json.loads(keys.recall("n") or "") == {"one": 3, "two": 4}


def test_home_that_never_noted_anything_starts_without_trouble(db: Database, tmp_path: Path) -> None:
    Witness(db, KeyStore(tmp_path / "older.db", os.urandom(32))).check()


def test_store_that_was_replaced_by_a_reconciled_one_is_recognised(db: Database, keys: KeyStore) -> None:
    keys.remember(INCARNATION, uuid.uuid4().hex)
    with pytest.raises(StoreRestored, match="not the one"):
        Witness(db, keys).check()


def test_alert_goes_on_in_a_store_whose_identity_was_renewed(db: Database) -> None:
    first, second = incarnation_of(db), uuid.uuid4().hex
    for _ in range(2):
        with db.write() as session:
            renew_incarnation(session, second)
    assert incarnation_of(db) == second
    with db.read() as session:
        require_incarnation(session, first)
        require_incarnation(session, second)
        with pytest.raises(WrongIncarnation):
            require_incarnation(session, uuid.uuid4().hex)


def test_catching_up_raises_and_never_lowers(db: Database) -> None:
    with db.write() as session:
        assert catch_up(session, "a", 4, WITHDRAWN, NOW)
        assert not catch_up(session, "a", 3, SHOWN, NOW)
        assert not catch_up(session, "a", 4, SHOWN, NOW)
    with db.read() as session:
        row = standing(session, "a")
    assert (row.revision, row.meaning) == (4, "withdrawn")


def test_edition_caught_up_with_hides_what_was_published_before(db: Database) -> None:
    with db.write() as session:
        assert catch_up(session, "a", 3, SHOWN, NOW)
    with db.read() as session:
        row = standing(session, "a")
    assert not may_serve(row, 2, NOW)
    assert may_serve(row, 3, NOW)


def test_store_flushes_whatever_it_is(db: Database) -> None:
    db.flush()
    with db.read() as session:
        session.connection().execute(text("SELECT 1"))
