"""The life of one alert: verify, prepare, await approval, live with refreshes, amend, retract, hold, end, close.

`run` keeps seven small loops going until the alert is closed: each waits for a piece of work that the state calls
for, does it by an activity, and writes the answer back into the state. Commands change the state in the signal
handler, at once and in the order they came; `alerts.judge` rules on them. So nothing that takes away ever waits
for an activity, and what is right to do is always read from the state as it is now.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RawValue, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from alerts.clockwork import Event, EventKind, fire, next_event
    from alerts.command import SignedCommand, Unverified, verify
    from alerts.criteria import Result
    from alerts.edition import ChannelTraits, EditionRef
    from alerts.judge import judge
    from alerts.state import AlertState, ArmReport, Asked, ChannelView, Desired, Draft, Material, Verdict
    from alerts.view import view
    from alerts.vocabulary import LANGUAGES, TAKES_AWAY, Action, ChannelState, Meaning, Stage
    from workflows import ports
    from workflows.calls import ARM, CONTROL, PHONE, TASK_TIMEOUT, THINK, call
    from workflows.messages import (
        ALERT_WORKFLOW,
        CHANNEL_ATTRIBUTE,
        CHANNEL_REPORT_SIGNAL,
        CHANNEL_WORKFLOW,
        DESIRED_SIGNAL,
        DRILL_ATTRIBUTE,
        STAGE_ATTRIBUTE,
        VIEW_QUERY,
        AlertInput,
        StartAlert,
    )

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_SIGNALS = 2_000
"""After so many the run continues as new, whatever the server suggests (DESIGN, rule 3)."""
KEEP_UNVERIFIED = 20
DARK_PATIENCE = timedelta(seconds=5)
"""How long a retraction may keep an alert dark before its channels are told to take all of it down."""
COMMANDS = frozenset(action.value for action in Action) - {Action.START.value}


@workflow.defn(name=ALERT_WORKFLOW)
class AlertWorkflow:
    """One alert, its whole life.

    Signals: every `alerts.vocabulary.Action` but `start`, with a `SignedCommand`, from the starter;
    `channel_report` from this alert's channels. Anything else, and anything unsigned, is counted and ignored.
    Query `view`: the alert as `alerts.view.view` shows it.
    """

    @workflow.init
    def __init__(self, given: AlertInput) -> None:
        self._signals = 0
        self._recorded = -1
        self._told_stage: Stage | None = None
        self._started: set[str] = set()
        if given.state is not None:
            self._state = given.state
            self._started = set(given.state.channels)
        else:
            assert given.start is not None
            self._state = _begin(given.start, workflow.now())

    @workflow.run
    async def run(self, given: AlertInput) -> str:
        """Live until closed; answers the outcome."""
        if given.start is not None:
            _require_signed(given.start)
        await asyncio.gather(
            self._verify_and_prepare(),
            self._prepare_shown_again(),
            self._arm_what_waits(),
            self._call_supervisors(),
            self._say_what_should_be_seen(),
            self._keep_time(),
            self._record(),
        )
        if not self._over:
            workflow.continue_as_new(AlertInput(state=self._state))
        await call(ports.CLOSE_ALERT, self._id, CONTROL, says="Destroy the display key: nothing can be shown again")
        assert self._state.ended is not None
        return self._state.ended.outcome.value

    # Messages

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Every signal there is: decode, verify and rule here, so that none can freeze or end the alert."""
        self._signals += 1
        try:
            if name == CHANNEL_REPORT_SIGNAL:
                self._hear_channel(_decode(args, ports.ChannelReport))
            elif name in COMMANDS:
                self._hear_command(name, _decode(args, SignedCommand))
            else:
                self._ignore("not a command")
        except Unverified as error:
            self._ignore(str(error))

    @workflow.query(name=VIEW_QUERY)
    def view(self) -> dict[str, object]:
        return view(self._state)

    def _hear_command(self, name: str, signed: SignedCommand) -> None:
        command, who = verify(signed, self._state.keyring)
        if command.action.value != name:
            raise Unverified("the signal's name is not the command's action")
        if command.alert_id != self._state.alert_id:
            raise Unverified("a command for another alert")
        before = self._state.seen.get(command.id)
        if before is not None and before != signed.fingerprint:
            raise Unverified("a command id used again with other content")
        judge(self._state, command, who, signed.fingerprint, workflow.now())
        if command.action in TAKES_AWAY:
            # The starter may have darkened everything already: say again what should be seen.
            self._state.declared = Desired(edition=self._state.declared.edition)

    def _hear_channel(self, report: ports.ChannelReport) -> None:
        known = self._state.channels.get(report.view.channel)
        if known is None:
            raise Unverified("a report of a channel this alert does not have")
        if report.view.revision >= known.revision:
            self._state.channels[report.view.channel] = report.view
            self._state.touch(workflow.now())

    def _ignore(self, why: str) -> None:
        self._state.unverified += 1
        last = [*self._state.unverified_last, f"{workflow.now().isoformat(timespec='seconds')} {why}"]
        self._state.unverified_last = last[-KEEP_UNVERIFIED:]

    # The loops

    async def _verify_and_prepare(self) -> None:
        while await self._until(lambda: self._raw_draft is not None):
            draft = self._raw_draft
            assert draft is not None
            version = draft.version
            if not draft.verified:
                verdict = await self._verify(draft)
                if draft is self._state.draft and draft.version == version:
                    draft.verdict, draft.judged = verdict, version
            else:
                edition = await self._prepare(draft, self._state.next_edition)
                if draft is self._state.draft and draft.version == version:
                    draft.edition, draft.prepared, draft.arms = edition, version, {}
                    draft.waiting_since = workflow.now()
            self._touch()

    async def _prepare_shown_again(self) -> None:
        """After a retraction, or a child found: the same edition less what was taken away; no approval needed."""
        while await self._until(self._shown_is_stale):
            shown = self._state.shown
            assert shown is not None
            version, number = shown.version, self._state.next_edition
            edition = await self._prepare(shown, number)
            if shown is self._state.shown and shown.version == version:
                shown.edition, shown.prepared = edition, version
                if self._state.draft is not None:
                    self._state.draft.changed()
                if self._state.live_at and self._state.showing:
                    self._state.renew(workflow.now())
            self._touch()

    async def _arm_what_waits(self) -> None:
        while await self._until(lambda: bool(self._unarmed)):
            draft, edition = self._state.draft, self._state.draft.edition if self._state.draft else None
            assert draft is not None
            assert edition is not None
            names = self._unarmed
            reports = await asyncio.gather(*(self._arm(name, edition) for name in names))
            if draft.edition == edition:
                draft.arms = {**draft.arms, **{report.channel: report for report in reports}}
            self._touch()

    async def _call_supervisors(self) -> None:
        """When something is asked of them, and at each escalation."""
        while await self._until(lambda: self._asks not in ("", self._state.called)):
            if not workflow.patched("call-supervisors"):
                return  # an alert that asked before there were calls: its supervisors look at the console
            asked = self._state.asked
            assert asked is not None
            self._state.called = self._asks
            calling = asyncio.create_task(self._call(asked))
            await workflow.wait_condition(partial(self._called_or_left, calling))
            if not calling.done():
                self._state.called = ""  # the next run calls whoever was not reached
                calling.cancel()
            await workflow.wait([calling])

    def _called_or_left(self, calling: asyncio.Task[None]) -> bool:
        return calling.done() or (self._leaving and not self._over)

    async def _say_what_should_be_seen(self) -> None:
        while await self._until(self._something_to_say):
            await self._declare(self._state.desired())

    async def _keep_time(self) -> None:
        while not self._leaving:
            now = workflow.now()
            event = next_event(self._state, now)
            if event is not None and event.at <= now:
                fire(self._state, event, now)
                if event.kind is EventKind.CLOSE and not self._state.all_withdrawn:
                    await self._tell_again()
                continue
            try:
                await workflow.wait_condition(
                    partial(self._falls_due_otherwise, event),
                    timeout=event.at - now if event else None,
                    timeout_summary=event.says if event else None,
                )
            except TimeoutError:
                continue

    def _falls_due_otherwise(self, event: Event | None) -> bool:
        return self._leaving or next_event(self._state, workflow.now()) != event

    async def _record(self) -> None:
        """Keep the read model, the search attribute and the current details in step with the state."""
        while await self._until(lambda: self._recorded != self._state.version, even_when_over=True):
            state, version = self._state, self._state.version
            if state.stage is not self._told_stage:
                self._told_stage = state.stage
                workflow.upsert_search_attributes([STAGE_ATTRIBUTE.value_set(state.stage.value)])
            workflow.set_current_details(_in_words(state))
            record = ports.RecordView(alert_id=state.alert_id, version=version, view=view(state))
            await call(ports.RECORD_VIEW, record, CONTROL, says=f"Record the alert as {state.stage.value}")
            self._recorded = version

    # Steps

    async def _verify(self, draft: Draft) -> Verdict:
        if draft.outcome_texts is not None:
            return Verdict(criteria=())
        return await call(
            ports.VERIFY_CASE,
            ports.VerifyCase(
                alert_id=self._state.alert_id, kind=self._state.kind, case=draft.case, programme=draft.programme
            ),
            THINK,
            says=f"Verify the case against the criteria of {draft.programme.id}",
        )

    async def _prepare(self, material: Material, number: int) -> EditionRef:
        outcome = material.outcome_texts if isinstance(material, Draft) else None
        request = ports.PrepareEdition(
            alert_id=self._state.alert_id,
            kind=self._state.kind,
            number=number,
            case=material.case,
            programme=material.programme,
            withheld=material.withheld,
            found=self._state.found_positions,
            outcome_texts=outcome,
        )
        return await call(ports.PREPARE_EDITION, request, THINK, says=f"Compose and freeze edition {number}")

    async def _arm(self, channel: str, edition: EditionRef) -> ArmReport:
        request = ports.ArmChannel(
            alert_id=self._state.alert_id, kind=self._state.kind, channel=channel, edition=edition
        )
        says = f"Arm {channel} for edition {edition.number}"
        try:
            return await call(ports.ARM_CHANNEL, request, ARM, says=says, queue=ports.send_queue(channel))
        except ActivityError:
            trouble = f"{channel} could not be tried in time; approving is possible, it will be sent when it answers"
            return ArmReport(channel=channel, ready=False, trouble=(trouble,))

    async def _call(self, asked: Asked) -> None:
        request = ports.CallSupervisors(
            alert_id=self._state.alert_id,
            kind=self._state.kind,
            version=self._state.version,
            about=asked.about,
            n=asked.n,
            names=asked.programme.names or dict.fromkeys(LANGUAGES, asked.programme.id),
            authors=asked.authors,
        )
        whom = f"the next group of supervisors ({asked.n})" if asked.n else "the supervisors on duty"
        with suppress(ActivityError):  # the next group is called all the same
            await call(ports.CALL_SUPERVISORS, request, PHONE, says=f"Call {whom}: an alert waits")

    async def _declare(self, desired: Desired) -> None:
        """Tell the store first, then every channel. What was taken away meanwhile always wins."""
        state, retracting = self._state, self._only_retracting()
        renews = desired.meaning is Meaning.EDITION and desired.same_statement(state.declared)
        if renews:
            answer = await self._renew(desired)
        else:
            request = ports.Declare(
                alert_id=state.alert_id, incarnation=state.incarnation, base=state.revision, desired=desired
            )
            says = f"Declare: {_desired_in_words(desired)}"
            answer = await call(ports.DECLARE, request, CONTROL, says=says)
        if not answer.won:
            await self._hear_who_took_away(answer)
            return
        state.revision = answer.revision
        state.declared = desired.model_copy(update={"revision": answer.revision})
        if self._only_retracting():
            if await self._ready_again():
                return
        elif retracting and self._something_to_say() and workflow.patched("ready-before-it-was-dark"):
            return
        await self._tell_channels(state.declared)
        if not renews and workflow.patched("record-what-is-told"):
            self._touch()

    async def _renew(self, desired: Desired) -> ports.Declared:
        assert desired.lease_until is not None
        request = ports.RenewLease(
            alert_id=self._state.alert_id, revision=self._state.revision, lease_until=desired.lease_until
        )
        return await call(ports.RENEW_LEASE, request, CONTROL, says=f"Renew the lease ({desired.announcement})")

    async def _hear_who_took_away(self, answer: ports.Declared) -> None:
        """The store is ahead: wait for the commands that raised it, then build on its revision."""
        waiting = [command for command in answer.open_commands if command not in self._state.seen]
        if waiting:
            try:
                await workflow.wait_condition(
                    lambda: all(command in self._state.seen for command in waiting) or self._leaving,
                    timeout=timedelta(seconds=10),
                    timeout_summary="Wait for the command that took away",
                )
            except TimeoutError:
                return
        self._state.revision = answer.revision

    def _only_retracting(self) -> bool:
        state = self._state
        return state.shown is not None and state.shown.stale and state.held is None and state.ended is None

    async def _ready_again(self) -> bool:
        """Whether the reduced edition is ready soon; then channels update instead of going dark and coming back."""
        try:
            await workflow.wait_condition(
                lambda: not self._only_retracting() or self._leaving,
                timeout=DARK_PATIENCE,
                timeout_summary="Give the reduced edition a moment",
            )
        except TimeoutError:
            return False
        return True

    async def _tell_channels(self, desired: Desired) -> None:
        """All at once, so that none waits for another; alerts begun before did so one after the other."""
        traits = dict(desired.edition.channels) if desired.edition else {}
        withdrawn = desired.model_copy(update={"meaning": Meaning.WITHDRAWN})
        names = [*traits, *(name for name in self._state.channels if name not in traits)]
        telling = [
            self._tell_channel(name, traits.get(name), desired if name in traits else withdrawn) for name in names
        ]
        if workflow.patched("tell-channels-at-once"):
            await asyncio.gather(*telling)
        else:
            for one in telling:
                await one

    async def _tell_again(self) -> None:
        """At the deadline, those that have not taken back all they showed: one that is gone begins anew."""
        if not workflow.patched("tell-again-at-the-deadline"):
            return
        declared = self._state.declared
        traits = declared.edition.channels if declared.edition else {}
        late = self._state.not_withdrawn
        await asyncio.gather(*(self._tell_channel(name, traits.get(name), declared) for name in late))

    async def _tell_channel(self, name: str, traits: ChannelTraits | None, desired: Desired) -> None:
        known = self._state.channels.get(name)
        if known is None and desired.meaning is not Meaning.EDITION:
            return
        if name in self._started and await self._signal_channel(name, desired):
            return
        if traits is None or desired.meaning is Meaning.HELD:
            return  # it ended by itself: nothing of it is shown
        await self._start_channel(name, traits, desired)

    async def _signal_channel(self, name: str, desired: Desired) -> bool:
        handle = workflow.get_external_workflow_handle(ports.channel_workflow_id(self._state.alert_id, name))
        try:
            await handle.signal(DESIRED_SIGNAL, desired)
        except ApplicationError:
            return False
        return True

    async def _start_channel(self, name: str, traits: ChannelTraits, desired: Desired) -> None:
        state = self._state
        state.channels.setdefault(name, ChannelView(channel=name, state=ChannelState.SENDING))
        self._started.add(name)
        try:
            await workflow.start_child_workflow(
                CHANNEL_WORKFLOW,
                ports.ChannelInput(
                    alert_id=state.alert_id, kind=state.kind, channel=name, traits=traits, desired=desired
                ),
                id=ports.channel_workflow_id(state.alert_id, name),
                parent_close_policy=ParentClosePolicy.ABANDON,
                task_timeout=TASK_TIMEOUT,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(CHANNEL_ATTRIBUTE, name),
                        SearchAttributePair(DRILL_ATTRIBUTE, "no" if state.kind == "actual" else state.kind.value),
                    ]
                ),
                static_summary=f"Keep {name} showing what the alert says",
            )
        except WorkflowAlreadyStartedError:
            await self._signal_channel(name, desired)

    # What the state calls for

    @property
    def _id(self) -> ports.AlertId:
        return ports.AlertId(alert_id=self._state.alert_id)

    @property
    def _raw_draft(self) -> Draft | None:
        """The draft, when it must be verified or prepared."""
        state, draft = self._state, self._state.draft
        if draft is None or self._shown_is_stale() or state.stage is Stage.CLOSED:
            return None
        if state.ended and draft.outcome_texts is None:
            return None
        if not draft.verified:
            return draft
        assert draft.verdict is not None
        ready = draft.verdict.result is Result.MET and draft.remarks is None
        return draft if ready and draft.stale else None

    @property
    def _asks(self) -> str:
        """What supervisors are asked, and after how many escalations; empty while nothing is."""
        asked = self._state.asked
        return f"{asked.about} ({asked.n})" if asked else ""

    def _shown_is_stale(self) -> bool:
        return self._state.shown is not None and self._state.shown.stale and self._state.ended is None

    @property
    def _unarmed(self) -> list[str]:
        draft = self._state.draft
        if draft is None or not draft.pending or draft.edition is None:
            return []
        return [name for name in draft.edition.channels if name not in draft.arms]

    def _something_to_say(self) -> bool:
        desired = self._state.desired()
        if desired.meaning is Meaning.NOTHING:
            return False
        return desired.model_copy(update={"revision": self._state.declared.revision}) != self._state.declared

    @property
    def _over(self) -> bool:
        return self._state.stage is Stage.CLOSED and self._state.all_withdrawn

    @property
    def _leaving(self) -> bool:
        """Closed for good, or about to continue as new: every loop ends at its next safe point."""
        return self._over or self._signals > MAX_SIGNALS or workflow.info().is_continue_as_new_suggested()

    async def _until(self, called_for: Callable[[], bool], *, even_when_over: bool = False) -> bool:
        """Wait until there is work; False when there will be none in this run."""
        await workflow.wait_condition(lambda: called_for() or self._leaving)
        return called_for() if even_when_over else not self._leaving

    def _touch(self) -> None:
        self._state.touch(workflow.now())


def _begin(start: StartAlert, now: datetime) -> AlertState:
    """The state of an alert that was just started."""
    author = _author(start)
    person = start.keyring[author].person if author in start.keyring else author
    state = AlertState(
        alert_id=start.alert_id,
        kind=start.kind,
        keyring=start.keyring,
        incarnation=start.incarnation,
        started_at=now,
        author=author,
        draft=Draft(case=start.case, programme=start.programme, authors=(person,)),
    )
    state.touch(now)
    return state


def _author(start: StartAlert) -> str:
    try:
        return verify(start.start, start.keyring)[0].actor
    except Unverified:
        return "nobody"


def _require_signed(start: StartAlert) -> None:
    """An alert that no operator signed for does not start."""
    try:
        command, who = verify(start.start, start.keyring)
    except Unverified as error:
        raise ApplicationError(f"not started: {error}", non_retryable=True) from error
    signed = command.content
    right = {"case": case_digest(start), "kind": start.kind.value, "programme": start.programme.id}
    if command.action is not Action.START or command.alert_id != start.alert_id or signed != right:
        raise ApplicationError("not started: what was signed is not this alert", non_retryable=True)
    if "operator" not in who.roles:
        raise ApplicationError("not started: starting an alert needs the role operator", non_retryable=True)


def case_digest(start: StartAlert) -> str:
    """SHA-256 of the case as the start command signs it."""
    return hashlib.sha256(start.case.model_dump_json().encode()).hexdigest()


def _decode(args: Sequence[RawValue], model: type[ModelT]) -> ModelT:
    """The one argument of a signal as that model; raises Unverified for anything else."""
    if len(args) != 1:
        raise Unverified("not exactly one argument")
    try:
        value = workflow.payload_converter().from_payload(args[0].payload, model)
    except Exception as error:  # whatever a forged payload makes the converter say
        raise Unverified("a payload that is not a message of Baken") from error
    if not isinstance(value, model):
        raise Unverified("a payload that is not a message of Baken")
    return value


def _desired_in_words(desired: Desired) -> str:
    if desired.meaning is Meaning.EDITION and desired.edition:
        return f"the public should see edition {desired.edition.number}"
    if desired.meaning is Meaning.HELD:
        return "dark, the alert stays open"
    return "nothing any more"


def _in_words(state: AlertState) -> str:
    """The current details in the Temporal Web UI (encrypted like every payload)."""
    lines = [f"**{state.stage.value}** since {state.clock[-1].at.isoformat(timespec='seconds')}", ""]
    lines += ["| channel | state | edition | reached |", "| --- | --- | --- | --- |"]
    for channel in state.channels.values():
        reached = f"{channel.reached} of {channel.recipients}"
        lines.append(f"| {channel.channel} | {channel.state.value} | {channel.edition or ''} | {reached} |")
    refused = sum(1 for ruling in state.rulings if not ruling.accepted)
    lines += ["", f"Rulings: {len(state.rulings)}, refused: {refused}; unverified signals: {state.unverified}"]
    return "\n".join(lines)
