"""The frozen audience of an alert on a channel: who is to hear of it, at dense positions from 0.

Frozen while the approver reads, in pages that hold all that sending needs and are sealed with the alert's display
key: after the yes nothing is looked up recipient by recipient, and nothing is left of it once that key dies. Each
step is one short transaction, so that a million subscribers never keep a withdrawal waiting.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy
from pydantic_core import from_json
from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, bindparam, delete, union_all, update
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from alerts.sealing import Sealer
from store.database import Database
from store.rows import insert_new, of
from store.subscribers import open_address
from store.tables.sending import AWAY, Audience, AudiencePage, FormerNumber, Subscriber, SubscriberArea

_Row = tuple[int, bytes, str, str]
EVERYWHERE = "*"
PAGE = 1_000
"""Positions of a page, at most."""


@dataclass(frozen=True, slots=True)
class Members:
    """A run of the audience by columns, equally long and in order of position."""

    positions: Sequence[int]
    subscriber_ids: Sequence[int]
    addresses: Sequence[str]
    languages: Sequence[str]
    areas: Sequence[str]
    """Codes of municipalities, with a comma between; empty: wherever in the country."""

    def __len__(self) -> int:
        return len(self.positions)

    def part(self, first: int, end: int) -> Members:
        """Those from index `first` to before `end`."""
        return Members(*(getattr(self, name)[first:end] for name in self.__slots__))

    def only(self, keep: Sequence[object]) -> Members:
        """Those whose entry in `keep`, one for each, is true."""
        return Members(*(tuple(compress(getattr(self, name), keep)) for name in self.__slots__))


class _Page(NamedTuple):
    """Of a row, in this order, without an object of the ORM for each."""

    number: int
    start: int
    size: int
    first_subscriber: int
    last_subscriber: int
    sealed: bytes


_COLUMNS = ("number", "start", "count", "first_subscriber", "last_subscriber", "sealed")
_PAGES = sqlalchemy.select(*(col(getattr(AudiencePage, name)) for name in _COLUMNS)).where(
    *of(AudiencePage, "alert_id", "channel")
)
_PAGES_AT = _PAGES.where(
    col(AudiencePage.start) > bindparam("after"), col(AudiencePage.start) < bindparam("before")
).order_by(col(AudiencePage.start))
"""Made once, as every batch asks it."""
_PAGES_WITH = _PAGES.where(
    col(AudiencePage.first_subscriber) <= bindparam("last"), col(AudiencePage.last_subscriber) >= bindparam("first")
).order_by(col(AudiencePage.number).desc())


class AudienceStore:
    """The audience of one alert on one channel."""

    def __init__(self, db: Database, display_key: bytes, alert_id: str, channel: str, page: int = PAGE) -> None:
        self._db = db
        self._page = page
        self._sealer = Sealer(display_key)
        self._alert_id = alert_id
        self._channel = channel

    def extend(
        self,
        subscribers_key: bytes,
        areas: Sequence[str] | None,
        *,
        exercise: bool,
        go_on: Callable[[], object] = lambda: None,
    ) -> int:
        """Freeze who is there; when called again add who joined since, or whom other areas bring in. The size.

        `areas` are codes of municipalities, None the whole country. `go_on` is called between steps and may
        raise: a later call takes it up. So it does when two extend at once.
        """
        opener, wanted = Sealer(subscribers_key), EVERYWHERE if areas is None else ",".join(areas)
        while True:
            head = self._head(wanted)
            moved = head.areas != wanted
            after = 0 if moved else head.last_subscriber
            for rows in self._concerned(after, areas, exercise=exercise):
                go_on()
                known = self._known(rows[0][0], rows[-1][0]) if moved else ()
                new = [(row[0], open_address(opener, row[1]), *row[2:]) for row in rows if row[0] not in known]
                after = rows[-1][0]
                if not self._add(head, new, max(after, head.last_subscriber)):
                    break
            else:
                if moved:
                    self._settle(head, wanted)
                return head.size

    def size(self) -> int:
        with self._db.read() as session:
            return audience_size(session, self._alert_id, self._channel)

    def read(
        self, session: Session, start: int, count: int, *, ending: bool = False, everybody: bool = False
    ) -> Members:
        """Those at these positions who want to hear now; with `ending` under a number they had before, too.

        `everybody`: also who paused or left.
        """
        pages = self._pages(session, _PAGES_AT, after=start - PAGE, before=start + count)
        if not pages:
            return Members((), (), (), (), ())
        away = frozenset[int]()
        if not everybody:
            those = {
                "lowest": min(page.first_subscriber for page in pages),
                "highest": max(page.last_subscriber for page in pages),
            }
            away = frozenset(session.connection().execute(_AWAY_AT_THE_END if ending else _AWAY, those).scalars())
        first = pages[0].start
        members = _joined([self._open(page) for page in pages])
        members = members.part(max(0, start - first), start + count - first)
        return members.only([one not in away for one in members.subscriber_ids]) if away else members

    def position_of(self, subscriber_id: int) -> int | None:
        """Where a subscriber stands, the latest; None for one who is not in it."""
        with self._db.read() as session:
            for page in self._pages(session, _PAGES_WITH, first=subscriber_id, last=subscriber_id):
                ids = self._open(page).subscriber_ids
                if subscriber_id in ids:
                    return page.start + ids.index(subscriber_id)
        return None

    def _head(self, areas: str) -> Audience:
        with self._db.write() as session:
            insert_new(session, Audience(alert_id=self._alert_id, channel=self._channel, areas=areas))
            return session.get_one(Audience, (self._alert_id, self._channel))

    def _concerned(self, after: int, areas: Sequence[str] | None, *, exercise: bool) -> Iterator[Sequence[_Row]]:
        """The next subscribers in order of joining, a page at a time.

        Not those who pause: whoever goes on has another number then, and is new here.
        """
        mine = col(Subscriber.channel) == self._channel, col(Subscriber.exercise) == exercise
        here = *mine, col(Subscriber.left_at).is_(None), col(Subscriber.paused).is_(False)
        if areas is None:
            while rows := self._look(*here, col(Subscriber.id) > after):
                yield rows
                after = rows[-1][0]
            return
        numbers = self._numbers(after, areas, *here)
        for first in range(0, len(numbers), self._page):
            if rows := self._look(*here, col(Subscriber.id).in_(numbers[first : first + self._page])):
                yield rows

    def _numbers(self, after: int, areas: Sequence[str], *here: ColumnElement[bool]) -> Sequence[int]:
        """Of all who named one of these areas, or none, in order.

        By two plain queries for the whole of it: as one query a page, each database finds a way to look at everybody
        for each page, or at every area for each of them (docs/gotchas.md).
        """
        living = select(SubscriberArea.subscriber_id).where(col(SubscriberArea.code).in_(areas))
        everybody = sqlalchemy.select(col(Subscriber.id), col(Subscriber.areas) == "")
        everybody = everybody.where(*here, col(Subscriber.id) > after).order_by(col(Subscriber.id))
        with self._db.read() as session:
            there = set(session.exec(living.where(col(SubscriberArea.subscriber_id) > after)))
            found = session.connection().execute(everybody.execution_options(yield_per=10_000))
            return array("q", (number for number, anywhere in found if number and (anywhere or number in there)))

    def _look(self, *which: ColumnElement[bool]) -> Sequence[_Row]:
        """A page of those: number, sealed address, language, areas."""
        query = select(Subscriber.id, Subscriber.sealed_address, Subscriber.language, Subscriber.areas).where(*which)
        with self._db.read() as session:
            found = session.connection().execute(query.order_by(col(Subscriber.id)).limit(self._page))
            return [tuple(row) for row in found]

    def _add(self, head: Audience, members: Sequence[tuple[int, str, str, str]], last: int) -> bool:
        """Put a page at the end; False when somebody else did so meanwhile. `head` follows."""
        with self._db.write() as session:
            mine = update(Audience).where(*_head_of(head), col(Audience.pages) == head.pages)
            size, pages = head.size + len(members), head.pages + (1 if members else 0)
            if session.exec(mine.values(size=size, pages=pages, last_subscriber=last)).rowcount == 0:
                return False
            if members:
                session.add(
                    AudiencePage(
                        alert_id=self._alert_id,
                        channel=self._channel,
                        number=head.pages,
                        start=head.size,
                        count=len(members),
                        first_subscriber=members[0][0],
                        last_subscriber=members[-1][0],
                        sealed=self._seal(members, head.pages),
                    )
                )
        head.size, head.pages, head.last_subscriber = size, pages, last
        return True

    def _settle(self, head: Audience, areas: str) -> None:
        with self._db.write() as session:
            session.exec(update(Audience).where(*_head_of(head)).values(areas=areas))

    def _known(self, first: int, last: int) -> set[int]:
        """Which subscribers between these numbers are in it already."""
        with self._db.read() as session:
            pages = self._pages(session, _PAGES_WITH, first=first, last=last)
        return {one for page in pages for one in self._open(page).subscriber_ids}

    def _pages(self, session: Session, query: Select[Any], **wanted: int) -> list[_Page]:
        mine = {"of_alert_id": self._alert_id, "of_channel": self._channel}
        return list(map(_Page._make, session.connection().execute(query, mine | wanted)))

    def _seal(self, members: Sequence[tuple[int, str, str, str]], number: int) -> bytes:
        """By columns; one that says the same for everybody says it once."""
        columns = [column[:1] if len(set(column)) == 1 else column for column in zip(*members, strict=True)]
        return self._sealer.seal(json.dumps({"columns": columns}).encode(), aad=self._aad(number))

    def _open(self, page: _Page) -> Members:
        opened = from_json(self._sealer.unseal(page.sealed, aad=self._aad(page.number)), cache_strings="keys")
        # Pages that were frozen before schema 0005 list their members one by one.
        columns = opened["columns"] if isinstance(opened, dict) else map(list, zip(*opened, strict=True))
        full = (column * page.size if len(column) == 1 else column for column in columns)
        return Members(range(page.start, page.start + page.size), *full)

    def _aad(self, number: int) -> bytes:
        return f"audience:{self._alert_id}:{self._channel}:{number}".encode()


def _joined(pages: Sequence[Members]) -> Members:
    if len(pages) == 1:
        return pages[0]
    positions = range(pages[0].positions[0], pages[-1].positions[-1] + 1)  # dense, by the order of extending
    columns = (list(chain.from_iterable(map(attrgetter(name), pages))) for name in Members.__slots__[1:])
    return Members(positions, *columns)


def _away(*, ending: bool) -> CompoundSelect[Any]:
    """Numbers between two that get nothing: of who left or paused, and those that their owners gave up."""
    now = sqlalchemy.select(col(Subscriber.id)).where(AWAY, _between(col(Subscriber.id)))
    former = sqlalchemy.select(col(FormerNumber.subscriber_id)).where(_between(col(FormerNumber.subscriber_id)))
    if ending:
        names = ("channel", "exercise", "fingerprint")
        same = (getattr(Subscriber, name) == getattr(FormerNumber, name) for name in names)
        former = former.join(Subscriber, and_(*same)).where(AWAY)
    return union_all(now, former)


def _between(number: Mapped[Any]) -> ColumnElement[bool]:
    return number.between(bindparam("lowest"), bindparam("highest"))


_AWAY, _AWAY_AT_THE_END = _away(ending=False), _away(ending=True)


def audience_size(session: Session, alert_id: str, channel: str) -> int:
    head = session.get(Audience, (alert_id, channel))
    return head.size if head else 0


def audience_sizes(session: Session, alert_id: str) -> dict[str, int]:
    """Of each channel that has an audience."""
    return dict(session.exec(select(Audience.channel, Audience.size).where(Audience.alert_id == alert_id)).all())


def forget_audiences(session: Session, alert_id: str) -> None:
    """Take away the pages of an alert that is over; how many there were stays."""
    session.exec(delete(AudiencePage).where(col(AudiencePage.alert_id) == alert_id))


def _head_of(head: Audience) -> tuple[ColumnElement[bool], ...]:
    return col(Audience.alert_id) == head.alert_id, col(Audience.channel) == head.channel
