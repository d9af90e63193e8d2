"""What every console route uses: the client, the pages, who may do what, and what becomes of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from alerts.vocabulary import Role
from starter.client import Baken
from starter.errors import BadInput, CannotReach, Problem, RefusedByRule, UnknownAlert, as_problem
from starter.partners import KEEPERS
from starter.settings import Settings
from starter.watchdog import Watchdog
from starter.web.i18n import N_
from starter.web.pages import Pages
from starter.web.posted import Uploads
from starter.web.session import Anybody, Forbidden, Needs, NotSignedIn, Sessions

SEE_OTHER = 303


class Desk:
    """Shared by the console's routers."""

    def __init__(self, baken: Baken, settings: Settings, sessions: Sessions, watchdog: Watchdog) -> None:
        self.baken = baken
        self.settings = settings
        self.sessions = sessions
        self.watchdog = watchdog
        self.pages = Pages(embedded=settings.embedded)
        self.uploads = Uploads()
        self.anybody = Anybody(sessions)
        self.reads = Needs(sessions, *Role)
        self.on_duty = Needs(sessions, Role.OPERATOR, Role.SUPERVISOR)
        self.operator = Needs(sessions, Role.OPERATOR)
        self.supervisor = Needs(sessions, Role.SUPERVISOR)
        self.engineer = Needs(sessions, Role.ENGINEER)
        self.keeps_partners = Needs(sessions, *KEEPERS)

    def router(self) -> APIRouter:
        """A router whose errors are pages."""
        return APIRouter(prefix="/console", route_class=_guarded(self))

    def failed(self, request: Request, error: Exception) -> Response | None:
        """The page for an error a person can act on; None for a fault of ours."""
        visitor = self.sessions.visitor(request)
        if isinstance(error, NotSignedIn):
            return go_to(error.next)
        if isinstance(error, Forbidden):
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
        return 404, N_("There is no such alert"), str(problem)
    if isinstance(problem, CannotReach):
        return 503, N_("A part does not answer"), str(problem)
    if isinstance(problem, RefusedByRule):
        return 409, N_("Refused by a rule"), str(problem)
    return (422 if isinstance(problem, BadInput) else 500), N_("Something is not right"), str(problem)


def _guarded(desk: Desk) -> type[APIRoute]:
    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as error:
                    page = await asyncio.to_thread(desk.failed, request, error)  # it asks the store who looks
                    if page is None:
                        raise
                    return page

            return guarded

    return PageRoute
