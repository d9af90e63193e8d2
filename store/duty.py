"""Who is on duty now and next, where supervisors are called, and what each was called about.

Only what a supervisor acknowledged counts as duty; what was announced for somebody does not, until then.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select, update
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import seal, unseal
from alerts.values import Value
from store.database import serialise
from store.rows import insert_new, put
from store.tables.duty import DutyAddress, DutyCall, DutyShift

EARLY = timedelta(hours=1)
"""How long before an announced shift its supervisor may begin it."""


class Address(Value):
    """Where somebody is called, opened."""

    digest: str
    user: str
    way: str
    language: str
    address: str


# Shifts


def on_duty(session: Session, now: datetime) -> Sequence[DutyShift]:
    """Shifts that were acknowledged and are not over; who stays longest comes first."""
    begun = _open(now).where(col(DutyShift.begun_at).is_not(None))
    return session.exec(begun.order_by(col(DutyShift.until).desc(), DutyShift.user)).all()


def announced(session: Session, now: datetime) -> Sequence[DutyShift]:
    """Shifts that nobody acknowledged yet, the next one first."""
    return session.exec(_open(now).where(col(DutyShift.begun_at).is_(None)).order_by(col(DutyShift.begins_at))).all()


def _open(now: datetime) -> SelectOfScalar[DutyShift]:
    return select(DutyShift).where(col(DutyShift.ended_at).is_(None), col(DutyShift.until) > now)


def announce(session: Session, user: str, begins_at: datetime, until: datetime, *, relieves: str = "") -> None:
    """Somebody is to be on duty then; the newest word for the same person takes the place of the one before."""
    serialise(session, "duty")
    mine = col(DutyShift.user) == user, col(DutyShift.begun_at).is_(None), col(DutyShift.ended_at).is_(None)
    session.exec(delete(DutyShift).where(*mine, col(DutyShift.relieves) == relieves))
    session.add(DutyShift(user=user, begins_at=begins_at, until=until, relieves=relieves))


def begin(session: Session, user: str, until: datetime, now: datetime) -> None:
    """They are on duty until then: the shift that was announced for about now, else one of its own.

    Whoever handed over to them is relieved in the same moment.
    """
    serialise(session, "duty")
    for one in announced(session, now):
        if one.user == user and one.begins_at <= now + EARLY:
            if one.relieves:
                end(session, one.relieves, now)
            session.delete(one)
    end(session, user, now)
    session.add(DutyShift(user=user, begins_at=now, until=until, begun_at=now))


def end(session: Session, user: str, now: datetime) -> bool:
    """They go off duty; whether they were on it."""
    mine = col(DutyShift.user) == user, col(DutyShift.begun_at).is_not(None), col(DutyShift.ended_at).is_(None)
    ended = update(DutyShift).where(*mine, col(DutyShift.until) > now).values(ended_at=now)
    return session.exec(ended).rowcount > 0


# Addresses


class Addresses:
    """Opens and seals with a key of the installation."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, session: Session, users: Sequence[str]) -> list[Address]:
        rows = session.exec(select(DutyAddress).where(col(DutyAddress.user).in_(users)).order_by(DutyAddress.digest))
        return [
            Address(
                digest=row.digest,
                user=row.user,
                way=row.way,
                language=row.language,
                address=unseal(self._key, row.sealed, aad=_aad(row.user, row.way)).decode(),
            )
            for row in rows
        ]

    def put(self, session: Session, user: str, way: str, address: str, language: str) -> None:
        """Mail goes to one address of each person, the newest; browsers may be many."""
        if way == "email":
            self.forget(session, user, way)
        sealed = seal(self._key, address.encode(), aad=_aad(user, way))
        digest = self._digest(user, way, address)
        put(session, DutyAddress(digest=digest, user=user, way=way, language=language, sealed=sealed))

    def forget(self, session: Session, user: str, way: str, address: str | None = None) -> None:
        """This address of theirs, or all of that way."""
        these = delete(DutyAddress).where(col(DutyAddress.user) == user, col(DutyAddress.way) == way)
        if address is not None:
            these = these.where(col(DutyAddress.digest) == self._digest(user, way, address))
        session.exec(these)

    def _digest(self, user: str, way: str, address: str) -> str:
        return hmac.digest(self._key, f"{way}\n{user}\n{address}".encode(), hashlib.sha256).hex()[:32]


def _aad(user: str, way: str) -> bytes:
    return f"duty:{way}:{user}".encode()


# Calls


def called(session: Session, alert_id: str, about: str, n: int) -> set[str]:
    """Digests of the addresses at which somebody was called about this already."""
    mine = DutyCall.alert_id == alert_id, DutyCall.about == about, DutyCall.n == n
    return set(session.exec(select(DutyCall.address).where(*mine)))


def note_call(session: Session, alert_id: str, about: str, n: int, to: Address, at: datetime) -> None:
    """It was taken by a mail server or a push service; once is enough."""
    insert_new(
        session, DutyCall(alert_id=alert_id, about=about, n=n, address=to.digest, user=to.user, way=to.way, at=at)
    )


def calls(session: Session, alert_id: str, about: str) -> Sequence[DutyCall]:
    """Who was called about what waits, and when."""
    mine = DutyCall.alert_id == alert_id, DutyCall.about == about
    return session.exec(select(DutyCall).where(*mine).order_by(col(DutyCall.at), DutyCall.user, DutyCall.way)).all()
