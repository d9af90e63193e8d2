"""Stores that nobody used yet. Tables are made once: migrations take 45 ms, and hundreds of tests want a store."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from store.database import Database
from store.schema import migrate


def new_store(path: Path) -> Database:
    """Opened, in a new file."""
    make_sqlite(path)
    return Database.at(path)


def make_sqlite(path: Path) -> None:
    """A file with the tables and nothing in them."""
    path.touch(mode=0o600)
    path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "baken.db"
        made = Database(f"sqlite:///{file}")
        migrate(made)
        made.close()
        return file.read_bytes()
