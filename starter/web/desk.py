"""What every console route uses: the client, the pages, who may do what, and what becomes of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor

from alerts.places import PLACES
from alerts.vocabulary import Kind, Role
from starter.client import Baken
from starter.errors import BadInput, CannotReach, Problem, RefusedByRule, UnknownAlert, as_problem
from starter.partners import KEEPERS
from starter.settings import Settings
from starter.watchdog import Watchdog
from starter.web.atlas import Atlas
from starter.web.following import Following
from starter.web.i18n import N_
from starter.web.live import look
from starter.web.pages import Pages
from starter.web.posted import Uploads
from starter.web.session import Anybody, Forbidden, Late, Needs, NotSignedIn, Sessions
from store.drafts import Drafts, Elsewhere, Gone
from store.intake import Intake
from store.standing import UnknownAlert as NoSuchAlert
from store.standing import standing

SEE_OTHER = 303


class Desk:
    """Shared by the console's routers."""

    def __init__(self, baken: Baken, settings: Settings, sessions: Sessions, watchdog: Watchdog) -> None:
        self.baken = baken
        self.settings = settings
        self.sessions = sessions
        self.watchdog = watchdog
        names = {one.id: one.names for one in baken.parts.programmes().values()}
        self.pages = Pages(embedded=settings.embedded, programmes=names)
        self.uploads = Uploads()
        self.areas = Atlas(baken.parts.db)
        self.tiles = settings.tile_server()
        self.following = Following(baken.parts.db, partial(look, baken))
        self.drafts = Drafts(baken.parts.db, baken.parts.keys)
        self.intake = Intake(baken.parts.db, baken.parts.keys)
        self.anybody = Anybody(sessions)
        self.reads = Needs(sessions, *Role)
        self.on_duty = Needs(sessions, Role.OPERATOR, Role.SUPERVISOR)
        self.operator = Needs(sessions, Role.OPERATOR)
        self.operator_or_late = Late(sessions, Role.OPERATOR)
        self.supervisor = Needs(sessions, Role.SUPERVISOR)
        self.engineer = Needs(sessions, Role.ENGINEER)
        self.keeps_partners = Needs(sessions, *KEEPERS)

    def router(self) -> APIRouter:
        """A router whose errors are pages."""
        return APIRouter(prefix="/console", route_class=_guarded(self))

    async def elsewhere(self, request: Request) -> Response | None:
        """To where an alert of that kind is, when somebody looks for it at the address of another kind."""
        place = request.path_params.get("place")
        if place is None or request.method != "GET" or not self.sessions.visitor(request).user:
            return None
        alert_id = request.path_params["alert_id"]
        kind = await asyncio.to_thread(self._kind_of, alert_id)
        if kind is None or PLACES[kind] == place:
            return None
        here = request.url.path.replace(f"/console/{place}/", f"/console/{PLACES[kind]}/", 1)
        return go_to(here + (f"?{request.url.query}" if request.url.query else ""))

    def _kind_of(self, alert_id: str) -> Kind | None:
        try:
            with self.baken.parts.db.read() as session:
                return Kind(standing(session, alert_id).kind)
        except NoSuchAlert:
            return None

    def failed(self, request: Request, error: Exception) -> Response | None:
        """The page for an error a person can act on; None for a fault of ours."""
        visitor = self.sessions.visitor(request)
        if isinstance(error, NotSignedIn):
            script = request.headers.get("hx-request")
            return Response(status_code=401) if script else go_to(error.next)
        if isinstance(error, Gone):
            if error.alert_id and not request.headers.get("hx-request"):
                return go_to(f"/console/alerts/{error.alert_id}")
            status, title, text = 410, N_("This draft is no longer there"), str(error)
        elif isinstance(error, Elsewhere):
            status, title, text = 409, N_("Another tab changed this draft"), str(error)
        elif isinstance(error, Forbidden):
            status, title, text = 403, N_("You may not do this"), str(error)
        else:
            problem = as_problem(error)
            if problem is None:
                return None
            status, title, text = _about(problem)
        return self.pages.html(request, "console/problem.html", visitor, status, title=title, text=text)


def go_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, SEE_OTHER)


def _about(problem: Problem) -> tuple[int, str, str]:
    if isinstance(problem, UnknownAlert):
        return (
            404,
            N_("There is no such alert"),
            N_("It is not in the list; look whether its address was typed right."),
        )
    if isinstance(problem, CannotReach):
        return 503, N_("A part does not answer"), str(problem)
    if isinstance(problem, RefusedByRule):
        return 409, N_("Refused by a rule"), str(problem)
    return (422 if isinstance(problem, BadInput) else 500), N_("Something is not right"), str(problem)


class _Place(Convertor[str]):
    """Where alerts of each kind are."""

    regex = "|".join(PLACES.values())

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("place", _Place())


def _guarded(desk: Desk) -> type[APIRoute]:
    class PageRoute(APIRoute):
        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            """Whatever belongs to one alert is below its page, which each kind has at an address of its own."""
            super().__init__(path.replace("/alerts/{alert_id}", "/{place:place}/{alert_id}"), endpoint, **options)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await desk.elsewhere(request) or await handle(request)
                except Exception as error:
                    page = await asyncio.to_thread(desk.failed, request, error)  # it asks the store who looks
                    if page is None:
                        raise
                    return page

            return guarded

    return PageRoute
