"""The photos of a draft: added, cropped, taken over from a parent, taken away."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request, Response

from activities.photos import square
from starter.web.cropping import crop_of
from starter.web.desk import Desk
from starter.web.drafting import kept_of
from starter.web.session import Visitor

if TYPE_CHECKING:
    from starter.web.editing import Forms


def photo_router(desk: Desk, show: Forms) -> APIRouter:
    """`show` makes the form and its parts."""
    router = desk.router()

    @router.post("/drafts/{draft_id}/photos/{child}")
    async def add(request: Request, draft_id: str, child: int, who: Visitor = Depends(desk.operator)) -> Response:
        """The form with a new photo in it."""
        _, kept = await kept_of(desk, request, who)
        return await asyncio.to_thread(show.photos, request, who, kept.draft, child, kept.problems)

    @router.post("/drafts/{draft_id}/photos/{child}/{photo_id}/remove")
    async def drop(
        request: Request, draft_id: str, child: int, photo_id: str, who: Visitor = Depends(desk.operator)
    ) -> Response:
        _, kept = await kept_of(desk, request, who)
        await asyncio.to_thread(desk.drafts.remove_photo, kept.draft, photo_id)
        return await asyncio.to_thread(show.photos, request, who, kept.draft, child, kept.problems)

    @router.post("/drafts/{draft_id}/photos/{child}/{photo_id}/crop")
    async def crop(
        request: Request, draft_id: str, child: int, photo_id: str, who: Visitor = Depends(desk.operator)
    ) -> Response:
        """Show a square of it, or all of it again."""
        posted, kept = await kept_of(desk, request, who)
        photos = await asyncio.to_thread(desk.drafts.photos, kept.draft)
        for photo in photos:
            if photo.id == photo_id:
                whole = request.query_params.get("whole")
                cropped = "" if whole else ",".join(map(str, crop_of(photo, posted.fields)))
                await asyncio.to_thread(partial(desk.drafts.change_photo, kept.draft, photo_id, crop=cropped))
        return await asyncio.to_thread(show.photos, request, who, kept.draft, child, kept.problems)

    @router.post("/drafts/{draft_id}/photos/{child}/{photo_id}/take")
    async def take(
        request: Request, draft_id: str, child: int, photo_id: str, who: Visitor = Depends(desk.operator)
    ) -> Response:
        """A photo that a parent sent becomes the draft's."""
        _, kept = await kept_of(desk, request, who)
        await asyncio.to_thread(partial(desk.drafts.change_photo, kept.draft, photo_id, parents=False))
        return await asyncio.to_thread(show.photos, request, who, kept.draft, child, kept.problems)

    @router.get("/drafts/{draft_id}/photos/{photo_id}")
    def photo(draft_id: str, photo_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        draft = desk.drafts.open(who.user, draft_id)
        found = next((one for one in desk.drafts.photos(draft) if one.id == photo_id), None)
        if found is None:
            return Response(status_code=404)
        jpeg = square(found.jpeg, found.crop)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})

    return router
