"""What other sites put on their own pages: a frame that follows by itself, and the one tag that makes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

from activities.channels.web import FRAMED, framed_page
from starter.parts import Parts
from starter.public.answers import TEMPLATES, html_page, language_of, plain, respond, respond_leased
from starter.public.showing import Showing

FRAME_CSP = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors *"
)
"""Anybody may frame these pages, and no others."""
SHARED = "public, max-age=2, must-revalidate"
"""What a cache before us may keep for all who have a frame open; with 4 s between looks, the end is seen in time."""
SCRIPT = (Path(__file__).parent / "static" / "embed.js").read_bytes()
NEVER = "9999-12-31T00:00:00+00:00"
_PLACE = {"kind": "public_test", "photos": (), "warning": None, "tel": "", "tip_line": "0800-0000"}
EXAMPLE: dict[str, dict[str, Any]] = {
    "nl": {
        **_PLACE,
        "event": "VOORBEELD",
        "headline": "Voorbeeld: hier staat wie er vermist wordt",
        "more": ({"label": "Laatst gezien", "value": "vandaag, 14:10, Amersfoort"},),
    },
    "en": {
        **_PLACE,
        "event": "EXAMPLE",
        "headline": "Example: here it says who is missing",
        "more": ({"label": "Last seen", "value": "today, 14:10, Amersfoort"},),
    },
}
"""What is shown to owners of sites while there is no alert."""


class EmbedSite:
    """Frames for other sites; exercises are never in them."""

    def __init__(self, showing: Showing, base_url: str, clock: Callable[[], datetime]) -> None:
        self._showing = showing
        self._base_url = base_url
        self._clock = clock

    def for_owners(self, request: Request) -> Response:
        """A page for those who have a site: how each looks, and the tag to copy."""
        return html_page(request, "embed.html", language=language_of(request), base_url=self._base_url)

    def frame(self, request: Request, what: str) -> Response:
        """The page inside the frame; what it shows it asks for again and again."""
        if what not in FRAMED:
            return plain("there is no such frame", 404)
        example = "example" in request.query_params
        html = TEMPLATES.get_template("frame.html").render(language=language_of(request), what=what, example=example)
        answer = respond(request, html.encode(), "text/html; charset=utf-8")
        answer.headers["content-security-policy"] = FRAME_CSP
        return answer

    def content(self, request: Request, what: str) -> Response:
        """What is to be seen in it now, each alert with the end of its lease."""
        if what not in FRAMED:
            return plain("there is no such frame", 404)
        language = language_of(request)
        if "example" in request.query_params:
            shown = [{"alert_id": "example", "lease_until": NEVER, "html": self._example(what, language)}]
        else:
            shown = self._showing.leased("web", f"{what}.{language}", exercise=False)
        return respond_leased(request, shown, self._clock(), SHARED)

    def _example(self, what: str, language: str) -> str:
        said = EXAMPLE[language]
        return framed_page(what, {**said, "language": language, "url": f"{self._base_url}/?lang={language}"})


def embed_router(parts: Parts, base_url: str, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of what other sites embed."""
    site, router = EmbedSite(Showing(parts, clock), base_url, clock), APIRouter()
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/embed.js")
    @get("/widget.js")
    def script(request: Request) -> Response:
        return respond(request, SCRIPT, "text/javascript; charset=utf-8", cache="public, max-age=300")

    @get("/embed")
    def for_owners(request: Request) -> Response:
        return site.for_owners(request)

    @get("/embed/{what}.json")
    def content(request: Request, what: str) -> Response:
        return site.content(request, what)

    @get("/embed/{what}")
    def frame(request: Request, what: str) -> Response:
        return site.frame(request, what)

    return router
