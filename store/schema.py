"""Which version the tables of a store have, and how they get to the one this code reads.

`baken up` migrates, once, before its processes start. Everybody else only looks: one query, without Alembic.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

import store.tables.all  # noqa: F401  every table
from store.database import Database, on_postgresql, serialise

SCHEMA = "0017"
"""The newest step in `store/migrations/versions`; what the code reads and writes."""
BEFORE = "0000"
"""Of a store that was made before there were migrations."""
MIGRATIONS = Path(__file__).parent / "migrations"


class WrongSchema(RuntimeError):
    """The tables are not the ones this version of Baken works with; the text says what to do."""


def version(db: Database) -> str | None:
    """The last step the tables went through; None where there are none."""
    with db.read() as session:
        return _version(session.connection())


def require_schema(db: Database, *, make: bool = True) -> None:
    """Go on only with tables of this version; raises WrongSchema. With `make` an empty database gets them."""
    found = version(db)
    if found is None and make:
        migrate(db)
    elif found is None:
        raise WrongSchema("it is empty, and was not when this home worked with it; put the right one back")
    elif found != SCHEMA:
        raise WrongSchema(_advice(found))


def migrate(db: Database) -> None:
    """Bring the tables to this version, all or nothing and one process at a time.

    Raises WrongSchema, and changes nothing, for tables of a newer version or of none that was ever released.
    """
    if version(db) == SCHEMA:
        return
    with db.write() as session:
        if on_postgresql(session):
            session.connection().execute(text("SET LOCAL statement_timeout = 0"))
            session.connection().execute(text("SET LOCAL lock_timeout = '30s'"))
        serialise(session, "migrate")
        found = _version(session.connection())
        if found is not None and found > SCHEMA:
            raise WrongSchema(_advice(found))
        _upgrade(session.connection())
        if different := _differences(session.connection()):
            raise WrongSchema(f"the table {different[0]} is not one that any release made; begin with a new home")


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  a quarter of a second that only a migration needs
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    inspector = inspect(connection)
    if inspector.has_table("alembic_version"):
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    return BEFORE if inspector.has_table("meta") else None


def _differences(connection: Connection) -> list[str]:
    """Tables whose columns are not those of `store.tables`."""
    inspector = inspect(connection)
    return [
        table.name
        for table in SQLModel.metadata.sorted_tables
        if {column["name"] for column in inspector.get_columns(table.name)} != set(table.columns.keys())
    ]


def _advice(found: str) -> str:
    if found > SCHEMA:
        return f"its tables are of version {found}, newer than {SCHEMA} of this Baken; install the newer Baken again"
    return f"its tables are of version {found}, this Baken needs {SCHEMA}; start 'baken up', which brings them there"
