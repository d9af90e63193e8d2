"""The page behind an intake link: a parent adds photos, a description and leave to show the child, during the call.

It works once and for an hour, without script and without an account. What is sent waits in the draft until its
operator takes it over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from activities.photos import PhotoError, normalise
from alerts.values import clean
from starter.errors import BadInput
from starter.parts import Parts
from starter.public.answers import html_page, language_of
from starter.web.posted import Posted, read_body
from store.drafts import Photo, TooMuch, new_id
from store.intake import Closed, Intake, Unknown

MOST_BYTES = 45_000_000
MOST_PHOTOS = 4
MOST_CHARACTERS = 400
AT_ONCE = 2
"""Forms whose photos are opened at a time, by this process: a photo takes some hundred MB meanwhile."""
HERE_AT_ONCE = 8
"""Forms in memory at a time, whether they are still coming in or wait for their turn."""
OF_A_LINK = 2
"""Of which by one link: who presses twice has two."""
READ_WITHIN = 300.0
"""Seconds for one form to come in: 45 MB at 1.2 Mbit/s."""
CHILD = ("name", "hair", "eyes", "height_cm", "build", "clothing", "marks")
"""Fields of the first child that a parent is asked for; a number of centimetres as it was typed."""
BASES = ("parent", "guardian")
LINK_CSP = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "img-src 'self' data:"
)


class IntakeSite:
    def __init__(self, parts: Parts, clock: Callable[[], datetime], within: float) -> None:
        self._intake = Intake(parts.db, parts.keys)
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._here: Counter[str] = Counter()
        self._within = within

    async def page(self, request: Request, word: str) -> Response:
        try:
            await asyncio.to_thread(self._intake.check, word, self._clock())
        except (Closed, Unknown) as gone:
            return _gone(request, gone)
        return _html(request, values={}, problem="")

    async def send(self, request: Request, word: str) -> Response:
        """What was sent goes into the draft, all of it or nothing."""
        try:
            await asyncio.to_thread(self._intake.check, word, self._clock())  # before a byte of it is read
            if self._here.total() >= HERE_AT_ONCE or self._here[word] >= OF_A_LINK:
                return _html(request, 503, values={}, problem="busy")
            self._here[word] += 1
            try:
                async with asyncio.timeout(self._within):
                    posted = await read_body(request, MOST_BYTES)
                async with self._turns:
                    return await self._take(request, word, posted)
            finally:
                self._here -= Counter({word: 1})
        except (Closed, Unknown) as gone:
            return _gone(request, gone)
        except BadInput:
            return _html(request, 413, values={}, problem="large")
        except TimeoutError:
            return _html(request, 503, values={}, problem="slow")

    async def _take(self, request: Request, word: str, posted: Posted) -> Response:
        said, files = _said(posted), await posted.files()
        if len(files) > MOST_PHOTOS:
            return _html(request, 422, values=said, problem="many")
        try:
            photos = [await _photo(name, data) for _, name, data in files]
        except PhotoError:
            return _html(request, 422, values=said, problem="photo")
        if not said and not photos:
            return _html(request, 422, values=said, problem="empty")
        if "publicity/basis" in said and "publicity/given_by" not in said:
            return _html(request, 422, values=said, problem="who")
        try:
            await asyncio.to_thread(self._intake.use, word, said, photos, self._clock())
        except TooMuch:
            return _html(request, 422, values=said, problem="many")
        return _page(request, "intake_done.html", 200, state="thanks")


def intake_router(parts: Parts, clock: Callable[[], datetime], within: float = READ_WITHIN) -> APIRouter:
    """Routes of intake links; a form has to come in `within` seconds."""
    site, router = IntakeSite(parts, clock, within), APIRouter()

    @router.get("/intake/{word}")
    async def page(request: Request, word: str) -> Response:
        return await site.page(request, word)

    @router.post("/intake/{word}")
    async def send(request: Request, word: str) -> Response:
        return await site.send(request, word)

    return router


def _said(posted: Posted) -> dict[str, str]:
    """What was filled in, by field of the console's form."""
    names = [f"children/0/{name}" for name in CHILD]
    said = {name: clean(posted.text(name))[:MOST_CHARACTERS] for name in (*names, "publicity/given_by")}
    if posted.text("publicity/basis") in BASES:
        said["publicity/basis"] = posted.text("publicity/basis")
    return {name: text for name, text in said.items() if text}


async def _photo(name: str, data: bytes) -> Photo:
    normal = await asyncio.to_thread(normalise, data)
    size = {"width": normal.width, "height": normal.height}
    return Photo(id=new_id(), child=0, file=name, jpeg=normal.jpeg, crop=None, parents=True, **size)


def _html(request: Request, status: int = 200, **values: Any) -> Response:
    return _page(request, "intake.html", status, **values)


def _gone(request: Request, gone: Closed | Unknown) -> Response:
    if isinstance(gone, Unknown):
        return _page(request, "intake_done.html", 404, state="unknown")
    return _page(request, "intake_done.html", 410, state="used" if gone.used else "over")


def _page(request: Request, template: str, status: int, **values: Any) -> Response:
    """Kept by nobody on the way."""
    answer = html_page(request, template, status, language=language_of(request), cache="no-store", **values)
    answer.headers["content-security-policy"] = LINK_CSP
    answer.headers["x-robots-tag"] = "noindex"
    return answer
