"""What each position of a wave gets next, which follows from what it got last.

So a change reaches those who had the old text, an end message only those reached, and a resend after a crash is the
same message with the same id.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlmodel import Session

from alerts.vocabulary import MessageKind
from store.audience import Members
from store.ledger import (
    CODES,
    DOUBTFUL,
    FAILED,
    OPEN,
    REACHED,
    Chunk,
    Intent,
    Status,
    Wave,
    chunk_rows,
    entries,
    gather,
    key_of,
    statuses_in,
)
from store.tables.sending import LedgerChunk

ENDS_WHAT = {"end": frozenset({"show"}), "ended": frozenset({"show", "end"})}
"""What a wave that ends something is about, by its purpose: `ended` also replaces what said that all is dark."""


class Last(NamedTuple):
    """The last entry of a position: that it was reached, may have been, or refused for good."""

    purpose: str
    edition: int
    failed: bool = False
    in_doubt: bool = False


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
    Where a later wave (by revision, then announcement) came to a chunk, this one did all it ever will. Waves that are
    over are planned again when a store was restored from a copy, and a copy is of one moment.
    """
    if not len(members):
        return []
    rows = chunk_rows(session, wave.alert_id, wave.channel, members.positions[0] // grid * grid, members.positions[-1])
    chunks = []
    for start, here in _cut(members, grid):
        before = rows.get(start, ())
        if any(_order(row) > _order(wave) for row in before):
            continue
        for left, codes in _left_in_doubt(wave, before, here.positions):
            chunks.append(_chunk(start, grid, end, here, codes, left, left.announcement))
        row = next((row for row in before if key_of(row) == key_of(wave)), None)
        known = bisect_left(here.positions, row.start + len(row.intended)) if row else 0
        codes = _open(row, here.positions[:known]) if row and known else b""
        codes += _due(wave, start, here.positions[known:], before, outside or {})
        if any(codes):
            chunks.append(_chunk(start, grid, end, here, codes, row, wave.announcement))
    return chunks


def _cut(members: Members, grid: int) -> Iterator[tuple[int, Members]]:
    """The members of each chunk, with where it starts."""
    first, positions = 0, members.positions
    while first < len(positions):
        start = positions[first] // grid * grid
        end = bisect_left(positions, start + grid, first)
        yield start, members.part(first, end)
        first = end


def _order(of: LedgerChunk | Wave) -> tuple[int, int]:
    """Of waves in time."""
    return of.revision, of.announcement


def _open(row: LedgerChunk, positions: Sequence[int]) -> bytes:
    """What these positions of a chunk that was begun have still to get."""
    intended = gather(row.intended, row.start, positions)
    if row.outcomes is None:
        return intended
    statuses = gather(row.outcomes, row.start, positions)
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
    shown = [
        row for row in rows if row.purpose == "show" and row.edition == wave.edition and key_of(row) != key_of(wave)
    ]
    if not any(Status.DOUBT in statuses_in(row) for row in shown):
        return
    heard: set[int] = set()
    for row in reversed(rows):
        if row in shown:
            intended, statuses = (gather(column, row.start, positions) for column in (row.intended, statuses_in(row)))
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
        statuses = gather(statuses_in(rows[0]), start, positions) if rows else bytes(len(positions))
        kinds = (_kind(wave, _last(rows[0], status) if rows else None) for status in Status)
        return statuses.translate(bytes(CODES[kind] for kind in kinds).ljust(256, b"\0"))
    columns = [gather(statuses_in(row), start, positions) for row in rows]
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
        return Last(row.purpose, row.edition, in_doubt=status in DOUBTFUL)
    return Last(row.purpose, row.edition, failed=True) if status in FAILED else None


def _kind(wave: Wave, last: Last | None, is_outside: bool = False, was_outside: bool = False) -> MessageKind | None:
    """What a position gets, from the last thing it got: nothing, an alert, a change, a renewal or the end."""
    reached = last is not None and not last.failed
    if wave.purpose == "outcome":
        return MessageKind.UPDATE if reached else None
    if wave.purpose in ENDS_WHAT:
        # An end that may not have come is no end: it is told again, as what it is about may still show.
        what = ENDS_WHAT[wave.purpose] | (ENDS_WHAT.keys() if last is not None and last.in_doubt else set())
        return MessageKind.CANCEL if last is not None and reached and last.purpose in what else None
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
