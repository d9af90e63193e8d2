"""Random sequences of commands and time against what must always hold (issue, Build 2)."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.case import Case
from alerts.clockwork import fire, next_event
from alerts.command import Command, KeyringEntry
from alerts.edition import ChannelTraits, EditionRef
from alerts.judge import judge
from alerts.state import STAGE_MOVES, AlertState, Draft, Material, Verdict
from alerts.vocabulary import Action, Kind, Meaning, Role, Stage
from tests.support.programmes import programme

T0 = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = {
    "operator1": ("p1", Role.OPERATOR),
    "operator2": ("p2", Role.OPERATOR),
    "supervisor1": ("p3", Role.SUPERVISOR),
    "supervisor2": ("p4", Role.SUPERVISOR),
    "twin": ("p1", Role.SUPERVISOR),
    "engineer1": ("p5", Role.ENGINEER),
}
"""`twin` is a second account of operator1: four eyes count persons."""
KEYRING = {
    user: KeyringEntry(user=user, person=person, roles=frozenset({role}), public_key="")
    for user, (person, role) in PEOPLE.items()
}
TRAITS = {"web": ChannelTraits(personal=False, renews="renew", recalls=True)}
users = st.sampled_from(sorted(PEOPLE))


def _case() -> Case:
    return Case.model_validate(
        {
            "programme": "amber",
            "children": [{"name": "A", "age": 7}, {"name": "B", "age": 9}],
            "last_seen": {"at": T0.isoformat()},
            "circumstances": "x",
            "public": {"situation": "y"},
        }
    )


class Alerts(RuleBasedStateMachine):
    """One alert; `prepare` does what the workflow's activities would."""

    @initialize(needed=st.sampled_from([1, 2]))
    def begin(self, needed: int) -> None:
        self.now = T0
        self.asked = programme(approval={"needed": needed})
        self.state = AlertState(
            alert_id="a",
            kind=Kind.ACTUAL,
            keyring=KEYRING,
            incarnation="i",
            started_at=T0,
            author="operator1",
            draft=Draft(case=_case(), programme=self.asked, authors=("p1",)),
        )
        self.state.touch(T0)
        self.approved: dict[str, set[str]] = {}
        self.authors: dict[str, set[str]] = {}
        self.commands = 0
        self.cleared: set[str] = set()
        self.prepare()

    # What the workflow does

    @rule()
    def prepare(self) -> None:
        state = self.state
        if state.stage is Stage.CLOSED:
            return
        if state.shown and state.shown.stale and not state.ended:
            before = state.shown.edition
            assert before is not None
            self._freeze(state.shown)
            assert state.shown.edition is not None
            self.cleared.add(state.shown.edition.approval_digest)  # less than what was approved
            if state.draft:
                state.draft.changed()
        draft = state.draft
        if draft and not (state.ended and draft.outcome_texts is None) and draft.remarks is None:
            draft.verdict, draft.judged = Verdict(criteria=()), draft.version
            if draft.stale:
                self._freeze(draft)
                assert draft.edition is not None
                self.authors[draft.edition.approval_digest] = set(draft.authors)
                draft.waiting_since = self.now
        state.touch(self.now)

    def _freeze(self, material: Material) -> None:
        digest = uuid.uuid4().hex
        number = self.state.next_edition
        material.edition = EditionRef(number=number, digest=digest, approval_digest=digest, channels=TRAITS)
        material.prepared = material.version

    @rule(minutes=st.integers(1, 600))
    def time_passes(self, minutes: int) -> None:
        until = self.now + timedelta(minutes=minutes)
        for _ in range(500):
            event = next_event(self.state, self.now)
            if event is None or event.at > until:
                break
            self.now = max(self.now, event.at)
            fire(self.state, event, self.now)
        self.now = until

    # What people do

    @rule()
    def everybody_approves(self) -> None:
        """So that most runs see an alert live."""
        self.prepare()
        for user in ("supervisor1", "supervisor2"):
            self.approve(user, right=True)

    @rule(user=users, right=st.booleans())
    def approve(self, user: str, right: bool) -> None:
        draft, wanted = self.state.draft, self.state.reinstatement
        edition = draft.edition if draft and draft.pending else None
        digest = wanted.digest if wanted else edition.approval_digest if edition else "none"
        before = self.state.desired().edition if self.state.desired().meaning is Meaning.EDITION else None
        accepted = self._give(Action.APPROVE, user, digest=digest if right else "wrong")
        if accepted:
            assert right
            assert Role.SUPERVISOR in KEYRING[user].roles
            if not wanted:
                assert KEYRING[user].person not in self.authors[digest]
            self.approved.setdefault(digest, set()).add(KEYRING[user].person)
        after = self.state.desired()
        if after.meaning is Meaning.EDITION and after.edition != before:
            assert accepted

    @rule(user=users, action=st.sampled_from([Action.REJECT, Action.RETURN_FOR_EDIT]))
    def judge_otherwise(self, user: str, action: Action) -> None:
        draft = self.state.draft
        digest = draft.edition.approval_digest if draft and draft.edition else None
        self._give(action, user, digest=digest, reason="r")

    @rule(user=users, number=st.integers())
    def amend(self, user: str, number: int) -> None:
        shown = self.state.desired()
        self._give(Action.AMEND, user, content={"patch": {"public": {"situation": f"s{number}"}}})
        assert self.state.desired() == shown

    @rule(user=users, what=st.sampled_from(["children/0/name", "public/situation", "children/1", "nothing/here"]))
    def retract(self, user: str, what: str) -> None:
        showing = self.state.desired().meaning is Meaning.EDITION
        accepted = self._give(Action.RETRACT, user, reason="r", content={"what": what})
        if showing and what != "nothing/here" and PEOPLE[user][1] is not Role.ENGINEER:
            assert accepted
            stale = self.state.shown is not None and self.state.shown.stale
            assert not stale or self.state.desired().meaning is not Meaning.EDITION

    @rule(user=users)
    def hold(self, user: str) -> None:
        self._takes_away(user, Action.HOLD, reason="r")

    @rule(user=users, by=st.sampled_from(["police", "phone"]))
    def found(self, user: str, by: str) -> None:
        self._takes_away(user, Action.FOUND, content={"confirmed_by": by})

    @rule(user=users)
    def one_found(self, user: str) -> None:
        self._give(Action.FOUND, user, content={"child": 1, "confirmed_by": "police"})

    @rule(user=users)
    def cancel(self, user: str) -> None:
        self._takes_away(user, Action.CANCEL, reason="r", content={"why": "error"})

    @rule(user=users)
    def reinstate(self, user: str) -> None:
        ended, darkened, before = self.state.ended, self.state.ended or self.state.held, self.state.after_end
        accepted = self._give(Action.REINSTATE, user)
        if accepted:
            assert Role.SUPERVISOR in KEYRING[user].roles
            assert darkened is None or darkened.person != KEYRING[user].person
        if self.state.shown and darkened and not (self.state.ended or self.state.held):
            assert self.state.desired().after_end == (self.state.announcement if ended else before)

    @rule(user=st.sampled_from(["supervisor1", "supervisor2"]))
    def one_person_takes_down_and_brings_back(self, user: str) -> None:
        self.hold(user)
        self.reinstate(user)

    def _takes_away(self, user: str, action: Action, **more: Any) -> None:
        """Never refused to those on duty while something shows, and dark at once."""
        showing = self.state.desired().meaning is Meaning.EDITION
        accepted = self._give(action, user, **more)
        if showing and PEOPLE[user][1] is not Role.ENGINEER:
            assert accepted
        if accepted:
            assert self.state.desired().meaning is not Meaning.EDITION

    def _give(self, action: Action, user: str, **more: Any) -> bool:
        command = Command(id=uuid.uuid4().hex, alert_id="a", action=action, actor=user, at=self.now, **more)
        ruling = judge(self.state, command, KEYRING[user], "f", self.now)
        assert ruling is not None
        assert ruling.accepted or ruling.reason
        assert judge(self.state, command, KEYRING[user], "f", self.now) is None
        self.commands += 1
        return ruling.accepted

    # What always holds

    @invariant()
    def nothing_is_shown_without_its_approvals(self) -> None:
        desired = self.state.desired()
        if desired.meaning is Meaning.EDITION:
            assert desired.edition is not None
            digest = desired.edition.approval_digest
            needed = self.asked.approval.needed
            assert digest in self.cleared or len(self.approved.get(digest, set())) >= needed

    @invariant()
    def nothing_is_shown_while_held_or_after_the_end(self) -> None:
        if self.state.stage in (Stage.HELD, Stage.CLOSING, Stage.CLOSED):
            assert self.state.desired().meaning is not Meaning.EDITION

    @invariant()
    def every_command_has_exactly_one_ruling(self) -> None:
        ids = [ruling.command for ruling in self.state.rulings]
        assert len(ids) == len(set(ids)) == self.commands

    @invariant()
    def the_clock_goes_along_the_table(self) -> None:
        stages = [entry.stage for entry in self.state.clock]
        for before, after in itertools.pairwise(stages):
            assert after in STAGE_MOVES[before], f"{before} to {after}"


Alerts.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestAlerts = Alerts.TestCase
