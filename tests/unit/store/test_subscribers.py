"""Subscribers in bulk: who is new, who is changed, who stays away, and that all of them come out again."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from store.database import Database
from store.schema import migrate
from store.subscribers import AT_ONCE, Entry, Put, Subscribers, Tally, leave, tallies
from store.tables.sending import SubscriberArea

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PUSH = Subscribers(bytes(32), "push")


def _put(db: Database, *entries: Entry, now: datetime = NOW, only_newer: bool = False) -> Put:
    with db.write() as session:
        return PUSH.put(session, [PUSH.prepare(entry) for entry in entries], now, only_newer=only_newer)


def _leave(db: Database, address: str, now: datetime) -> None:
    with db.write() as session:
        assert PUSH.unsubscribe(session, address, now)


def _everybody(db: Database) -> list[Entry]:
    return list(PUSH.everybody(db))


def _indexed(db: Database) -> list[tuple[str, int]]:
    with db.read() as session:
        return [(row.code, row.subscriber_id) for row in session.exec(select(SubscriberArea))]


def test_entries_when_put_come_out_as_they_were(db: Database) -> None:
    entries = [
        Entry("a", "en", ("GM0307", "GM0344"), paused=True, since=NOW - DAY),
        Entry("b", since=NOW - 2 * DAY),
    ]
    assert _put(db, *entries) == Put(new=2, known=0, away=frozenset())
    assert _everybody(db) == entries


def test_entry_when_known_changes_all_but_when_it_began(db: Database) -> None:
    _put(db, Entry("a", "nl", ("GM0307",)), Entry("b"))
    changed = [Entry("a", "en", ("GM0344",), since=NOW - DAY), Entry("b", "en", paused=True)]
    assert _put(db, *changed, now=NOW + DAY) == Put(new=0, known=2, away=frozenset())
    assert {one.address: one for one in _everybody(db)} == {one.address: one._replace(since=NOW) for one in changed}
    assert [code for code, _ in _indexed(db)] == ["GM0344"]


def test_entry_when_repeated_in_a_batch_counts_once_as_it_was_last(db: Database) -> None:
    assert _put(db, Entry("a"), Entry("a", "en")).new == 1
    assert [one.language for one in _everybody(db)] == ["en"]


def test_who_left_when_put_comes_back_from_then_on(db: Database) -> None:
    _put(db, Entry("a"))
    _leave(db, "a", NOW)
    assert _put(db, Entry("a"), now=NOW + DAY).new == 1
    assert [one.since for one in _everybody(db)] == [NOW + DAY]


@pytest.mark.parametrize("since", [None, NOW - DAY, NOW])
def test_who_left_when_the_list_is_older_stays_away(db: Database, since: datetime | None) -> None:
    _put(db, Entry("a", areas=("GM0307",)))
    _leave(db, "a", NOW)
    put = _put(db, Entry("a", since=since), Entry("b"), now=NOW + DAY, only_newer=True)
    assert put == Put(new=1, known=0, away=frozenset({PUSH.fingerprint("a")}))
    assert [one.address for one in _everybody(db)] == ["b"]


def test_who_left_when_the_list_is_newer_comes_back(db: Database) -> None:
    _put(db, Entry("a"))
    _leave(db, "a", NOW)
    assert _put(db, Entry("a", since=NOW + DAY), now=NOW + 2 * DAY, only_newer=True).new == 1
    assert [one.since for one in _everybody(db)] == [NOW + DAY]


def test_many_when_filled_go_in_by_batches_that_last(db: Database) -> None:
    def entries() -> Iterator[Entry]:
        yield from (Entry(f"n{number}") for number in range(2 * AT_ONCE))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        PUSH.fill(db, entries(), NOW)
    assert len(_everybody(db)) == 2 * AT_ONCE
    assert PUSH.fill(db, (Entry(f"n{number}") for number in range(2 * AT_ONCE + 5)), NOW) == 5


def test_batch_when_put_finds_its_addresses_by_their_index_alone(tmp_path: Path) -> None:
    """Once it was ordered by number, and each batch looked at all subscribers of the channel."""
    db = Database.at(tmp_path / "baken.db")
    migrate(db)
    asked = list[tuple[str, Any]]()

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    _put(db, *(Entry(f"n{number}", areas=("GM0307",)) for number in range(AT_ONCE)))
    seen = list(asked)
    with db.engine.connect() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given).all() for said, given in seen]
    db.close()
    steps = [step[3] for plan in plans for step in plan]
    assert len(steps) == 2
    assert all("INDEX subscriber_once (channel=? AND exercise=? AND fingerprint=?)" in step for step in steps)


def test_word_when_followed_ends_its_subscription_and_no_other(db: Database) -> None:
    key, word = bytes(32), PUSH.leave_word("a")
    others = Subscribers(key, "push", exercise=True), Subscribers(key, "email")
    _put(db, Entry("a"), Entry("b"))
    for at in (0, 1):
        with db.write() as session:
            assert leave(session, key, word, NOW + at * DAY)
    with db.write() as session:
        for other in others:
            other.subscribe(session, [Entry("a")], NOW)
    with db.read() as session:
        row = PUSH.find(session, "a")
        assert row is not None
        assert row.left_at == NOW
        assert [one.count(session) for one in (PUSH, *others)] == [1, 1, 1]
    assert len({one.leave_word("a") for one in (PUSH, *others)}) == 3


@pytest.mark.parametrize("change", [lambda word: "", lambda word: word[:-4], lambda word: "A" + word[1:], str.lower])
def test_word_when_not_ours_ends_nothing(db: Database, change: Callable[[str], str]) -> None:
    _put(db, Entry("a"))
    with db.write() as session:
        assert not leave(session, bytes(32), change(PUSH.leave_word("a")), NOW)
        assert not leave(session, bytes(31) + b"1", PUSH.leave_word("a"), NOW)
        assert PUSH.count(session) == 1


def test_word_when_read_tells_nothing_of_whose_it_is() -> None:
    word = PUSH.leave_word("a")
    raw = urlsafe_b64decode(word + "=" * (-len(word) % 4))
    assert re.fullmatch(r"[A-Za-z0-9_-]{50,60}", word)
    assert PUSH.fingerprint("a") not in raw
    assert b"push" not in raw


def test_tallies_when_counted_tell_active_paused_and_left_apart(db: Database) -> None:
    _put(db, Entry("a"), Entry("b"), Entry("c", paused=True), Entry("d", paused=True))
    _leave(db, "d", NOW)
    with db.write() as session:
        Subscribers(bytes(32), "push", exercise=True).subscribe(session, [Entry("a")], NOW)
    with db.read() as session:
        assert tallies(session, exercise=False) == {"push": Tally(active=2, paused=1, left=1)}
        assert tallies(session, exercise=True) == {"push": Tally(active=1)}
