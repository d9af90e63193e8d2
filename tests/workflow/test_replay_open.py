"""Before workers start every open history is replayed, and those that this code does not replay are named."""

from __future__ import annotations

from pathlib import Path

from starter.replay_open import replay_open
from tests.replay import goldens
from tests.replay.broken import BrokenAlertWorkflow
from tests.support.environment import world
from tests.support.waiting import eventually_async
from workflows.registry import WORKFLOWS


async def test_open_alerts_when_the_code_changed_are_named_and_no_others(tmp_path: Path) -> None:
    async with world(tmp_path / "home", skipping=False) as here:
        alerts = [await goldens.live(here, tmp_path) for _ in range(2)]
        broken = [BrokenAlertWorkflow, *WORKFLOWS[1:]]

        async def failed() -> list[str] | None:
            """Once the server lists both: it does so a moment after they started."""
            found = await replay_open(here.client, here.parts.keys, broken)
            return found if len(found) == len(alerts) else None

        found = await eventually_async(failed, what="both alerts")
        assert sorted(found or ()) == sorted(f"alert-{alert.alert_id}" for alert in alerts)
        assert await replay_open(here.client, here.parts.keys) == []
