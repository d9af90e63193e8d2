"""What Temporal remembers of an alert: each activity that its workflows asked for, and what came of it.

Read from the histories, so no worker needs to run. The tree is walked from the alert to its channels and their waves:
lists of workflows lag behind when a server was killed, histories do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from alerts.command import SignedCommand
from alerts.sealing import Unsealable
from workflows import ports
from workflows.messages import ALERT_WORKFLOW, FAN_OUT_WORKFLOW, AlertInput

PORTS = {port.name: port for port in ports.PORTS}
AFTER_ITS_EFFECT = (ports.DECLARE.name, ports.RENEW_LEASE.name)
"""Others built on these only when they had answered; the rest may have had its effect as soon as it was asked for."""
UNREADABLE = (LookupError, Unsealable)


class Deed(NamedTuple):
    """One activity; or a wave, by the workflow's name, whose own history is not kept any more."""

    at: datetime
    name: str
    asked: Any
    answer: Any | None
    """None when it did not come to an end, or not to a good one."""
    attempts: int | None
    """0: nobody ever began it. None: it was cancelled while it waited, and whether for its first attempt or for
    another one is not known: that one began is written when it ends well."""


class Story(NamedTuple):
    """All of one alert that is known, in order."""

    running: bool
    begun: AlertInput
    """Its first input, or what the oldest run that is kept was continued with."""
    began_at: datetime
    deeds: Sequence[Deed]
    unheard: Sequence[tuple[datetime, SignedCommand]]
    """Commands since it last said what the public should see; verified by nobody yet."""


class _Run(NamedTuple):
    workflow_id: str
    events: Sequence[HistoryEvent]
    attempts: dict[str, int]
    """Of activities that are under way, by their id."""
    running: bool


class Histories:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def alerts(self) -> set[str]:
        """Ids of all that Temporal lists."""
        found = self._client.list_workflows(f"WorkflowType = '{ALERT_WORKFLOW}'")
        return {execution.id.removeprefix("alert-") async for execution in found}

    async def of(self, alert_id: str) -> Story | None:
        """None for an alert that Temporal does not know, or whose record was destroyed."""
        runs = await self._runs(ports.alert_workflow_id(alert_id), ())
        if not runs:
            return None
        try:
            return await self._story(runs)
        except UNREADABLE:
            return None

    async def _story(self, runs: Sequence[_Run]) -> Story:
        first = runs[0].events[0]
        begun = await self._read(first.workflow_execution_started_event_attributes.input.payloads, AlertInput)
        deeds = _carried(begun, _time(first)) + [deed for run in runs for deed in await self._deeds(run)]
        known: dict[str, list[str]] = {}
        if begun.state is not None:
            names = begun.state.channels
            known = {ports.channel_workflow_id(begun.state.alert_id, name): [] for name in names}
        for channel, seeds in (known | _children(runs)).items():
            channel_runs = await self._runs(channel, seeds)
            deeds += [deed for run in channel_runs for deed in await self._deeds(run)]
            for wave, wave_seeds in _children(channel_runs).items():
                wave_runs = await self._runs(wave, wave_seeds)
                deeds += [deed for run in wave_runs for deed in await self._deeds(run)]
                if not wave_runs:
                    deeds += await self._wave(channel_runs, wave)
        return Story(
            running=any(run.running for run in runs),
            begun=begun,
            began_at=_time(first),
            deeds=sorted(deeds, key=lambda deed: deed.at),
            unheard=await self._unheard(runs[-1]),
        )

    async def _runs(self, workflow_id: str, seeds: Iterable[str]) -> list[_Run]:
        """Every run that is kept, oldest first: these, the latest, and what they continue and are continued by."""
        found: dict[str, _Run] = {}
        waiting: list[str | None] = [*seeds, None]
        while waiting:
            wanted = waiting.pop()
            if wanted in found:
                continue
            handle = self._client.get_workflow_handle(workflow_id, run_id=wanted)
            try:
                seen = await handle.describe()
                if seen.run_id in found:
                    continue
                handle = self._client.get_workflow_handle(workflow_id, run_id=seen.run_id)
                events = list((await handle.fetch_history()).events)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    continue
                raise
            pending = seen.raw_description.pending_activities
            attempts = {one.activity_id: 0 if _untouched(one) else one.attempt for one in pending}
            running = seen.status is WorkflowExecutionStatus.RUNNING
            found[seen.run_id] = _Run(workflow_id, events, attempts, running)
            before = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
            after = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            waiting += [run_id for run_id in (before, after) if run_id]
        return sorted(found.values(), key=lambda run: _time(run.events[0]))

    async def _deeds(self, run: _Run) -> list[Deed]:
        asked: dict[int, HistoryEvent] = {}
        ended: dict[int, HistoryEvent] = {}
        attempts: dict[int, int | None] = {}
        for event in run.events:
            if event.HasField("activity_task_scheduled_event_attributes"):
                asked[event.event_id] = event
            elif event.HasField("activity_task_started_event_attributes"):
                started = event.activity_task_started_event_attributes
                attempts[started.scheduled_event_id] = started.attempt
            elif event.HasField("activity_task_completed_event_attributes"):
                ended[event.activity_task_completed_event_attributes.scheduled_event_id] = event
            elif event.HasField("activity_task_canceled_event_attributes"):
                attempts.setdefault(event.activity_task_canceled_event_attributes.scheduled_event_id, None)
        deeds = []
        for number, event in asked.items():
            scheduled = event.activity_task_scheduled_event_attributes
            port = PORTS.get(scheduled.activity_type.name)
            if port is None:
                continue
            done = ended.get(number)
            answer = None
            if done is not None:
                result = done.activity_task_completed_event_attributes.result.payloads
                answer = await self._read(result, port.output)
            last = done if done is not None and port.name in AFTER_ITS_EFFECT else event
            tried = attempts.get(number, run.attempts.get(scheduled.activity_id, 1))
            request = await self._read(scheduled.input.payloads, port.input)
            deeds.append(Deed(_time(last), port.name, request, answer, tried))
        return deeds

    async def _wave(self, runs: Sequence[_Run], workflow_id: str) -> list[Deed]:
        """As its channel remembers it."""
        deeds = []
        for run in runs:
            ends = {
                event.child_workflow_execution_completed_event_attributes.initiated_event_id: event
                for event in run.events
                if event.HasField("child_workflow_execution_completed_event_attributes")
            }
            for event in run.events:
                begun = event.start_child_workflow_execution_initiated_event_attributes
                if begun.workflow_id != workflow_id:
                    continue
                answer = None
                if event.event_id in ends:
                    said = ends[event.event_id].child_workflow_execution_completed_event_attributes.result.payloads
                    answer = await self._read(said, ports.Delivered)
                asked = await self._read(begun.input.payloads, ports.FanOutInput)
                deeds.append(Deed(_time(event), FAN_OUT_WORKFLOW, asked, answer, 1))
        return deeds

    async def _unheard(self, run: _Run) -> list[tuple[datetime, SignedCommand]]:
        said = 0
        for event in run.events:
            if event.activity_task_scheduled_event_attributes.activity_type.name == ports.DECLARE.name:
                said = event.event_id
        found = []
        for event in run.events[said:]:
            if event.HasField("workflow_execution_signaled_event_attributes"):
                payloads = event.workflow_execution_signaled_event_attributes.input.payloads
                with suppress(Exception):  # a forged one, whatever the converter says of it
                    found.append((_time(event), await self._read(payloads, SignedCommand)))
        return found

    async def _read(self, payloads: Any, model: type[Any]) -> Any:
        (value,) = await self._client.data_converter.decode(list(payloads), [model])
        return value


def _carried(begun: AlertInput, at: datetime) -> list[Deed]:
    """What earlier runs declared last, where they are not kept."""
    state = begun.state
    if state is None:
        return []
    said = state.declared
    asked = ports.Declare(alert_id=state.alert_id, incarnation=state.incarnation, base=said.revision, desired=said)
    answer = ports.Declared(revision=said.revision, won=True, meaning=said.meaning)
    return [Deed(at, ports.DECLARE.name, asked, answer, 1)]


def _children(runs: Iterable[_Run]) -> dict[str, list[str]]:
    """Workflow ids of those they began, with the runs that are known of each."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for event in run.events:
            begun = event.start_child_workflow_execution_initiated_event_attributes.workflow_id
            if begun:
                found.setdefault(begun, [])
            started = event.child_workflow_execution_started_event_attributes.workflow_execution
            if started.workflow_id:
                found.setdefault(started.workflow_id, []).append(started.run_id)
    return found


def _untouched(pending: Any) -> bool:
    """Whether no worker has taken it yet."""
    waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    return waits and pending.attempt <= 1 and not pending.HasField("last_started_time")


def _time(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
