"""A wave that is cancelled ends when every batch of it has: the next one goes by what they wrote down."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from alerts.state import Desired
from alerts.vocabulary import Kind
from tests.support.environment import start_server
from tests.support.waiting import eventually_async
from workflows import ports
from workflows.fan_out import FanOutWorkflow
from workflows.runtime import HEARTBEAT_THROTTLE, sandbox_runner

SLOW = 2.0
"""Seconds that a batch's last messages are under way."""


class Batches:
    """Two batches, of which one has messages under way when it is cancelled."""

    def __init__(self) -> None:
        self._begun: list[int] = []
        self.ended: list[int] = []

    async def both_begun(self) -> bool:
        return len(self._begun) == 2

    @activity.defn(name=ports.PLAN_WAVE.name)
    async def plan(self, _: ports.PlanWave) -> ports.WavePlan:
        return ports.WavePlan(size=2, batch=1, lanes=2)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        self._begun.append(asked.start)
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            for _ in range(int(SLOW * asked.start / 0.1)):
                activity.heartbeat()
                await asyncio.sleep(0.1)
            self.ended.append(asked.start)
            raise


async def test_cancelled_wave_ends_after_the_last_batch_wrote_down_what_it_sent() -> None:
    env = await start_server(skipping=False)
    batches = Batches()
    config = env.client.config()
    config["data_converter"] = pydantic_data_converter
    client = Client(**config)
    queues = {
        ports.CONTROL_QUEUE: Worker(client, task_queue=ports.CONTROL_QUEUE, activities=[batches.plan]),
        ports.send_queue("app"): Worker(
            client,
            task_queue=ports.send_queue("app"),
            activities=[batches.deliver],
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
        "waves": Worker(client, task_queue="waves", workflows=[FanOutWorkflow], workflow_runner=sandbox_runner()),
    }
    given = ports.FanOutInput(alert_id="a", kind=Kind.ACTUAL, channel="app", desired=Desired(), purpose="end")
    try:
        async with queues[ports.CONTROL_QUEUE], queues[ports.send_queue("app")], queues["waves"]:
            wave = await client.start_workflow(
                FanOutWorkflow.run, given, id="a/app/end", task_queue="waves", run_timeout=timedelta(seconds=30)
            )
            await eventually_async(batches.both_begun, what="both batches")
            await wave.cancel()
            with pytest.raises(WorkflowFailureError):
                await wave.result()
            assert sorted(batches.ended) == [0, 1]
    finally:
        await env.shutdown()
        gc.collect()  # without it the process aborts at exit in a third of runs (docs/gotchas.md)
