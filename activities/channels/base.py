"""The small protocol behind which every channel stands, and the words in which it says what it can do.

A channel is an adapter: it renders an edition for its medium and brings it there. It knows nothing of waves,
ledgers or leases; those are `activities.delivery` and `activities.publishing`. Errors of its counterpart are
classified here once; only the class reaches workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from activities.pacing import Limit
from alerts.edition import Edition
from alerts.state import Desired
from alerts.values import Value
from alerts.vocabulary import Kind, MessageKind


@dataclass(frozen=True)
class Capabilities:
    """What a channel can do, declared as data: preview, approval page and docs are made from it."""

    label: dict[str, str]
    audience: Literal["public", "personal"]
    update: bool
    """Whether a change replaces what was shown or follows it."""
    recall: bool
    """Whether it can take back what it showed; then it goes dark on hold."""
    renews: Literal["announce", "renew", "late_joiners"]
    """A refresh tells every recipient that the lease is longer, renews silently, or reaches late joiners only."""
    picture: bool
    attaches: bool = False
    """Carries the photos themselves; others carry their address."""
    languages: tuple[str, ...] = ("nl", "en")
    headline_max: int | None = None
    text_max: int | None = None
    characters: str = "Unicode"
    """Its character set; what is not in it cannot be said."""
    counterpart: bool = True
    """Somebody else's server takes what it sends, and can fail; else Baken itself shows it."""
    credentials: str = ""
    """What it proves itself with to its counterpart."""
    receipts: bool = False
    """Its counterpart says afterwards who has it, beyond having taken it: counted as `seen` (`store.proof`)."""
    says_dark: bool = False
    """While it is dark it may show a text that says so, which the end of the alert replaces."""
    at_most_once: bool = False
    """Whether it has counterparts to which a message that may have arrived is not sent again."""
    partners: bool = False
    """Its recipients are partners that the configuration names: nobody subscribes to it."""
    chunk: int = 100
    """Recipients per ledger chunk."""
    together: int = 1
    """Chunks that leave together where no rate is set: a transaction and a change of threads cost the same for any
    number (docs/gotchas.md). So many are one load, and in doubt after a crash is at most one of those a lane."""


class Part(Value):
    """One piece of a rendering as its receiver gets it."""

    name: str
    """Such as `subject.nl`, `html.en`, `xml`."""
    media: Literal["text", "html", "xml", "json"]
    content: str


class Rendition(Value):
    """What one channel will send for one edition, frozen before the approval."""

    channel: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...] = ()
    """What does not fit (length, schema), for the approver to read before the yes."""

    def part(self, name: str) -> str:
        return next(part.content for part in self.parts if part.name == name)


class PhotoBytes(Value):
    token: str
    sha256: str
    jpeg: bytes


@dataclass(frozen=True, eq=False)
class WaveJob:
    """What all messages of one wave share, so that each of a million is small. A key for what is made once."""

    alert_id: str
    alert_kind: Kind
    edition: int
    announcement: int
    lease_until: datetime | None
    rendition: Rendition
    photos: tuple[PhotoBytes, ...] = ()
    end_texts: Mapping[str, str] | None = None
    """The neutral last sentence by language, on a cancel."""
    revision: int = 0
    """Of the statement, for receivers that keep the newest by themselves; never lower than that of one before."""


class Outgoing(NamedTuple):
    """One message of a wave to one recipient; `id` is the same at every attempt."""

    id: str
    kind: MessageKind
    address: str
    language: str

    @property
    def position(self) -> int:
        """Its recipient's place in the frozen audience, with which the id ends."""
        return int(self.id[-8:], 16)


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of one chunk by columns, equally long: walking through a million of them must cost little."""

    ids: Sequence[str]
    kinds: Sequence[MessageKind]
    addresses: Sequence[str]
    languages: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Outgoing]:
        return map(Outgoing._make, zip(self.ids, self.kinds, self.addresses, self.languages, strict=True))

    def part(self, first: int, end: int) -> Messages:
        """Those from index `first` to before `end`."""
        return Messages(*(getattr(self, name)[first:end] for name in self.__slots__))

    def at(self, places: Sequence[int]) -> Messages:
        """Those at these indexes."""
        return Messages(*([getattr(self, name)[place] for place in places] for name in self.__slots__))


class ChannelError(Exception):
    """Root of what a counterpart can answer; `str()` is for operators and holds no address.

    Of every channel they read of a counterpart in the words of `FAULTS`.
    """


FAULTS = {
    "unconfigured": "configured for",
    "away": "does not answer",
    "nonsense": "makes no sense",
    "denied": "does not accept our",
}
"""Faults that have each a remedy of its own, and what of every channel says which one it is: `baken doctor` and the
conformance suite look for these words."""


class Gone(ChannelError):
    """This recipient is no more: drop the subscription."""


class Rejected(ChannelError):
    """Refused for good: ours to show. What takes away is asked again all the same, for what it is about still stands.

    Of a channel with `recall` that is decided where it is sent (`activities.delivery`, `activities.publishing`).
    """


class Assumed(ChannelError):
    """Perhaps taken, and never to be known: not sent again, and counted as reached."""


class Busy(ChannelError):
    """Later: try again after `retry_after` seconds. `in_doubt` when it may have taken the message all the same."""

    def __init__(self, message: str, retry_after: float = 5.0, *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class Unreachable(ChannelError):
    """Not there, or not answering: try again. `in_doubt` when it may have taken the message all the same."""

    def __init__(self, message: str, *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class Denied(Unreachable):
    """It does not accept our credentials: ours to mend, and tried again, for then it must go out by itself."""


class NotSent(ChannelError):
    """Stopped before this message because something newer holds."""


def may_leave(still: Callable[[], bool]) -> None:
    """Raises NotSent unless `still` says yes."""
    if not still():
        raise NotSent("something newer holds")


class NotMeant(ChannelError):
    """This recipient is not to get this message, and nothing is wrong."""


Outcome = ChannelError | None
"""None: the counterpart accepted it."""


class Channel(Protocol):
    """What every channel has."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def render(self, edition: Edition, base_url: str) -> Rendition:
        """The frozen content for this medium; pure. `base_url` is the public site's, without a last slash."""
        ...

    async def probe(self, kind: Kind) -> str | None:
        """Try connection and credentials; what is wrong, in a sentence, or None. Nothing reaches the public.

        Asked while the approver reads and by `baken doctor`, of the public's endpoints and of exercises'. Where there
        is one of `FAULTS`, the sentence holds its words. A channel that Baken itself shows has nothing to try: None.
        """
        ...


class PublishJob(Value):
    """All that a public channel needs to show an edition or to end it; frozen, so a retry says the same."""

    alert_id: str
    kind: Kind
    desired: Desired
    identifier: str
    sent: datetime
    edition: Edition
    rendition: Rendition
    photos: tuple[PhotoBytes, ...] = ()
    outcome: Edition | None = None
    """The outcome message, once one is approved; shown on the page that says the alert ended."""
    lapsed: bool = False
    """Taken down because the lease ran out; the alert itself may go on."""


class PublicChannel(Channel, Protocol):
    """A channel that shows one thing to everybody; both calls are idempotent and compare-and-set on the revision.

    They raise `store.standing.Superseded` when the store knows a higher revision than the job's, and a `ChannelError`
    when a counterpart does not take it: that is shown to the operator, and tried again.
    """

    def publish(self, job: PublishJob) -> None: ...

    def take_down(self, job: PublishJob) -> None:
        """Nothing of the alert is shown any more (`job.desired.meaning` says held or withdrawn)."""
        ...


class PersonalChannel(Channel, Protocol):
    """A channel that sends to recipients one by one."""

    def limit(self, job: WaveJob) -> Limit | None:
        """The rate its counterpart allows for these messages; None: as fast as it answers."""
        ...

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        """Send each message; one outcome for each, in order. Must end within 30 s (client time-outs).

        `still()` is asked right before each message leaves (of those that leave within milliseconds, once): when it
        says no, the rest is `NotSent`.
        """
        ...


@runtime_checkable
class ListeningChannel(Channel, Protocol):
    """A channel whose counterpart says something by itself, such as that somebody wants to hear no more."""

    async def listen(self) -> None:
        """Keep the line open and do what is said, until cancelled."""
        ...


@runtime_checkable
class BoundChannel(Channel, Protocol):
    """A channel whose probe leaves a line open, for those who send after it."""

    async def hang_up(self) -> None:
        """Part as the protocol asks: of somebody who only tried."""
        ...


@runtime_checkable
class PreparedChannel(Channel, Protocol):
    """A channel with work that takes longer than what comes after the yes may: done while the approver reads."""

    def prepare(self, edition: Edition, photos: Sequence[PhotoBytes]) -> tuple[str, ...]:
        """Do it and keep it, idempotent; what the approver should know. Whoever needs it and finds nothing does it."""
        ...


class SubscribedChannel(PersonalChannel, Protocol):
    """A personal channel that people subscribe to: it knows a good address of its medium from a bad one."""

    @staticmethod
    def address_problem(address: str) -> str | None:
        """What is wrong with an address, without quoting any of it; None: it is good."""
        ...

    @staticmethod
    def normal_address(address: str) -> str:
        """The one way to write a good address, so that nobody is subscribed twice."""
        ...
