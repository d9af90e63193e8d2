"""Senders stop as soon as something newer holds, or when they cannot see whether it does (DESIGN, rule 1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

import activities.revisions
from activities.revisions import POLL, RevisionWatch
from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store.database import Database
from store.standing import declare, open_alert, renew_lease, take_away
from tests.support.postgres import PostgresServer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={})


@pytest.fixture
def db(db: Database) -> Database:
    """A store with one alert that shows an edition."""
    shown = Desired(meaning=Meaning.EDITION, edition=EDITION, lease_until=NOW + timedelta(hours=1))
    with db.write() as session:
        open_alert(session, "a", Kind.ACTUAL, "amber", NOW)
        session.flush()
        assert declare(session, "a", 0, shown, NOW) == (1, True)
    return db


@pytest.fixture
def watch(db: Database) -> RevisionWatch:
    return RevisionWatch(db, lambda: NOW)


def _seconds_until_no(still: Callable[[], bool]) -> float:
    began = time.monotonic()
    while still():
        assert time.monotonic() - began < 5
        time.sleep(0.002)
    return time.monotonic() - began


async def test_sender_stops_within_two_polls_of_a_withdrawal(db: Database, watch: RevisionWatch) -> None:
    async with watch.watching("a", 1) as watched:
        assert watched.still()
        with db.write() as session:
            assert take_away(session, "a", Meaning.WITHDRAWN, NOW) == 2
        assert _seconds_until_no(watched.still) < 2 * POLL + 0.2


async def test_sender_of_an_older_revision_never_begins(watch: RevisionWatch) -> None:
    async with watch.watching("a", 0) as watched:
        assert not watched.still()
        assert watched.overtaken()


async def test_sender_stops_when_the_lease_is_over_and_goes_on_once_it_is_renewed(db: Database) -> None:
    hours = [0.0]
    async with RevisionWatch(db, lambda: NOW + timedelta(hours=hours[0])).watching("a", 1) as watched:
        assert watched.still()
        hours[0] = 1
        assert (watched.still(), watched.lapsed(), watched.overtaken()) == (False, True, False)
        with db.write() as session:
            assert renew_lease(session, "a", 1, NOW + timedelta(hours=2))
        assert _seconds_until_no(watched.lapsed) < 2 * POLL + 0.2
        assert watched.still()


@pytest.fixture
def lose_store(request: pytest.FixtureRequest, db: Database, database_url: str) -> Callable[[], None]:
    """Takes the store away under those who use it."""
    if db.engine.dialect.name == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return lambda: server.vanish(database_url)

    def lose() -> None:
        file = Path(str(db.engine.url.database))
        file.rename(file.with_suffix(".gone"))
        db.close()

    return lose


async def test_blind_sender_stops(watch: RevisionWatch, lose_store: Callable[[], None]) -> None:
    async with watch.watching("a", 1) as watched:
        assert watched.still()
        lose_store()
        assert _seconds_until_no(watched.still) <= activities.revisions.BLIND + 0.5
        assert not watched.overtaken()


def test_edition_declared_on_an_old_revision_loses(db: Database) -> None:
    again = Desired(meaning=Meaning.EDITION, edition=EDITION, lease_until=NOW + timedelta(hours=2))
    with db.write() as session:
        take_away(session, "a", Meaning.HELD, NOW)
        assert declare(session, "a", 1, again, NOW) == (2, False)
        assert declare(session, "a", 2, again, NOW) == (3, True)


async def test_nobody_is_watched_for_when_the_first_look_fails(
    watch: RevisionWatch, lose_store: Callable[[], None]
) -> None:
    """Else its thread would look for ever for a sender that never began."""
    lose_store()
    with pytest.raises(OperationalError):
        await watch.watching("a", 1).__aenter__()
    assert not any(watch._watched.values())
