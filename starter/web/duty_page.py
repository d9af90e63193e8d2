"""The duty roster in the console: who can approve now, and a shift taken, handed over and ended by its supervisor."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from alerts.vocabulary import Role
from starter.roster import Roster, end_of_shift
from starter.web.desk import Desk, go_to
from starter.web.i18n import N_
from starter.web.posted import read_form
from starter.web.session import Visitor
from store.people import people

PAGE = "/console/duty"
DONE = {
    "begin": N_("You are on duty."),
    "hand_over": N_("Asked. You stay on duty until the other one begins."),
    "end": N_("You are off duty."),
}


def duty_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/duty")
    async def page(request: Request, done: str = "", who: Visitor = Depends(desk.reads)) -> Response:
        return await _page(desk, request, who, DONE.get(done, ""))

    @router.post("/duty/begin")
    async def begin(request: Request, who: Visitor = Depends(desk.supervisor)) -> Response:
        posted = await read_form(request, who)
        until = end_of_shift(posted.text("until"))
        await asyncio.to_thread(Roster(desk.baken.parts).begin, desk.baken.person(who.user), until)
        return go_to(f"{PAGE}?done=begin")

    @router.post("/duty/hand-over")
    async def hand_over(request: Request, who: Visitor = Depends(desk.supervisor)) -> Response:
        posted = await read_form(request, who)
        until, to = end_of_shift(posted.text("until")), posted.text("to")
        await asyncio.to_thread(Roster(desk.baken.parts).hand_over, desk.baken.person(who.user), to, until)
        return go_to(f"{PAGE}?done=hand_over")

    @router.post("/duty/end")
    async def end(request: Request, who: Visitor = Depends(desk.supervisor)) -> Response:
        await read_form(request, who)
        await asyncio.to_thread(Roster(desk.baken.parts).end, desk.baken.person(who.user))
        return go_to(f"{PAGE}?done=end")

    return router


def on_duty_now(desk: Desk) -> dict[str, Any]:
    """Who can approve now and who is next, for the pages that say so."""
    rows = Roster(desk.baken.parts).list()
    return {
        "on_duty": [row for row in rows if row["state"] == "on_duty"],
        "announced": [row for row in rows if row["state"] == "announced"],
    }


async def _page(desk: Desk, request: Request, who: Visitor, done: str) -> Response:
    parts = desk.baken.parts
    roster, everybody = await asyncio.to_thread(lambda: (on_duty_now(desk), people(parts.db)))
    others = [one for one in everybody if Role.SUPERVISOR in one.roles and one.user != who.user]
    return desk.pages.html(request, "console/duty.html", who, done=done, others=others, **roster)
