"""A wave goes round those who fail for ever, and comes back to them; cancelled, it ends when every batch of it has."""

from __future__ import annotations

import asyncio

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from starter.histories import Histories
from tests.support.environment import server
from tests.support.waiting import eventually_async
from tests.support.waves import BATCHES, LANES, SIZE, Failing, under_way
from workflows import ports

SLOW = 2.0
"""Seconds that a batch's last messages are under way."""
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Batches:
    """Two batches, of which one has messages under way when it is cancelled."""

    def __init__(self) -> None:
        self._begun: list[int] = []
        self.ended: list[int] = []
        self.may_leave = False

    async def both_begun(self) -> bool:
        return len(self._begun) == 2

    @activity.defn(name=ports.PLAN_WAVE.name)
    async def plan(self, _: ports.PlanWave) -> ports.WavePlan:
        return ports.WavePlan(size=2, batch=1, lanes=2)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        self._begun.append(asked.start)
        self.may_leave = self.may_leave or asked.may_leave
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


class Joined:
    """More than a batch join while the first ones are told, and those do not fill their last chunk."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []

    @activity.defn(name=ports.PLAN_WAVE.name)
    async def plan(self, asked: ports.PlanWave) -> ports.WavePlan:
        return ports.WavePlan(size=52 if asked.edition else 25, batch=10, lanes=2)

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, asked: ports.Deliver) -> ports.Delivered:
        self.batches.append((asked.start, asked.start + asked.count))
        return ports.Delivered(reached=asked.count)


async def test_no_two_batches_have_a_part_of_the_same_chunk(env: WorkflowEnvironment) -> None:
    """Else one of them finds what the other wrote of its part, and takes its own for done."""
    waves = Joined()
    async with under_way(env, waves, "show") as wave:
        assert (await wave.result()).reached == 52
    assert sorted(waves.batches) == [(0, 10), (10, 20), (20, 25), (25, 30), (30, 40), (40, 50), (50, 52)]


async def test_recipients_that_fail_for_ever_keep_nobody_behind_them_waiting(env: WorkflowEnvironment) -> None:
    """With a lane for each batch that has such a one."""
    assert not await _goes_round(env, Failing(set(range(LANES))))


async def test_wave_of_several_runs_goes_round_more_who_fail_than_it_has_lanes() -> None:
    async with server("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=30") as env:
        assert await _goes_round(env, Failing(set(range(2 * LANES))))


async def _goes_round(env: WorkflowEnvironment, batches: Failing) -> bool:
    """Whether it took several runs."""
    async with under_way(env, batches, "show") as wave:
        await eventually_async(batches.all_others_are_told, what="all others to be told")
        assert len(set(batches.turns[:BATCHES])) == BATCHES, "nobody had a second turn before everybody had one"
        batches.silent.clear()
        batches.joined = 1
        done = await wave.result()
        continued = (await wave.describe()).run_id != wave.first_execution_run_id
    assert batches.told == dict.fromkeys(range(BATCHES + 1), SIZE)
    assert (done.reached, done.superseded) == (SIZE * (BATCHES + 1), False)
    return continued


@pytest.mark.parametrize("cancelled", [False, True])
async def test_wave_that_waits_for_the_few_ends_with_what_it_says(env: WorkflowEnvironment, cancelled: bool) -> None:
    """Overtaken, or cancelled by its channel that heard first."""
    batches = Failing(set(range(2 * LANES)))
    async with under_way(env, batches, "show") as wave:
        await eventually_async(batches.all_others_are_told, what="all others to be told")
        if cancelled:
            await wave.cancel()
            with pytest.raises(WorkflowFailureError):
                await wave.result()
        else:
            batches.overtaken = True
            assert (await wave.result()).superseded
    assert batches.told == {number: SIZE - (number in batches.silent) for number in range(BATCHES)}


async def test_cancelled_wave_ends_after_the_last_batch_wrote_down_what_it_sent(env: WorkflowEnvironment) -> None:
    batches = Batches()
    async with under_way(env, batches, "end") as wave:
        await eventually_async(batches.both_begun, what="both batches")
        await wave.cancel()
        with pytest.raises(WorkflowFailureError):
            await wave.result()
    assert sorted(batches.ended) == [0, 1]
    assert not batches.may_leave, "what takes away is tried where it is"


async def test_batch_cancelled_between_two_attempts_is_not_remembered_as_never_begun(env: WorkflowEnvironment) -> None:
    """After a restore it is in doubt: its first attempt told many, and they have to hear the end."""
    batches = Failing({0})
    async with under_way(env, batches, "end") as wave:
        await eventually_async(batches.all_others_are_told, what="all others to be told")
        await wave.cancel()
        with pytest.raises(WorkflowFailureError):
            await wave.result()
        histories = Histories(wave._client)
        (run,) = await histories._runs(wave.id, ())
        deeds = {deed.asked.start: deed for deed in await histories._deeds(run) if deed.name == ports.DELIVER.name}
    assert (deeds[0].answer, deeds[0].attempts) == (None, None)
    assert deeds[SIZE].answer == ports.Delivered(reached=SIZE)
