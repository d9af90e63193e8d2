"""Bring subscribers in: good rows into the store a thousand at a time, each bad one to the rejects.

Each thousand is a short transaction, with all that takes time done before it begins, so that a withdrawal never
waits. Run again, what is in is found again: an import that was stopped needs nothing but another start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from starter.subscribers.rejects import Rejects
from starter.subscribers.rows import Row, Source
from starter.subscribers.rules import BadRow, Rules
from starter.subscribers.seen import Seen
from starter.subscribers.trace import Trace
from store.database import Database
from store.subscribers import AT_ONCE, Prepared, Subscribers

LEFT = "left since; who comes back says so, with a since after that day"


@dataclass
class Counts:
    rows: int = 0
    new: int = 0
    already: int = 0
    """Subscribed before; language, areas and pause are now as the file says."""
    rejected: int = 0


class Import:
    """One file going in."""

    def __init__(self, db: Database, subscribers: Subscribers, rules: Rules, rejects: Rejects, trace: Trace) -> None:
        self.counts = Counts()
        self._db = db
        self._subscribers = subscribers
        self._rules = rules
        self._rejects = rejects
        self._trace = trace

    def run(
        self,
        source: Source,
        went_on: Callable[[int], object] = lambda _: None,
        whole: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Counts:
        """All of it; `went_on` hears how many rows were read. Raises BadInput before anything went in.

        `whole` keeps a Ctrl-C waiting while rows go in, so that counts and rejects are always of what is in.
        """
        with Seen() as seen:
            for rows in _batches(source):
                with whole():
                    refused = self._bring_in(rows, seen)
                    self.counts.rows += len(rows)
                    self.counts.rejected += len(refused)
                    self._rejects.write(source, [(row, refused[row.number]) for row in rows if row.number in refused])
                went_on(self.counts.rows)
        return self.counts

    def _bring_in(self, rows: Sequence[Row], seen: Seen) -> dict[int, str]:
        """The reasons of those that did not go in, by row."""
        good, refused = self._judge(rows)
        first = seen.find([one.fingerprint for _, one in good])
        coming = dict[bytes, Prepared]()
        for number, one in good:
            if first.setdefault(one.fingerprint, number) == number:
                coming[one.fingerprint] = one
            else:
                refused[number] = f"has the same address as row {first[one.fingerprint]}"
        if not coming:
            return refused
        with self._db.write() as session:
            put = self._subscribers.put(session, list(coming.values()), datetime.now(UTC), only_newer=True)
            self._trace.begin(session)
        self.counts.new += put.new
        self.counts.already += put.known
        refused.update((first[fingerprint], LEFT) for fingerprint in put.away)
        seen.add((fingerprint, first[fingerprint]) for fingerprint in coming.keys() - put.away)
        return refused

    def _judge(self, rows: Iterable[Row]) -> tuple[list[tuple[int, Prepared]], dict[int, str]]:
        good, refused = list[tuple[int, Prepared]](), dict[int, str]()
        for row in rows:
            try:
                if row.problem:
                    raise BadRow(row.problem)
                good.append((row.number, self._subscribers.prepare(self._rules.entry(row.fields))))
            except BadRow as reason:
                refused[row.number] = str(reason)
        return good, refused


def _batches(source: Source) -> Iterator[list[Row]]:
    rows = iter(source)
    while batch := list(islice(rows, AT_ONCE)):
        yield batch
