"""What workflows ask of the world: each activity by name, with what goes in and what comes out.

`activities/` implements them under these names; a test holds both together. Workflow code calls them with
`workflows.calls`, which knows their queues and time-outs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, NamedTuple, TypeVar

from pydantic import JsonValue

from alerts.case import Case
from alerts.edition import ChannelTraits, EditionRef
from alerts.programme import Programme
from alerts.state import ArmReport, ChannelView, Desired, Verdict
from alerts.values import Value
from alerts.vocabulary import Kind, Meaning

Purpose = Literal["show", "end", "outcome"]
In = TypeVar("In")
Out = TypeVar("Out")

ALERTS_QUEUE = "baken-alerts"
"""Workflows, and activities that think (verify, prepare)."""
CONTROL_QUEUE = "baken-control"
"""What stops, withdraws or declares; never behind a batch."""


def send_queue(channel: str) -> str:
    """Each channel has a queue of its own, so that a slow one never delays another."""
    return f"baken-send-{channel}"


def alert_workflow_id(alert_id: str) -> str:
    return f"alert-{alert_id}"


def channel_workflow_id(alert_id: str, channel: str) -> str:
    return f"{alert_workflow_id(alert_id)}/{channel}"


def wave_workflow_id(alert_id: str, channel: str, wave: str) -> str:
    return f"{channel_workflow_id(alert_id, channel)}/{wave}"


class Port(NamedTuple, Generic[In, Out]):
    """An activity: its registered name, its input and output types."""

    name: str
    input: type[In]
    output: type[Out]


class VerifyCase(Value):
    alert_id: str
    kind: Kind
    case: Case
    programme: Programme


class PrepareEdition(Value):
    """Compose, freeze and seal an edition and every channel's rendering of it."""

    alert_id: str
    kind: Kind
    number: int
    case: Case
    programme: Programme
    withheld: tuple[str, ...] = ()
    found: tuple[int, ...] = ()
    outcome_texts: dict[str, str] | None = None


class ArmChannel(Value):
    alert_id: str
    kind: Kind
    channel: str
    edition: EditionRef


class Declare(Value):
    """Write what the public should see into the store, under a new revision."""

    alert_id: str
    incarnation: str
    base: int
    """The revision the workflow knows; an edition is only declared on top of it."""
    desired: Desired


class Declared(Value):
    revision: int
    won: bool
    """False when somebody took away meanwhile: `open_commands` will say who."""
    meaning: Meaning
    open_commands: tuple[str, ...] = ()
    """Commands in the outbox that this workflow may not have ruled on yet."""


class RenewLease(Value):
    alert_id: str
    revision: int
    lease_until: datetime


class RecordView(Value):
    """What lists, pages and `show` read when they do not ask the workflow."""

    alert_id: str
    version: int
    view: dict[str, JsonValue]


class AlertId(Value):
    alert_id: str


class Standing(Value):
    """What the store says the public should see."""

    revision: int
    meaning: Meaning
    lease_until: datetime | None
    closed: bool


class ChannelInput(Value):
    """The start of a channel's life; it lives as long as its alert."""

    alert_id: str
    kind: Kind
    channel: str
    traits: ChannelTraits
    desired: Desired
    followed: Desired = Desired()
    """What it last made true, carried through continue-as-new."""
    lapsed: bool = False


class Publish(Value):
    """Make a public channel show the desired edition."""

    alert_id: str
    kind: Kind
    channel: str
    desired: Desired
    identifier: str
    """Message identifier and time are fixed by the workflow, so a retry says the same."""
    sent: datetime
    lapsed: bool = False
    """Taken down because its lease ran out, not because anybody said so."""


class Published(Value):
    at: datetime
    superseded: bool = False


class PlanWave(Value):
    alert_id: str
    kind: Kind
    channel: str
    edition: EditionRef | None = None
    """For whose area the audience is brought up to date; None leaves it as it is."""
    showing: int | None = None
    """The edition that the wave shows: who has it already is left out from the beginning, where nobody is between."""


class WavePlan(Value):
    size: int
    """Positions of the audience, from 0."""
    start: int = 0
    """All before this one have had it."""
    batch: int
    lanes: int = 4
    """Batches under way at once."""


class Deliver(Value):
    """One batch of a wave: positions `start` to `start + count` of the frozen audience."""

    alert_id: str
    kind: Kind
    channel: str
    desired: Desired
    purpose: Purpose
    lapsed: bool = False
    start: int
    count: int
    may_leave: bool = False
    """Others wait for its lane: single recipients that fail may be left for later."""


class Delivered(Value):
    """What batches came to."""

    reached: int = 0
    failed: int = 0
    skipped: int = 0
    """Not used any more, but in histories that channels replay."""
    superseded: bool = False
    first_at: datetime | None = None
    last_at: datetime | None = None
    in_doubt: int = 0
    """Perhaps reached when something newer held, and not counted as reached here."""
    left: int = 0
    """Of one batch: recipients still to be told, when all others of it have been; in no sum."""
    patience: float = 0.0
    """Seconds that their counterpart asks for before it is tried again."""
    statuses: str = ""
    """Of one batch that was superseded: what it came to for each of its positions (`store.ledger.packed`); in no sum.

    A store that is restored from a copy of before the batch ended does not know whom it told, and whom the next wave.
    """

    def __add__(self, other: Delivered) -> Delivered:
        firsts = [at for at in (self.first_at, other.first_at) if at]
        lasts = [at for at in (self.last_at, other.last_at) if at]
        return Delivered(
            reached=self.reached + other.reached,
            failed=self.failed + other.failed,
            superseded=self.superseded or other.superseded,
            first_at=min(firsts, default=None),
            last_at=max(lasts, default=None),
            in_doubt=self.in_doubt + other.in_doubt,
        )


class LeftBatch(Value):
    """A batch of which all have been told but a few, who are tried again when everybody had a turn."""

    start: int
    count: int
    waits: float
    """Seconds before that."""


class FanOutInput(Value):
    """One wave of a channel: everybody whom it concerns gets this, once."""

    alert_id: str
    kind: Kind
    channel: str
    desired: Desired
    purpose: Purpose
    lapsed: bool = False
    start: int = 0
    """Positions before this one are done, but for those `left`; carried through continue-as-new, as are the others."""
    left: tuple[LeftBatch, ...] = ()
    done: Delivered = Delivered()


class ChannelCounts(Value):
    recipients: int = 0
    reached: int = 0
    failed: int = 0
    in_doubt: int = 0
    first_dispatch: datetime | None = None
    last_dispatch: datetime | None = None


class CountChannel(Value):
    alert_id: str
    channel: str
    edition: int


class ChannelReport(Value):
    """What a channel tells its alert, by the signal `channel_report`."""

    view: ChannelView
    lapsed: bool = False


class CallSupervisors(Value):
    """Tell supervisors that something waits for them; nothing of the case is in it."""

    alert_id: str
    kind: Kind
    version: int
    """Of the alert when it asked: an older record of it does not know yet that it does."""
    about: str
    n: int
    """0: it was just asked for; else how often nobody answered."""
    names: dict[str, str]
    """Of the programme, by language."""
    authors: tuple[str, ...]
    """Persons who may not approve it, and so are not called."""


class AlertFate(Value):
    """Whether the AlertWorkflow still runs."""

    running: bool


class Nothing(Value):
    """An activity that answers only that it is done."""


VERIFY_CASE = Port("verify_case", VerifyCase, Verdict)
PREPARE_EDITION = Port("prepare_edition", PrepareEdition, EditionRef)
ARM_CHANNEL = Port("arm_channel", ArmChannel, ArmReport)
DECLARE = Port("declare_what_the_public_should_see", Declare, Declared)
RENEW_LEASE = Port("renew_lease", RenewLease, Declared)
RECORD_VIEW = Port("record_view", RecordView, Nothing)
READ_STANDING = Port("read_standing", AlertId, Standing)
CLOSE_ALERT = Port("close_alert", AlertId, Nothing)
ASK_AFTER_ALERT = Port("ask_after_alert", AlertId, AlertFate)
PUBLISH = Port("publish", Publish, Published)
TAKE_DOWN = Port("take_down", Publish, Published)
PLAN_WAVE = Port("plan_wave", PlanWave, WavePlan)
DELIVER = Port("deliver", Deliver, Delivered)
CALL_SUPERVISORS = Port("call_supervisors", CallSupervisors, Nothing)
COUNT_CHANNEL = Port("count_channel", CountChannel, ChannelCounts)

PORTS = (
    VERIFY_CASE,
    PREPARE_EDITION,
    ARM_CHANNEL,
    DECLARE,
    RENEW_LEASE,
    RECORD_VIEW,
    READ_STANDING,
    CLOSE_ALERT,
    ASK_AFTER_ALERT,
    PUBLISH,
    TAKE_DOWN,
    PLAN_WAVE,
    DELIVER,
    COUNT_CHANNEL,
    CALL_SUPERVISORS,
)
