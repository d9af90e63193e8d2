"""Posters to download, and the page behind the code on one that hangs somewhere: does it still hold?

Both obey the store's revision at every request, so after `found` no poster is given out, and whoever scans one reads
that it must come down.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.channels.poster import MARK, code_of, media_type
from activities.poster_sheet import SHEETS
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts
from starter.public.answers import html_page, language_of, plain, respond
from starter.public.showing import Showing
from store.standing import UnknownAlert, standing, visible

_CODE = re.compile(rf"[1-9][0-9]{{0,8}}(-[0-9a-f]{{{MARK}}})?")
"""Of a sheet; without a mark it holds no more."""


class PosterSite:
    """Reads the store for each request; holds nothing."""

    def __init__(self, parts: Parts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock
        self._showing = Showing(parts, clock)

    def sheet(self, request: Request, alert_id: str, sheet: str) -> Response:
        """A file as it was made for the edition that stands."""
        language, now = language_of(request), self._clock()
        name = f"{sheet}.{language}"
        with self._parts.db.read() as session:
            try:
                row = standing(session, alert_id)
            except UnknownAlert:
                return plain("there is no such poster", 404)
            content = self._showing.published(session, row, "poster", name)
        if content is None:
            unknown = row.shown_at is None or (visible(row, now) and row.revision > row.dark_revision)
            return (
                plain("there is no such poster", 404) if unknown else plain("this poster does not hold any more", 410)
            )
        assert row.edition is not None
        assert row.digest is not None
        answer = respond(request, content, media_type(name))
        about = f"/a/{quote(alert_id, safe='')}/{code_of(row.edition, row.digest)}"
        answer.headers["link"] = f'<{about}>; rel="describedby"'  # where the code on the newest leads
        answer.headers["content-disposition"] = f'inline; filename="poster-{sheet}-{language}.{SHEETS[sheet]}"'
        answer.headers["x-robots-tag"] = "noindex"
        return answer

    def scanned(self, request: Request, alert_id: str, code: str) -> Response:
        """Of the poster with that code; one that holds leads on to the alert."""
        language = language_of(request)
        with self._parts.db.read() as session:
            try:
                row = standing(session, alert_id)
            except UnknownAlert:
                row = None
        if row is None or row.shown_at is None or row.edition is None or not _CODE.fullmatch(code):
            return html_page(request, "unknown.html", 404, language=language)
        shown = visible(row, self._clock())
        # One that was never approved has another mark or a higher number, and an old one a lower number.
        if shown and code == code_of(row.edition, row.digest or ""):
            return RedirectResponse(f"/alerts/{quote(alert_id, safe='')}", 302, {"cache-control": "no-store"})
        state = "older" if shown else "ended" if row.meaning == Meaning.WITHDRAWN else "dark"
        exercise = row.kind == Kind.EXERCISE
        return html_page(request, "poster.html", language=language, alert_id=alert_id, state=state, exercise=exercise)


def poster_router(parts: Parts, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of the channel `poster`."""
    site, router = PosterSite(parts, clock), APIRouter()
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/a/{alert_id}/poster-{paper}.pdf")
    def sheet(request: Request, alert_id: str, paper: Literal["a4", "a3"]) -> Response:
        return site.sheet(request, alert_id, paper)

    @get("/a/{alert_id}/poster.png")
    def picture(request: Request, alert_id: str) -> Response:
        return site.sheet(request, alert_id, "square")

    @get("/a/{alert_id}/{code}")
    def scanned(request: Request, alert_id: str, code: str) -> Response:
        return site.scanned(request, alert_id, code)

    return router
