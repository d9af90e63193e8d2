"""The ledger: who got which edition, crash-safe, an intent before each chunk and its outcomes after.

Positions of the frozen audience are cut into chunks on a fixed grid, two bytes for each position of a chunk. What a
position gets next follows from what it got last, so a change reaches those who had the old text, an end message only
those reached, and a resend after a crash is the same message with the same id. A chunk without outcomes is in doubt
and counts as reached.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection, bindparam, case, insert, update
from sqlmodel import Session, col, func, select

from alerts.values import Value
from alerts.vocabulary import MessageKind
from store.audience import Members
from store.rows import insert_new
from store.tables.sending import FinishedBatches, LedgerChunk

KINDS = (None, *MessageKind)
"""What a byte of `LedgerChunk.intended` says; 0: no message."""
CODES = {kind: code for code, kind in enumerate(KINDS)}


class Status(IntEnum):
    """One byte a position in `LedgerChunk.outcomes`."""

    NONE = 0
    """No message was due."""
    REACHED = 1
    GONE = 2
    REJECTED = 3
    RETRY = 4
    """Not taken, or stopped before it went; tried again in the same wave."""
    DOUBT = 5
    """Perhaps taken; tried again in the same wave, counts as reached after it."""
    ASSUMED = 6
    """Perhaps taken, and never to be known: not tried again, counts as reached."""


ENDS_WHAT = {"end": frozenset({"show"}), "ended": frozenset({"show", "end"})}
"""What a wave that ends something is about, by its purpose: `ended` also replaces what said that all is dark."""
DOUBTFUL = frozenset({Status.DOUBT, Status.ASSUMED})
REACHED = frozenset({Status.REACHED, *DOUBTFUL})
FAILED = frozenset({Status.GONE, Status.REJECTED})
OPEN = frozenset({Status.RETRY, Status.DOUBT})
_AFTER_DOUBT: dict[int, int] = {Status.RETRY: Status.DOUBT, Status.REJECTED: Status.ASSUMED}
"""What a later attempt makes of a doubt: that nothing came of it says nothing of the first."""
_SURENESS = {
    int(status): place
    for place, status in enumerate(
        (
            Status.NONE,
            Status.RETRY,
            Status.REJECTED,
            Status.DOUBT,
            Status.ASSUMED,
            Status.GONE,
            Status.REACHED,
        )
    )
}
_ALL_IN_DOUBT = bytes(Status.DOUBT if code else Status.NONE for code in range(256))
_NOTHING_YET = {"reached": 0, "failed": 0, "in_doubt": 0}
_KEY = ("alert_id", "channel", "start", "edition", "announcement", "purpose")
"""Of a row, as its index has it."""
_IS_IT = [getattr(LedgerChunk, name) == bindparam(f"of_{name}") for name in _KEY]
_INTEND = insert(LedgerChunk)
_RECORD = update(LedgerChunk).where(
    *_IS_IT, col(LedgerChunk.outcomes).is_not_distinct_from(bindparam("outcomes_before"))
)
_EXTEND = (
    update(LedgerChunk)
    .where(
        *_IS_IT,
        col(LedgerChunk.outcomes).is_not_distinct_from(bindparam("outcomes_before")),
        func.length(LedgerChunk.intended) == bindparam("had"),
    )
    .values(
        intended=bindparam("intended"),
        outcomes=bindparam("outcomes"),
        messages=col(LedgerChunk.messages) + bindparam("joined"),
        reached=col(LedgerChunk.reached) + bindparam("more_reached"),
        in_doubt=col(LedgerChunk.in_doubt) + bindparam("more_in_doubt"),
    )
)
_WRITTEN = sqlalchemy.select(col(LedgerChunk.outcomes), col(LedgerChunk.first_at)).where(*_IS_IT).with_for_update()
_COUNT = (
    update(FinishedBatches)
    .where(*(getattr(FinishedBatches, name) == bindparam(f"of_{name}") for name in ("alert_id", "channel")))
    .values(number=col(FinishedBatches.number) + 1)
)
"""What a sender says of its chunks and batches: made once, for a million is two thousand."""


class ChunkTaken(RuntimeError):
    """Two sent the same chunk at the same time; whoever comes second tries again."""


class Wave(Value):
    """One statement to the audience of a channel; its key in the ledger is edition + announcement + purpose."""

    alert_id: str
    channel: str
    purpose: str
    edition: int
    announcement: int
    revision: int
    announces: bool = False
    """Whether a refresh is a message of its own to those who have the edition already."""


class Last(NamedTuple):
    """The last entry of a position: that it was reached, may have been, or refused for good."""

    purpose: str
    edition: int
    failed: bool = False


class Intent(NamedTuple):
    """The row of a chunk of a wave, as far as recording its outcomes needs it."""

    announcement: int
    start: int
    intended: bytes
    outcomes: bytes | None = None
    first_at: datetime | None = None
    begun: bool = False
    """By somebody who never said what became of it."""
    joined: int | None = None
    """From this position on they came when the others had been told, and are about to be: nothing was sent to them."""


class Outcomes(NamedTuple):
    """What became of positions of a chunk, one `Status` each; positions not named keep what they had."""

    intent: Intent
    positions: Sequence[int]
    statuses: bytes


class Chunk(NamedTuple):
    """What one chunk of a wave has still to do. `intent` is None as long as its intent is not written."""

    start: int
    end: int
    """Before this position it was looked at everybody."""
    members: Members
    """Those who get something."""
    kinds: bytes
    """What each of them gets, as codes of `KINDS`."""
    intent: Intent | None
    announcement: int
    """Which one its messages belong to."""


Outside = Mapping[int, Collection[int]]
"""Edition to the positions that its area does not cover."""


def plan(
    session: Session, wave: Wave, members: Members, grid: int, end: int, outside: Outside | None = None
) -> list[Chunk]:
    """What is left to do for these members, in chunks of `grid` positions; those with nothing left are not named.

    `members` are all up to before position `end` who want to hear now.

    A chunk that was begun is resumed: without outcomes all of it again, else what is still open, and whoever came into
    the audience behind it since. So is one of an earlier announcement that was overtaken (hold) and left somebody in
    doubt: nothing else would ever tell them.
    What a later wave did says nothing about this one: where a store was restored, waves are planned that were over.
    """
    if not len(members):
        return []
    rows = chunk_rows(session, wave.alert_id, wave.channel, members.positions[0] // grid * grid, members.positions[-1])
    chunks = []
    for start, here in _cut(members, grid):
        before = [row for row in rows.get(start, ()) if _order(row) <= _order(wave)]
        for left, codes in _left_in_doubt(wave, before, here.positions):
            chunks.append(_chunk(start, grid, end, here, codes, left, left.announcement))
        row = next((row for row in before if _key(row) == _key(wave)), None)
        known = bisect_left(here.positions, row.start + len(row.intended)) if row else 0
        codes = _open(row, here.positions[:known]) if row and known else b""
        codes += _due(wave, start, here.positions[known:], before, outside or {})
        if any(codes):
            chunks.append(_chunk(start, grid, end, here, codes, row, wave.announcement))
    return chunks


def write_intents(connection: Connection, wave: Wave, chunks: Sequence[Chunk], now: datetime) -> list[Intent]:
    """Write what is about to be sent, where that is not written yet; the intent of each.

    Raises IntegrityError or ChunkTaken when somebody else is at one of these chunks: then none of it is written.
    """
    shared = {"alert_id": wave.alert_id, "channel": wave.channel, "purpose": wave.purpose, "edition": wave.edition}
    shared |= {"revision": wave.revision, "intent_at": now, **_NOTHING_YET}
    intents, rows = [], []
    for chunk in chunks:
        intent = chunk.intent
        if intent is None:
            intended = _spread(bytes(chunk.end - chunk.start), chunk.start, chunk.members.positions, chunk.kinds)
            intent = Intent(chunk.announcement, chunk.start, intended)
            own = {"announcement": chunk.announcement, "start": chunk.start, "intended": intended}
            rows.append(shared | own | {"messages": len(chunk.kinds)})
        elif chunk.members.positions[-1] >= intent.start + len(intent.intended):
            intent = _with_joined(connection, wave, chunk, intent)
        intents.append(intent)
    if rows:
        connection.execute(_INTEND, rows)
    return intents


def _with_joined(connection: Connection, wave: Wave, chunk: Chunk, intent: Intent) -> Intent:
    """The intent of a chunk that was begun with those behind it whom it did not have: in doubt, until it is said."""
    positions = chunk.members.positions
    first = bisect_left(positions, intent.start + len(intent.intended))
    joined, kinds = positions[first:], chunk.kinds[first:]
    intended = _spread(intent.intended, intent.start, joined, kinds)
    outcomes, in_doubt = intent.outcomes, 0
    if outcomes is not None:  # else all of it is in doubt
        outcomes, in_doubt = _spread(outcomes, intent.start, joined, bytes([Status.DOUBT]) * len(joined)), len(joined)
    change = {f"of_{name}": getattr(wave, name, None) for name in _KEY}
    change |= {"of_announcement": intent.announcement, "of_start": intent.start, "outcomes_before": intent.outcomes}
    change |= {"had": len(intent.intended), "intended": intended, "outcomes": outcomes}
    change |= {"joined": len(joined), "more_reached": in_doubt, "more_in_doubt": in_doubt}
    if connection.execute(_EXTEND, change).rowcount == 0:
        raise ChunkTaken(f"somebody else is at the chunk from {intent.start} on")
    return intent._replace(intended=intended, outcomes=outcomes, joined=joined[0])


def record_outcomes(
    connection: Connection, wave: Wave, told: Sequence[Outcomes], first: datetime, last: datetime
) -> None:
    """Write what became of chunks of a wave that were sent between `first` and `last`.

    A sender that was given up for dead may come back when another has sent its chunk again: of what two say of a
    position the surer holds, so that nobody who was reached is forgotten.
    """
    changes = []
    for one in told:
        intent = one.intent
        outcomes = _outcomes(intent, one.positions, one.statuses)
        changes.append(_change(wave, intent, intent.outcomes, outcomes, intent.first_at or first, last))
    if connection.execute(_RECORD, changes).rowcount == len(changes):
        return
    for one, change in zip(told, changes, strict=True):
        key = {f"of_{name}": change[f"of_{name}"] for name in _KEY}
        written, began = connection.execute(_WRITTEN, key).one()
        length = max(len(written or b""), len(change["outcomes"]))  # of one who knows of others behind them, and not
        outcomes, theirs = change["outcomes"].ljust(length, b"\0"), (written or b"").ljust(length, b"\0")
        if theirs != outcomes:
            surer = bytes(max(pair, key=_SURENESS.__getitem__) for pair in zip(outcomes, theirs, strict=True))
            connection.execute(_RECORD, _change(wave, one.intent, written, surer, began or first, last))


def _outcomes(intent: Intent, positions: Sequence[int], statuses: bytes) -> bytes:
    """Of the whole chunk, once these positions have these statuses."""
    before = intent.outcomes
    if before is None:
        before = intent.intended.translate(_ALL_IN_DOUBT) if intent.begun else bytes(len(intent.intended))
    if intent.joined is not None:
        before = before[: intent.joined - intent.start].ljust(len(before), b"\0")
    if Status.DOUBT in before:
        known = _gather(before, intent.start, positions)
        statuses = bytes(map(_next, known, statuses))
    return _spread(before, intent.start, positions, statuses)


def _change(
    wave: Wave, intent: Intent, before: bytes | None, outcomes: bytes, first: datetime, last: datetime
) -> dict[str, Any]:
    """Of the row of a chunk, where it still has the outcomes that were known before."""
    return {
        "of_alert_id": wave.alert_id,
        "of_channel": wave.channel,
        "of_purpose": wave.purpose,
        "of_edition": wave.edition,
        "of_announcement": intent.announcement,
        "of_start": intent.start,
        "outcomes_before": before,
        "outcomes": outcomes,
        "first_at": first,
        "last_at": last,
        "reached": sum(map(outcomes.count, REACHED)),
        "failed": sum(map(outcomes.count, FAILED)),
        "in_doubt": sum(map(outcomes.count, DOUBTFUL)),
    }


def settled_to(session: Session, alert_id: str, channel: str, edition: int) -> int:
    """The first position that a wave showing this edition has to look at: all before it had it, or refused it.

    So a refresh of a million recipients looks at those who joined since and at nobody else.
    """
    has_it = (col(LedgerChunk.purpose) == "show") & (col(LedgerChunk.edition) == edition)
    chunks = (
        sqlalchemy.select(
            func.max(LedgerChunk.id).label("last"),
            func.max(func.length(LedgerChunk.intended)).label("length"),
            func.max(case((col(LedgerChunk.outcomes).is_(None), 1), else_=LedgerChunk.in_doubt)).label("doubts"),
        )
        .where(col(LedgerChunk.alert_id) == alert_id, col(LedgerChunk.channel) == channel)
        .group_by(col(LedgerChunk.start))
        .having(func.min(case((has_it, 1), else_=0)) == 1)
        .subquery()
    )
    # Whom one wave did not get to is in the next one again, so the last says it all; but doubts stay where they are.
    done = (col(LedgerChunk.reached) + col(LedgerChunk.failed) == col(LedgerChunk.messages)) & (chunks.c.doubts == 0)
    last = sqlalchemy.select(col(LedgerChunk.start), chunks.c.length, done)
    last = last.join(chunks, col(LedgerChunk.id) == chunks.c.last).order_by(col(LedgerChunk.start))
    settled = 0
    for start, length, complete in session.connection().execute(last):
        if start != settled or not complete:
            break
        settled = start + length
    return settled


def entries(row: LedgerChunk) -> Iterable[tuple[int, MessageKind, int]]:
    """Position, kind and status of each message of a chunk; all in doubt while it has no outcomes."""
    statuses = _statuses(row)
    for index, code in enumerate(row.intended):
        kind = KINDS[code]
        if kind is not None:
            yield row.start + index, kind, statuses[index]


def statuses_of(session: Session, wave: Wave, start: int, count: int, grid: int) -> bytes:
    """What this very wave came to for each of so many positions from `start` on; 0: not begun."""
    first = start // grid * grid
    found = bytearray(start - first + count)
    for rows in chunk_rows(session, wave.alert_id, wave.channel, first, start + count - 1).values():
        for row in rows:
            if _key(row) == _key(wave):
                statuses = _statuses(row)[: len(found) - (row.start - first)]
                found[row.start - first : row.start - first + len(statuses)] = statuses
    return bytes(found[start - first :])


def packed(statuses: bytes) -> str:
    """Short: a batch was told up to some place, and the rest was not."""
    return b64encode(zlib.compress(statuses)).decode()


def unpacked(statuses: str) -> bytes:
    return zlib.decompress(b64decode(statuses))


def count_batch(session: Session, alert_id: str, channel: str) -> None:
    """Note that one more batch came to its end."""
    mine = {"of_alert_id": alert_id, "of_channel": channel}
    if session.connection().execute(_COUNT, mine).rowcount == 0:
        insert_new(session, FinishedBatches(alert_id=alert_id, channel=channel))
        session.connection().execute(_COUNT, mine)


def chunk_rows(session: Session, alert_id: str, channel: str, first: int, last: int) -> dict[int, list[LedgerChunk]]:
    """Every row of those chunks, by start, oldest first."""
    query = select(LedgerChunk).where(LedgerChunk.alert_id == alert_id, LedgerChunk.channel == channel)
    query = query.where(col(LedgerChunk.start).between(first, last)).order_by(col(LedgerChunk.id))
    found: dict[int, list[LedgerChunk]] = {}
    for row in session.exec(query):
        found.setdefault(row.start, []).append(row)
    return found


def _cut(members: Members, grid: int) -> Iterator[tuple[int, Members]]:
    """The members of each chunk, with where it starts."""
    first, positions = 0, members.positions
    while first < len(positions):
        start = positions[first] // grid * grid
        end = bisect_left(positions, start + grid, first)
        yield start, members.part(first, end)
        first = end


def _key(of: LedgerChunk | Wave) -> tuple[int, int, str]:
    return of.edition, of.announcement, of.purpose


def _order(of: LedgerChunk | Wave) -> tuple[int, int]:
    """Of waves in time."""
    return of.revision, of.announcement


def _open(row: LedgerChunk, positions: Sequence[int]) -> bytes:
    """What these positions of a chunk that was begun have still to get."""
    intended = _gather(row.intended, row.start, positions)
    if row.outcomes is None:
        return intended
    statuses = _gather(row.outcomes, row.start, positions)
    return bytes(code if status in OPEN else 0 for code, status in zip(intended, statuses, strict=True))


def _chunk(
    start: int, grid: int, end: int, members: Members, codes: bytes, row: LedgerChunk | None, announcement: int
) -> Chunk:
    """Those of the members for whom `codes` names a message; `row` where it was begun before."""
    kinds = codes.replace(b"\0", b"")
    intent = Intent(announcement, start, row.intended, row.outcomes, row.first_at, begun=True) if row else None
    due = members if len(kinds) == len(codes) else members.only(codes)
    return Chunk(start, min(start + grid, end), due, kinds, intent, announcement)


def _left_in_doubt(
    wave: Wave, rows: Sequence[LedgerChunk], positions: Sequence[int]
) -> Iterator[tuple[LedgerChunk, bytes]]:
    """What earlier announcements of the same edition may not have brought to those who heard nothing since."""
    if wave.purpose != "show" or wave.announces:
        return
    shown = [row for row in rows if row.purpose == "show" and row.edition == wave.edition and _key(row) != _key(wave)]
    if not any(Status.DOUBT in _statuses(row) for row in shown):
        return
    heard: set[int] = set()
    for row in reversed(rows):
        if row in shown:
            intended, statuses = (_gather(column, row.start, positions) for column in (row.intended, _statuses(row)))
            columns = zip(positions, intended, statuses, strict=True)
            codes = bytes(code if status == Status.DOUBT and at not in heard else 0 for at, code, status in columns)
            if any(codes):
                yield row, codes
        heard.update(position for position, _, status in entries(row) if status in REACHED)


def _due(wave: Wave, start: int, positions: Sequence[int], rows: Sequence[LedgerChunk], outside: Outside) -> bytes:
    """What these positions get in a wave that has not come to them."""
    if not positions:
        return b""
    rows = [row for row in rows if row.purpose != "outcome"]
    if len(rows) <= 1 and not any(outside.values()):  # what nearly all are: no need to look at each
        statuses = _gather(_statuses(rows[0]), start, positions) if rows else bytes(len(positions))
        kinds = (_kind(wave, _last(rows[0], status) if rows else None) for status in Status)
        return statuses.translate(bytes(CODES[kind] for kind in kinds).ljust(256, b"\0"))
    columns = [_gather(_statuses(row), start, positions) for row in rows]
    histories = list(zip(*columns, strict=True)) or [()] * len(positions)
    last = {history: _newest(rows, history) for history in set(histories)}  # a few, however many positions
    if not any(outside.values()):
        codes = {history: CODES[_kind(wave, last[history])] for history in last}
        return bytes(map(codes.__getitem__, histories))
    found = []
    for position, history in zip(positions, histories, strict=True):
        had = last[history]
        was_outside = had is not None and position in outside.get(had.edition, ())
        found.append(CODES[_kind(wave, had, position in outside.get(wave.edition, ()), was_outside)])
    return bytes(found)


def _last(row: LedgerChunk, status: int) -> Last | None:
    if status in REACHED:
        return Last(row.purpose, row.edition)
    return Last(row.purpose, row.edition, failed=True) if status in FAILED else None


def _kind(wave: Wave, last: Last | None, is_outside: bool = False, was_outside: bool = False) -> MessageKind | None:
    """What a position gets, from the last thing it got: nothing, an alert, a change, a renewal or the end."""
    reached = last is not None and not last.failed
    if wave.purpose == "outcome":
        return MessageKind.UPDATE if reached else None
    if wave.purpose in ENDS_WHAT:
        return MessageKind.CANCEL if last is not None and reached and last.purpose in ENDS_WHAT[wave.purpose] else None
    if last is None or last.purpose != "show":
        return None if is_outside else MessageKind.ALERT
    if last.failed:
        return MessageKind.ALERT if last.edition != wave.edition and not is_outside else None
    if last.edition != wave.edition:
        # Outside a narrowed area: the change once, so that they know, then nothing.
        return None if is_outside and was_outside else MessageKind.UPDATE
    return MessageKind.REFRESH if wave.announces and not is_outside else None


def _newest(rows: Sequence[LedgerChunk], statuses: Sequence[int]) -> Last | None:
    """What a position got last, from its status in each row; what was only refused does not hide what was reached."""
    newest: Last | None = None
    for row, status in zip(rows, statuses, strict=True):
        last = _last(row, status)
        if last and (not last.failed or newest is None or newest.failed):
            newest = last
    return newest


def _next(before: int, after: int) -> int:
    """What holds of a position after one more attempt."""
    return _AFTER_DOUBT.get(after, after) if before == Status.DOUBT else after


def _statuses(row: LedgerChunk) -> bytes:
    """One byte a position; all messages in doubt while the chunk has no outcomes."""
    return row.outcomes if row.outcomes is not None else row.intended.translate(_ALL_IN_DOUBT)


def _gather(column: bytes, start: int, positions: Sequence[int]) -> bytes:
    """The bytes of these positions, of a column that begins at `start`; 0 past its end."""
    if positions[-1] - positions[0] + 1 == len(positions):
        first = positions[0] - start
        return column[first : first + len(positions)].ljust(len(positions), b"\0")
    column = column.ljust(positions[-1] - start + 1, b"\0")
    return bytes(column[position - start] for position in positions)


def _spread(column: bytes, start: int, positions: Sequence[int], values: bytes) -> bytes:
    """A column that begins at `start` with these positions changed; as long as it must be."""
    spread = bytearray(column.ljust(positions[-1] - start + 1, b"\0"))
    if positions[-1] - positions[0] + 1 == len(positions):
        spread[positions[0] - start : positions[-1] - start + 1] = values
    else:
        for position, value in zip(positions, values, strict=True):
            spread[position - start] = value
    return bytes(spread)
