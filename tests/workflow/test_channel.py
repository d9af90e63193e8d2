"""A channel goes on to what is newest, whatever became of the activity that it told to stop."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from alerts.edition import ChannelTraits, EditionRef
from alerts.state import Desired
from alerts.vocabulary import ChannelState, Kind, Meaning
from tests.support.environment import start_server
from tests.support.waiting import eventually_async
from workflows import ports
from workflows.channel import ChannelWorkflow
from workflows.messages import DESIRED_SIGNAL
from workflows.runtime import sandbox_runner

EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={})


class Screen:
    """Begins to show and never says another word, as a sender that is frozen or cut off."""

    def __init__(self) -> None:
        self._thaw = asyncio.Event()
        self.begun = False
        self.taken_down = 0

    async def has_begun(self) -> bool:
        return self.begun

    def thaw(self) -> None:
        self._thaw.set()

    @activity.defn(name=ports.PUBLISH.name)
    async def publish(self, _: ports.Publish) -> ports.Published:
        self.begun = True
        while not self._thaw.is_set():
            try:
                await self._thaw.wait()
            except asyncio.CancelledError:
                continue
        return ports.Published(at=datetime.now(UTC))

    @activity.defn(name=ports.TAKE_DOWN.name)
    async def take_down(self, _: ports.Publish) -> ports.Published:
        self.taken_down += 1
        return ports.Published(at=datetime.now(UTC))


async def test_withdrawn_while_its_sender_is_frozen_takes_down_once_the_sender_is_given_up() -> None:
    env = await start_server(skipping=False)
    screen = Screen()
    config = env.client.config()
    config["data_converter"] = pydantic_data_converter
    client = Client(**config)
    control = Worker(client, task_queue=ports.CONTROL_QUEUE, activities=[screen.take_down])
    sender = Worker(client, task_queue=ports.send_queue("web"), activities=[screen.publish])
    channels = Worker(client, task_queue="c", workflows=[ChannelWorkflow], workflow_runner=sandbox_runner())
    lease = datetime.now(UTC) + timedelta(minutes=5)
    showing = Desired(revision=1, meaning=Meaning.EDITION, edition=EDITION, lease_until=lease)
    traits = ChannelTraits(personal=False, recalls=True, renews="renew")
    given = ports.ChannelInput(alert_id="a", kind=Kind.ACTUAL, channel="web", traits=traits, desired=showing)
    try:
        async with control, sender, channels:
            channel = await client.start_workflow(
                ChannelWorkflow.run, given, id="a/web", task_queue="c", run_timeout=timedelta(seconds=30)
            )
            try:
                await eventually_async(screen.has_begun, what="the screen to begin")
                gone = Desired(revision=2, meaning=Meaning.WITHDRAWN, edition=EDITION)
                await channel.signal(DESIRED_SIGNAL, gone)
                assert await channel.result() == ChannelState.WITHDRAWN.value
                assert screen.taken_down == 1
            finally:
                screen.thaw()
    finally:
        await env.shutdown()
        gc.collect()  # without it the process aborts at exit in a third of runs (docs/gotchas.md)
