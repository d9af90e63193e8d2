"""Keys are never made by reading and never come back; the audit chain shows any change."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from store import audit
from store.database import Database
from store.keys import KeyDestroyed, KeyMissing, KeyStore, KeyStoreAway, load_master_key


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.db", os.urandom(32))


def test_reading_never_makes_a_key(keys: KeyStore) -> None:
    for _ in range(2):
        with pytest.raises(KeyMissing):
            keys.record_key("a")


def test_creating_twice_keeps_the_first(keys: KeyStore) -> None:
    keys.create("a")
    first = keys.display_key("a"), keys.record_key("a")
    keys.create("a")
    assert (keys.display_key("a"), keys.record_key("a")) == first
    assert first[0] != first[1]


def test_key_of_the_installation_when_it_is_there_waits_for_no_writer(keys: KeyStore, tmp_path: Path) -> None:
    made = keys.system_key("vapid")
    with sqlite3.connect(tmp_path / "keys.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert keys.system_key("vapid") == made
    writer.close()


def test_key_of_the_installation_when_two_make_it_at_once_is_one(tmp_path: Path) -> None:
    master = os.urandom(32)
    here, there = KeyStore(tmp_path / "keys.db", master), KeyStore(tmp_path / "keys.db", master)
    with ThreadPoolExecutor() as both:
        assert len(set(both.map(lambda store: store.system_key("vapid"), (here, there) * 4))) == 1


def test_destroyed_key_stays_destroyed(keys: KeyStore) -> None:
    keys.create("a")
    keys.destroy("a", "display")
    keys.create("a")
    with pytest.raises(KeyDestroyed):
        keys.display_key("a")
    assert keys.record_key("a")


def test_destroyed_key_leaves_no_bytes_on_disk(keys: KeyStore, tmp_path: Path) -> None:
    keys.create("a")
    with sqlite3.connect(tmp_path / "keys.db") as db:
        (wrapped,) = db.execute("SELECT wrapped FROM key WHERE purpose = 'display'").fetchone()
    db.close()
    assert any(wrapped in file.read_bytes() for file in tmp_path.glob("keys.db*"))
    keys.destroy("a", "display")
    assert not any(wrapped in file.read_bytes() for file in tmp_path.glob("keys.db*"))


def test_wrong_master_key_is_said_and_never_taken_for_a_bad_message(tmp_path: Path) -> None:
    KeyStore(tmp_path / "keys.db", os.urandom(32)).create("a")
    with pytest.raises(KeyStoreAway, match="master key"):
        KeyStore(tmp_path / "keys.db", os.urandom(32)).record_key("a")


def test_lost_or_broken_master_key_is_never_replaced(tmp_path: Path) -> None:
    path, key_store = tmp_path / "master.key", tmp_path / "keys.db"
    key_store.touch()
    with pytest.raises(KeyStoreAway, match="backup"):
        load_master_key(path, key_store)
    path.write_bytes(b"")
    with pytest.raises(KeyStoreAway, match="not a key"):
        load_master_key(path, key_store)


def test_master_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    assert load_master_key(path, tmp_path / "keys.db") == load_master_key(path, tmp_path / "keys.db")
    assert path.stat().st_mode & 0o077 == 0


def test_key_destroyed_before_it_was_made_never_comes(keys: KeyStore) -> None:
    keys.destroy("a", "record")
    keys.create("a")
    with pytest.raises(KeyDestroyed):
        keys.record_key("a")


@pytest.fixture
def chain(db: Database, keys: KeyStore) -> Database:
    """Three entries of one alert."""
    keys.create("a")
    _append(db, keys, 3)
    return db


def _append(db: Database, keys: KeyStore, count: int) -> None:
    with db.write() as session:
        for n in range(count):
            said = {"alert_id": "a", "actor": "s", "action": "approve", "verdict": "accepted"}
            audit.append(session, keys, datetime.now(UTC), command_id=str(n), details={"n": n}, **said)


def _change(db: Database, sql: str, **values: object) -> None:
    """As somebody does who can write into the database."""
    with db.write() as session:
        session.connection().execute(text(sql), values)


def test_export_can_be_checked_by_anybody(chain: Database, keys: KeyStore) -> None:
    entries = [dict(entry) for entry in audit.export(chain, keys)]
    assert [entry.pop("details")["n"] for entry in entries] == [0, 1, 2]
    previous = audit.GENESIS
    for entry in entries:
        said = entry.pop("hash")
        text = json.dumps(list(entry.values()), separators=(",", ":"))
        assert (entry["previous"], said) == (previous, hashlib.sha256(text.encode()).hexdigest())
        previous = said


def test_what_was_said_dies_with_the_record_and_the_chain_stays(chain: Database, keys: KeyStore) -> None:
    keys.destroy("a", "record")
    assert [entry["details"] for entry in audit.export(chain, keys)] == [None] * 3
    assert audit.verify(chain, keys) == audit.AuditVerdict(entries=3)


@pytest.mark.parametrize(
    ("column", "new"),
    [
        *((column, "changed") for column in ("actor", "action", "verdict", "alert_id", "command_id", "previous")),
        *(("sealed", new) for new in (b"changed", "text where bytes belong", b"")),
        *(("at", new) for new in ("2020-01-01 00:00:00.000000", "yesterday")),
        ("id", 9),
    ],
)
def test_any_changed_entry_breaks_the_chain(chain: Database, keys: KeyStore, column: str, new: object) -> None:
    assert audit.verify(chain, keys).whole
    _change(chain, f"UPDATE audit SET {column} = :new WHERE id = 2", new=new)
    assert audit.verify(chain, keys) == audit.AuditVerdict(entries=1, broken=2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_entry_that_cannot_even_be_read_breaks_the_chain(chain: Database, keys: KeyStore) -> None:
    """PostgreSQL takes no number for a moment."""
    _change(chain, "UPDATE audit SET at = 7 WHERE id = 2")
    assert audit.verify(chain, keys) == audit.AuditVerdict(entries=1, broken=2)


def test_entry_taken_out_breaks_the_chain(chain: Database, keys: KeyStore) -> None:
    _change(chain, "DELETE FROM audit WHERE id = 2")
    assert audit.verify(chain, keys).broken == 2


def test_tail_cut_off_or_written_again_shows(chain: Database, keys: KeyStore) -> None:
    audit.remember_head(chain, keys)
    _change(chain, "DELETE FROM audit WHERE id > 1")
    assert audit.verify(chain, keys) == audit.AuditVerdict(entries=1, missing_after=1)
    audit.remember_head(chain, keys)
    assert audit.verify(chain, keys).missing_after == 1
    _append(chain, keys, 4)
    assert audit.verify(chain, keys).broken == 3
