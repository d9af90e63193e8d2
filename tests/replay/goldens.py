"""Recorded histories of alerts at each waiting state, and how they are made anew: `python -m tests.replay.goldens`.

They are recorded with synthetic data on the time-skipping server and encrypted with the test key below, so that
the codec is replayed too. A history stays when the code changes: it is what running alerts will replay.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowHistory

from alerts.vocabulary import Action
from store.subscribers import Entry, Subscribers
from tests.support.cases import amber_case
from tests.support.environment import Alert, World, server, skip, world
from tests.support.programmes import programme
from tests.support.waiting import eventually_async
from tests.support.waves import BATCHES, LANES, Failing, under_way
from workflows.codec import Reader
from workflows.ports import channel_workflow_id, wave_workflow_id
from workflows.runtime import data_converter

FOLDER = Path(__file__).parent / "histories"


class TestKeys:
    """A fixed key, in the open: these histories hold nothing but synthetic data."""

    __test__ = False

    def record_key(self, alert_id: str) -> bytes:
        return hashlib.sha256(b"the key of the golden histories").digest()


Story = Callable[[World, Path], Awaitable[Alert]]


async def started(here: World, folder: Path, **changes: Any) -> Alert:
    case = amber_case(folder, **changes)
    case["children"][0].pop("photos")
    return await here.start(case, here.programme)


async def awaiting_approval(here: World, folder: Path) -> Alert:
    alert = await started(here, folder)
    await alert.until(lambda view: view["pending"] and len(view["pending"]["arms"]) == 2, "armed")
    return alert


async def escalated(here: World, folder: Path) -> Alert:
    """Nobody answered: who is on duty was called, then every supervisor."""
    alert = await awaiting_approval(here, folder)
    await skip(here, timedelta(minutes=6))
    await alert.until(lambda view: view["escalations"], "the first escalation")
    return alert


async def needs_information(here: World, folder: Path) -> Alert:
    alert = await started(here, folder, publicity={"basis": "unknown"})
    await alert.until_stage("needs_information")
    return alert


async def returned(here: World, folder: Path) -> Alert:
    alert = await awaiting_approval(here, folder)
    digest = (await alert.view())["pending"]["digest"]
    await alert.give(Action.RETURN_FOR_EDIT, "supervisor1", digest=digest, reason="plaats?")
    return alert


async def rejected(here: World, folder: Path) -> Alert:
    alert = await awaiting_approval(here, folder)
    digest = (await alert.view())["pending"]["digest"]
    await alert.give(Action.REJECT, "supervisor1", digest=digest, reason="nee")
    await alert.handle.result()
    return alert


async def live(here: World, folder: Path) -> Alert:
    alert = await awaiting_approval(here, folder)
    await alert.approve()
    await alert.until_channels("showing")
    return alert


async def between_refreshes(here: World, folder: Path) -> Alert:
    alert = await live(here, folder)
    await skip(here, timedelta(minutes=31))
    await alert.until(lambda view: len(view["refreshes"]) == 2, "2 refreshes")
    await alert.until_channels("showing")
    return alert


async def amended(here: World, folder: Path) -> Alert:
    alert = await live(here, folder)
    await alert.give(Action.AMEND, "operator1", content={"patch": {"public": {"situation": "Gewijzigd."}}})
    await alert.until(lambda view: view["pending"] and len(view["pending"]["arms"]) == 2, "armed again")
    return alert


async def retracted(here: World, folder: Path) -> Alert:
    alert = await live(here, folder)
    await alert.give(Action.RETRACT, "operator1", reason="fout", content={"what": "vehicles/0"})
    await alert.until(lambda view: all(one["edition"] == 2 for one in view["channels"]), "the reduced edition")
    return alert


async def held(here: World, folder: Path) -> Alert:
    alert = await live(here, folder)
    await alert.give(Action.HOLD, "operator1", reason="twijfel")
    await alert.until_channels("withdrawn")
    return alert


async def reinstated(here: World, folder: Path) -> Alert:
    alert = await held(here, folder)
    await alert.give(Action.REINSTATE, "supervisor1")
    await alert.until_channels("showing")
    return alert


async def closing(here: World, folder: Path) -> Alert:
    alert = await live(here, folder)
    await alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police"})
    await alert.until_channels("withdrawn")
    return alert


async def closed(here: World, folder: Path) -> Alert:
    alert = await closing(here, folder)
    await skip(here, timedelta(minutes=11))
    await alert.handle.result()
    return alert


async def by_mail(here: World, folder: Path) -> Alert:
    """To three mailboxes and a mail server that is not there: what it answers is the same to a workflow."""
    parts = here.parts
    with parts.db.write() as session:
        mailboxes = Subscribers(parts.keys.system_key("subscribers"), "email")
        mailboxes.subscribe(session, [Entry(f"{name}@baken.example") for name in ("a", "b", "c")], datetime.now(UTC))
    case = amber_case(folder)
    case["children"][0].pop("photos")
    alert = await here.start(case, programme(channels=["web", "email"]))
    await alert.until(lambda view: view["pending"] and len(view["pending"]["arms"]) == 2, "armed")
    await alert.approve()
    await alert.until(lambda view: {one["state"] for one in view["channels"]} == {"showing", "failed"}, "sent")
    await alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police"})
    await alert.until_channels("withdrawn")
    return alert


STORIES: tuple[Story, ...] = (
    by_mail,
    awaiting_approval,
    escalated,
    needs_information,
    returned,
    rejected,
    live,
    between_refreshes,
    amended,
    retracted,
    held,
    reinstated,
    closing,
    closed,
)


def read_golden(path: Path) -> WorkflowHistory:
    document = json.loads(path.read_text("utf-8"))
    return WorkflowHistory.from_json(document["workflow_id"], document["history"])


async def record(story: Story) -> None:
    """Play a story and keep the histories of its alert and channels."""
    name = story.__name__
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder) / "home", skipping=True, keys=TestKeys()) as here:
            alert = await story(here, Path(folder))
            await _keep(here, name, alert.handle.id)
            view = await alert.view()
            for channel in view["channels"]:
                if name in ("between_refreshes", "retracted", "reinstated", "closed", "by_mail"):
                    workflow_id = channel_workflow_id(alert.alert_id, channel["channel"])
                    await _keep(here, f"{name}-{channel['channel']}", workflow_id)
            if name == "by_mail":
                await _keep(here, "by_mail-fan_out", wave_workflow_id(alert.alert_id, "email", "show-1.0"))


async def record_left_for_later() -> None:
    """A wave that waits for some who fail, in more batches than it has lanes."""
    batches = Failing(set(range(2 * LANES)))

    async def tried_again() -> bool:
        return len(batches.turns) > BATCHES + 2 * LANES

    converter = data_converter(TestKeys(), Reader.WORKER)
    async with server() as env, under_way(env, batches, "show", converter) as wave:
        await eventually_async(tried_again, what="all who fail to be tried again")
        await _keep_history("left_for_later-fan_out", wave)


async def _keep(here: World, name: str, workflow_id: str) -> None:
    await _keep_history(name, here.client.get_workflow_handle(workflow_id))


async def _keep_history(name: str, handle: WorkflowHandle[Any, Any]) -> None:
    history = await handle.fetch_history()
    document = {"workflow_id": handle.id, "history": _nameless(history.to_json_dict())}
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _nameless(value: Any) -> Any:
    """Without the name of the machine that recorded it."""
    if isinstance(value, dict):
        return {key: "worker" if key == "identity" else _nameless(part) for key, part in value.items()}
    return [_nameless(part) for part in value] if isinstance(value, list) else value


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for story in STORIES:
        await record(story)
        print(story.__name__)
    await record_left_for_later()


if __name__ == "__main__":
    asyncio.run(main())
