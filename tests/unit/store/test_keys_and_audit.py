"""Keys are never made by reading and never come back; the audit chain shows any change."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

import store.tables.all  # noqa: F401  every table, before any is made
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


@pytest.mark.parametrize("column", ["actor", "action", "verdict", "alert_id", "sealed", "previous", "at"])
def test_any_changed_entry_breaks_the_chain(tmp_path: Path, column: str) -> None:
    db = Database.at(tmp_path / "audit.db")
    db.create_tables()
    for n in range(3):
        with db.write() as session:
            said = {"alert_id": "a", "actor": "s", "action": "approve", "verdict": "accepted"}
            audit.append(session, bytes(32), datetime.now(UTC), command_id=str(n), details={"n": n}, **said)
    assert audit.verify(db) == audit.AuditVerdict(entries=3)
    assert [entry["details"]["n"] for entry in audit.export(db, bytes(32))] == [0, 1, 2]
    with sqlite3.connect(tmp_path / "audit.db") as raw:
        new = "2020-01-01 00:00:00.000000" if column == "at" else "changed"
        raw.execute(f"UPDATE audit SET {column} = ? WHERE id = 2", (new.encode() if column == "sealed" else new,))
    raw.close()
    assert audit.verify(db).broken == 2
    db.close()
