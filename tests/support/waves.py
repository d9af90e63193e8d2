"""A wave alone: its workflow is real, what it asks for a test answers."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from tests.support.environment import with_converter
from workflows import ports
from workflows.fan_out import FanOutWorkflow
from workflows.runtime import HEARTBEAT_THROTTLE, sandbox_runner

LANES = 4
BATCHES = 3 * LANES
SIZE = 10
"""Recipients of a batch."""


class Wave(Protocol):
    """The activities that a wave asks for."""

    async def plan(self, asked: ports.PlanWave, /) -> ports.WavePlan: ...

    async def deliver(self, asked: ports.Deliver, /) -> ports.Delivered: ...


class Failing:
    """More batches than lanes; of one recipient in each of the `silent` nothing is heard. Batches by number."""

    def __init__(self, silent: set[int]) -> None:
        self.silent = silent
        self.joined = 0
        """Batches of those who joined while the wave was under way."""
        self.overtaken = False
        self.turns: list[int] = []
        self.told: Counter[int] = Counter()
        """Recipients."""

    async def all_others_are_told(self) -> bool:
        return self.told == {number: SIZE - (number in self.silent) for number in range(BATCHES)}

    @activity.defn(name=ports.PLAN_WAVE.name)
    async def plan(self, asked: ports.PlanWave) -> ports.WavePlan:
        batches = BATCHES + (self.joined if asked.edition else 0)
        return ports.WavePlan(size=SIZE * batches, batch=SIZE, lanes=LANES)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        number = asked.start // SIZE
        self.turns.append(number)
        if self.overtaken:
            return ports.Delivered(superseded=True)
        left = int(number in self.silent)
        reached = asked.count - left - self.told[number]
        self.told[number] += reached
        if left and not asked.may_leave:
            raise ApplicationError("asks for patience (503)", type="Busy")
        return ports.Delivered(reached=reached, left=left)


@asynccontextmanager
async def under_way(
    env: WorkflowEnvironment,
    batches: Wave,
    purpose: ports.Purpose,
    converter: DataConverter = pydantic_data_converter,
) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """A wave of that purpose, of an alert of its own."""
    client = with_converter(env.client, converter)
    control = Worker(client, task_queue=ports.CONTROL_QUEUE, activities=[batches.plan])
    sender = Worker(
        client,
        task_queue=ports.send_queue("app"),
        activities=[batches.deliver],
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
    )
    waves = Worker(client, task_queue="waves", workflows=[FanOutWorkflow], workflow_runner=sandbox_runner())
    alert_id = uuid.uuid4().hex[:10]
    edition = EditionRef(number=1, digest="d", approval_digest="a", channels={})
    desired = Desired(revision=1, meaning=Meaning.EDITION, edition=edition)
    given = ports.FanOutInput(alert_id=alert_id, kind=Kind.ACTUAL, channel="app", desired=desired, purpose=purpose)
    async with control, sender, waves:
        yield await client.start_workflow(
            FanOutWorkflow.run,
            given,
            id=ports.wave_workflow_id(alert_id, "app", "wave"),
            task_queue="waves",
            run_timeout=timedelta(seconds=30),
        )
