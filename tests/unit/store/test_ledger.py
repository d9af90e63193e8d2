"""The ledger: what a position gets follows from what it got; an intent without outcome counts as reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import store.tables.all  # noqa: F401  every table, before any is made
from alerts.vocabulary import Kind
from store.database import Database
from store.ledger import Status, Wave, channel_counts, extend_audience, plan_chunk, record_outcomes
from store.tables.sending import Subscriber

NOW = datetime(2026, 1, 1, tzinfo=UTC)
R, G, T, D = Status.REACHED, Status.GONE, Status.RETRY, Status.DOUBT


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "ledger.db")
    opened.create_tables()
    with opened.write() as session:
        for exercise in (False, False, False, True):
            session.add(Subscriber(channel="push", sealed_address=b"x", exercise=exercise, since=NOW))
        session.flush()
        assert extend_audience(session, "a", "push", Kind.ACTUAL, NOW) == 3
    yield opened
    opened.close()


def _wave(purpose: str = "show", edition: int = 1, announcement: int = 0, announces: bool = False) -> Wave:
    return Wave(
        alert_id="a",
        channel="push",
        purpose=purpose,
        edition=edition,
        announcement=announcement,
        revision=1,
        announces=announces,
    )


def _send(db: Database, wave: Wave, outcomes: Sequence[Status] | None = (R, R, R)) -> dict[int, str]:
    """Plan the chunk and record outcomes of what is due (None: crash in between); the kinds by position."""
    with db.write() as session:
        row, tasks = plan_chunk(session, wave, 0, 10, NOW)
        if row is not None and outcomes is not None:
            due = [task.recipient.position for task in tasks]
            assert row.id is not None
            record_outcomes(session, row.id, [(position, outcomes[position]) for position in due], NOW, NOW)
        return {task.recipient.position: task.kind.value for task in tasks}


def test_kind_when_history_grows_follows_from_the_last_entry(db: Database) -> None:
    assert _send(db, _wave(), (R, G, R)) == {0: "alert", 1: "alert", 2: "alert"}
    assert _send(db, _wave(announcement=1), (R, R, R)) == {1: "alert"}
    assert _send(db, _wave(announcement=2, announces=True)) == dict.fromkeys(range(3), "refresh")
    assert _send(db, _wave(edition=2)) == dict.fromkeys(range(3), "update")
    assert _send(db, _wave("end", 2)) == dict.fromkeys(range(3), "cancel")
    assert _send(db, _wave("end", 3)) == {}


def test_end_when_somebody_was_not_reached_passes_them_by(db: Database) -> None:
    _send(db, _wave(), (R, G, D))
    assert _send(db, _wave("end")) == {0: "cancel", 2: "cancel"}


def test_intent_when_no_outcome_follows_counts_as_reached(db: Database) -> None:
    _send(db, _wave(), None)
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.recipients, counts.reached, counts.in_doubt, counts.failed) == (3, 3, 3, 0)
    assert _send(db, _wave("end")) == dict.fromkeys(range(3), "cancel")


def test_chunk_when_resumed_after_a_crash_sends_the_same_again(db: Database) -> None:
    first = _send(db, _wave(), None)
    assert _send(db, _wave(), (R, T, D)) == first
    assert _send(db, _wave(), (R, R, R)) == {1: "alert", 2: "alert"}
    assert _send(db, _wave()) == {}


def test_audience_when_asked_again_only_grows(db: Database) -> None:
    with db.write() as session:
        assert extend_audience(session, "a", "push", Kind.ACTUAL, NOW) == 3
        session.add(Subscriber(channel="push", sealed_address=b"x", since=NOW))
        session.flush()
        assert extend_audience(session, "a", "push", Kind.ACTUAL, NOW) == 4
