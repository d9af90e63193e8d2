"""A channel goes on to what is newest, whatever became of the activity that it told to stop, and never just fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from alerts.edition import ChannelTraits, EditionRef
from alerts.state import Desired
from alerts.vocabulary import ChannelState, Kind, Meaning
from tests.support.environment import server, with_converter
from tests.support.waiting import eventually_async
from workflows import ports
from workflows.channel import ChannelWorkflow
from workflows.fan_out import FanOutWorkflow
from workflows.messages import DESIRED_SIGNAL
from workflows.runtime import sandbox_runner

EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={})
pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_withdrawn_while_its_sender_is_frozen_takes_down_once_the_sender_is_given_up(
    env: WorkflowEnvironment,
) -> None:
    screen = Screen()
    client = with_converter(env.client, pydantic_data_converter)
    control = Worker(client, task_queue=ports.CONTROL_QUEUE, activities=[screen.take_down])
    sender = Worker(client, task_queue=ports.send_queue("web"), activities=[screen.publish])
    channels = Worker(client, task_queue="c", workflows=[ChannelWorkflow], workflow_runner=sandbox_runner())
    lease = datetime.now(UTC) + timedelta(minutes=5)
    showing = Desired(revision=1, meaning=Meaning.EDITION, edition=EDITION, lease_until=lease)
    traits = ChannelTraits(personal=False, recalls=True, renews="renew")
    given = ports.ChannelInput(alert_id="a", kind=Kind.ACTUAL, channel="web", traits=traits, desired=showing)
    async with control, sender, channels:
        channel = await client.start_workflow(
            ChannelWorkflow.run, given, id="frozen/web", task_queue="c", run_timeout=timedelta(seconds=30)
        )
        try:
            await eventually_async(screen.has_begun, what="the screen to begin")
            gone = Desired(revision=2, meaning=Meaning.WITHDRAWN, edition=EDITION)
            await channel.signal(DESIRED_SIGNAL, gone)
            assert await channel.result() == ChannelState.WITHDRAWN.value
            assert screen.taken_down == 1
        finally:
            screen.thaw()


class StillLive:
    """What a channel asks when its lease ran out: the alert lives, and shows its first edition."""

    @activity.defn(name=ports.READ_STANDING.name)
    async def read_standing(self, _: ports.AlertId) -> ports.Standing:
        return ports.Standing(revision=1, meaning=Meaning.EDITION, lease_until=None, closed=False)

    @activity.defn(name=ports.ASK_AFTER_ALERT.name)
    async def ask_after_alert(self, _: ports.AlertId) -> ports.AlertFate:
        return ports.AlertFate(running=True)


class Faulty(StillLive):
    """Shows; each thing it is asked fails for good the first time, as when an engineer ended it by hand."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def _ask(self, what: str, asked: ports.Publish) -> ports.Published:
        first = (what, asked.lapsed) not in self.asked
        self.asked.append((what, asked.lapsed))
        if first:
            raise ApplicationError("ended by hand", non_retryable=True)
        return ports.Published(at=datetime.now(UTC))

    @activity.defn(name=ports.PUBLISH.name)
    async def publish(self, asked: ports.Publish) -> ports.Published:
        return self._ask("show", asked)

    @activity.defn(name=ports.TAKE_DOWN.name)
    async def take_down(self, asked: ports.Publish) -> ports.Published:
        return self._ask("take down", asked)

    async def is_dark(self) -> bool:
        return self.asked[-2:] == [("take down", True)] * 2


async def test_what_fails_for_good_is_tried_again_until_nothing_is_shown_any_more() -> None:
    """Showing, going dark at the end of the lease, and the end: else the alert would wait for the channel for ever."""
    faulty = Faulty()
    asked: list[Callable[..., Any]] = [faulty.take_down, faulty.read_standing, faulty.ask_after_alert]
    async with server(skipping=True) as env:
        client = with_converter(env.client, pydantic_data_converter)
        control = Worker(client, task_queue=ports.CONTROL_QUEUE, activities=asked)
        sender = Worker(client, task_queue=ports.send_queue("web"), activities=[faulty.publish])
        channels = Worker(client, task_queue="c", workflows=[ChannelWorkflow], workflow_runner=sandbox_runner())
        lease = await env.get_current_time() + timedelta(minutes=5)
        showing = Desired(revision=1, meaning=Meaning.EDITION, edition=EDITION, lease_until=lease)
        traits = ChannelTraits(personal=False, recalls=True, renews="renew")
        given = ports.ChannelInput(alert_id="a", kind=Kind.ACTUAL, channel="web", traits=traits, desired=showing)
        async with control, sender, channels:
            channel = await client.start_workflow(ChannelWorkflow.run, given, id="a/web", task_queue="c")
            await env.sleep(timedelta(minutes=6))
            await eventually_async(faulty.is_dark, what="dark at the end of the lease")
            assert faulty.asked[:2] == [("show", False)] * 2
            await channel.signal(DESIRED_SIGNAL, Desired(revision=2, meaning=Meaning.WITHDRAWN, edition=EDITION))
            assert await channel.result() == ChannelState.WITHDRAWN.value
            assert faulty.asked[-2:] == [("take down", False)] * 2


class Mailboxes(StillLive):
    """A personal channel of which one recipient refuses what takes away, for as long as `refuses` says so."""

    def __init__(self, refuses: Callable[[ports.Deliver], bool]) -> None:
        self.refuses = refuses
        self.sent: list[tuple[str, int, bool]] = []

    @activity.defn(name=ports.PLAN_WAVE.name)
    async def plan_wave(self, _: ports.PlanWave) -> ports.WavePlan:
        return ports.WavePlan(size=1, batch=1, lanes=1)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        self.sent.append((asked.purpose, asked.desired.revision, asked.lapsed))
        if self.refuses(asked):
            raise ApplicationError("refused it", type="Rejected", next_retry_delay=timedelta(seconds=3))
        return ports.Delivered(reached=1)

    @activity.defn(name=ports.COUNT_CHANNEL.name)
    async def count_channel(self, _: ports.CountChannel) -> ports.ChannelCounts:
        return ports.ChannelCounts(recipients=1, reached=1, failed=0, first_dispatch=None, last_dispatch=None)

    async def is_asked_to_end(self) -> bool:
        return any(purpose == "end" for purpose, _, _ in self.sent)


@asynccontextmanager
async def webhook(
    env: WorkflowEnvironment, boxes: Mailboxes, desired: Desired, alert_id: str
) -> AsyncIterator[tuple[Client, WorkflowHandle[Any, str]]]:
    """A channel that follows `desired`, and its client."""
    client = with_converter(env.client, pydantic_data_converter)
    asked: list[Callable[..., Any]] = [
        boxes.plan_wave,
        boxes.count_channel,
        boxes.read_standing,
        boxes.ask_after_alert,
    ]
    control = Worker(client, task_queue=ports.CONTROL_QUEUE, activities=asked)
    sender = Worker(client, task_queue=ports.send_queue("webhook"), activities=[boxes.deliver])
    channels = Worker(
        client, task_queue="c", workflows=[ChannelWorkflow, FanOutWorkflow], workflow_runner=sandbox_runner()
    )
    traits = ChannelTraits(personal=True, recalls=True, renews="renew")
    given = ports.ChannelInput(alert_id=alert_id, kind=Kind.ACTUAL, channel="webhook", traits=traits, desired=desired)
    async with control, sender, channels:
        channel = await client.start_workflow(
            ChannelWorkflow.run, given, id=f"{alert_id}/webhook", task_queue="c", run_timeout=timedelta(seconds=30)
        )
        yield client, channel


async def test_recipient_that_refuses_the_dark_keeps_a_channel_from_nothing_newer(env: WorkflowEnvironment) -> None:
    """The lease ran out, the alert lives after all, and then it is over."""
    boxes = Mailboxes(lambda asked: asked.lapsed)
    showing = Desired(revision=1, meaning=Meaning.EDITION, edition=EDITION, lease_until=datetime.now(UTC))
    async with webhook(env, boxes, showing, "dark") as (_, channel):
        await eventually_async(boxes.is_asked_to_end, what="the end of the lease to be told")
        await channel.signal(DESIRED_SIGNAL, Desired(revision=2, meaning=Meaning.WITHDRAWN, edition=EDITION))
        assert await channel.result() == ChannelState.WITHDRAWN.value
        assert boxes.sent[-1] == ("end", 2, False)


async def test_end_whose_wave_was_cancelled_by_hand_is_told_again(env: WorkflowEnvironment) -> None:
    boxes = Mailboxes(lambda asked: True)
    gone = Desired(revision=2, meaning=Meaning.WITHDRAWN, edition=EDITION)
    async with webhook(env, boxes, gone, "cancelled") as (client, channel):
        await eventually_async(boxes.is_asked_to_end, what="the end to be told")
        boxes.refuses = lambda asked: False
        await client.get_workflow_handle(ports.wave_workflow_id("cancelled", "webhook", "end-2.0")).cancel()
        assert await channel.result() == ChannelState.WITHDRAWN.value
