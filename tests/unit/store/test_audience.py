"""Subscribers and the frozen audience: whom an alert concerns, in pages, extended and never doubled."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import text
from sqlmodel import select

from alerts.sealing import Sealer
from store.audience import AudienceStore, Members, forget_audiences
from store.database import Database
from store.subscribers import Entry, Subscribers
from store.tables.sending import AudiencePage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY, DISPLAY = bytes(32), bytes(range(32))


def _join(db: Database, *entries: Entry | str, exercise: bool = False) -> int:
    said = [Entry(one) if isinstance(one, str) else one for one in entries]
    with db.write() as session:
        return Subscribers(KEY, "push", exercise=exercise).subscribe(session, said, NOW)


def _leave(db: Database, address: str) -> bool:
    with db.write() as session:
        return Subscribers(KEY, "push").unsubscribe(session, address, NOW)


def _audience(db: Database) -> AudienceStore:
    return AudienceStore(db, DISPLAY, "a", "push", page=3)


def _read(db: Database, start: int, count: int, *, ending: bool = False, everybody: bool = False) -> Members:
    with db.read() as session:
        return _audience(db).read(session, start, count, ending=ending, everybody=everybody)


def _extend(db: Database, *areas: str) -> int:
    return _audience(db).extend(KEY, areas or None, exercise=False)


def _there(db: Database) -> list[str]:
    return list(_read(db, 0, 100).addresses)


def test_audience_is_whoever_is_there_when_frozen_in_order_of_joining(db: Database) -> None:
    names = [f"n{number}" for number in range(8)]
    assert _join(db, *names) == 8
    _join(db, "drill", exercise=True)
    assert _extend(db) == 8
    assert _there(db) == names
    assert list(_read(db, 2, 3).positions) == [2, 3, 4]


def test_later_comers_are_added_at_the_end_and_those_who_left_are_not_read(db: Database) -> None:
    _join(db, "a", "b", "c", "d")
    _extend(db)
    assert _leave(db, "b")
    assert not _leave(db, "b")
    _join(db, "e", Entry("c", paused=True))
    assert _extend(db) == 5
    assert _there(db) == ["a", "d", "e"]


def test_who_comes_back_is_a_later_comer(db: Database) -> None:
    _join(db, "a", "b")
    _leave(db, "b")
    _extend(db)
    assert _join(db, "a", "b") == 1
    assert _extend(db) == 2
    assert _there(db) == ["a", "b"]


def test_who_wants_to_hear_again_after_a_pause_is_a_later_comer(db: Database) -> None:
    _join(db, "a", "b", Entry("c", paused=True))
    assert _extend(db) == 2
    _join(db, Entry("a", paused=True))
    _join(db, "a", "c")
    assert _extend(db) == 4
    assert _there(db) == ["b", "a", "c"]


def test_who_pauses_or_leaves_after_an_alert_hears_its_end_where_that_is_asked(db: Database) -> None:
    _join(db, "a", "b")
    _extend(db)
    _join(db, Entry("a", paused=True))
    assert list(_read(db, 0, 10, ending=True).addresses) == ["b"]
    assert list(_read(db, 0, 10, ending=True, everybody=True).addresses) == ["a", "b"]
    _leave(db, "b")
    assert list(_read(db, 0, 10, ending=True, everybody=True).addresses) == ["a", "b"]


def test_who_moves_while_an_alert_is_live_is_in_its_audience_once(db: Database) -> None:
    _join(db, Entry("a", areas=("GM0307",)), "b")
    _extend(db)
    _join(db, Entry("a", areas=("GM0344",)))
    assert _extend(db) == 3
    assert _there(db) == ["b", "a"]


def test_who_moved_away_still_hears_that_it_ended_unless_he_left(db: Database) -> None:
    _join(db, Entry("a", areas=("GM0307",)), "b")
    assert _extend(db, "GM0307") == 2
    _join(db, Entry("a", areas=("GM0344",)))
    assert _extend(db, "GM0307") == 2
    assert list(_read(db, 0, 10).addresses) == ["b"]
    assert list(_read(db, 0, 10, ending=True).addresses) == ["a", "b"]
    _leave(db, "a")
    assert list(_read(db, 0, 10, ending=True).addresses) == ["b"]


def test_area_takes_in_those_who_named_it_and_those_who_named_none(db: Database) -> None:
    _join(db, Entry("amersfoort", areas=("GM0307",)), "anywhere", Entry("utrecht", areas=("GM0344", "GM0355")))
    assert _extend(db, "GM0307") == 2
    assert _there(db) == ["amersfoort", "anywhere"]
    assert _extend(db, "GM0307", "GM0355") == 3
    assert _there(db) == ["amersfoort", "anywhere", "utrecht"]
    assert _extend(db) == _extend(db, "GM0001") == 3


def test_changed_areas_count_from_then_on(db: Database) -> None:
    _join(db, Entry("a", areas=("GM0344",)))
    assert _extend(db, "GM0307") == 0
    _join(db, Entry("a", areas=("GM0307",)))
    assert _extend(db, "GM0307") == 1


def test_freezing_that_was_stopped_goes_on_where_it_was(db: Database) -> None:
    names = [f"n{number}" for number in range(10)]
    _join(db, *names)
    steps = iter(range(2))
    with pytest.raises(StopIteration):
        _audience(db).extend(KEY, None, exercise=False, go_on=lambda: next(steps))
    assert _audience(db).size() == 6
    assert _extend(db) == 10
    assert _there(db) == names


def test_two_who_freeze_at_once_double_nobody(db: Database) -> None:
    names = [f"n{number}" for number in range(60)]
    _join(db, *names)
    threads = [Thread(target=_extend, args=(db,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _there(db) == names


def test_nothing_of_an_address_stands_in_the_clear_and_pages_go_with_the_alert(db: Database) -> None:
    _join(db, "somebody@example.org")
    _extend(db)
    with db.read() as session:
        for table in ("subscriber", "audience_page"):
            (row,) = session.connection().execute(text(f"SELECT * FROM {table}"))
            assert "somebody" not in str([bytes(one) if isinstance(one, memoryview) else one for one in row])
    with db.write() as session:
        forget_audiences(session, "a")
    assert (_there(db), _audience(db).size()) == ([], 1)


def test_pages_frozen_before_columns_are_still_read(db: Database) -> None:
    _join(db, Entry("a", language="en"), "b")
    _extend(db)
    rows = [[1, "a", "en", ""], [2, "b", "nl", ""]]
    with db.write() as session:
        page = session.exec(select(AudiencePage)).one()
        page.sealed = Sealer(DISPLAY).seal(json.dumps(rows).encode(), aad=b"audience:a:push:0")
    assert _there(db) == ["a", "b"]
    assert list(_read(db, 0, 2).languages) == ["en", "nl"]
