"""Every page of the console says on its face who may use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute

from starter.begin import prepare_home
from starter.client import Baken
from starter.home import write_private
from starter.parts import open_parts
from starter.settings import load_settings
from starter.web.console import console_router
from starter.web.session import Anybody, Needs

FOR_ANYBODY = {"/console/login", "/console/logout", "/console/language"}


def console_routes(folder: Path) -> list[APIRoute]:
    settings = load_settings({}, home=folder / "home")
    settings.paths.prepare()
    prepare_home(settings, 0)
    write_private(settings.paths.run, {"web": "", "temporal": "", "temporal_ui": "", "namespace": "", "pid": 1})
    parts = open_parts(settings)
    try:
        return list(flat(console_router(Baken(parts), settings)))
    finally:
        parts.close()


def flat(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of a router and of those it includes."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            yield from flat(inner)


def needs_of(route: APIRoute) -> list[Needs]:
    return [one.call for one in route.dependant.dependencies if isinstance(one.call, Needs)]


def test_console_routes_when_listed_all_need_a_role(tmp_path: Path) -> None:
    routes = [route for route in console_routes(tmp_path) if route.path.startswith("/console")]
    assert len(routes) > 15
    without = [route.path for route in routes if not any(needs_of(route))]
    assert without == []


def test_console_routes_when_open_to_anybody_are_only_the_door(tmp_path: Path) -> None:
    found = {
        route.path for route in console_routes(tmp_path) if any(isinstance(one, Anybody) for one in needs_of(route))
    }
    assert found == FOR_ANYBODY


def test_console_routes_when_they_change_something_need_somebody_on_duty(tmp_path: Path) -> None:
    posts = [route for route in console_routes(tmp_path) if "POST" in (route.methods or ())]
    roles = {route.path: needs_of(route)[0].roles for route in posts if "/{alert_id}/" in route.path}
    assert roles
    assert all("engineer" not in allowed for allowed in roles.values())
