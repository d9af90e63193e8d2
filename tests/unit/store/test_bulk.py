"""Many rows at once are the same rows on both databases, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import select

from store.bulk import insert_many
from store.database import Database
from store.tables.sending import Subscriber

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))


def _row(number: int, **changes: object) -> dict[str, object]:
    row = {
        "channel": "push",
        "exercise": False,
        "fingerprint": number.to_bytes(2, "big"),
        "sealed_address": bytes(range(256)),
        "language": "nl",
        "areas": "",
        "paused": True,
        "since": NOW,
        "left_at": None,
    }
    return {**row, **changes}


def _insert(db: Database, *rows: dict[str, object]) -> list[Subscriber]:
    with db.write() as session:
        insert_many(session, Subscriber, rows)
    with db.read() as session:
        return list(session.exec(select(Subscriber).order_by(Subscriber.id)))  # type: ignore[arg-type]


def test_rows_come_back_as_they_were(db: Database) -> None:
    odd = 'tab\t line\n back\\slash \\N "quoted" \u2603 \U0001f9ff'
    rows = _insert(db, *(_row(number, areas=odd if number else "") for number in range(3)))
    assert [row.areas for row in rows] == ["", odd, odd]
    said = rows[1].model_dump(exclude={"id"})
    assert said == {**_row(1, areas=odd), "since": NOW.astimezone(UTC)}


def test_no_rows_are_nothing(db: Database) -> None:
    assert _insert(db) == []


@pytest.mark.parametrize("wrong", [_row(1), _row(2, since=NOW.replace(tzinfo=None))], ids=["twice", "naive"])
def test_rows_are_all_there_or_none(db: Database, wrong: dict[str, object]) -> None:
    with pytest.raises((IntegrityError, StatementError, ValueError)):
        _insert(db, _row(1), wrong)
    assert _insert(db) == []
