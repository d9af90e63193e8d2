"""Single rows: found by what a statement that is made once names, inserted once, or replaced, in one statement."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, bindparam, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def of(table: type[SQLModel], *names: str) -> list[ColumnElement[bool]]:
    """That these columns are what the parameters `of_<name>` say, for a statement that is made once."""
    return [getattr(table, name) == bindparam(f"of_{name}") for name in names]


def insert_new(into: Session | Connection, row: SQLModel) -> bool:
    """Insert it unless a row of that key is there; whether it was inserted."""
    connection = into.connection() if isinstance(into, Session) else into
    # Without the option psycopg's count of an INSERT is forgotten, and nobody is ever told that it was new.
    insert, keep = _insert(connection, row).on_conflict_do_nothing(), {"preserve_rowcount": True}
    return connection.execute(insert, execution_options=keep).rowcount == 1


def put(session: Session, row: SQLModel, *, only_over: ColumnElement[bool] | None = None) -> None:
    """Insert it or replace the row of its key; with `only_over` just where that holds of the row that is there."""
    connection = session.connection()
    insert = _insert(connection, row)
    keys = [column.name for column in _table(row).primary_key]
    changed = {column.name: insert.excluded[column.name] for column in _table(row).columns if column.name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed, where=only_over))


def _insert(connection: Connection, row: SQLModel) -> postgresql.Insert | sqlite.Insert:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(_table(row)).values(row.model_dump())


def _table(row: SQLModel) -> Table:
    table = inspect(type(row)).local_table
    assert isinstance(table, Table)
    return table
