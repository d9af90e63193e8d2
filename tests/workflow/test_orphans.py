"""An AlertWorkflow that is terminated or cancelled in any stage leaves nothing on show past its lease (rule 7).

And one whose channel is gone closes all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlmodel import select

from alerts.vocabulary import Action
from store import cap_messages
from store.tables.alert import Publication
from tests.replay import goldens
from tests.support.environment import Alert, World, world
from tests.support.programmes import programme
from tests.support.waiting import eventually_async
from workflows.messages import CHANNEL_WORKFLOW
from workflows.ports import channel_workflow_id

CLOSING = {"undo": "1s", "deadline": "4s"}
STAGES: tuple[Callable[[World, Path], Awaitable[Alert]], ...] = (
    goldens.awaiting_approval,
    goldens.live,
    goldens.amended,
    goldens.retracted,
    goldens.held,
    goldens.closing,
)


CASES = [(stage, "terminate") for stage in STAGES] + [(goldens.live, "cancel"), (goldens.closing, "cancel")]
LEASE = {"plan": [{"every": "1h"}], "lease": "4s"}


async def test_ended_from_outside_in_any_stage_nothing_stays_on_show(tmp_path: Path) -> None:
    """All in one world, so that their leases run out at the same time."""
    async with world(tmp_path / "home", skipping=False) as here:
        here.programme = programme(refresh=LEASE)
        ended = []
        for stage, end in CASES:
            alert = await stage(here, tmp_path)
            await (alert.handle.terminate() if end == "terminate" else alert.handle.cancel())
            ended.append((f"nothing on show, {stage.__name__} and ended by {end}", alert.alert_id))
        for what, alert_id in ended:
            await eventually_async(partial(_dark, here, alert_id), 12, what=what)


async def _dark(here: World, alert_id: str) -> bool:
    with here.parts.db.read() as session:
        shown = session.exec(select(Publication).where(Publication.alert_id == alert_id)).all()
        messages = cap_messages.messages(session, alert_id)
    return not shown and (not messages or messages[-1].message_type == "Cancel")


async def test_channel_that_is_gone_at_the_deadline_begins_anew_and_lets_its_alert_close(tmp_path: Path) -> None:
    """It heard of the end and was ended from outside before it did anything, as one that has no worker."""
    async with world(tmp_path / "home", skipping=False) as here:
        here.programme = programme(closing=CLOSING)

        async def closes(stage: Callable[[World, Path], Awaitable[Alert]]) -> None:
            alert = await stage(here, tmp_path)
            channel = here.client.get_workflow_handle(channel_workflow_id(alert.alert_id, "web"))
            await channel.terminate()
            deaf = await here.client.start_workflow(CHANNEL_WORKFLOW, id=channel.id, task_queue="nobody-is-there")
            await alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police"})

            async def told() -> bool:
                history = await deaf.fetch_history()
                return any(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)

            await eventually_async(told, what=f"the end told to the channel of one that was {stage.__name__}")
            await deaf.terminate()
            async with asyncio.timeout(30):
                assert await alert.handle.result() == "found"
            assert here.parts.keys.destroyed(alert.alert_id, "display")

        await asyncio.gather(closes(goldens.live), closes(goldens.held))
