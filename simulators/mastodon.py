"""A Mastodon server on loopback, as far as an account that posts needs one (docs.joinmastodon.org/methods)."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile

from simulators.social import Account, Accounts, Post, Refused, characters, link_in

LONGEST = 500
LINK = 23
"""Characters that every link counts for."""
LONGEST_ALT = 1500
LARGEST = 16 * 1024 * 1024
PHOTOS = 4
KEYS_LIVE = 3600.0
"""Seconds for which an `Idempotency-Key` is known."""
_URL = re.compile(r"https?://\S+")
_numbers = count()


class Keeps:
    """Of all accounts of a server: photos that wait for their post, and which keys were used."""

    def __init__(self) -> None:
        self.photos: dict[str, tuple[str, str]] = {}
        """Whose, and its description."""
        self.keys: dict[tuple[str, str], tuple[float, str]] = {}


def mastodon_router(accounts: Accounts) -> APIRouter:
    router, keeps = APIRouter(prefix="/api"), Keeps()

    @router.get("/v1/instance")
    async def instance(request: Request) -> dict[str, Any]:
        limits = {"statuses": {"max_characters": LONGEST, "max_media_attachments": PHOTOS}}
        return {"uri": str(request.base_url), "title": "Demo", "version": "4.2.0", "configuration": limits}

    @router.get("/v1/accounts/verify_credentials")
    async def verify(request: Request) -> dict[str, Any]:
        return _person(accounts.by_bearer(request, "mastodon"))

    @router.get("/v1/accounts/lookup")
    async def lookup(acct: str) -> dict[str, Any]:
        account = next((one for one in accounts.on("mastodon") if one.handle == acct), None)
        if account is None:
            raise Refused(404, "Record not found")
        return _person(account)

    @router.get("/v1/accounts/{account_id}/statuses")
    async def statuses(account_id: str, limit: int = 20) -> list[dict[str, Any]]:
        account = next((one for one in accounts.on("mastodon") if one.id == account_id), None)
        if account is None:
            raise Refused(404, "Record not found")
        return [post.value for post in reversed(account.posts.values())][:limit]

    @router.post("/v2/media")
    async def upload(request: Request) -> dict[str, Any]:
        account = accounts.by_bearer(request, "mastodon")
        async with request.form() as form:
            file, description = form.get("file"), str(form.get("description") or "")
            if not isinstance(file, UploadFile) or len(await file.read()) > LARGEST:
                raise Refused(422, "Validation failed: File is too large")
        if characters(description) > LONGEST_ALT:
            raise Refused(422, "Validation failed: Description is too long")
        media_id = _snowflake()
        keeps.photos[media_id] = (account.id, description)
        return _media(media_id, description)

    @router.post("/v1/statuses")
    async def post(request: Request) -> dict[str, Any]:
        account, said = accounts.by_bearer(request, "mastodon"), await _said(request)
        key = request.headers.get("idempotency-key", "")
        at, known = keeps.keys.get((account.id, key), (0.0, ""))
        if key and known and time.monotonic() - at < KEYS_LIVE:
            return _status_of(account, known)
        status = _say(account, keeps, _snowflake(), said, ())
        keeps.keys[account.id, key] = (time.monotonic(), status["id"])
        return status

    @router.put("/v1/statuses/{status_id}")
    async def edit(status_id: str, request: Request) -> dict[str, Any]:
        account, said = accounts.by_bearer(request, "mastodon"), await _said(request)
        before = _status_of(account, status_id)
        mine = [one["id"] for one in before["media_attachments"]]
        return _say(account, keeps, status_id, said, mine)

    @router.delete("/v1/statuses/{status_id}")
    async def delete(status_id: str, request: Request) -> dict[str, Any]:
        if not accounts.by_bearer(request, "mastodon").remove(status_id):
            raise Refused(404, "Record not found")
        return {"id": status_id}

    @router.get("/v1/statuses/{status_id}")
    async def read(status_id: str) -> dict[str, Any]:
        for account in accounts.on("mastodon"):
            if status_id in account.posts:
                return _status_of(account, status_id)
        raise Refused(404, "Record not found")

    return router


async def _said(request: Request) -> dict[str, Any]:
    if "json" in request.headers.get("content-type", ""):
        found: Mapping[str, Any] = await request.json()
        return dict(found)
    async with request.form() as form:
        return {**form, "media_ids": form.getlist("media_ids[]") or form.getlist("media_ids")}


def _say(
    account: Account, keeps: Keeps, status_id: str, said: Mapping[str, Any], attached: list[str] | tuple[()]
) -> dict[str, Any]:
    text, media_ids = str(said.get("status") or ""), [str(one) for one in said.get("media_ids") or ()]
    if characters(_URL.sub("x" * LINK, text)) > LONGEST:
        raise Refused(422, f"Validation failed: Text character limit of {LONGEST} exceeded")
    if len(media_ids) > PHOTOS:
        raise Refused(422, "Validation failed: Cannot attach more than 4 files")
    for one in media_ids:
        if one not in attached and keeps.photos.get(one, ("",))[0] != account.id:
            raise Refused(422, "Validation failed: Media not found")
    before = account.posts.get(status_id)
    media = [_media(one, keeps.photos[one][1]) for one in media_ids if one in keeps.photos]
    media += [one for one in (before.value["media_attachments"] if before else ()) if one["id"] in media_ids]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    status = {
        "id": status_id,
        "created_at": before.value["created_at"] if before else now,
        "edited_at": now if before else None,
        "visibility": str(said.get("visibility") or "public"),
        "language": said.get("language"),
        "uri": f"https://social.example/users/{account.handle}/statuses/{status_id}",
        "url": f"https://social.example/@{account.handle}/{status_id}",
        "content": f"<p>{_URL.sub(_anchor, html.escape(text)).replace(chr(10), '<br />')}</p>",
        "account": _person(account),
        "media_attachments": media,
    }
    account.put(Post(status_id, link_in(text), text, tuple(one["description"] for one in media), status))
    for one in media_ids:
        keeps.photos.pop(one, None)
    return status


def _anchor(found: re.Match[str]) -> str:
    return f'<a href="{found[0]}" rel="nofollow noopener" target="_blank">{found[0]}</a>'


def _status_of(account: Account, status_id: str) -> dict[str, Any]:
    post = account.posts.get(status_id)
    if post is None:
        raise Refused(404, "Record not found")
    found: dict[str, Any] = post.value
    return found


def _person(account: Account) -> dict[str, Any]:
    url = f"https://social.example/@{account.handle}"
    named = {"username": account.handle, "acct": account.handle, "display_name": account.name}
    return {"id": account.id, **named, "url": url}


def _media(media_id: str, description: str) -> dict[str, Any]:
    url = f"https://social.example/media/{media_id}.jpg"
    return {"id": media_id, "type": "image", "url": url, "preview_url": url, "description": description}


def _snowflake() -> str:
    """Grows with time, also over a restart."""
    return str((int(time.time() * 1000) << 16) + next(_numbers) % (1 << 16))
