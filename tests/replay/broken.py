"""An AlertWorkflow that no history fits: it keeps the replay gate honest."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.messages import ALERT_WORKFLOW, AlertInput


@workflow.defn(name=ALERT_WORKFLOW)
class BrokenAlertWorkflow:
    """Begins with a timer that no history has."""

    @workflow.init
    def __init__(self, given: AlertInput) -> None:
        self._given = given

    @workflow.run
    async def run(self, given: AlertInput) -> str:
        await asyncio.sleep(3)
        return "broken"
