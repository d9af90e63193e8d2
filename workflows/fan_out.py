"""One statement to everybody it concerns on a personal channel: batches, so many at once, from the first to the last.

A batch is a retryable activity; the ledger knows what each of its recipients got, so this workflow holds a cursor and
sums and nothing of any recipient. A batch of which only a few are not told yet makes room for those behind it and is
tried again after them. After that it looks who joined meanwhile, until nobody did.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.calls import CONTROL, FIRST_WAIT, LONGEST_WAIT, SEND, call
    from workflows.messages import FAN_OUT_WORKFLOW

SAYS = {"show": "Send", "end": "Send the end message", "outcome": "Send the outcome message"}


@workflow.defn(name=FAN_OUT_WORKFLOW)
class FanOutWorkflow:
    """Child of a ChannelWorkflow, which cancels it when something newer holds; no signals, no queries.

    Each batch looks at the store's revision too: once one says that it was overtaken, no other is begun.
    """

    @workflow.init
    def __init__(self, given: ports.FanOutInput) -> None:
        self._given = given
        self._next = given.start
        self._left = list(given.left)
        self._done = given.done
        self._last_ones = False
        """Nobody waits for a lane any more: those under way are tried where they are, until all have been told."""

    @workflow.run
    async def run(self, given: ports.FanOutInput) -> ports.Delivered:
        plan = await self._plan(grow=False)
        self._next = max(self._next, plan.start)
        while True:
            await self._work_off(plan)
            if self._done.superseded:
                return self._done
            if self._next < plan.size or self._left:
                so_far = {"start": self._next, "left": tuple(self._left), "done": self._done}
                workflow.continue_as_new(given.model_copy(update=so_far))
            if given.purpose != "show":
                return self._done
            grown = await self._plan(grow=True)
            if grown.size <= plan.size:
                return self._done
            plan = grown

    async def _work_off(self, plan: ports.WavePlan) -> None:
        """All lanes to their end, of a cancelled wave too: the next wave goes by what each batch wrote down."""
        self._last_ones = False
        lanes = [self._lane(plan) for _ in range(plan.lanes)]
        ended = await asyncio.gather(*lanes, return_exceptions=workflow.patched("all-lanes-end"))
        for error in filter(None, ended):
            raise error

    async def _plan(self, *, grow: bool) -> ports.WavePlan:
        """How many there are; `grow` takes in who joined since, or whom a wider area brought in."""
        given = self._given
        says = f"Count who is to hear of it by {given.channel}"
        request = ports.PlanWave(
            alert_id=given.alert_id,
            kind=given.kind,
            channel=given.channel,
            edition=given.desired.edition if grow else None,
            showing=given.desired.edition.number if given.purpose == "show" and given.desired.edition else None,
        )
        return await call(ports.PLAN_WAVE, request, CONTROL, says=says)

    async def _lane(self, plan: ports.WavePlan) -> None:
        """Take the next batch until there is none, or this run has to end.

        A batch that was through before its cancellation came answers as if there had been none: hence the look at it.
        """
        me, given = asyncio.current_task(), self._given
        assert me is not None
        while not me.cancelling() and (batch := self._take(plan)):
            if batch.waits:
                with suppress(TimeoutError):
                    await workflow.wait_condition(
                        lambda: self._done.superseded, timeout=batch.waits, timeout_summary="Try the few who are left"
                    )
                if self._done.superseded or me.cancelling():
                    return
            others_wait = self._next < plan.size or bool(self._left)
            self._last_ones = self._last_ones or not others_wait
            answer = await self._deliver(batch.start, batch.count, may_leave=others_wait and given.purpose != "end")
            self._done += answer
            if answer.left:
                waits = max(answer.patience, min(2 * batch.waits or FIRST_WAIT, LONGEST_WAIT))
                self._left.append(batch.model_copy(update={"waits": waits}))
            workflow.set_current_details(
                f"{self._done.reached:,} reached, {self._done.failed:,} refused; "
                f"begun up to recipient {self._next:,} of {plan.size:,}"
            )

    def _take(self, plan: ports.WavePlan) -> ports.LeftBatch | None:
        """Those who had no turn yet go first. With the last ones under way, which may be so for long, no new run is
        begun: what comes now is little."""
        if self._done.superseded or (workflow.info().is_continue_as_new_suggested() and not self._last_ones):
            return None
        if self._next >= plan.size:
            return self._left.pop(0) if self._left else None
        start = self._next
        # A batch is so many chunks: one that does not begin with a chunk ends with one, as two must not share any.
        over = start % plan.batch
        ends = start + plan.batch - (over if over and workflow.patched("whole-chunks") else 0)
        self._next = min(ends, plan.size)
        return ports.LeftBatch(start=start, count=self._next - start, waits=0.0)

    async def _deliver(self, start: int, count: int, *, may_leave: bool) -> ports.Delivered:
        given = self._given
        request = ports.Deliver(
            alert_id=given.alert_id,
            kind=given.kind,
            channel=given.channel,
            desired=given.desired,
            purpose=given.purpose,
            lapsed=given.lapsed,
            start=start,
            count=count,
            may_leave=may_leave,
        )
        says = f"{SAYS[given.purpose]} by {given.channel} to recipients {start + 1:,} to {start + count:,}"
        return await call(ports.DELIVER, request, SEND, says=says, queue=ports.send_queue(given.channel))
