"""The store of a Baken under test, and what can happen to it: locked by somebody else, or gone for a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import make_url

GO_ON = Callable[[], None]


class Store(Protocol):
    """Each fault begins at once and gives what ends it."""

    url: str

    def lock(self) -> GO_ON: ...

    def take_away(self) -> GO_ON: ...

    def copy(self) -> GO_ON:
        """Nothing happens yet; what it gives puts this copy in the place of the store, which nobody may use then."""


class SqliteStore:
    """A file in a folder of its own, which comes and goes in one step: its write-ahead log is never apart from it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._path = folder / "baken.db"
        self.url = f"sqlite:///{self._path}"

    def lock(self) -> GO_ON:
        """As a backup or a person with a shell would: one writer at a time, and it is not Baken."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")

        def release() -> None:
            connection.execute("ROLLBACK")
            connection.close()

        return release

    def take_away(self) -> GO_ON:
        """As when its disk is not there for a moment: whoever has it open keeps it, nobody else finds it."""
        elsewhere = self._folder.with_name("away")
        self._folder.rename(elsewhere)

        def bring_back() -> None:
            elsewhere.rename(self._folder)

        return bring_back

    def copy(self) -> GO_ON:
        copy = self._folder.with_name("copy.db")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path)) as live, closing(sqlite3.connect(copy)) as kept:
            live.backup(kept)

        def put_back() -> None:
            for file in self._folder.iterdir():
                file.unlink()
            copy.rename(self._path)

        return put_back


class PostgresStore:
    """A database of its own on a server that also has the database `postgres`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = make_url(url)

    def lock(self) -> GO_ON:
        connection = psycopg.connect(self._connection(self._name))
        while True:
            try:
                connection.execute("LOCK TABLE ledger, alert_standing IN ACCESS EXCLUSIVE MODE")
                break
            except psycopg.errors.DeadlockDetected:  # one who writes had the second one and wanted the first
                connection.rollback()

        def release() -> None:
            connection.rollback()
            connection.close()

        return release

    def take_away(self) -> GO_ON:
        """Every connection ends, and new ones are refused."""
        self._order(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        self._order(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'")
        return lambda: self._order(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    def copy(self) -> GO_ON:
        """Table by table, of one moment, with the numbers that come next: what a dump holds."""
        with psycopg.connect(self._connection(self._name)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            rows = {name: _copied_out(connection, name) for (name,) in names}
            numbers = connection.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall()

        def put_back() -> None:
            with psycopg.connect(self._connection(self._name)) as connection:
                connection.execute(f"TRUNCATE {', '.join(rows)}".encode())
                for name, content in rows.items():
                    with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT BINARY)".encode()) as copy:
                        copy.write(content)
                for sequence, last in numbers:
                    connection.execute("SELECT setval(%s, %s, %s)", (sequence, last or 1, last is not None))

        return put_back

    @property
    def _name(self) -> str:
        assert self._address.database is not None
        return self._address.database

    def _order(self, sql: str) -> None:
        with psycopg.connect(self._connection("postgres"), autocommit=True) as connection:
            connection.execute(sql.encode())

    def _connection(self, database: str) -> str:
        address = self._address.set(drivername="postgresql", database=database)
        return address.render_as_string(hide_password=False)


def _copied_out(connection: psycopg.Connection[Any], table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT BINARY)".encode()) as copy:
        return b"".join(map(bytes, copy))
