"""Drafts: what was typed is kept on the server as it is typed, and checked at once.

A page says which version it has seen (`version`) and which page it is (`page`), so that a forgotten tab never
overwrites what another one saved.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from activities.photos import PhotoError, normalise
from alerts.vocabulary import Kind
from starter.errors import BadInput
from starter.web.alert_page import FRAME_CSP
from starter.web.area_values import do, settle
from starter.web.case_form import count
from starter.web.desk import Desk, go_to
from starter.web.filled import CHILD_PHOTOS, Filled, typed
from starter.web.posted import Posted, read_form
from starter.web.session import Visitor
from store.drafts import Draft, Photo, TooMuch, new_id

if TYPE_CHECKING:
    from starter.web.editing import Forms

ID = re.compile(r"[a-z2-9]{10}")
DOORS = {"actual": Kind.ACTUAL, "exercise": Kind.EXERCISE, "public-test": Kind.PUBLIC_TEST}
MORE = ("children", "vehicles")
Problems = list[tuple[str, str]]


@dataclass(frozen=True)
class Kept:
    """A draft as it was just saved, and what could not be kept."""

    draft: Draft
    problems: Problems
    chooses: bool = False
    """Whether a button of the area was pressed, so that nothing is sent yet."""


async def keep(desk: Desk, who: Visitor, door: str, posted: Posted) -> Kept:
    """Save all that a form says, its photos too. Raises BadInput, Gone or Elsewhere."""
    draft_id, version = posted.text("draft"), posted.text("version")
    if not ID.fullmatch(draft_id) or not version.isdecimal() or door not in DOORS:
        raise BadInput("draft", "is not one; begin a new alert from the start page")
    values = typed(posted)
    if (more := posted.text("more")) in MORE:
        values[more] = str(count(values, more) + 1)
    name, said, value = posted.text("set").partition("=")
    if said:
        values[name] = value
    known = (await asyncio.to_thread(desk.areas.known)).country
    chooses = do(values, known)
    settle(values, known)
    save = partial(desk.drafts.save, page=posted.text("page"), version=int(version), now=_now())
    try:
        draft = await asyncio.to_thread(save, who.user, draft_id, door, values)
    except TooMuch as error:
        raise BadInput("draft", str(error)) from error
    if draft.door != door:
        raise BadInput("kind", f"this draft is of another kind: {draft.door}")
    if taken := posted.text("take"):
        draft = await asyncio.to_thread(_take_over, desk, draft, taken, posted.text("page"))
    refused = [one for one in [await _photo(desk, draft, *file) for file in await posted.files()] if one]
    return Kept(draft, refused, chooses)


async def kept_of(desk: Desk, request: Request, who: Visitor) -> tuple[Posted, Kept]:
    """What a page of a draft sent, and the draft that it saved; every button of that page sends the whole form."""
    posted = await read_form(request, who)
    return posted, await keep(desk, who, posted.text("door"), posted)


def _take_over(desk: Desk, draft: Draft, link_id: str, page: str) -> Draft:
    """All that a parent sent by a link becomes part of the draft."""
    said = next((one.said for one in desk.intake.links(draft, _now()) if one.id == link_id), {})
    for photo in desk.drafts.photos(draft):
        if photo.parents:
            desk.drafts.change_photo(draft, photo.id, parents=False)
    values, version = {**draft.values, **said}, draft.version
    return desk.drafts.save(draft.owner, draft.id, draft.door, values, page=page, version=version, now=_now())


async def _photo(desk: Desk, draft: Draft, field: str, file: str, data: bytes) -> tuple[str, str] | None:
    """Add a photo of a child; what is wrong with it, and where."""
    found = CHILD_PHOTOS.fullmatch(field)
    if found is None:
        return None
    try:
        normal = await asyncio.to_thread(normalise, data)
        size = {"width": normal.width, "height": normal.height, "crop": None}
        photo = Photo(id=new_id(), child=int(found[1]), file=file, jpeg=normal.jpeg, parents=False, **size)
        await asyncio.to_thread(desk.drafts.add_photo, draft, photo, _now())
    except (PhotoError, TooMuch) as error:
        return f"{field}/0/file", str(error)
    return None


def draft_router(desk: Desk, show: Forms) -> APIRouter:
    """`show` makes the form and its parts."""
    router = desk.router()

    @router.get("/session")
    def session(who: Visitor = Depends(desk.reads)) -> Response:
        """For a page whose session ended: who is signed in now, and the token for forms."""
        return JSONResponse({"user": who.user, "token": who.token}, headers={"cache-control": "no-store"})

    @router.get("/drafts/{draft_id}")
    def resume(request: Request, draft_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        return show.form(request, who, desk.drafts.open(who.user, draft_id))

    @router.post("/drafts/{draft_id}")
    async def save(request: Request, draft_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        _, kept = await kept_of(desk, request, who)
        return await asyncio.to_thread(show.beside, request, who, kept.draft)

    @router.post("/drafts/{draft_id}/delete")
    async def remove(request: Request, draft_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        await read_form(request, who)
        await asyncio.to_thread(desk.drafts.end, who.user, draft_id, "deleted", _now())
        return go_to("/console/")

    @router.get("/drafts/{draft_id}/intake")
    def arrived(request: Request, draft_id: str, seen: str = "", who: Visitor = Depends(desk.operator)) -> Response:
        """What parents sent; nothing as long as it is what was seen."""
        return show.intake(request, who, desk.drafts.open(who.user, draft_id), seen)

    @router.post("/drafts/{draft_id}/intake")
    async def invite(request: Request, draft_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        """The form with a new link in it, which is shown this once."""
        _, kept = await kept_of(desk, request, who)
        try:
            word = await asyncio.to_thread(desk.intake.make, kept.draft, _now())
        except TooMuch as error:
            raise BadInput("intake", str(error)) from error
        address = f"{desk.settings.run_info().web}/intake/{word}"
        return await asyncio.to_thread(partial(show.form, request, who, kept.draft, kept.problems, link=address))

    @router.post("/drafts/{draft_id}/intake/{link_id}/revoke")
    async def revoke(request: Request, draft_id: str, link_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        _, kept = await kept_of(desk, request, who)
        await asyncio.to_thread(desk.intake.revoke, kept.draft, link_id)
        return go_to(f"/console/drafts/{draft_id}#intake")

    @router.get("/drafts/{draft_id}/pieces/{channel}/{name}")
    def piece(draft_id: str, channel: str, name: str, who: Visitor = Depends(desk.operator)) -> Response:
        try:
            html = show.piece(desk.drafts.open(who.user, draft_id), channel, name)
        except LookupError as error:
            raise BadInput("piece", "there is no such page") from error
        headers = {"content-security-policy": FRAME_CSP, "cache-control": "no-store"}
        return Response(html, headers=headers, media_type="text/html")

    return router


def filled_of(desk: Desk, draft: Draft) -> Filled:
    """A draft as the form it was typed in."""
    photos = [one for one in desk.drafts.photos(draft) if not one.parents]
    return Filled(draft.values, photos=photos)


def _now() -> datetime:
    return datetime.now(UTC)
