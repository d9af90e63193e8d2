"""One way to read and one to write, the same on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select

from store.database import Database
from store.tables.alert import Meta


def _add(db: Database, name: str) -> None:
    with db.write() as session:
        session.add(Meta(name=name, value="kept secret"))


def _count(db: Database) -> int:
    with db.read() as session:
        return session.exec(select(func.count()).select_from(Meta)).one()


def test_queries_of_one_read_see_one_moment(db: Database) -> None:
    count = select(func.count()).select_from(Meta)
    with db.read() as session:
        assert session.exec(count).one() == 0
        _add(db, "meanwhile")
        assert session.exec(count).one() == 0
    assert _count(db) == 1


def test_each_query_of_one_who_glances_sees_what_holds_then(db: Database) -> None:
    count = select(func.count()).select_from(Meta)
    with db.glances() as connection:
        assert connection.execute(count).scalar() == 0
        _add(db, "meanwhile")
        assert connection.execute(count).scalar() == 1
        _add(db, "and again")
        assert connection.execute(count).scalar() == 2


def test_what_a_reader_adds_is_not_kept(db: Database) -> None:
    with db.read() as session:
        session.add(Meta(name="from a reader", value=""))
    assert _count(db) == 0


def test_write_that_fails_leaves_nothing(db: Database) -> None:
    def fail() -> None:
        with db.write() as session:
            session.add(Meta(name="half", value=""))
            session.flush()
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert _count(db) == 0


def test_error_of_a_statement_does_not_tell_its_values(db: Database) -> None:
    _add(db, "twice")
    with pytest.raises(IntegrityError) as refused:
        _add(db, "twice")
    assert "kept secret" not in str(refused.value)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("options", "expected"),
    [("", ("10s", "5s", "3s")), ("&options=-c%20statement_timeout%3D30s", ("30s", "5s", "3s"))],
    ids=["ours", "with an option of the address"],
)
def test_connections_have_our_time_outs_unless_the_address_has_others(
    database_url: str, options: str, expected: tuple[str, ...]
) -> None:
    db = Database(database_url + options)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with db.write() as session:
        found = tuple(session.connection().execute(text(f"SHOW {name}")).scalar_one() for name in names)
    db.close()
    assert found == expected
