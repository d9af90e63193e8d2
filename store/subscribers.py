"""Subscribers of personal channels, their addresses sealed with a key of the installation."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import Sealer
from store.bulk import insert_many
from store.database import serialise
from store.tables.sending import Subscriber, SubscriberArea

_AAD = b"subscriber"
AT_ONCE = 1_000
"""Rows of one statement."""


class Entry(NamedTuple):
    """One subscription as it comes in: an address of its channel, checked by the caller."""

    address: str
    language: str = "nl"
    areas: tuple[str, ...] = ()
    paused: bool = False


class Subscribers:
    """Those of one channel; `exercise` ones are never mixed with the public."""

    def __init__(self, key: bytes, channel: str, *, exercise: bool = False) -> None:
        self._key = key
        self._sealer = Sealer(key)
        self.channel = channel
        self.exercise = exercise

    def fingerprint(self, address: str) -> bytes:
        """16 bytes that find an address again and tell nothing without the key."""
        return hmac.digest(self._key, f"{self.channel}\n{address}".encode(), hashlib.sha256)[:16]

    def subscribe(self, session: Session, entries: Iterable[Entry], now: datetime) -> int:
        """Add those who are not here yet and bring back those who left; how many were new."""
        new, batch = 0, list[Entry]()
        for entry in entries:
            batch.append(entry)
            if len(batch) == AT_ONCE:
                new, batch = new + self._subscribe(session, batch, now), []
        return new + self._subscribe(session, batch, now)

    def unsubscribe(self, session: Session, address: str, now: datetime) -> bool:
        """End a subscription; whether there was one."""
        row = self.find(session, address)
        if row is None or row.left_at is not None:
            return False
        row.left_at = now
        session.add(row)
        return True

    def find(self, session: Session, address: str) -> Subscriber | None:
        return session.exec(self._mine().where(Subscriber.fingerprint == self.fingerprint(address))).first()

    def count(self, session: Session) -> int:
        """Of those who did not leave."""
        query = select(func.count()).select_from(Subscriber).where(*self._of())
        return session.exec(query.where(col(Subscriber.left_at).is_(None))).one()

    def keep_exactly(self, session: Session, addresses: Sequence[str], now: datetime) -> None:
        """Make them those named (partners of a configuration): add the new, end the others."""
        serialise(session, f"subscribe {self.channel}")
        wanted = {self.fingerprint(address) for address in addresses}
        for row in session.exec(self._mine().where(col(Subscriber.left_at).is_(None))):
            if row.fingerprint not in wanted:
                row.left_at = now
                session.add(row)
        self.subscribe(session, [Entry(address) for address in addresses], now)

    def address(self, row: Subscriber) -> str:
        return open_address(self._sealer, row.sealed_address)

    def _subscribe(self, session: Session, entries: Sequence[Entry], now: datetime) -> int:
        # Numbers must appear in order: an audience never looks again below the last one it saw.
        serialise(session, f"subscribe {self.channel}")
        by_fingerprint = {self.fingerprint(entry.address): entry for entry in entries}
        for row in session.exec(self._mine().where(col(Subscriber.fingerprint).in_(by_fingerprint))).all():
            entry = by_fingerprint[row.fingerprint]
            if row.left_at is not None or row.areas != ",".join(entry.areas):
                # A number of its own again: audiences look only at those after the last they saw.
                session.delete(row)
                continue
            row.language, row.paused = entry.language, entry.paused
            session.add(row)
            del by_fingerprint[row.fingerprint]
        session.flush()
        if by_fingerprint:
            insert_many(session, Subscriber, [self._row(*one, now) for one in by_fingerprint.items()])
            self._index_areas(session, by_fingerprint)
        return len(by_fingerprint)

    def _index_areas(self, session: Session, added: Mapping[bytes, Entry]) -> None:
        wanted = [fingerprint for fingerprint, entry in added.items() if entry.areas]
        if not wanted:
            return
        query = select(Subscriber.id, Subscriber.fingerprint).where(
            *self._of(), col(Subscriber.fingerprint).in_(wanted)
        )
        rows = [
            {"code": code, "subscriber_id": subscriber_id}
            for subscriber_id, fingerprint in session.exec(query)
            for code in added[fingerprint].areas
        ]
        insert_many(session, SubscriberArea, rows)

    def _mine(self) -> SelectOfScalar[Subscriber]:
        return select(Subscriber).where(*self._of())

    def _of(self) -> tuple[ColumnElement[bool], ...]:
        return col(Subscriber.channel) == self.channel, col(Subscriber.exercise) == self.exercise

    def _row(self, fingerprint: bytes, entry: Entry, now: datetime) -> dict[str, object]:
        return {
            "channel": self.channel,
            "exercise": self.exercise,
            "fingerprint": fingerprint,
            "sealed_address": self._sealer.seal(entry.address.encode(), aad=_AAD),
            "language": entry.language,
            "areas": ",".join(entry.areas),
            "paused": entry.paused,
            "since": now,
            "left_at": None,
        }


def open_address(sealer: Sealer, sealed: bytes) -> str:
    return sealer.unseal(sealed, aad=_AAD).decode()


def drop(session: Session, ids: Sequence[int], now: datetime) -> None:
    """End the subscriptions that their counterpart says are gone."""
    session.exec(update(Subscriber).where(col(Subscriber.id).in_(ids)).values(left_at=now))
