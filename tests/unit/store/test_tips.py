"""Tips in the store: once each, numbered, folded where they repeat, unreadable on disk and after their key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from alerts.sealing import Unsealable
from alerts.tip import CameBy, Mark, Told
from store import tips
from store.database import Database
from store.tables.tip import Tip, TipPhoto

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
JPEG = b"\xff\xd8 a drawn photo \xff\xd9"


def put(
    db: Database, key: str, *, jpeg: bytes | None = None, came_by: CameBy = CameBy.PAGE, alert: str = "a", **said: Any
) -> int:
    told = Told(came_by=came_by, language="nl", **said)
    with db.write() as session:
        return tips.put_tip(session, KEY, alert, key, told, jpeg, NOW)


def numbers(db: Database, **which: Any) -> list[int]:
    with db.read() as session:
        return [one.number for one in tips.newest(session, KEY, "a", **which)]


def test_tip_when_put_twice_is_there_once(db: Database) -> None:
    assert [put(db, "k1", text="een"), put(db, "k1", text="een"), put(db, "k2", text="twee")] == [1, 1, 2]
    assert put(db, "k1", text="een", alert="b") == 1  # another alert counts for itself
    assert numbers(db) == [2, 1]


def test_tips_when_listed_have_the_child_first_then_the_newest(db: Database) -> None:
    put(db, "k1", text="een")
    put(db, "k2", text="ik ben het", came_by=CameBy.CHILD)
    put(db, "k3", text="drie")
    assert numbers(db) == [2, 3, 1]
    assert numbers(db, most=1) == [2, 3]
    assert numbers(db, before=3) == [2, 1]
    with db.read() as session:
        assert tips.counts(session, "a") == (3, 3, 1)
        assert tips.counts(session, "nobody") == (0, 0, 0)


def test_tips_when_somebody_floods_the_childs_door_can_all_be_reached(db: Database) -> None:
    put(db, "child", text="ik ben het", came_by=CameBy.CHILD)
    for n in range(tips.PAGE):
        put(db, f"flood{n}", text=f"nep {n}", came_by=CameBy.CHILD)
    for n in range(3):
        put(db, f"tip{n}", text=f"tip {n}")
    reached: set[int] = set()
    before: int | None = None
    with db.read() as session:
        while True:
            found = tips.newest(session, KEY, "a", before=before)
            reached |= {one.number for one in found}
            before = tips.older_than(found, before)
            if before is None:
                break
    assert reached == set(range(1, tips.PAGE + 5))


def test_tips_when_they_repeat_are_folded_under_the_first_but_never_the_childs(db: Database) -> None:
    put(db, "k1", where="Utrecht CS", text="rode jas", jpeg=JPEG)
    put(db, "k2", where="utrecht cs", text="Rode jas!")
    put(db, "k3", text="dezelfde foto", jpeg=JPEG)
    put(db, "k4", where="Utrecht CS", text="rode jas", came_by=CameBy.PHONE)
    put(db, "k5", where="Utrecht CS", text="rode jas", came_by=CameBy.CHILD)
    with db.read() as session:
        found = {one.number: [each.number for each in one.repeats] for one in tips.newest(session, KEY, "a")}
    assert found == {5: [], 4: [], 1: [2, 3]}


def test_tips_when_read_stay_listed_and_a_new_repeat_makes_them_unread(db: Database) -> None:
    put(db, "k1", text="rode jas")
    put(db, "k2", text="blauwe fiets")
    with db.write() as session:
        tips.set_read(session, "a", [1], NOW)
        tips.set_mark(session, "a", 2, Mark.URGENT, NOW)
    assert numbers(db, unread=True) == []
    put(db, "k3", text="Rode jas")
    assert (numbers(db, unread=True), numbers(db)) == ([1], [2, 1])
    with db.write() as session:
        tips.set_passed(session, "a", 1, NOW)
    with db.read() as session:
        (second, first) = tips.newest(session, KEY, "a")
        assert (second.mark, second.unread, first.passed_at, first.unread) == (Mark.URGENT, False, NOW, False)


def test_tips_when_on_disk_say_nothing_without_the_key(db: Database) -> None:
    put(db, "k1", text="rode jas", call_back="0612345678", jpeg=JPEG)
    with db.read() as session:
        row, photo = session.exec(select(Tip)).one(), session.exec(select(TipPhoto)).one()
        kept = repr(row.model_dump()).encode() + photo.sealed
        assert tips.photo(session, KEY, "a", 1) == JPEG
        assert not [word for word in (b"rode", b"0612345678", JPEG) if word in kept]
        with pytest.raises(Unsealable):
            tips.one(session, bytes(32), "a", 1)


def test_tip_when_its_row_is_put_under_another_number_does_not_open(db: Database) -> None:
    put(db, "k1", text="rode jas")
    with db.write() as session:
        row = session.exec(select(Tip).where(col(Tip.number) == 1)).one()
        session.add(Tip(**{**row.model_dump(), "number": 2, "key": "other"}))
    with db.read() as session, pytest.raises(Unsealable):
        tips.one(session, KEY, "a", 2)
