"""What can befall alerts that are open: they are ended from outside, the code changes, their channel is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlmodel import select

from alerts.vocabulary import Action
from starter.replay_open import replay_open
from store import cap_messages
from store.tables.alert import Publication
from tests.replay import goldens
from tests.replay.broken import BrokenAlertWorkflow
from tests.support.environment import Alert, World, world
from tests.support.programmes import programme
from tests.support.waiting import eventually_async
from workflows.messages import CHANNEL_WORKFLOW
from workflows.ports import channel_workflow_id
from workflows.registry import WORKFLOWS

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
CLOSING = {"undo": "1s", "deadline": "8s"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "home", skipping=False) as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown_and_held(here: World, tmp_path_factory: pytest.TempPathFactory) -> list[Alert]:
    here.programme = programme(closing=CLOSING)
    return [await stage(here, tmp_path_factory.mktemp("case")) for stage in (goldens.live, goldens.held)]


async def test_ended_from_outside_in_any_stage_nothing_stays_on_show(here: World, tmp_path: Path) -> None:
    """Past its lease (rule 7). All at once, so that their leases run out at the same time."""
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


async def test_open_alerts_when_the_code_changed_are_named_and_no_others(
    here: World, shown_and_held: list[Alert]
) -> None:
    """Before workers start every open history is replayed."""
    broken = [BrokenAlertWorkflow, *WORKFLOWS[1:]]
    names = sorted(alert.handle.id for alert in shown_and_held)

    async def named() -> bool:
        """Once the server lists both, and those that ended no more: it does so a moment later."""
        return sorted(await replay_open(here.client, here.parts.keys, broken)) == names

    await eventually_async(named, what="both alerts and no others")
    assert await replay_open(here.client, here.parts.keys) == []


async def test_channel_that_is_gone_at_the_deadline_begins_anew_and_lets_its_alert_close(
    here: World, shown_and_held: list[Alert]
) -> None:
    """It heard of the end and was ended from outside before it did anything, as one that has no worker."""

    async def closes(alert: Alert) -> None:
        channel = here.client.get_workflow_handle(channel_workflow_id(alert.alert_id, "web"))
        await channel.terminate()
        deaf = await here.client.start_workflow(CHANNEL_WORKFLOW, id=channel.id, task_queue="nobody-is-there")
        giving = asyncio.create_task(alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police"}))

        async def told() -> bool:
            history = await deaf.fetch_history()
            return any(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)

        await eventually_async(told, what="the end told to the channel")
        await deaf.terminate()
        assert (await giving)["accepted"]
        async with asyncio.timeout(30):
            assert await alert.handle.result() == "found"
        assert here.parts.keys.destroyed(alert.alert_id, "display")

    await asyncio.gather(*map(closes, shown_and_held))
