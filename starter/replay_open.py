"""Before workers start: does this version still replay every alert that is open? (DESIGN, rule 11)

Run by `baken up` when alerts are open, in a process of its own; exit 3 names the alerts that do not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import closing

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from starter.parts import connect, open_parts
from starter.settings import load_settings
from workflows.codec import KeySource, Reader
from workflows.messages import ALERT_WORKFLOW, CHANNEL_WORKFLOW, FAN_OUT_WORKFLOW
from workflows.registry import WORKFLOWS
from workflows.runtime import BUILD_ID, data_converter, sandbox_runner

TYPES = (ALERT_WORKFLOW, CHANNEL_WORKFLOW, FAN_OUT_WORKFLOW)
OPEN = f"ExecutionStatus = 'Running' AND WorkflowType IN ({', '.join(map(repr, TYPES))})"


async def replay_open(client: Client, keys: KeySource, workflows: Sequence[type] = WORKFLOWS) -> list[str]:
    """Workflow ids of open alerts and channels whose history this code does not replay."""
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=sandbox_runner(),
        build_id=BUILD_ID,
        data_converter=data_converter(keys, Reader.WORKER),
    )
    failed = []
    async with replayer.workflow_replay_iterator(_open_histories(client)) as results:
        async for result in results:
            if result.replay_failure is not None:
                print(f"{result.history.workflow_id}: {result.replay_failure}", flush=True)
                failed.append(result.history.workflow_id)
    return failed


async def _open_histories(client: Client) -> AsyncIterator[WorkflowHistory]:
    async for execution in client.list_workflows(OPEN):
        yield await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()


async def _of_home() -> list[str]:
    with closing(open_parts(load_settings(os.environ))) as parts:
        return await replay_open(await connect(parts, Reader.WORKER), parts.keys)


def main(_args: Sequence[str]) -> int:
    """For `starter.forking`."""
    return 3 if asyncio.run(_of_home()) else 0
