"""`/readyz` and `/metrics`: for those who keep Baken running. Figures only, no personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from sqlmodel import col, func, select

from starter.parts import Parts
from starter.watchdog import Watchdog
from store import duty, outbox
from store.tables.alert import AlertView, OutboxCommand

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def operations_router(parts: Parts, watchdog: Watchdog) -> APIRouter:
    """Open to whoever reaches the port: neither says anything about a child or a person on duty."""
    router = APIRouter()

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        problems = await watchdog.problems()
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        ready = not await watchdog.problems()
        lines = await asyncio.to_thread(lambda: list(_lines(parts, ready=ready)))
        return Response("\n".join(lines) + "\n", media_type=PROMETHEUS)

    return router


def _lines(parts: Parts, *, ready: bool) -> Iterator[str]:
    now = datetime.now(UTC)
    with parts.db.read() as session:
        stages = session.exec(
            select(AlertView.stage, AlertView.kind, func.count()).group_by(AlertView.stage, AlertView.kind)
        ).all()
        waiting = select(func.count()).select_from(OutboxCommand).where(col(OutboxCommand.ruled_at).is_(None))
        depth, oldest = session.exec(waiting).one(), outbox.oldest_unruled(session)
        on_duty = len(duty.on_duty(session, now))
    yield "# HELP baken_ready Whether the watchdog finds nothing wrong."
    yield "# TYPE baken_ready gauge"
    yield f"baken_ready {int(ready)}"
    yield "# HELP baken_on_duty Supervisors on duty, who can approve."
    yield "# TYPE baken_on_duty gauge"
    yield f"baken_on_duty {on_duty}"
    yield "# HELP baken_alerts Alerts by stage and kind."
    yield "# TYPE baken_alerts gauge"
    for stage, kind, count in stages:
        yield f'baken_alerts{{stage="{stage}",kind="{kind}"}} {count}'
    yield "# HELP baken_outbox_depth Commands that take away and have no ruling yet."
    yield "# TYPE baken_outbox_depth gauge"
    yield f"baken_outbox_depth {depth}"
    yield "# HELP baken_outbox_oldest_seconds Age of the oldest of them; 0 when there is none."
    yield "# TYPE baken_outbox_oldest_seconds gauge"
    yield f"baken_outbox_oldest_seconds {(now - oldest).total_seconds() if oldest else 0:.3f}"
