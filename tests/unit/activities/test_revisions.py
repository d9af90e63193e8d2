"""Senders stop as soon as something newer holds, or when they cannot see whether it does (DESIGN, rule 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import activities.revisions
import store.tables.all  # noqa: F401  every table, before any is made
from activities.revisions import POLL, RevisionWatch
from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store.database import Database
from store.standing import declare, open_alert, take_away

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={})


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database.at(tmp_path / "baken.db")
    db.create_tables()
    shown = Desired(meaning=Meaning.EDITION, edition=EDITION, lease_until=NOW + timedelta(hours=1))
    with db.write() as session:
        open_alert(session, "a", Kind.ACTUAL, "amber", NOW)
        session.flush()
        assert declare(session, "a", 0, shown, NOW) == (1, True)
    yield db
    db.close()


def _seconds_until_no(still: Callable[[], bool]) -> float:
    began = time.monotonic()
    while still():
        assert time.monotonic() - began < 5
        time.sleep(0.002)
    return time.monotonic() - began


def test_sender_stops_within_two_polls_of_a_withdrawal(db: Database) -> None:
    with RevisionWatch(db).watching("a", 1) as watched:
        assert watched.still()
        with db.write() as session:
            assert take_away(session, "a", Meaning.WITHDRAWN, NOW) == 2
        assert _seconds_until_no(watched.still) < 2 * POLL + 0.2


def test_sender_of_an_older_revision_never_begins(db: Database) -> None:
    with RevisionWatch(db).watching("a", 0) as watched:
        assert not watched.still()
        assert watched.overtaken()


def test_blind_sender_stops(db: Database, tmp_path: Path) -> None:
    """The store goes away under it."""
    with RevisionWatch(db).watching("a", 1) as watched:
        assert watched.still()
        for file in tmp_path.glob("baken.db*"):
            file.rename(file.with_suffix(".gone"))
        db.close()
        assert _seconds_until_no(watched.still) <= activities.revisions.BLIND + 0.5
        assert not watched.overtaken()


def test_edition_declared_on_an_old_revision_loses(db: Database) -> None:
    again = Desired(meaning=Meaning.EDITION, edition=EDITION, lease_until=NOW + timedelta(hours=2))
    with db.write() as session:
        take_away(session, "a", Meaning.HELD, NOW)
        assert declare(session, "a", 1, again, NOW) == (2, False)
        assert declare(session, "a", 2, again, NOW) == (3, True)
