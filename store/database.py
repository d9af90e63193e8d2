"""One database, two ways in: `read` for queries at one moment and `write` for one short transaction.

SQLite is the default, PostgreSQL for a country at scale; what is special to either stands here, in `store.rows` and
in `store.bulk`. On SQLite a `write` has the whole database to itself from its beginning. On PostgreSQL writers run
side by side, so whoever decides by what he read says what he needs alone: a row (`with_for_update`), or by name
(`serialise`).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event, make_url, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError
from sqlmodel import Session, create_engine

STORE_AWAY = (OperationalError, InternalError, InterfaceError, TimeoutError)
"""What a database raises that is locked, full, restarting or not there, or that ended a transaction that froze."""
BUSY_TIMEOUT_MS = 5_000
POSTGRESQL = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    # Shorter than the patience of those who wait for a lock: a process that froze keeps no withdrawal from its way.
    "idle_in_transaction_session_timeout": "3s",
    "timezone": "UTC",
}
"""Settings of every connection; `options` in the address come after them and win."""
POOL = {"pool_size": 4, "max_overflow": 6, "pool_timeout": 5, "pool_pre_ping": True}
"""Of each process. Transactions are short, so threads share few; ten processes stay under the usual hundred."""
CONNECTION = {
    "application_name": "baken",
    "client_encoding": "utf8",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5_000,
}
"""A server that vanished is noticed within seconds."""

READING: dict[str, dict[str, Any]] = {
    "sqlite": {},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
GLANCING: dict[str, dict[str, Any]] = {
    "sqlite": {"baken_begin": None},
    "postgresql": {"isolation_level": "AUTOCOMMIT", "postgresql_readonly": True},
}


class Database:
    """A database by its SQLAlchemy URL, e.g. `sqlite:////home/x/baken.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str, *, synchronous: str = "NORMAL", make: bool = True) -> None:
        """`make` a SQLite file that is not there; once it was, a missing one is an error and never made anew."""
        address = make_url(url)
        if address.get_backend_name() == "sqlite":
            self.engine = _sqlite(address, synchronous, make=make)
        else:
            self.engine = _postgresql(address)
        self._reading = self.engine.execution_options(**READING[self.engine.dialect.name])
        self._writing = self.engine.execution_options(baken_begin="BEGIN IMMEDIATE")
        self._glancing = self.engine.execution_options(**GLANCING[self.engine.dialect.name])

    @classmethod
    def at(cls, path: Path, *, synchronous: str = "NORMAL") -> Database:
        """The SQLite database in that file; `synchronous="FULL"` also survives a power cut."""
        return cls(f"sqlite:///{path}", synchronous=synchronous)

    @property
    def name(self) -> str:
        """What it is and where, for people; nothing of what opens it."""
        url = self.engine.url
        host = url.host or url.query.get("host") or "this machine"
        return f"{url.database}" if url.get_backend_name() == "sqlite" else f"{url.database} of PostgreSQL on {host}"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries, which all see the same moment; it cannot change anything."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed when the block ends well, else rolled back."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def glances(self) -> Iterator[Connection]:
        """For one who looks again and again: each query sees what holds right then, outside any transaction.

        That costs a quarter less CPU than in a transaction (60 and 79 us, SQLite).
        """
        with self._glancing.connect() as connection:
            yield connection

    @contextmanager
    def write_rows(self) -> Iterator[Connection]:
        """`write` without a session, for what is written so often that a session would cost more than the rows."""
        with self._writing.begin() as connection:
            yield connection

    def flush(self) -> None:
        """Bring to the disk what was committed: on SQLite a power cut may take back the last of it, until then."""
        if self.engine.dialect.name != "sqlite":
            return
        try:
            log = os.open(f"{self.engine.url.database}-wal", os.O_RDONLY)
        except FileNotFoundError:
            return  # all of it is in the file itself
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def close(self) -> None:
        self.engine.dispose()


def on_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def serialise(session: Session, what: str) -> None:
    """Let one transaction at a time go on with `what`, until it ends; a SQLite writer is alone already.

    So that two never wait for each other: subscribing first, then rows, the audit chain last.
    """
    if on_postgresql(session):
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")
        session.connection().execute(lock, {"what": f"baken:{what}"})


def _postgresql(address: URL) -> Engine:
    own = " ".join(f"-c {name}={value}" for name, value in POSTGRESQL.items())
    said = address.query.get("options", "")
    options = {"options": f"{own} {said if isinstance(said, str) else ' '.join(said)}"}
    return create_engine(address, hide_parameters=True, connect_args={**CONNECTION, **options}, **POOL)


def _sqlite(address: URL, synchronous: str, *, make: bool) -> Engine:
    """Write-ahead log, foreign keys, five seconds of patience with another writer."""
    engine = create_engine(address, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def open_what_is_there(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        if not make:
            arguments[0] = f"{Path(arguments[0]).absolute().as_uri()}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        nonlocal make
        make = False  # a file that goes away must not be taken for an empty store when the next connection opens
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _use_wal(cursor)
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # Debian's has it so anyway: of a destroyed key nothing stays behind
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A writer that locks only at its first change could find out at commit that another one came before.
        how = connection.get_execution_options().get("baken_begin", "BEGIN")
        if how is not None:
            connection.exec_driver_sql(how)

    return engine


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Of a new file that several open at once all but one are told that it is locked, without any patience."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
