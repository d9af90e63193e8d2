"""Tables come from migrations: the same on both databases, once, and never for a version that is not this one's."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from store.database import Database
from store.schema import BEFORE, MIGRATIONS, SCHEMA, WrongSchema, migrate, require_schema, version
from tests.support.postgres import PostgresServer

OLD_STORE = Path(__file__).parents[2] / "fixtures/stores/before-migrations.sql"
"""Of the last version that made its tables without migrations: an alert that shows, two subscribers, a ledger."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database(migrated=False) as address:
            yield address


@pytest.fixture
def old(tmp_path: Path) -> Database:
    with sqlite3.connect(tmp_path / "old.db") as raw:
        raw.executescript(OLD_STORE.read_text("utf-8"))
    raw.close()
    return Database.at(tmp_path / "old.db")


def _say_version(db: Database, number: str) -> None:
    with db.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})


def _contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Of every table there is."""
    with db.read() as session:
        there = inspect(session.connection())
        return {
            table.name: [tuple(row) for row in session.connection().execute(table.select())]
            for table in SQLModel.metadata.sorted_tables
            if there.has_table(table.name)
        }


def test_migrations_make_exactly_the_tables_that_the_code_declares(db: Database) -> None:
    with db.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), SQLModel.metadata) == []


def test_schema_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_store_from_before_migrations_is_taken_over_with_all_that_is_in_it(old: Database) -> None:
    before = _contents(old)
    assert {name for name, rows in before.items() if rows} >= {"alert_standing", "audit", "ledger", "subscriber"}
    assert version(old) == BEFORE
    migrate(old)
    after = _contents(old)
    assert (version(old), {name: after[name] for name in before}) == (SCHEMA, before)
    with old.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), SQLModel.metadata) == []
    old.close()


def test_store_that_no_version_made_is_refused_and_left_as_it_is(old: Database) -> None:
    with old.write() as session:
        session.connection().execute(text("ALTER TABLE ledger RENAME COLUMN outcomes TO results"))
    with pytest.raises(WrongSchema, match="the table ledger is not one"):
        migrate(old)
    assert version(old) == BEFORE
    old.close()


def test_empty_database_when_several_open_it_at_once_gets_its_tables_once(empty: str) -> None:
    stores = [Database(empty) for _ in range(4)]
    threads = [Thread(target=require_schema, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version(store) for store in stores] == [SCHEMA] * 4
    for store in stores:
        store.close()


def test_older_tables_are_refused_until_migrated(db: Database) -> None:
    _say_version(db, "0003")
    with pytest.raises(WrongSchema, match=f"of version 0003, this Baken needs {SCHEMA}; start 'baken up'"):
        require_schema(db)
    migrate(db)
    require_schema(db)


def test_newer_tables_are_refused_by_everybody(db: Database) -> None:
    _say_version(db, "9999")
    for refuses in (require_schema, migrate):
        with pytest.raises(WrongSchema, match="newer than"):
            refuses(db)


def test_store_that_is_up_to_date_opens_without_alembic(db: Database) -> None:
    look = (
        "import sys; from store.database import Database; from store.schema import require_schema; "
        "require_schema(Database(sys.argv[1])); assert 'alembic' not in sys.modules"
    )
    address = db.engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-W", "error", "-c", look, address], check=True, timeout=30)


def test_sqlite_file_that_goes_away_is_missed_and_not_made_anew(tmp_path: Path) -> None:
    db = Database.at(tmp_path / "store.db")
    migrate(db)
    db.close()
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    for opened in (db, Database(f"sqlite:///{tmp_path / 'store.db'}", make=False)):
        with pytest.raises(OperationalError, match="unable to open"):
            version(opened)
        assert not (tmp_path / "store.db").exists()
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    assert version(db) == SCHEMA
    db.close()
