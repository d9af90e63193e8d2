"""What the ledger comes to: who was reached, how far a wave is, and what one recipient was sent."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy
from sqlalchemy import ColumnElement, case
from sqlmodel import Session, col, func, select

from alerts.values import Value
from alerts.vocabulary import MessageKind
from store.audience import audience_size
from store.due import ENDS_WHAT
from store.ledger import DOUBTFUL, FAILED, REACHED, Status, chunk_rows, entries
from store.tables.sending import LedgerChunk

LATELY = timedelta(seconds=5)
"""Over so long it is said how many a second."""


class Reach(Value):
    """How many recipients of one edition on one channel; in doubt are counted in `reached` too."""

    reached: int = 0
    failed: int = 0
    in_doubt: int = 0


class Counts(Reach):
    recipients: int
    first_dispatch: datetime | None
    last_dispatch: datetime | None


def channel_counts(session: Session, alert_id: str, channel: str, edition: int) -> Counts:
    """Of one edition on one channel, and when anything of the alert was sent there first and last."""
    shown = _of(alert_id, channel, "show")
    times = select(func.min(LedgerChunk.first_at), func.max(LedgerChunk.last_at)).where(*shown)
    first_dispatch, last_dispatch = session.exec(times).one()
    return Counts(
        **reach(session, alert_id, {(channel, edition)})[channel, edition].model_dump(),
        recipients=audience_size(session, alert_id, channel),
        first_dispatch=first_dispatch,
        last_dispatch=last_dispatch,
    )


def reach(session: Session, alert_id: str, asked: Collection[tuple[str, int]]) -> dict[tuple[str, int], Reach]:
    """Of each channel and edition that is `asked`.

    From sums that each chunk carries; only chunks of several waves are read position by position.
    """
    channels, editions = {channel for channel, _ in asked}, {edition for _, edition in asked}
    doubtful = col(LedgerChunk.outcomes).is_(None)
    key = col(LedgerChunk.channel), col(LedgerChunk.edition), col(LedgerChunk.start)
    chunks = (
        sqlalchemy.select(
            *key,
            func.count().label("rows"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.reached)).label("reached"),
            func.sum(LedgerChunk.failed).label("failed"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.in_doubt)).label("in_doubt"),
        )
        .where(
            col(LedgerChunk.alert_id) == alert_id,
            col(LedgerChunk.purpose) == "show",
            col(LedgerChunk.channel).in_(channels),
            col(LedgerChunk.edition).in_(editions),
        )
        .group_by(*key)
        .subquery()
    )
    once = [func.sum(case((chunks.c.rows == 1, chunks.c[name]), else_=0)) for name in Reach.model_fields]
    several = func.sum(case((chunks.c.rows > 1, 1), else_=0))
    each = sqlalchemy.select(chunks.c.channel, chunks.c.edition, several, *once)
    found = dict.fromkeys(asked, Reach())
    for channel, edition, again, *sums in session.connection().execute(
        each.group_by(chunks.c.channel, chunks.c.edition)
    ):
        if (channel, edition) in found:
            statuses = _newest_statuses(session, alert_id, channel, edition) if again else []
            counted = [sum(status in which for status in statuses) for which in (REACHED, FAILED, DOUBTFUL)]
            reached, failed, in_doubt = (int(one) + more for one, more in zip(sums, counted, strict=True))
            found[channel, edition] = Reach(reached=reached, failed=failed, in_doubt=in_doubt)
    return found


def _newest_statuses(session: Session, alert_id: str, channel: str, edition: int) -> list[int]:
    """Of each position in chunks of several waves, what the last wave said."""
    shown = (*_of(alert_id, channel, "show"), col(LedgerChunk.edition) == edition)
    again = select(LedgerChunk.start).where(*shown).group_by(col(LedgerChunk.start)).having(func.count() > 1)
    rows = select(LedgerChunk).where(*shown, col(LedgerChunk.start).in_(again))
    last: dict[int, int] = {}
    for row in session.exec(rows.order_by(col(LedgerChunk.id))):
        last.update((position, status) for position, _, status in entries(row))
    return list(last.values())


class Progress(Value):
    """How far a channel is with what it tells now: an edition, or that it ended."""

    done: int
    of: int
    per_second: float
    """Of the last seconds; 0 when nothing came of them."""

    @property
    def seconds_left(self) -> int | None:
        return math.ceil((self.of - self.done) / self.per_second) if self.per_second else None


def progress(session: Session, alert_id: str, channel: str, edition: int, now: datetime, *, ends: bool) -> Progress:
    """Of the edition that is being sent, or with `ends` of the end to those who were reached.

    From the sums of its chunks: somebody in doubt who is tried again may count twice until the wave is through.
    """
    mine = col(LedgerChunk.alert_id) == alert_id, col(LedgerChunk.channel) == channel
    newest = select(LedgerChunk.purpose).where(*mine, col(LedgerChunk.purpose).in_(ENDS_WHAT))
    purpose = session.exec(newest.order_by(col(LedgerChunk.id).desc()).limit(1)).first() if ends else "show"
    wave = (
        *mine,
        col(LedgerChunk.purpose) == purpose,
        col(LedgerChunk.edition) == edition,
        col(LedgerChunk.outcomes).is_not(None),
    )
    through = select(func.sum(LedgerChunk.reached + LedgerChunk.failed), func.min(LedgerChunk.intent_at))
    ((done, _),) = session.exec(through.where(*wave)).all()
    lately = through.where(*wave, col(LedgerChunk.last_at) > now - LATELY)
    ((fresh, since),) = session.exec(lately).all()
    of = (
        reach(session, alert_id, {(channel, edition)})[channel, edition].reached
        if ends
        else audience_size(session, alert_id, channel)
    )
    seconds = min(LATELY, now - since).total_seconds() if since else 0.0
    return Progress(done=min(int(done or 0), of), of=of, per_second=int(fresh or 0) / seconds if seconds > 0 else 0.0)


class WaveSum(Value):
    """What one wave came to: one edition, or its end, to one channel's audience."""

    channel: str
    purpose: str
    edition: int
    announcement: int
    """0 the first time; then the number of the refresh, or of what brought it back."""
    messages: int
    reached: int
    failed: int
    in_doubt: int
    first_at: datetime | None
    last_at: datetime | None


def waves(session: Session, alert_id: str) -> list[WaveSum]:
    """Every wave of an alert, by channel in the order they began; in doubt are counted in `reached` too."""
    doubtful = col(LedgerChunk.outcomes).is_(None)
    key = ("channel", "purpose", "edition", "announcement")
    sums = (
        sqlalchemy.select(
            *(getattr(LedgerChunk, name) for name in key),
            func.sum(LedgerChunk.messages).label("messages"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.reached)).label("reached"),
            func.sum(LedgerChunk.failed).label("failed"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.in_doubt)).label("in_doubt"),
            func.min(LedgerChunk.first_at).label("first_at"),
            func.max(LedgerChunk.last_at).label("last_at"),
        )
        .where(col(LedgerChunk.alert_id) == alert_id)
        .group_by(*(getattr(LedgerChunk, name) for name in key))
        .order_by(func.min(LedgerChunk.id))
    )
    return [WaveSum(**row._mapping) for row in session.connection().execute(sums)]


class Receipt(Value):
    """One message to one recipient: what, when, and what became of it."""

    purpose: str
    edition: int
    announcement: int
    kind: MessageKind
    status: str
    at: datetime
    """When its chunk was through; of one in doubt, when it was begun."""


def receipts(session: Session, alert_id: str, channel: str, position: int, grid: int) -> list[Receipt]:
    """All that a position was sent, oldest first."""
    start = position // grid * grid
    found = []
    for row in chunk_rows(session, alert_id, channel, start, start).get(start, ()):
        for place, kind, status in entries(row):
            if place == position:
                at = row.last_at or row.intent_at
                said = {"purpose": row.purpose, "edition": row.edition, "announcement": row.announcement}
                found.append(Receipt(**said, kind=kind, status=Status(status).name.lower(), at=at))
    return found


def _of(alert_id: str, channel: str, purpose: str) -> tuple[ColumnElement[bool], ...]:
    mine = col(LedgerChunk.alert_id) == alert_id, col(LedgerChunk.channel) == channel
    return *mine, col(LedgerChunk.purpose) == purpose
