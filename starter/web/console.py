"""The console: where operators and supervisors work. `console_router` is all of it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from alerts.vocabulary import Kind, Role, Stage
from starter.client import Baken
from starter.codec import codec_router
from starter.operations import operations_router
from starter.settings import Settings
from starter.watchdog import Watchdog
from starter.web.alert_page import alert_router
from starter.web.areas import area_router
from starter.web.commanding import command_router
from starter.web.desk import Desk, go_to
from starter.web.duty_page import duty_router, on_duty_now
from starter.web.editing import edit_routers
from starter.web.i18n import COOKIE, LANGUAGES, language_of
from starter.web.partner_page import partner_router
from starter.web.posted import read_form
from starter.web.report_page import report_router
from starter.web.session import Sessions, Visitor
from starter.web.tips_page import tips_router
from store.drafts import LASTS as DRAFT_LASTS
from store.people import people

YEAR = 365 * 24 * 3600


def console_router(baken: Baken, settings: Settings) -> APIRouter:
    """The console's pages under /console, `/codec/decode`, `/readyz` and `/metrics`."""
    sessions, watchdog = Sessions(baken), Watchdog(baken.parts)
    desk = Desk(baken, settings, sessions, watchdog)
    whole = APIRouter()
    pages = (_door(desk), _list(desk), *edit_routers(desk), alert_router(desk), command_router(desk))
    routers = (area_router, report_router, tips_router, partner_router, duty_router)
    for router in (*pages, *(one(desk) for one in routers)):
        whole.include_router(router)
    whole.include_router(codec_router(baken, settings, sessions))
    whole.include_router(operations_router(baken.parts, watchdog))

    @whole.get("/favicon.ico")
    def favicon() -> Response:
        """Browsers ask for it on every site; there is none, and that is no error."""
        return Response(status_code=204, headers={"cache-control": "max-age=86400"})

    return whole


def _door(desk: Desk) -> APIRouter:
    """Signing in and out, and the language."""
    router = desk.router()

    @router.get("/login")
    def login(request: Request, next: str = "/console/", who: Visitor = Depends(desk.anybody)) -> Response:
        everybody = people(desk.baken.parts.db)
        return desk.pages.html(request, "console/login.html", who, everybody=everybody, going_to=_ours(next))

    @router.post("/login")
    async def sign_in(request: Request, who: Visitor = Depends(desk.anybody)) -> Response:
        posted = await read_form(request, None)
        answer = go_to(_ours(posted.text("next")))
        if desk.settings.embedded:
            desk.sessions.begin(answer, desk.baken.person(posted.text("user")).user)
        return answer

    @router.post("/logout")
    async def sign_out(request: Request, who: Visitor = Depends(desk.anybody)) -> Response:
        await read_form(request, who)
        answer = go_to("/console/login")
        desk.sessions.end(answer)
        return answer

    @router.get("/language")
    def language(request: Request, next: str = "/console/", who: Visitor = Depends(desk.anybody)) -> Response:
        answer = go_to(_ours(next))
        chosen = language_of(request)
        if chosen in LANGUAGES:
            answer.set_cookie(COOKIE, chosen, max_age=YEAR, httponly=True, samesite="strict", path="/console")
        return answer

    return router


def _list(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/")
    async def start(request: Request, who: Visitor = Depends(desk.reads)) -> Response:
        problems = await desk.watchdog.problems()
        views = await desk.baken.list()
        actual = [view for view in views if view["kind"] == Kind.ACTUAL]
        drills = [view for view in views if view["kind"] != Kind.ACTUAL]
        tables = {
            "open": [view for view in actual if view["stage"] != Stage.CLOSED],
            "drills": [view for view in drills if view["stage"] != Stage.CLOSED],
            "closed": [view for view in actual if view["stage"] == Stage.CLOSED][:50],
            "closed_drills": [view for view in drills if view["stage"] == Stage.CLOSED][:50],
        }
        mine = await asyncio.to_thread(desk.drafts.all, who.user) if who.may(Role.OPERATOR) else []
        drafts = [(draft, draft.touched_at + DRAFT_LASTS) for draft in mine]
        roster = await asyncio.to_thread(on_duty_now, desk)
        about = {"problems": problems, "tables": tables, "drafts": drafts, **roster}
        return desk.pages.html(request, "console/list.html", who, **about)

    @router.get("/alerts")
    def to_start(who: Visitor = Depends(desk.reads)) -> Response:
        return go_to("/console/")

    return router


def _ours(address: str) -> str:
    """An address inside the console, whatever was asked for."""
    inside = address.startswith("/console/") and "\\" not in address and "//" not in address
    return quote(address, safe="/?=&%-_.~") if inside else "/console/"
