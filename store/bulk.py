"""Many rows at once, each database in the way it is quickest: COPY on PostgreSQL, one prepared insert on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table, insert, inspect
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from store.database import on_postgresql


def insert_many(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all name the same columns; those with a default in Python must be named too."""
    if not rows:
        return
    table = inspect(model).local_table
    assert isinstance(table, Table)
    if on_postgresql(session):
        _copy(session.connection(), table, rows)
    else:
        session.connection().execute(insert(table), list(rows))


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    import psycopg  # noqa: PLC0415  a command on SQLite needs none of it

    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    columns = [table.columns[name] for name in rows[0]]
    converters = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    into = f"COPY {quote(table.name)} ({', '.join(quote(column.name) for column in columns)}) FROM STDIN"
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(into.encode()) as copy:
            for row in rows:
                values = (row[column.name] for column in columns)
                copy.write_row(
                    [convert(value) if convert else value for convert, value in zip(converters, values, strict=True)]
                )
    except psycopg.Error as error:  # as every other statement of a session says it
        raise DBAPIError.instance(into, None, error, psycopg.Error, hide_parameters=True, dialect=dialect) from error
