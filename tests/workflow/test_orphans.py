"""An AlertWorkflow that is terminated or cancelled in any stage leaves nothing on show past its lease (rule 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlmodel import select

from store import cap_messages
from store.tables.alert import Publication
from tests.replay import goldens
from tests.support.environment import Alert, World, world
from tests.support.programmes import programme
from tests.support.waiting import eventually_async

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


@pytest.mark.parametrize(("stage", "end"), CASES, ids=lambda value: getattr(value, "__name__", value))
async def test_ended_from_outside_nothing_stays_on_show(
    tmp_path: Path, stage: Callable[[World, Path], Awaitable[Alert]], end: str
) -> None:
    async with world(tmp_path / "home", skipping=False) as here:
        here.programme = programme(refresh=LEASE)
        alert = await stage(here, tmp_path)
        await (alert.handle.terminate() if end == "terminate" else alert.handle.cancel())

        async def dark() -> bool:
            with here.parts.db.read() as session:
                shown = session.exec(select(Publication).where(Publication.alert_id == alert.alert_id)).all()
                messages = cap_messages.messages(session, alert.alert_id)
            return not shown and (not messages or messages[-1].message_type == "Cancel")

        await eventually_async(dark, 12, what="nothing on show")
