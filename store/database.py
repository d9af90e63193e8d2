"""One database, two ways in: `read` for queries and `write` for one short transaction.

SQLite is the default (write-ahead log, foreign keys, five seconds of patience with another writer). A `write`
takes the lock when it begins, so two processes never find out at commit that they disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Session, SQLModel, create_engine

BUSY_TIMEOUT_MS = 5_000


class Database:
    """A database by its SQLAlchemy URL, e.g. `sqlite:////home/x/baken.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str, *, synchronous: str = "NORMAL") -> None:
        self.url = url
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            _prepare_sqlite(self.engine, synchronous)

    @classmethod
    def at(cls, path: Path, *, synchronous: str = "NORMAL") -> Database:
        """The SQLite database in that file; `synchronous="FULL"` also survives a power cut."""
        return cls(f"sqlite:///{path}", synchronous=synchronous)

    def create_tables(self) -> None:
        """Create what is missing of the tables that `store.tables` declares; never alters one that exists."""
        SQLModel.metadata.create_all(self.engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries; what it changed is thrown away."""
        with Session(self.engine.execution_options(baken_write=False), expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed when the block ends well, else rolled back."""
        engine = self.engine.execution_options(baken_write=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _prepare_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        write = connection.get_execution_options().get("baken_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
