"""The keys of alerts, in a database of their own that survives a power cut (DESIGN, rule 9).

Two keys an alert: `display` (media, published bytes, what was shown) dies after closing, `record` (case, decisions,
history) at the end of the retention term. They are wrapped by a master key and made only before an alert starts;
reading never makes one, so a late message cannot bring a destroyed alert back.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from alerts.sealing import KEY_BYTES, Unsealable, seal, unseal
from store.database import Database

Purpose = Literal["display", "record", "draft"]
PURPOSES: tuple[Purpose, ...] = ("display", "record")
"""Of an alert; a draft has a key of its own, which dies with it."""
_SYSTEM = "_system"
_FACTS = text("SELECT name, value FROM fact WHERE name IN :names").bindparams(bindparam("names", expanding=True))


class KeyMissing(LookupError):
    """There never was such a key here."""


class KeyDestroyed(LookupError):
    """The key was destroyed; what it sealed is unreadable for ever."""


class KeyStoreAway(RuntimeError):
    """The key store cannot be reached now; try again."""


class KeyStore:
    """Keys by alert and purpose; every method raises KeyStoreAway when the database does not answer."""

    def __init__(self, path: Path, master_key: bytes) -> None:
        self._path = path
        self._db = Database.at(path, synchronous="FULL")
        self._master = master_key
        with self._writing() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS key (owner TEXT, purpose TEXT, wrapped BLOB, made_at TEXT, "
                "destroyed_at TEXT, PRIMARY KEY (owner, purpose))"
            )
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT)")

    def create(self, owner: str, purposes: Iterable[Purpose] = PURPOSES) -> None:
        """Make the keys of an alert; committed when it returns. Twice is once; a destroyed one stays destroyed."""
        with self._writing() as connection:
            for purpose in purposes:
                if self._row(connection, owner, purpose) is None:
                    self._make(connection, owner, purpose)

    def get(self, alert_id: str, purpose: Purpose) -> bytes:
        """The key; raises KeyMissing or KeyDestroyed."""
        return self._open(alert_id, purpose)

    def display_key(self, alert_id: str) -> bytes:
        return self._open(alert_id, "display")

    def record_key(self, alert_id: str) -> bytes:
        return self._open(alert_id, "record")

    def destroy(self, alert_id: str, purpose: Purpose) -> None:
        """Make everything sealed with it unreadable; the tombstone with its time stays, and keeps it from coming."""
        with self._writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO key (owner, purpose, wrapped, made_at, destroyed_at) "
                    "VALUES (:owner, :purpose, NULL, :now, :now) ON CONFLICT (owner, purpose) DO UPDATE "
                    "SET wrapped = NULL, destroyed_at = COALESCE(key.destroyed_at, :now)"
                ),
                {"now": datetime.now(UTC).isoformat(), "owner": alert_id, "purpose": purpose},
            )
        self._forget_overwritten()

    def destroyed(self, alert_id: str, purpose: Purpose) -> bool:
        with self._looking() as connection:
            row = self._row(connection, alert_id, purpose)
        return row is not None and row[1] is not None

    def readable(self, purpose: Purpose) -> set[str]:
        """The alerts whose key of that purpose was not destroyed."""
        kept = text("SELECT owner FROM key WHERE purpose = :purpose AND wrapped IS NOT NULL")
        with self._looking() as connection:
            return set(connection.execute(kept, {"purpose": purpose}).scalars())

    def system_key(self, purpose: str) -> bytes:
        """A key of the installation itself (`subscribers`, `audit`, `session`, ...), made at first use."""
        with suppress(KeyMissing):  # almost always it is there: no page waits for who writes
            return self._open(_SYSTEM, purpose)
        with self._writing() as connection:
            if self._row(connection, _SYSTEM, purpose) is None:  # another process may have been first
                self._make(connection, _SYSTEM, purpose)
        return self._open(_SYSTEM, purpose)

    def recall(self, name: str) -> str | None:
        """A fact about the store that shall outlive it: its incarnation (DESIGN, rule 10), the audit chain's head."""
        return self.recall_all((name,)).get(name)

    def recall_all(self, names: Sequence[str]) -> dict[str, str]:
        """Those of these facts that are known, of one moment."""
        with self._looking() as connection:
            return _facts(connection, names)

    def remember(self, name: str, value: str) -> None:
        self.remember_all({name: value})

    def remember_all(self, facts: Mapping[str, str]) -> None:
        """All of them or none."""
        with self._writing() as connection:
            for name, value in facts.items():
                self._put_fact(connection, name, value)

    def raise_numbers(self, name: str, numbers: Mapping[str, int]) -> None:
        """Keep the highest that was ever said of each of these, as JSON under that name."""
        said = self.recall(name)
        if said is not None and all(json.loads(said).get(each, 0) >= number for each, number in numbers.items()):
            return  # nothing new, so no waiting for the disk
        with self._writing() as connection:
            known: dict[str, int] = json.loads(_facts(connection, (name,)).get(name, "{}"))
            highest = {each: max(number, known.get(each, 0)) for each, number in numbers.items()}
            self._put_fact(connection, name, json.dumps(known | highest))

    def close(self) -> None:
        self._db.close()

    def _looking(self) -> AbstractContextManager[Connection]:
        """For one question, whose answer is of that moment."""
        return self._answering(self._db.glances())

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._answering(self._db.write_rows())

    @staticmethod
    @contextmanager
    def _answering(way_in: AbstractContextManager[Connection]) -> Iterator[Connection]:
        try:
            with way_in as connection:
                yield connection
        except SQLAlchemyError as error:
            raise KeyStoreAway("the key store does not answer; is its disk there?") from error

    def _forget_overwritten(self) -> None:
        """Bring the log into the file and empty it: a destroyed key must not live on in `keys.db-wal`.

        A reader at this very moment keeps the log; the next destruction or a clean stop empties it.
        """
        with self._engine_connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _engine_connection(self) -> Iterator[sqlite3.Connection]:
        """A connection outside any transaction."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        try:
            yield connection
        except sqlite3.Error as error:
            raise KeyStoreAway("the key store does not answer; is its disk there?") from error
        finally:
            connection.close()

    def _put_fact(self, connection: Connection, name: str, value: str) -> None:
        connection.execute(
            text("INSERT OR REPLACE INTO fact (name, value) VALUES (:name, :value)"), {"name": name, "value": value}
        )

    def _row(self, connection: Connection, owner: str, purpose: str) -> tuple[bytes | None, str | None] | None:
        row = connection.execute(
            text("SELECT wrapped, destroyed_at FROM key WHERE owner = :owner AND purpose = :purpose"),
            {"owner": owner, "purpose": purpose},
        )
        found = row.first()
        return (found[0], found[1]) if found else None

    def _make(self, connection: Connection, owner: str, purpose: str) -> None:
        wrapped = seal(self._master, os.urandom(KEY_BYTES), aad=f"key:{owner}:{purpose}".encode())
        connection.execute(
            text("INSERT INTO key (owner, purpose, wrapped, made_at) VALUES (:owner, :purpose, :wrapped, :now)"),
            {"owner": owner, "purpose": purpose, "wrapped": wrapped, "now": datetime.now(UTC).isoformat()},
        )

    def _open(self, owner: str, purpose: str) -> bytes:
        with self._looking() as connection:
            row = self._row(connection, owner, purpose)
        if row is None:
            raise KeyMissing(f"no {purpose} key of {owner} in this home; was it started here?")
        if row[0] is None:
            raise KeyDestroyed(f"the {purpose} key of {owner} was destroyed at {row[1]}")
        try:
            return unseal(self._master, row[0], aad=f"key:{owner}:{purpose}".encode())
        except Unsealable as error:
            # Not the messages' fault: with the right master key every one of them is readable.
            raise KeyStoreAway(
                "the master key of this home does not open its key store; put the right one back"
            ) from error


def _facts(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(_FACTS, {"names": names})}


def load_master_key(path: Path, key_store: Path) -> bytes:
    """The key that wraps all others; made for a new home only.

    Raises KeyStoreAway for a file that is no such key, and when keys are there but their master key is lost.
    """
    if not path.exists() and key_store.exists():
        raise KeyStoreAway(f"{path.name} is gone but keys are there; put it back from its backup")
    return load_secret(path)


def load_secret(path: Path) -> bytes:
    """A random key in a file of its own, readable by its owner only; made when there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise KeyStoreAway(f"{path.name} is not a key; put the right one back from its backup") from None
        return key
    with os.fdopen(descriptor, "wb") as file:
        key = os.urandom(KEY_BYTES)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
