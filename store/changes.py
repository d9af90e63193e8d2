"""Whether anything in the store changed at all, for those who would otherwise look again and again."""

from __future__ import annotations

import threading

from sqlalchemy import text

from store.database import Database

SQLITE = text("PRAGMA data_version")
"""Differs once another connection has committed."""
POSTGRESQL = text("SELECT pg_current_snapshot()::text")
"""Differs once anybody on this server has begun to write or committed."""


class Changes:
    """Keeps one connection: what SQLite answers can be compared with what the same connection heard before only."""

    def __init__(self, db: Database) -> None:
        self._connection = db.engine.connect()
        self._asked = POSTGRESQL if db.engine.dialect.name == "postgresql" else SQLITE
        self._alone = threading.Lock()

    def mark(self) -> str:
        """Another one than before, once something was committed since; some microseconds."""
        with self._alone, self._connection.begin():
            return str(self._connection.execute(self._asked).scalar_one())

    def close(self) -> None:
        with self._alone:
            self._connection.close()
