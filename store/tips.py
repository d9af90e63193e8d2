"""Tips: taken in once, numbered, folded where they repeat each other, and what operators made of them.

Everything that was told is sealed with the alert's record key: the display key dies soon after the end, but what
people told belongs to the record. When that key is destroyed nobody can read it any more; the counts stay.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, case
from sqlmodel import Session, col, func, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import seal, unseal
from alerts.tip import CameBy, Mark, Told
from alerts.values import Value
from store.database import serialise
from store.tables.tip import Tip, TipPhoto

PAGE = 50
"""Tips that are read at a time, each with those that repeat it."""


class OpenTip(Value):
    """A tip that was opened for somebody on duty."""

    number: int
    told: Told
    received_at: datetime
    read_at: datetime | None
    mark: Mark | None
    passed_at: datetime | None
    has_photo: bool
    repeats: tuple[OpenTip, ...] = ()
    """Those that say or show the same, the oldest first."""

    @property
    def unread(self) -> bool:
        return self.read_at is None or any(one.unread for one in self.repeats)


class TipCounts(NamedTuple):
    total: int = 0
    unread: int = 0
    child_unread: int = 0
    """Of those unread, messages of the child itself."""


def put_tip(
    session: Session, key: bytes, alert_id: str, tip_key: str, told: Told, jpeg: bytes | None, now: datetime
) -> int:
    """Keep a tip, its number; the same key twice is one tip. `session` is a writing one."""
    serialise(session, f"tips {alert_id}")
    known = select(Tip.number).where(Tip.alert_id == alert_id, Tip.key == tip_key)
    if (number := session.exec(known).first()) is not None:
        return number
    number = (session.exec(_highest(alert_id)).one() or 0) + 1
    text_print = _print(key, f"text of {alert_id}", told.words.encode())
    photo_print = _print(key, f"photo of {alert_id}", jpeg or b"")
    session.add(
        Tip(
            alert_id=alert_id,
            number=number,
            key=tip_key,
            from_child=told.came_by is CameBy.CHILD,
            same_as=_first_alike(session, told, text_print, photo_print),
            text_print=text_print,
            photo_print=photo_print,
            received_at=now,
            sealed=seal(key, told.model_dump_json().encode(), aad=_aad(alert_id, number)),
        )
    )
    if jpeg is not None:
        session.add(
            TipPhoto(alert_id=alert_id, number=number, sealed=seal(key, jpeg, aad=_photo_aad(alert_id, number)))
        )
    return number


def newest(
    session: Session,
    key: bytes,
    alert_id: str,
    *,
    unread: bool = False,
    before: int | None = None,
    most: int | None = PAGE,
) -> list[OpenTip]:
    """Tips with what repeats them: the newest messages of the child, then the newest of others.

    With `before` a number, what is older than that, of both.
    """
    query = select(Tip).where(Tip.alert_id == alert_id, col(Tip.same_as).is_(None))
    if unread:
        open_ones = select(func.coalesce(Tip.same_as, Tip.number)).where(
            Tip.alert_id == alert_id, col(Tip.read_at).is_(None)
        )
        query = query.where(col(Tip.number).in_(open_ones))
    query = query.order_by(col(Tip.number).desc()).limit(most)
    if before is not None:
        return _opened(session, key, alert_id, session.exec(query.where(Tip.number < before)).all())
    children, others = (session.exec(query.where(col(Tip.from_child).is_(one))).all() for one in (True, False))
    return _opened(session, key, alert_id, [*children, *others])


def older_than(found: Sequence[OpenTip], before: int | None) -> int | None:
    """The number before which the next page begins, so that nothing is passed by; None on the last page."""
    if before is not None:
        return found[-1].number if len(found) == PAGE else None
    child = [one.number for one in found if one.told.came_by is CameBy.CHILD]
    others = [one.number for one in found if one.told.came_by is not CameBy.CHILD]
    return max((numbers[-1] for numbers in (child, others) if len(numbers) == PAGE), default=None)


def every(session: Session, key: bytes, alert_id: str) -> list[OpenTip]:
    """All of them in the same order, for an export."""
    return newest(session, key, alert_id, most=None)


def one(session: Session, key: bytes, alert_id: str, number: int) -> OpenTip | None:
    row = session.get(Tip, (alert_id, number))
    return _opened(session, key, alert_id, [row])[0] if row else None


def photo(session: Session, key: bytes, alert_id: str, number: int) -> bytes | None:
    row = session.get(TipPhoto, (alert_id, number))
    return unseal(key, row.sealed, aad=_photo_aad(alert_id, number)) if row else None


def counts(session: Session, alert_id: str) -> TipCounts:
    """Needs no key."""
    child = func.coalesce(func.sum(case((col(Tip.from_child), 1), else_=0)), 0)
    total = func.coalesce(_highest(alert_id).scalar_subquery(), 0)
    query = select(total, func.count(), child).where(Tip.alert_id == alert_id, col(Tip.read_at).is_(None))
    return TipCounts(*session.exec(query).one())


def set_read(session: Session, alert_id: str, numbers: Sequence[int], now: datetime) -> None:
    """They and what repeats them were read."""
    _set(session, alert_id, or_(col(Tip.number).in_(numbers), col(Tip.same_as).in_(numbers)), now)


def set_mark(session: Session, alert_id: str, number: int, mark: Mark | None, now: datetime) -> None:
    """What somebody on duty thinks of it, who has read it then."""
    set_read(session, alert_id, [number], now)
    session.get_one(Tip, (alert_id, number)).mark = mark


def set_passed(session: Session, alert_id: str, number: int, now: datetime) -> None:
    """It is in the alert's history."""
    set_read(session, alert_id, [number], now)
    session.get_one(Tip, (alert_id, number)).passed_at = now


def _set(session: Session, alert_id: str, which: ColumnElement[bool], now: datetime) -> None:
    rows = update(Tip).where(col(Tip.alert_id) == alert_id, which, col(Tip.read_at).is_(None))
    session.exec(rows.values(read_at=now))


def _first_alike(session: Session, told: Told, text_print: str | None, photo_print: str | None) -> int | None:
    """The first that says or shows the same. Only what came by the page is ever folded away."""
    if told.came_by is not CameBy.PAGE:
        return None
    firsts = select(Tip.number).where(col(Tip.same_as).is_(None), col(Tip.from_child).is_(False))
    found: list[int] = []
    if text_print:
        found += session.exec(firsts.where(Tip.text_print == text_print))
    if photo_print:
        found += session.exec(firsts.where(Tip.photo_print == photo_print))
    return min(found, default=None)


def _highest(alert_id: str) -> SelectOfScalar[int]:
    """The highest number, which is how many there are."""
    return select(func.max(Tip.number)).where(Tip.alert_id == alert_id)


def _opened(session: Session, key: bytes, alert_id: str, rows: Sequence[Tip]) -> list[OpenTip]:
    numbers = [row.number for row in rows]
    query = select(Tip).where(Tip.alert_id == alert_id, col(Tip.same_as).in_(numbers)).order_by(col(Tip.number))
    repeats: dict[int, list[OpenTip]] = {number: [] for number in numbers}
    for row in session.exec(query):
        assert row.same_as is not None, "it was asked for by it"
        repeats[row.same_as].append(_open(key, row))
    return [_open(key, row, tuple(repeats[row.number])) for row in rows]


def _open(key: bytes, row: Tip, repeats: tuple[OpenTip, ...] = ()) -> OpenTip:
    return OpenTip(
        number=row.number,
        told=Told.model_validate_json(unseal(key, row.sealed, aad=_aad(row.alert_id, row.number))),
        received_at=row.received_at,
        read_at=row.read_at,
        mark=Mark(row.mark) if row.mark else None,
        passed_at=row.passed_at,
        has_photo=row.photo_print is not None,
        repeats=repeats,
    )


def _print(key: bytes, what: str, said: bytes) -> str | None:
    """Of this alert alone; None for nothing, which is like nothing else."""
    return hmac.new(key, f"tip {what}:".encode() + said, hashlib.sha256).hexdigest()[:32] if said else None


def _aad(alert_id: str, number: int) -> bytes:
    return f"tip:{alert_id}:{number}".encode()


def _photo_aad(alert_id: str, number: int) -> bytes:
    return f"tip photo:{alert_id}:{number}".encode()
