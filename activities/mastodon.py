"""Mastodon: one account by its client API.

A post is an edit or a deletion away from saying something else, but a server goes on showing what an edited post said
before (its history): whoever must not be read any more is deleted.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from activities.endpoints import MastodonAccount
from activities.social_http import Photo, Posted, Saying, ask, listed, of, said

PHOTOS = 4
PROCESSED = 0.5
"""Seconds between two looks whether a photo is ready."""
LAST = 40
"""Posts that are looked through; the most that one answer has."""
_NOT_THERE = (404, 410)


class Mastodon:
    """Photos that were uploaded and not posted yet are kept in `uploads`: thirty in half an hour are allowed."""

    edits = True

    def __init__(self, client: httpx.AsyncClient, account: MastodonAccount, uploads: dict[str, Any]) -> None:
        self._client = client
        self._account = account
        self._uploads = uploads
        self._who = account.name
        self._token = {"authorization": f"Bearer {account.token}"}

    async def check(self) -> None:
        await self._ask("GET", "/api/v1/accounts/verify_credentials")

    async def post(self, saying: Saying, key: str, may_go: Callable[[], None]) -> Posted:
        said_so = await self._saying(saying, may_go)
        headers = {"idempotency-key": key}
        answer = await self._ask("POST", "/api/v1/statuses", may_go=may_go, json=said_so, headers=headers)
        self._forget(saying)
        return self._posted(answer)

    async def edit(self, post_id: str, saying: Saying, may_go: Callable[[], None]) -> Posted | None:
        said_so = await self._saying(saying, may_go)
        url = f"/api/v1/statuses/{post_id}"
        answer = await self._ask("PUT", url, may_go=may_go, expect=_NOT_THERE, json=said_so)
        if answer.status_code in _NOT_THERE:
            return None
        self._forget(saying)
        return self._posted(answer)

    async def delete(self, post_id: str) -> None:
        await self._ask("DELETE", f"/api/v1/statuses/{post_id}", expect=_NOT_THERE)

    async def find(self, mark: str) -> Collection[str]:
        me = said(self._who, await self._ask("GET", "/api/v1/accounts/verify_credentials"))
        path = f"/api/v1/accounts/{of(self._who, me, 'id')}/statuses"
        answer = await self._ask("GET", path, params={"limit": LAST, "exclude_reblogs": "true"})
        found = listed(self._who, answer)
        return [of(self._who, one, "id") for one in found if _has(one, mark)]

    async def read(self, post_id: str, mark: str) -> bool:
        url = f"{self._account.url}/api/v1/statuses/{post_id}"
        answer = await ask(self._client, self._who, "GET", url, expect=(401, 403, *_NOT_THERE))
        return answer.is_success and _has(said(self._who, answer), mark)

    async def _saying(self, saying: Saying, may_go: Callable[[], None]) -> dict[str, Any]:
        media = [await self._upload(photo, saying.language, may_go) for photo in saying.photos[:PHOTOS]]
        return {"status": saying.text, "language": saying.language, "visibility": "public", "media_ids": media}

    async def _upload(self, photo: Photo, language: str, may_go: Callable[[], None]) -> str:
        kept = self._kept(photo, language)
        if kept not in self._uploads:
            file, said_of_it = {"file": ("photo.jpg", photo.bytes.jpeg, "image/jpeg")}, {"description": photo.alt}
            answer = await self._ask("POST", "/api/v2/media", may_go=may_go, files=file, data=said_of_it)
            media_id = of(self._who, said(self._who, answer), "id")
            while answer.status_code in (202, 206):
                await asyncio.sleep(PROCESSED)
                answer = await self._ask("GET", f"/api/v1/media/{media_id}")
            self._uploads[kept] = media_id
        return str(self._uploads[kept])

    def _forget(self, saying: Saying) -> None:
        """What was posted belongs to that post."""
        for photo in saying.photos:
            self._uploads.pop(self._kept(photo, saying.language), None)

    def _kept(self, photo: Photo, language: str) -> str:
        return f"{self._who}/{language}/{photo.bytes.sha256}"

    def _posted(self, answer: httpx.Response) -> Posted:
        found = said(self._who, answer)
        return Posted(of(self._who, found, "id"), of(self._who, found, "url"))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self._token, **more.pop("headers", {})}
        url = f"{self._account.url}{path}"
        return await ask(self._client, self._who, method, url, proof="token", headers=headers, **more)


def _has(status: Mapping[str, Any], mark: str) -> bool:
    """Whether a post has a link with this in it."""
    return mark in html.unescape(str(status.get("content", "")))
