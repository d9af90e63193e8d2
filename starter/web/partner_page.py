"""The partner register in the console: who takes alerts by webhook, and what people change about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from starter.partners import Partners, Row, removal_row
from starter.web.desk import Desk, go_to
from starter.web.i18n import N_
from starter.web.posted import Posted, read_form
from starter.web.session import Visitor
from store.people import Person
from store.tables.partner import Removal

PAGE = "/console/partners"
DONE = {
    "pause": N_("Paused: nothing more goes to it, save the end of what it has."),
    "resume": N_("Alerts go to it from now on."),
    "test": N_("It took the exercise and the end of it."),
}


def partner_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/partners")
    async def page(request: Request, done: str = "", who: Visitor = Depends(desk.reads)) -> Response:
        return await _page(desk, request, who, done=DONE.get(done, ""))

    @router.post("/partners/add")
    async def add(request: Request, who: Visitor = Depends(desk.keeps_partners)) -> Response:
        posted = await read_form(request, who)
        person, register = await asyncio.to_thread(_at, desk, who)
        name, url, mail = _name(posted), posted.text("url").strip(), posted.text("mail").strip() or None
        exercise = bool(posted.text("exercise"))
        one = await asyncio.to_thread(register.add, person, name, url, exercise=exercise, mail=mail)
        return await _page(desk, request, who, fresh=one)

    @router.post("/partners/rotate")
    async def rotate(request: Request, who: Visitor = Depends(desk.keeps_partners)) -> Response:
        posted = await read_form(request, who)
        at_once = bool(posted.text("at_once"))
        person, register = await asyncio.to_thread(_at, desk, who)
        one = await asyncio.to_thread(register.rotate, person, _name(posted), at_once=at_once)
        return await _page(desk, request, who, fresh=one)

    @router.post("/partners/test")
    async def test(request: Request, who: Visitor = Depends(desk.keeps_partners)) -> Response:
        posted = await read_form(request, who)
        person, register = await asyncio.to_thread(_at, desk, who)
        await register.test(person, _name(posted))
        return go_to(f"{PAGE}?done=test")

    @router.post("/partners/pause")
    async def pause(request: Request, who: Visitor = Depends(desk.reads)) -> Response:
        posted = await read_form(request, who)
        person, register = await asyncio.to_thread(_at, desk, who)
        await asyncio.to_thread(register.pause, person, _name(posted))
        return go_to(f"{PAGE}?done=pause")

    @router.post("/partners/resume")
    async def resume(request: Request, who: Visitor = Depends(desk.keeps_partners)) -> Response:
        posted = await read_form(request, who)
        person, register = await asyncio.to_thread(_at, desk, who)
        await asyncio.to_thread(register.resume, person, _name(posted))
        return go_to(f"{PAGE}?done=resume")

    return router


def _at(desk: Desk, who: Visitor) -> tuple[Person, Partners]:
    """Who is at the register, and it: store and key store are asked, so not on the loop that serves everybody."""
    return desk.baken.person(who.user), Partners(desk.baken.parts)


def _name(posted: Posted) -> str:
    return posted.text("name").strip()


async def _page(desk: Desk, request: Request, who: Visitor, **said: Any) -> Response:
    """With `fresh`, a partner whose secret is shown this once."""

    def look() -> tuple[list[Row], Sequence[Removal]]:
        register = Partners(desk.baken.parts)
        return register.list(), register.removals()

    rows, waiting = await asyncio.to_thread(look)
    values = {"done": "", "fresh": None, **said}
    return desk.pages.html(
        request, "console/partners.html", who, rows=rows, removals=[removal_row(one) for one in waiting], **values
    )
