"""Whether anything changed is told by one cheap question, in each kind of database."""

from __future__ import annotations

from store.changes import Changes
from store.database import Database
from store.rows import put
from store.tables.alert import Meta


def test_mark_when_somebody_committed_is_another_and_else_the_same(db: Database) -> None:
    changes = Changes(db)
    try:
        before = changes.mark()
        assert changes.mark() == before
        with db.read() as session:
            assert session.get(Meta, "x") is None
        assert changes.mark() == before
        with db.write() as session:
            put(session, Meta(name="x", value="1"))
        assert changes.mark() != before
    finally:
        changes.close()
