"""The line to Temporal: connected when first needed, every call bounded, every failure one of two words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from alerts.command import SignedCommand
from alerts.vocabulary import Kind
from starter.errors import CannotReach
from starter.parts import Parts, connect
from workflows.calls import TASK_TIMEOUT
from workflows.codec import Reader
from workflows.messages import (
    ALERT_WORKFLOW,
    DRILL_ATTRIBUTE,
    PROGRAMME_ATTRIBUTE,
    STAGE_ATTRIBUTE,
    VIEW_QUERY,
    AlertInput,
    StartAlert,
)
from workflows.ports import ALERTS_QUEUE, alert_workflow_id

START_WITHIN = timedelta(seconds=10)
SIGNAL_WITHIN = timedelta(seconds=3)
QUERY_WITHIN = timedelta(seconds=1)
CONNECT_WITHIN = 2.0
LEAVE_ALONE = 2.0
GONE = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


class WorkflowGone(Exception):
    """The alert's workflow does not run any more."""


class Link:
    """Temporal as the starter uses it; raises CannotReach when it does not answer in time."""

    def __init__(self, parts: Parts, patience: float = CONNECT_WITHIN) -> None:
        self._parts = parts
        self._patience = min(patience, CONNECT_WITHIN)
        self._client: Client | None = None
        self._away_until = 0.0

    async def client(self) -> Client:
        """Connected at first need; after a failure it says so at once for a moment, so nobody waits twice."""
        clock = asyncio.get_running_loop().time
        if self._client is None:
            if clock() < self._away_until:
                raise CannotReach("Temporal", "it did not answer a moment ago")
            try:
                self._client = await connect(self._parts, Reader.CLIENT, patience=self._patience)
            except CannotReach:
                self._away_until = clock() + LEAVE_ALONE
                raise
        return self._client

    async def start(self, start: StartAlert) -> None:
        """Start the alert's workflow."""
        client = await self.client()
        try:
            await client.start_workflow(
                ALERT_WORKFLOW,
                AlertInput(start=start),
                id=alert_workflow_id(start.alert_id),
                task_queue=ALERTS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                search_attributes=_search_attributes(start),
                static_summary=f"{start.programme.id}, {start.kind.value}",
                rpc_timeout=START_WITHIN,
            )
        except RPCError as error:
            raise CannotReach("Temporal", "the alert was not started; try again when it answers") from error

    async def signal(self, alert_id: str, name: str, signed: SignedCommand) -> None:
        """Durable when it returns; raises WorkflowGone or CannotReach."""
        handle = (await self.client()).get_workflow_handle(alert_workflow_id(alert_id))
        try:
            await handle.signal(name, signed, rpc_timeout=SIGNAL_WITHIN)
        except RPCError as error:
            if error.status in GONE:
                raise WorkflowGone(alert_id) from error
            raise CannotReach("Temporal", "the command was not confirmed; look, and give it again") from error

    async def view(self, alert_id: str) -> dict[str, Any] | None:
        """The workflow's own answer; None when it does not answer soon."""
        try:
            client = await self.client()
            handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(alert_workflow_id(alert_id))
            view: dict[str, Any] = await handle.query(VIEW_QUERY, result_type=dict, rpc_timeout=QUERY_WITHIN)
        except (RPCError, WorkflowQueryFailedError, CannotReach):
            return None
        return view


def _search_attributes(start: StartAlert) -> TypedSearchAttributes:
    drill = "no" if start.kind is Kind.ACTUAL else start.kind.value
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROGRAMME_ATTRIBUTE, start.programme.id),
            SearchAttributePair(STAGE_ATTRIBUTE, "verifying"),
            SearchAttributePair(DRILL_ATTRIBUTE, drill),
        ]
    )
