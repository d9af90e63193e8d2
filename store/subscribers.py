"""Subscribers of personal channels, their addresses sealed with a key of the installation."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import Sealer
from store.bulk import insert_many
from store.database import Database, serialise
from store.tables.sending import FormerNumber, Subscriber, SubscriberArea

_AAD = b"subscriber"
AT_ONCE = 1_000
"""Rows of one statement, and of one transaction where there are many: none may keep a withdrawal waiting."""


class Entry(NamedTuple):
    """One subscription as it comes in: an address of its channel, checked by the caller."""

    address: str
    language: str = "nl"
    areas: tuple[str, ...] = ()
    paused: bool = False
    since: datetime | None = None
    """None: from the moment it comes in."""


class Prepared(NamedTuple):
    """An entry with all that takes time done: what is left is to write it."""

    fingerprint: bytes
    sealed_address: bytes
    entry: Entry


class Put(NamedTuple):
    """What became of a batch."""

    new: int
    """Those who came back are among them."""
    known: int
    away: frozenset[bytes]
    """Fingerprints of those who left and were not brought back."""


class Subscribers:
    """Those of one channel; `exercise` ones are never mixed with the public."""

    def __init__(self, key: bytes, channel: str, *, exercise: bool = False) -> None:
        self._key = key
        self._sealer = Sealer(key)
        self._words = _words(key)
        self.channel = channel
        self.exercise = exercise

    def fingerprint(self, address: str) -> bytes:
        """16 bytes that find an address again and tell nothing without the key."""
        return hmac.digest(self._key, f"{self.channel}\n{address}".encode(), hashlib.sha256)[:16]

    def leave_word(self, address: str) -> str:
        """What in a link ends this one subscription (`leave`); always the same, and it tells nothing of whose."""
        said = bytes([self.exercise]) + self.fingerprint(address) + self.channel.encode()
        return urlsafe_b64encode(self._words.encrypt(said, None)).rstrip(b"=").decode()

    def subscribe(self, session: Session, entries: Iterable[Entry], now: datetime) -> int:
        """Add those who are not here yet and bring back those who left; how many were new."""
        return sum(self.put(session, [self.prepare(entry) for entry in batch], now).new for batch in _batches(entries))

    def fill(self, db: Database, entries: Iterable[Entry], now: datetime) -> int:
        """`subscribe` for many: each batch in a transaction of its own. What is in stays in when it is stopped."""
        new = 0
        for batch in _batches(entries):
            prepared = [self.prepare(entry) for entry in batch]
            with db.write() as session:
                new += self.put(session, prepared, now).new
        return new

    def prepare(self, entry: Entry) -> Prepared:
        """Find its fingerprint and seal it; best outside a transaction, since nobody else waits for it there."""
        sealed = self._sealer.seal(entry.address.encode(), aad=_AAD)
        return Prepared(self.fingerprint(entry.address), sealed, entry)

    def put(self, session: Session, batch: Sequence[Prepared], now: datetime, *, only_newer: bool = False) -> Put:
        """Add them, or change those who are here; of the same address the last counts. At most `AT_ONCE`.

        With `only_newer`, who left is brought back only by an entry that says it began after that: a list of others
        may be older than somebody's wish to hear no more.
        """
        # Numbers must appear in order: an audience never looks again below the last one it saw.
        serialise(session, f"subscribe {self.channel}")
        session.flush()
        coming = {one.fingerprint: one for one in batch}
        here = self._here(session, coming)
        away = {row.fingerprint for row in here if only_newer and _stays_away(row, coming[row.fingerprint].entry)}
        known = {row.fingerprint: row for row in here if row.left_at is None}
        stay = {fingerprint for fingerprint, row in known.items() if _goes_on(row, coming[fingerprint])}
        settled = away | stay
        _change(session, [known[fingerprint] for fingerprint in stay], coming)
        # The others get a number of their own again: audiences look only at those after the last they saw.
        _remove(session, [row for row in here if row.fingerprint not in settled], self.channel, self.exercise)
        for fingerprint in settled:
            del coming[fingerprint]
        if coming:
            since = {fingerprint: row.since for fingerprint, row in known.items()}
            rows = [self._row(one, since.get(one.fingerprint) or one.entry.since or now) for one in coming.values()]
            insert_many(session, Subscriber, rows)
            self._index_areas(session, coming)
        return Put(new=len(coming.keys() - known.keys()), known=len(known), away=frozenset(away))

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

    def everybody(self, db: Database) -> Iterator[Entry]:
        """Those who did not leave, in order of joining, with their addresses opened.

        Read a page at a time, since whoever takes them may be slow: somebody whose areas change meanwhile, and who so
        joins anew, may come twice.
        """
        query = (
            columns(
                col(Subscriber.id),
                col(Subscriber.sealed_address),
                col(Subscriber.language),
                col(Subscriber.areas),
                col(Subscriber.paused),
                col(Subscriber.since),
            )
            .where(*self._of(), col(Subscriber.left_at).is_(None))
            .order_by(col(Subscriber.id))
            .limit(AT_ONCE)
        )
        last = 0
        while True:
            with db.read() as session:
                page = session.connection().execute(query.where(col(Subscriber.id) > last)).all()
            if not page:
                return
            for _, sealed, language, areas, paused, since in page:
                codes = tuple(areas.split(",")) if areas else ()
                yield Entry(open_address(self._sealer, sealed), language, codes, paused, since)
            last = page[-1][0] or last

    def keep_exactly(self, session: Session, entries: Sequence[Entry], now: datetime) -> None:
        """Make them those named (partners): add the new, change those who are here, end the others."""
        serialise(session, f"subscribe {self.channel}")
        wanted = {self.fingerprint(entry.address) for entry in entries}
        for row in session.exec(self._mine().where(col(Subscriber.left_at).is_(None))):
            if row.fingerprint not in wanted:
                row.left_at = now
                session.add(row)
        self.subscribe(session, entries, now)

    def address(self, row: Subscriber) -> str:
        return open_address(self._sealer, row.sealed_address)

    def _here(self, session: Session, fingerprints: Iterable[bytes]) -> list[_Here]:
        query = columns(
            col(Subscriber.id),
            col(Subscriber.fingerprint),
            col(Subscriber.language),
            col(Subscriber.areas),
            col(Subscriber.paused),
            col(Subscriber.since),
            col(Subscriber.left_at),
        ).where(*self._of(), col(Subscriber.fingerprint).in_(fingerprints))
        # Locked, so that nobody leaves between reading and writing. In no order, or SQLite looks at everybody.
        return [_Here(*row) for row in session.connection().execute(query.with_for_update())]

    def _index_areas(self, session: Session, added: Mapping[bytes, Prepared]) -> None:
        wanted = [fingerprint for fingerprint, one in added.items() if one.entry.areas]
        if not wanted:
            return
        query = select(Subscriber.id, Subscriber.fingerprint).where(
            *self._of(), col(Subscriber.fingerprint).in_(wanted)
        )
        rows = [
            {"code": code, "subscriber_id": subscriber_id}
            for subscriber_id, fingerprint in session.exec(query)
            for code in added[fingerprint].entry.areas
        ]
        insert_many(session, SubscriberArea, rows)

    def _mine(self) -> SelectOfScalar[Subscriber]:
        return select(Subscriber).where(*self._of())

    def _of(self) -> tuple[ColumnElement[bool], ...]:
        return col(Subscriber.channel) == self.channel, col(Subscriber.exercise) == self.exercise

    def _row(self, one: Prepared, since: datetime) -> dict[str, object]:
        return {
            "channel": self.channel,
            "exercise": self.exercise,
            "fingerprint": one.fingerprint,
            "sealed_address": one.sealed_address,
            "language": one.entry.language,
            "areas": _areas_of(one),
            "paused": one.entry.paused,
            "since": since,
            "left_at": None,
        }


class Tally(NamedTuple):
    """How many there are on a channel."""

    active: int = 0
    paused: int = 0
    left: int = 0


def tallies(session: Session, *, exercise: bool) -> dict[str, Tally]:
    """By channel; those on which nobody ever was are not in it."""
    gone = col(Subscriber.left_at).is_not(None)
    query = (
        columns(
            col(Subscriber.channel),
            func.sum(case((gone | col(Subscriber.paused), 0), else_=1)),
            func.sum(case((~gone & col(Subscriber.paused), 1), else_=0)),
            func.sum(case((gone, 1), else_=0)),
        )
        .where(col(Subscriber.exercise) == exercise)
        .group_by(col(Subscriber.channel))
    )
    return {channel: Tally(*numbers) for channel, *numbers in session.connection().execute(query)}


def leave(session: Session, key: bytes, word: str, now: datetime) -> bool:
    """End the subscription that `leave_word` was made for, if it goes on; whether it is one of our words."""
    try:
        said = _words(key).decrypt(urlsafe_b64decode(word + "=" * (-len(word) % 4)), None)
    except (ValueError, InvalidTag):
        return False
    exercise, fingerprint, channel = said[:1] == b"\x01", said[1:17], said[17:].decode()
    mine = col(Subscriber.channel) == channel, col(Subscriber.exercise) == exercise
    there = *mine, col(Subscriber.fingerprint) == fingerprint, col(Subscriber.left_at).is_(None)
    session.exec(update(Subscriber).where(*there).values(left_at=now))
    return True


def open_address(sealer: Sealer, sealed: bytes) -> str:
    return sealer.unseal(sealed, aad=_AAD).decode()


def drop(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """End the subscriptions that their counterpart says are gone."""
    connection.execute(update(Subscriber).where(col(Subscriber.id).in_(ids)).values(left_at=now))


def _words(key: bytes) -> AESSIV:
    """Seals without a nonce, which random ones would repeat: each mail of every alert carries a word."""
    return AESSIV(hmac.digest(key, b"leave", hashlib.sha256))


class _Here(NamedTuple):
    """A row that is there already, but for its address."""

    id: int | None
    fingerprint: bytes
    language: str
    areas: str
    paused: bool
    since: datetime
    left_at: datetime | None


def _stays_away(row: _Here, entry: Entry) -> bool:
    return row.left_at is not None and (entry.since is None or entry.since <= row.left_at)


def _change(session: Session, rows: Iterable[_Here], coming: Mapping[bytes, Prepared]) -> None:
    """Language and pause as the entries say."""
    entries = ((row, coming[row.fingerprint].entry) for row in rows)
    changed = [
        {"number": row.id, "spoken": entry.language, "stopped": entry.paused}
        for row, entry in entries
        if (row.language, row.paused) != (entry.language, entry.paused)
    ]
    if changed:
        one = update(Subscriber).where(col(Subscriber.id) == bindparam("number"))
        said = one.values(language=bindparam("spoken"), paused=bindparam("stopped"))
        session.connection().execute(said, changed)


def _remove(session: Session, rows: Sequence[_Here], channel: str, exercise: bool) -> None:
    if not rows:
        return
    session.connection().execute(delete(Subscriber).where(col(Subscriber.id).in_([row.id for row in rows])))
    same = {"channel": channel, "exercise": exercise}
    former = [{"subscriber_id": row.id, "fingerprint": row.fingerprint, **same} for row in rows]
    insert_many(session, FormerNumber, former)
    areas = [{"number": row.id, "place": code} for row in rows for code in row.areas.split(",") if code]
    if areas:
        one = col(SubscriberArea.code) == bindparam("place"), col(SubscriberArea.subscriber_id) == bindparam("number")
        session.connection().execute(delete(SubscriberArea).where(*one), areas)


def _goes_on(row: _Here, coming: Prepared) -> bool:
    """Whether it keeps its number: it wants to hear of the same as before, or of nothing for a while."""
    return row.areas == _areas_of(coming) and (coming.entry.paused or not row.paused)


def _areas_of(one: Prepared) -> str:
    return ",".join(one.entry.areas)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch
