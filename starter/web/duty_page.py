"""The duty roster in the console: who can approve now, and a shift taken, handed over and ended by its supervisor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from activities.web_push import public_key, vapid_key
from alerts.vocabulary import Role
from starter.roster import Roster, end_of_shift
from starter.web.desk import Desk, go_to
from starter.web.i18n import N_
from starter.web.posted import read_form
from starter.web.session import Visitor
from store.people import people

PAGE = "/console/duty"
SERVICE_WORKER = (Path(__file__).parent / "static" / "calls.js").read_bytes()
DONE = {
    "begin": N_("You are on duty."),
    "hand_over": N_("Asked. You stay on duty until the other one begins."),
    "end": N_("You are off duty."),
    "mail": N_("Kept: you are called there."),
    "no_mail": N_("You get no mail any more."),
    "push": N_("You are called in this browser."),
    "no_push": N_("You are not called in this browser any more."),
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

    @router.post("/duty/mail")
    async def mail(request: Request, who: Visitor = Depends(desk.supervisor)) -> Response:
        posted = await read_form(request, who)
        address, person = posted.text("mail").strip(), desk.baken.person(who.user)
        await asyncio.to_thread(Roster(desk.baken.parts).set_mail, person, address, who.language)
        return go_to(f"{PAGE}?done={'mail' if address else 'no_mail'}")

    @router.post("/duty/browser")
    async def browser(request: Request, who: Visitor = Depends(desk.supervisor)) -> Response:
        posted = await read_form(request, who)
        subscription, on = posted.text("subscription"), posted.text("on") == "yes"
        roster, person = Roster(desk.baken.parts), desk.baken.person(who.user)
        await asyncio.to_thread(roster.set_browser, person, subscription, who.language, on=on)
        return go_to(f"{PAGE}?done={'push' if on else 'no_push'}")

    @router.get("/sw.js")
    def service_worker(who: Visitor = Depends(desk.reads)) -> Response:
        """Below /console/, so that it looks after the console and nothing else."""
        return Response(SERVICE_WORKER, media_type="text/javascript", headers={"cache-control": "no-cache"})

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
    ways = await asyncio.to_thread(Roster(parts).addresses, who.user)
    pushes = parts.settings.channels().channels.webpush is not None
    return desk.pages.html(
        request,
        "console/duty.html",
        who,
        done=done,
        others=others,
        mail=next((one.address for one in ways if one.way == "email"), ""),
        browsers=sum(one.way == "webpush" for one in ways),
        key=public_key(vapid_key(parts.keys.system_key("vapid"))) if pushes else "",
        **roster,
    )
