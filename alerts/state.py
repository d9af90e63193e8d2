"""The state of an alert, whole: what the workflow carries through continue-as-new and what every view is made of.

Two things stand side by side: `shown`, what was approved, and `draft`, what somebody is working at (the first
edition or an amendment). `desired` says what the public should see now; the channels make it so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from alerts.case import Case
from alerts.command import Keyring, Ruling
from alerts.criteria import Criterion, Result
from alerts.edition import EditionRef
from alerts.programme import Programme
from alerts.values import Value
from alerts.vocabulary import (
    CancelReason,
    ChannelState,
    ChildCondition,
    Kind,
    Meaning,
    MessageKind,
    Outcome,
    Stage,
)


class Mutable(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=False)


class Approval(Value):
    user: str
    person: str
    at: datetime


class Verdict(Value):
    """What verification found; `area` is the name of the resolved area in words."""

    criteria: tuple[Criterion, ...]
    fits: str | None = None
    """Another programme that would fit, when this one does not."""
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    """What must be mended before anything can be shown (area, photo), in a sentence."""

    @property
    def result(self) -> Result:
        found = {criterion.result for criterion in self.criteria}
        if Result.NOT_MET in found:
            return Result.NOT_MET
        return Result.UNKNOWN if Result.UNKNOWN in found or self.problem else Result.MET


class ArmReport(Value):
    """How ready one channel is for one edition, before anybody says yes."""

    channel: str
    ready: bool
    recipients: int = 0
    trouble: tuple[str, ...] = ()


class Material(Mutable):
    """What an edition is made from. `version` rises with each change, so stale preparations are seen as such."""

    version: int = 1
    case: Case
    programme: Programme
    withheld: tuple[str, ...] = ()
    edition: EditionRef | None = None
    prepared: int = 0
    """The version `edition` was made from."""

    @property
    def stale(self) -> bool:
        return self.edition is None or self.prepared != self.version

    def changed(self) -> None:
        self.version += 1


class Draft(Material):
    """The first edition, or an amendment, on its way to approval."""

    authors: tuple[str, ...]
    """Persons who changed text, photo or area since the last approval."""
    verdict: Verdict | None = None
    judged: int = 0
    """The version `verdict` is about."""
    arms: dict[str, ArmReport] = {}
    approvals: tuple[Approval, ...] = ()
    remarks: str | None = None
    """The supervisor's, when it was returned for edit."""
    outcome_texts: dict[str, str] | None = None
    """Set for an outcome message, which is an edition of its own."""
    waiting_since: datetime | None = None

    @property
    def verified(self) -> bool:
        return self.judged == self.version and self.verdict is not None

    @property
    def pending(self) -> bool:
        """Whether it waits for a supervisor."""
        return not self.stale and self.remarks is None

    def changed(self) -> None:
        super().changed()
        self.approvals, self.remarks, self.waiting_since = (), None, None


class Shown(Material):
    """What was approved and stands, unless held or ended."""

    approved_at: datetime


class Hold(Value):
    user: str
    person: str
    at: datetime
    reason: str


class Reinstatement(Value):
    """A reinstatement that still needs approvals."""

    digest: str
    edition: int
    approvals: tuple[Approval, ...]
    at: datetime


class FoundChild(Value):
    """One of several children who was found; its position counts from 0."""

    position: int
    person: str
    at: datetime


class Ended(Value):
    outcome: Outcome
    why: CancelReason | None = None
    user: str
    person: str
    at: datetime
    undo_until: datetime


class Desired(Value):
    """What the public should see now, as every channel is told."""

    revision: int = 0
    meaning: Meaning = Meaning.NOTHING
    edition: EditionRef | None = None
    announcement: int = 0
    """The number of the refresh or reinstatement that announces it; 0 for the first time.

    What takes it back carries it too, so that the end after a reinstatement is not taken for that of the hold before.
    """
    after_end: int = 0
    """The last announcement that took an end back, 0 where none did: who was told that it is over hears of it anew.

    A channel that cannot recall tells nobody of a hold, so to its recipients the announcement after it is the same as
    the one before, and is known by this number (`activities.delivery`).
    """
    lease_until: datetime | None = None
    why: CancelReason | None = None
    outcome_edition: EditionRef | None = None

    @property
    def order(self) -> tuple[int, int, float]:
        """Newer statements order after older ones."""
        return self.revision, self.announcement, self.lease_until.timestamp() if self.lease_until else 0.0

    def same_statement(self, other: Desired) -> bool:
        """Whether both say the same, whatever their lease and announcement."""
        apart: dict[str, Any] = {"revision": 0, "announcement": 0, "after_end": 0, "lease_until": None}
        return self.model_copy(update=apart) == other.model_copy(update=apart)


class ChannelView(Value):
    """One channel as its workflow last reported it."""

    channel: str
    state: ChannelState
    revision: int = 0
    edition: int | None = None
    recipients: int = 0
    reached: int = 0
    failed: int = 0
    in_doubt: int = 0
    first_dispatch: datetime | None = None
    last_dispatch: datetime | None = None
    withdrawn_at: datetime | None = None
    error: str | None = None
    last_kind: MessageKind | None = None


class ClockEntry(Value):
    stage: Stage
    at: datetime


class Refreshed(Value):
    n: int
    due: datetime
    at: datetime | None = None
    missed: bool = False


class Asked(Value):
    """What supervisors are asked to judge."""

    about: str
    """As escalations name it."""
    n: int
    """How often nobody answered in time."""
    escalates_at: datetime
    programme: Programme
    authors: tuple[str, ...]


class Escalation(Value):
    """Nobody answered in time: the next group was called."""

    about: str
    n: int
    at: datetime


class AlertState(Mutable):
    alert_id: str
    kind: Kind
    keyring: Keyring
    incarnation: str
    started_at: datetime
    author: str
    """User who started it."""
    draft: Draft | None = None
    shown: Shown | None = None
    found_children: tuple[FoundChild, ...] = ()
    verdict: Verdict | None = None
    """Of what stands; a draft has its own."""
    held: Hold | None = None
    reinstatement: Reinstatement | None = None
    ended: Ended | None = None
    outcome_edition: EditionRef | None = None
    child_condition: ChildCondition | None = None
    closed_at: datetime | None = None
    live_at: datetime | None = None
    """The deciding approval: the anchor of the refresh grid."""
    announcement: int = 0
    after_end: int = 0
    lease_until: datetime | None = None
    reviewed_at: datetime | None = None
    refreshes: list[Refreshed] = []
    escalations: list[Escalation] = []
    called: str = ""
    """What supervisors were last called about, and after how many escalations."""
    sightings: int = 0
    rulings: list[Ruling] = []
    seen: dict[str, str] = {}
    """Command id to the fingerprint of what was ruled on."""
    unverified: int = 0
    unverified_last: list[str] = []
    channels: dict[str, ChannelView] = {}
    clock: list[ClockEntry] = []
    revision: int = 0
    """The last revision the store confirmed."""
    declared: Desired = Desired()
    """What the store and the channels were last told."""
    version: int = 0
    """Rises with everything a view would show."""

    @property
    def stage(self) -> Stage:
        if self.closed_at:
            return Stage.CLOSED
        if self.ended:
            return Stage.CLOSING
        if self.held:
            return Stage.HELD
        if self.shown:
            return Stage.LIVE
        return _stage_of(self.draft)

    @property
    def showing(self) -> bool:
        return self.shown is not None and self.held is None and self.ended is None

    @property
    def found_positions(self) -> tuple[int, ...]:
        return tuple(found.position for found in self.found_children)

    @property
    def asked(self) -> Asked | None:
        """What waits for supervisors who do not answer; None while nothing does, or all of it is held."""
        draft = self.draft
        if draft is None or not draft.pending or draft.waiting_since is None or draft.edition is None or self.held:
            return None
        if self.ended and draft.outcome_texts is None:
            return None
        about = f"approval of {draft.edition.approval_digest[:12]}"
        n = sum(1 for entry in self.escalations if entry.about == about)
        at = draft.waiting_since + (n + 1) * draft.programme.approval.escalate_after
        return Asked(about=about, n=n, escalates_at=at, programme=draft.programme, authors=draft.authors)

    def approvals_needed(self, material: Material) -> int:
        return material.programme.approvals_needed(public_test=self.kind is Kind.PUBLIC_TEST)

    @property
    def next_edition(self) -> int:
        """The number the draft would have: one more than what stands."""
        shown = self.shown.edition.number if self.shown and self.shown.edition else 0
        return max(shown, self.outcome_edition.number if self.outcome_edition else 0) + 1

    def desired(self) -> Desired:
        """What the public should see now; `revision` is filled in by whoever declares it."""
        if self.ended:
            edition = self.shown.edition if self.shown else None
            return Desired(
                meaning=Meaning.WITHDRAWN,
                edition=edition,
                announcement=self.announcement,
                after_end=self.after_end,
                why=self.ended.why,
                outcome_edition=self.outcome_edition,
            )
        if self.shown is None:
            return Desired()
        if self.held or self.shown.stale:
            return Desired(
                meaning=Meaning.HELD,
                edition=self.shown.edition,
                announcement=self.announcement,
                after_end=self.after_end,
            )
        return Desired(
            meaning=Meaning.EDITION,
            edition=self.shown.edition,
            announcement=self.announcement,
            after_end=self.after_end,
            lease_until=self.lease_until,
        )

    def touch(self, now: datetime) -> None:
        """Note that something changed, and the stage when it is a new one."""
        self.version += 1
        if not self.clock or self.clock[-1].stage is not self.stage:
            self.clock.append(ClockEntry(stage=self.stage, at=now))

    @property
    def all_withdrawn(self) -> bool:
        """Whether every channel has taken back all it showed, those of the last edition also its last word."""
        return not self.not_withdrawn

    @property
    def not_withdrawn(self) -> list[str]:
        """The channels that have something to take back, or to say, still."""
        last = self.declared.edition.channels if self.declared.edition else {}
        return [
            name
            for name, channel in self.channels.items()
            if channel.state is not ChannelState.WITHDRAWN
            or (channel.revision < self.declared.revision and name in last)
        ]

    def end(
        self,
        outcome: Outcome,
        now: datetime,
        *,
        user: str = "baken",
        person: str = "baken",
        why: CancelReason | None = None,
    ) -> None:
        """End the alert. One that nobody ever saw is closed at once, else it closes when all is taken back."""
        can_undo = self.shown is not None and outcome is not Outcome.EXPIRED
        undo = self.shown.programme.closing.undo if self.shown and can_undo else timedelta(0)
        self.ended = Ended(outcome=outcome, why=why, user=user, person=person, at=now, undo_until=now + undo)
        self.held, self.reinstatement = None, None
        if self.shown is None:
            self.closed_at = now

    def renew(self, now: datetime) -> None:
        """Give what is shown another lease from now."""
        assert self.shown is not None
        self.lease_until = now + self.shown.programme.refresh.lease_length


def _stage_of(draft: Draft | None) -> Stage:
    if draft is None or not draft.verified:
        return Stage.RETURNED if draft and draft.remarks is not None else Stage.VERIFYING
    if draft.remarks is not None:
        return Stage.RETURNED
    assert draft.verdict is not None
    if draft.verdict.result is Result.NOT_MET:
        return Stage.INELIGIBLE
    if draft.verdict.result is Result.UNKNOWN:
        return Stage.NEEDS_INFORMATION
    return Stage.AWAITING_APPROVAL if not draft.stale else Stage.VERIFYING


STAGE_MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.VERIFYING: frozenset(set(Stage) - {Stage.VERIFYING, Stage.LIVE}),
    Stage.NEEDS_INFORMATION: frozenset({Stage.VERIFYING, Stage.HELD, Stage.CLOSED}),
    Stage.INELIGIBLE: frozenset({Stage.VERIFYING, Stage.HELD, Stage.CLOSED}),
    Stage.AWAITING_APPROVAL: frozenset({Stage.VERIFYING, Stage.RETURNED, Stage.LIVE, Stage.HELD, Stage.CLOSED}),
    Stage.RETURNED: frozenset({Stage.VERIFYING, Stage.HELD, Stage.CLOSED}),
    Stage.LIVE: frozenset({Stage.HELD, Stage.CLOSING}),
    Stage.HELD: frozenset(set(Stage) - {Stage.HELD}),
    Stage.CLOSING: frozenset({Stage.LIVE, Stage.CLOSED}),
    Stage.CLOSED: frozenset(),
}
"""The one table of moves; whatever a command or a timer does, the clock only ever goes along these."""
