"""One channel of one alert: a small durable process that keeps what it shows equal to what the alert says.

It follows the newest `Desired` it was told, drops what it was doing when a newer revision comes, and owns its
lease: when nobody renews it, the channel takes everything down by itself and then asks after its alert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from alerts.state import ChannelView, Desired
    from alerts.vocabulary import ChannelState, Meaning
    from workflows import ports
    from workflows.calls import CONTROL, SEND, TASK_TIMEOUT, call
    from workflows.fan_out import SAYS
    from workflows.messages import CHANNEL_REPORT_SIGNAL, CHANNEL_WORKFLOW, DESIRED_SIGNAL, FAN_OUT_WORKFLOW

GRACE = timedelta(seconds=2)
"""After the lease: time for a renewal that was only late, before anything is recalled."""
ASK_AGAIN = timedelta(seconds=30)
TRY_AGAIN = timedelta(seconds=5)
"""After a failure that no retry of an activity mends."""


@workflow.defn(name=CHANNEL_WORKFLOW)
class ChannelWorkflow:
    """Keeps one channel of one alert equal to what the alert says.

    Signal `desired` with a `Desired`, from the alert; older ones and anything else are ignored.
    """

    @workflow.init
    def __init__(self, given: ports.ChannelInput) -> None:
        self._given = given
        self._desired = given.desired
        self._followed = given.followed
        self._lapsed = given.lapsed
        self._view = ChannelView(channel=given.channel, state=ChannelState.SENDING)
        self._done = False

    @workflow.run
    async def run(self, given: ports.ChannelInput) -> str:
        """Follow until withdrawn; answers the last state."""
        while not self._done:
            try:
                await self._go_on()
            except FailureError as error:
                await self._rest(error)
        return self._view.state.value

    async def _go_on(self) -> None:
        if self._newer():
            await self._follow_until_overtaken(self._desired)
        elif workflow.info().is_continue_as_new_suggested():
            self._continue_as_new()
        else:
            await self._wait_for_news_or_lease_end()

    async def _rest(self, error: FailureError) -> None:
        """Before it tries again: a channel that ends by a failure would keep its alert from ever being over.

        Somebody may have ended an activity or a wave by hand, or a fault of ours; something newer ends the rest.
        """
        workflow.logger.error("the channel failed and tries again: %s", type(error).__name__)
        failed = self._desired
        try:
            await workflow.wait_condition(
                lambda: self._desired.order > failed.order,
                timeout=TRY_AGAIN,
                timeout_summary="Something failed: try again",
            )
        except TimeoutError:
            if workflow.info().is_continue_as_new_suggested():
                self._continue_as_new()

    def _continue_as_new(self) -> NoReturn:
        workflow.continue_as_new(
            self._given.model_copy(
                update={"desired": self._desired, "followed": self._followed, "lapsed": self._lapsed}
            )
        )

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Only a newer `Desired` counts; the activities still obey the store's revision alone."""
        if name != DESIRED_SIGNAL or len(args) != 1:
            return
        try:
            told = workflow.payload_converter().from_payload(args[0].payload, Desired)
        except Exception:  # a forged payload, whatever the converter says of it
            return
        if isinstance(told, Desired) and told.order > self._desired.order:
            self._desired = told

    def _newer(self) -> bool:
        return self._desired.order > self._followed.order

    async def _follow_until_overtaken(self, work: Desired) -> None:
        """Do what was said; stop when a newer revision comes. A renewal never interrupts a wave."""
        step = asyncio.create_task(self._follow(work))
        await workflow.wait_condition(lambda: step.done() or self._desired.revision > work.revision)
        ours = not step.done() and step.cancel()
        await _ended(step, ours=ours)
        self._followed = work

    async def _follow(self, work: Desired) -> None:
        if work.meaning is Meaning.EDITION:
            self._lapsed = False
            await self._show(work)
        elif work.meaning is Meaning.HELD:
            await self._go_dark(work)
        else:
            await self._withdraw(work)

    async def _show(self, work: Desired) -> None:
        assert work.edition is not None
        first = self._followed.meaning is not Meaning.EDITION or self._followed.revision != work.revision
        reported = None
        if first and not workflow.patched("report-what-is-done"):
            reported = asyncio.create_task(self._report(work, ChannelState.SENDING))
            if not workflow.patched("report-while-sending"):
                await reported
        if self._given.traits.personal:
            superseded = await self._wave(work, "show")
        else:
            says = f"Show edition {work.edition.number} on {self._given.channel}"
            answer = await call(
                ports.PUBLISH, self._publish(work), SEND, says=says, queue=ports.send_queue(self._given.channel)
            )
            superseded = answer.superseded
            self._dispatched(answer.at)
        if reported is not None:
            await reported
        if not superseded:
            state = ChannelState.FAILED if self._all_failed() else ChannelState.SHOWING
            await self._report(work, state, edition=work.edition.number)

    def _all_failed(self) -> bool:
        return self._given.traits.personal and self._view.failed > 0 and self._view.reached == 0

    async def _go_dark(self, work: Desired, *, lapsed: bool = False) -> None:
        """Take down what can be taken down; a mailbox keeps its mail, and nothing more is sent."""
        if not self._given.traits.recalls:
            await self._report(work, ChannelState.ARMED)
            return
        await self._take_back(work, lapsed=lapsed)
        await self._report(work, ChannelState.WITHDRAWN, withdrawn_at=workflow.now(), lapsed=lapsed)

    async def _withdraw(self, work: Desired) -> None:
        if not workflow.patched("report-what-is-done"):
            await self._report(work, ChannelState.WITHDRAWING)
        await self._take_back(work)
        if work.outcome_edition is not None and self._given.traits.personal:
            await self._wave(work, "outcome")
        await self._report(work, ChannelState.WITHDRAWN, withdrawn_at=workflow.now())
        self._done = True

    async def _take_back(self, work: Desired, *, lapsed: bool = False) -> None:
        if self._given.traits.personal:
            await self._wave(work, "end", lapsed=lapsed)
        else:
            says = f"Take {self._given.channel} down"
            await call(ports.TAKE_DOWN, self._publish(work, lapsed=lapsed), CONTROL, says=says)

    def _publish(self, work: Desired, *, lapsed: bool = False) -> ports.Publish:
        given = self._given
        suffix = f"{work.revision}.{work.announcement}" + (".lapsed" if lapsed else "")
        return ports.Publish(
            alert_id=given.alert_id,
            kind=given.kind,
            channel=given.channel,
            desired=work,
            identifier=f"{given.alert_id}.{given.channel}.{suffix}",
            sent=workflow.now(),
            lapsed=lapsed,
        )

    async def _wave(self, work: Desired, purpose: ports.Purpose, *, lapsed: bool = False) -> bool:
        """One statement to everybody it concerns; True when something newer overtook it."""
        given = self._given
        if not workflow.patched("fan-out"):
            return await self._wave_of_old(work, purpose, lapsed=lapsed)
        wave = f"{purpose}-{work.revision}.{work.announcement}" + ("-lapsed" if lapsed else "")
        done: ports.Delivered = await workflow.execute_child_workflow(
            FAN_OUT_WORKFLOW,
            ports.FanOutInput(
                alert_id=given.alert_id,
                kind=given.kind,
                channel=given.channel,
                desired=work,
                purpose=purpose,
                lapsed=lapsed,
            ),
            id=ports.wave_workflow_id(given.alert_id, given.channel, wave),
            result_type=ports.Delivered,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"{SAYS[purpose]} by {given.channel}",
        )
        await self._count(work)
        return done.superseded

    async def _wave_of_old(self, work: Desired, purpose: ports.Purpose, *, lapsed: bool = False) -> bool:
        """What channels replay that began before waves had a workflow of their own."""
        given, queue = self._given, ports.send_queue(self._given.channel)
        plan = await call(
            ports.PLAN_WAVE,
            ports.PlanWave(
                alert_id=given.alert_id,
                kind=given.kind,
                channel=given.channel,
                edition=work.edition if purpose == "show" else None,
            ),
            CONTROL,
            says=f"Count who is to hear of it by {given.channel}",
        )
        lanes = asyncio.Semaphore(plan.lanes)

        async def batch(start: int) -> ports.Delivered:
            async with lanes:
                count = min(plan.batch, plan.size - start)
                return await call(
                    ports.DELIVER,
                    ports.Deliver(
                        alert_id=given.alert_id,
                        kind=given.kind,
                        channel=given.channel,
                        desired=work,
                        purpose=purpose,
                        lapsed=lapsed,
                        start=start,
                        count=count,
                    ),
                    SEND,
                    says=f"{SAYS[purpose]} by {given.channel} to recipients {start + 1} to {start + count}",
                    queue=queue,
                )

        done = await asyncio.gather(*(batch(start) for start in range(0, plan.size, plan.batch)))
        await self._count(work)
        return any(answer.superseded for answer in done)

    async def _count(self, work: Desired) -> None:
        assert work.edition is not None
        request = ports.CountChannel(
            alert_id=self._given.alert_id, channel=self._given.channel, edition=work.edition.number
        )
        counts = await call(ports.COUNT_CHANNEL, request, CONTROL, says="Count who was reached")
        self._view = self._view.model_copy(update=dict(counts))

    def _dispatched(self, at: datetime) -> None:
        self._view = self._view.model_copy(
            update={"first_dispatch": self._view.first_dispatch or at, "last_dispatch": at}
        )

    async def _report(
        self,
        work: Desired,
        state: ChannelState,
        *,
        edition: int | None = None,
        withdrawn_at: datetime | None = None,
        lapsed: bool = False,
    ) -> None:
        """Tell the alert; one that is gone hears nothing, which changes nothing here."""
        update = {"state": state, "revision": work.revision, "withdrawn_at": withdrawn_at}
        if edition is not None or state is ChannelState.WITHDRAWN:
            update["edition"] = edition
        self._view = self._view.model_copy(update=update)
        alert = workflow.get_external_workflow_handle(ports.alert_workflow_id(self._given.alert_id))
        try:
            await alert.signal(CHANNEL_REPORT_SIGNAL, ports.ChannelReport(view=self._view, lapsed=lapsed))
        except ApplicationError:
            workflow.logger.info("the alert is gone; nothing to report to")

    # The lease

    async def _wait_for_news_or_lease_end(self) -> None:
        lease = self._followed.lease_until if self._followed.meaning is Meaning.EDITION else None
        if lease is None or self._lapsed:
            await self._wait_for_news(ASK_AGAIN if self._lapsed else None)
            if self._lapsed and not self._newer():
                await self._end_if_orphaned()
            return
        left = lease + GRACE - workflow.now()
        if left > timedelta(0):
            await self._wait_for_news(left)
        if not self._newer() and workflow.now() >= lease + GRACE:
            await self._lease_is_over()

    async def _wait_for_news(self, timeout: timedelta | None) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._newer() or workflow.info().is_continue_as_new_suggested(),
                timeout=timeout,
                timeout_summary="Lease: without a renewal by then, everything comes down" if timeout else None,
            )
        except TimeoutError:
            return

    async def _lease_is_over(self) -> None:
        work = self._followed
        standing = await call(
            ports.READ_STANDING,
            ports.AlertId(alert_id=self._given.alert_id),
            CONTROL,
            says="Lease is over: was it renewed elsewhere?",
        )
        renewed = standing.lease_until is not None and standing.lease_until + GRACE > workflow.now()
        if renewed and standing.meaning is Meaning.EDITION and standing.revision == work.revision:
            self._followed = work.model_copy(update={"lease_until": standing.lease_until})
            if self._desired.order < self._followed.order:
                self._desired = self._followed
            return
        if self._newer():
            self._lapsed = True
            return
        await self._go_dark_until_told(work)
        self._lapsed = True
        await self._end_if_orphaned()

    async def _go_dark_until_told(self, work: Desired) -> None:
        """Whatever is newer ends it, a renewal too: one who cannot be told would keep all others from it."""
        step = asyncio.create_task(self._go_dark(work, lapsed=True))
        await workflow.wait_condition(lambda: step.done() or self._newer())
        ours = not step.done() and workflow.patched("newer-ends-the-dark") and step.cancel()
        await _ended(step, ours=ours)

    async def _end_if_orphaned(self) -> None:
        """When the alert is gone for good: tell those reached that it ended, and end."""
        fate = await call(
            ports.ASK_AFTER_ALERT,
            ports.AlertId(alert_id=self._given.alert_id),
            CONTROL,
            says="Is the alert alive?",
        )
        if fate.running or self._newer():
            return
        if self._given.traits.personal and not self._given.traits.recalls:
            await self._wave(self._followed, "end", lapsed=True)
        self._view = self._view.model_copy(update={"state": ChannelState.WITHDRAWN})
        self._done = True


async def _ended(step: asyncio.Task[None], *, ours: bool) -> None:
    """To its end; that it was cancelled is `ours`, or somebody cancelled its wave by hand: that is a failure."""
    try:
        await step
    except BaseException as error:
        if not is_cancelled_exception(error) or (not ours and workflow.patched("cancelled-by-hand")):
            raise
