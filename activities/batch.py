"""A batch of a wave as it is sent: in loads, each with its messages, and what became of them."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.alerts import now
from activities.channels.base import (
    Assumed,
    Busy,
    Gone,
    Messages,
    NotMeant,
    NotSent,
    Outcome,
    PersonalChannel,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.trying_again import failure
from alerts.vocabulary import LANGUAGES, Kind, MessageKind
from store import ledger
from store.ledger import Chunk, Intent, Outcomes, Status, Wave
from store.rates import Urgency
from workflows import ports

T = TypeVar("T")

_KINDS = dict(enumerate(MessageKind, start=1))
"""By their codes in the ledger."""
_REJECTED, _RETRY = bytes([Status.REJECTED]), bytes([Status.RETRY])
BELIEVED_AT = 3
"""The attempt at which a few who refuse what takes away are believed."""


class Load:
    """Neighbouring chunks whose messages leave together, in the order of their positions."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = chunks
        self._size = sum(len(chunk.members) for chunk in chunks)

    def __len__(self) -> int:
        """Messages."""
        return self._size

    def column(self, of: Callable[[Chunk], Sequence[T]]) -> Sequence[T]:
        """What each chunk has of each of its messages, behind each other."""
        return list(chain.from_iterable(map(of, self.chunks)))

    def outcomes(self, intents: Sequence[Intent], statuses: bytes) -> list[Outcomes]:
        """These statuses, one for each message, by chunk."""
        told, first = [], 0
        for chunk, intent in zip(self.chunks, intents, strict=True):
            end = first + len(chunk.members)
            told.append(Outcomes(intent, chunk.members.positions, statuses[first:end]))
            first = end
        return told


class Sent(NamedTuple):
    """A load whose messages have left, and what became of each."""

    load: Load
    intents: Sequence[Intent]
    statuses: bytes
    first: datetime

    def gone(self) -> Sequence[int]:
        """Subscribers whose address is no more."""
        subscribers = self.load.column(lambda chunk: chunk.members.subscriber_ids)
        return [one for one, status in zip(subscribers, self.statuses, strict=True) if status == Status.GONE]


class Batch:
    """What all chunks of one batch share, and what they came to."""

    def __init__(
        self,
        wave: Wave,
        job: WaveJob,
        channel: PersonalChannel,
        display: bytes,
        chunks: Sequence[Chunk],
        told_as: int | None,
    ) -> None:
        """`told_as`: the announcement that alerts and changes name, whichever they belong to; None: each its own."""
        self.wave = wave
        self.job = job
        self.channel = channel
        self.limit = channel.limit(job)
        together = 1 if self.limit else channel.capabilities.together
        self.loads = (Load(chunks[at : at + together]) for at in range(0, len(chunks), together))
        self.still: Callable[[], bool] = lambda: True
        self.stopped = False
        """Somebody was not sent to because `still` said no."""
        self.trouble: ApplicationError | None = None
        self.may_leave = False
        self.few: ApplicationError | None = None
        """Why a few may be left for later, all others having been told."""
        self._stuck = False
        self._display = display
        self._told_as = told_as
        self._prefixes: dict[tuple[int, int], str] = {}
        self._counts = dict.fromkeys(Status, 0)
        self._first: datetime | None = None

    @property
    def urgency(self) -> Urgency:
        if self.job.end_texts is not None:
            return Urgency.END
        return Urgency.EXERCISE if self.job.alert_kind is Kind.EXERCISE else Urgency.ALERT

    def goes_on(self) -> bool:
        """Whether there is use in another load now: nothing newer holds, and the last one got through."""
        self.stopped = self.stopped or not self.still()
        return not self._stuck and not self.stopped

    def messages(self, load: Load) -> Messages:
        """Their ids follow from alert, edition, announcement, kind and place in the audience.

        Not from the announcement where a hold is told to nobody: by a copy of the store that was made before its end
        those whom the next announcement reached are in doubt of the one before. An end is never taken for another.
        """
        return Messages(
            ids=load.column(self._ids),
            kinds=load.column(_kinds),
            addresses=load.column(lambda chunk: chunk.members.addresses),
            languages=_spoken(load.column(lambda chunk: chunk.members.languages)),
        )

    def _ids(self, chunk: Chunk) -> Sequence[str]:
        prefix = {code: self._prefix(code, chunk.announcement) for code in set(chunk.kinds)}
        places = struct.pack(f">{len(chunk.members)}I", *chunk.members.positions).hex(" ", 4)
        if len(prefix) == 1:  # nearly always, and in half the time
            (common,) = prefix.values()
            return f"{common}{places.replace(' ', f' {common}')}".split()
        return [prefix[code] + place for code, place in zip(chunk.kinds, places.split(), strict=True)]

    def note(self, sent: Sent, outcomes: Sequence[Outcome]) -> None:
        self._first = min(self._first or sent.first, sent.first)
        for status in Status:
            self._counts[status] += sent.statuses.count(status)
        if not any(outcomes):
            return
        self.stopped = self.stopped or any(isinstance(outcome, NotSent) for outcome in outcomes)
        few = _are_few(sent)
        self._stuck = self._stuck or (not few and all(isinstance(outcome, Unreachable) for outcome in outcomes))
        away = next((one for one in outcomes if isinstance(one, (Busy, Unreachable))), None)
        trouble = away or self._owed(outcomes, sent.statuses)
        if trouble is None:
            return
        told = failure(trouble, activity.info().attempt, takes_away=self._takes_away)
        if few and self.may_leave:
            self.few = self.few or told
        else:
            self.trouble = self.trouble or told

    def statuses(self, outcomes: Sequence[Outcome], intents: Sequence[Intent]) -> bytes:
        """One byte for each. What takes away and was refused is still to be done: what it is about still stands.

        Of a few whose neighbours in the load took it a refusal is believed in the end: of a million there are always
        some, and as long as their batches are tried others do not get their turn.
        """
        if not any(outcomes):
            return bytes([Status.REACHED]) * len(outcomes)
        found = bytes(map(_status, outcomes))
        if not self._takes_away:
            return found
        before = b"".join(intent.outcomes or b"" for intent in intents)
        took = found.count(Status.REACHED) + before.count(Status.REACHED)
        asked = sum(len(intent.intended) - intent.intended.count(0) for intent in intents)
        believed = activity.info().attempt >= BELIEVED_AT and took > asked / 2
        return found if believed else found.replace(_REJECTED, _RETRY)

    @property
    def _takes_away(self) -> bool:
        """Whether it is more than news: a channel without `recall` cannot take anything back."""
        return self.job.end_texts is not None and self.channel.capabilities.recall

    @staticmethod
    def _owed(outcomes: Sequence[Outcome], statuses: bytes) -> Rejected | None:
        """A refusal that is no end of it."""
        told = zip(outcomes, statuses, strict=True)
        return next((one for one, status in told if status == Status.RETRY and isinstance(one, Rejected)), None)

    def _prefix(self, code: int, announcement: int) -> str:
        if (code, announcement) not in self._prefixes:
            wave, kind = self.wave, _KINDS[code]
            shows = kind in (MessageKind.ALERT, MessageKind.UPDATE) and self._told_as is not None
            number = self._told_as if shows else announcement
            said = f"{wave.alert_id}\n{wave.channel}\n{wave.edition}\n{number}\n{kind.value}".encode()
            self._prefixes[code, announcement] = hmac.digest(self._display, said, "sha256").hex()[:24]
        return self._prefixes[code, announcement]

    def answer(self, *, superseded: bool) -> ports.Delivered:
        few = None if superseded else self.few
        asked = few.next_retry_delay if few else None
        return ports.Delivered(
            reached=self._counts[Status.REACHED],
            failed=self._counts[Status.GONE] + self._counts[Status.REJECTED],
            superseded=superseded,
            first_at=self._first,
            last_at=now() if self._first else None,
            in_doubt=sum(self._counts[status] for status in ledger.DOUBTFUL),
            left=sum(self._counts[status] for status in ledger.OPEN) if few else 0,
            patience=asked.total_seconds() if asked else 0.0,
        )


def _kinds(chunk: Chunk) -> Sequence[MessageKind]:
    first = chunk.kinds[0]
    if chunk.kinds.count(first) == len(chunk.kinds):
        return [_KINDS[first]] * len(chunk.kinds)
    return [_KINDS[code] for code in chunk.kinds]


def _are_few(sent: Sent) -> bool:
    """Whether less than half of a load are still to be told: not their counterpart is away, but they fail alone."""
    intended = sum(len(intent.intended) for intent in sent.intents)
    return 2 * sum(map(sent.statuses.count, ledger.OPEN)) < intended


def _spoken(languages: Sequence[str]) -> Sequence[str]:
    """Those that Baken writes; nearly always all of them, so there is nothing to look at one by one."""
    if set(languages) <= set(LANGUAGES):
        return languages
    return [language if language in LANGUAGES else LANGUAGES[0] for language in languages]


def _status(outcome: Outcome) -> Status:
    if outcome is None:
        return Status.REACHED
    if isinstance(outcome, Gone):
        return Status.GONE
    if isinstance(outcome, Rejected):
        return Status.REJECTED
    if isinstance(outcome, Assumed):
        return Status.ASSUMED
    if isinstance(outcome, NotMeant):
        return Status.NONE
    return Status.DOUBT if isinstance(outcome, (Busy, Unreachable)) and outcome.in_doubt else Status.RETRY
