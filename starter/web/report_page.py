"""The report of one alert as a page to read and print, as PDF to keep, and as JSON for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from activities.poster_sheet import FAMILIES, CannotSet, set_pages
from alerts.vocabulary import Stage
from starter.errors import CannotReach
from starter.web.desk import Desk
from starter.web.pages import TEMPLATES, environment
from starter.web.report_words import ReportPage, as_pdf_data, report_page
from starter.web.session import Visitor

TEMPLATE = TEMPLATES / "report.typ"
KEPT_NOWHERE = {"cache-control": "no-store"}


def report_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/alerts/{alert_id}/report")
    async def page(request: Request, alert_id: str, who: Visitor = Depends(desk.reads)) -> Response:
        report = await desk.baken.report(alert_id)
        words = _in_words(desk, report, who, datetime.now(UTC))
        return desk.pages.html(
            request,
            "console/report.html",
            who,
            kind=report["kind"],
            alert_id=alert_id,
            report=words,
            closed=report["stage"] == Stage.CLOSED,
        )

    @router.get("/alerts/{alert_id}/report.json")
    async def document(alert_id: str, who: Visitor = Depends(desk.reads)) -> Response:
        return JSONResponse(await desk.baken.report(alert_id), headers=KEPT_NOWHERE)

    @router.get("/alerts/{alert_id}/report.pdf")
    async def pdf(alert_id: str, who: Visitor = Depends(desk.reads)) -> Response:
        now = datetime.now(UTC)
        words = _in_words(desk, await desk.baken.report(alert_id), who, now)
        try:
            made = await asyncio.to_thread(partial(as_pdf, words, now))
        except CannotSet as error:
            raise CannotReach("the PDF", str(error)) from error
        name = {"content-disposition": f'attachment; filename="baken-{alert_id}.pdf"'}
        return Response(made, headers={**KEPT_NOWHERE, **name}, media_type="application/pdf")

    return router


def _in_words(desk: Desk, report: Mapping[str, Any], who: Visitor, now: datetime) -> ReportPage:
    programme = report["programme"] and desk.pages.programme_name(report["programme"], who.language)
    return report_page({**report, "programme": programme}, who.language, now)


def as_pdf(page: ReportPage, at: datetime) -> bytes:
    """The report on A4; raises CannotSet."""
    clock = environment.get_template("report_clock.svg").render(bars=page.bars, about=page.about)
    said = {**as_pdf_data(page, at), "fonts": FAMILIES}
    return set_pages(TEMPLATE.read_bytes(), said, {"clock.svg": clock.encode()})
