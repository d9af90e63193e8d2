"""Bluesky: one account by the AT Protocol, at the account's own server (PDS).

There is no edit: of a record that is put anew, readers go on seeing the first version. So what changes is said in a
new record, and the old one is deleted. A record's key is ours to choose, so a record that is put twice is one record.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection
from typing import Any

import httpx
from PIL import Image

from activities.channels.base import Rejected
from activities.endpoints import BlueskyAccount
from activities.social_http import DENIED, Photo, Posted, Saying, ask, denied, of, said
from activities.social_text import short_link
from activities.tid import moment_of

COLLECTION = "app.bsky.feed.post"
PHOTOS = 4
LARGEST = 1_000_000
"""Bytes of a picture that every server takes; the lexicon was raised to 2,000,000 since."""
SIDES = (1600, 1200, 900, 600)
"""Pixels to which a larger one is made smaller until it is small enough."""
LAST = 100
"""Records that are looked through; the most that one answer has."""
_PUBLIC = "https://bsky.app"
_PROOF = "handle or app password"
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})


class Bluesky:
    """`kept` has the session and uploads by account: sessions are few (300 a day), uploads wait for their record."""

    edits = False

    def __init__(self, client: httpx.AsyncClient, account: BlueskyAccount, kept: dict[str, Any]) -> None:
        self._client = client
        self._account = account
        self._kept = kept
        self._key = f"{account.handle} {account.url}"
        """Not its name: a public and an exercise account may have the same, and must never share a login."""
        self._who = account.name

    async def check(self) -> None:
        await self._ask("GET", "com.atproto.server.getSession")

    async def post(self, saying: Saying, key: str, may_go: Callable[[], None]) -> Posted:
        record = self._record(saying, key, [await self._image(photo, may_go) for photo in saying.photos[:PHOTOS]])
        did = await self._did()
        record = {"repo": did, "collection": COLLECTION, "rkey": key, "record": record}
        found = said(self._who, await self._ask("POST", "com.atproto.repo.putRecord", may_go, json=record))
        of(self._who, found, "uri")
        for photo in saying.photos:
            self._kept.pop(self._blob(photo), None)
        return Posted(key, f"{_PUBLIC}/profile/{did}/post/{key}")

    async def edit(self, post_id: str, saying: Saying, may_go: Callable[[], None]) -> Posted | None:
        """Never asked for: `edits` says so."""
        return None

    async def delete(self, post_id: str) -> None:
        gone = {"repo": await self._did(), "collection": COLLECTION, "rkey": post_id}
        await self._ask("POST", "com.atproto.repo.deleteRecord", json=gone)

    async def find(self, mark: str) -> Collection[str]:
        asked = {"repo": await self._did(), "collection": COLLECTION, "limit": LAST}
        found = said(self._who, await self._ask("GET", "com.atproto.repo.listRecords", params=asked))
        records = [one for one in found.get("records", ()) if isinstance(one, dict) and _has(one.get("value"), mark)]
        return [of(self._who, one, "uri").rpartition("/")[2] for one in records]

    async def read(self, post_id: str, mark: str) -> bool:
        asked = {"repo": await self._did(), "collection": COLLECTION, "rkey": post_id}
        url = f"{self._account.url}/xrpc/com.atproto.repo.getRecord"
        answer = await ask(self._client, self._who, "GET", url, expect=(400, 404), params=asked)
        return answer.is_success and _has(said(self._who, answer).get("value"), mark)

    def _record(self, saying: Saying, key: str, images: list[dict[str, Any]]) -> dict[str, Any]:
        """The same under the same key, its time too."""
        shown = short_link(saying.link)
        start = saying.text.encode().rindex(shown.encode())
        facet = {
            "index": {"byteStart": start, "byteEnd": start + len(shown.encode())},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": saying.link}],
        }
        record: dict[str, Any] = {
            "$type": COLLECTION,
            "text": saying.text,
            "langs": [saying.language],
            "createdAt": moment_of(key).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "facets": [facet],
        }
        if images:
            record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        return record

    async def _image(self, photo: Photo, may_go: Callable[[], None]) -> dict[str, Any]:
        name = self._blob(photo)
        if name not in self._kept:
            jpeg = smaller(photo.bytes.jpeg)
            headers = {"content-type": "image/jpeg"}
            answer = await self._ask("POST", "com.atproto.repo.uploadBlob", may_go, content=jpeg, headers=headers)
            self._kept[name] = said(self._who, answer).get("blob")
        return {"alt": photo.alt, "image": self._kept[name]}

    def _blob(self, photo: Photo) -> str:
        return f"{self._key}/{photo.bytes.sha256}"

    async def _did(self) -> str:
        return of(self._who, await self._session(), "did")

    async def _session(self) -> dict[str, Any]:
        if self._key not in self._kept:
            login = {"identifier": self._account.handle, "password": self._account.password}
            url = f"{self._account.url}/xrpc/com.atproto.server.createSession"
            session = said(self._who, await ask(self._client, self._who, "POST", url, proof=_PROOF, json=login))
            of(self._who, session, "accessJwt")
            self._kept[self._key] = session
        found: dict[str, Any] = self._kept[self._key]
        return found

    async def _ask(
        self, method: str, name: str, may_go: Callable[[], None] = lambda: None, **more: Any
    ) -> httpx.Response:
        """With the session there is, or a new one when that has run out; `may_go` is called after any login."""
        old = self._key in self._kept
        headers = {"authorization": f"Bearer {(await self._session())['accessJwt']}", **more.get("headers", {})}
        url = f"{self._account.url}/xrpc/{name}"
        asked = {**more, "headers": headers}
        answer = await ask(self._client, self._who, method, url, expect=(*DENIED, 400), may_go=may_go, **asked)
        if answer.is_success:
            return answer
        if answer.status_code in DENIED or said(self._who, answer).get("error") in _EXPIRED:
            self._kept.pop(self._key, None)
            if old:
                return await self._ask(method, name, may_go, **more)
            raise denied(self._who, _PROOF, answer.status_code)
        raise Rejected(f"{self._who} refused it ({answer.status_code})")


def _has(record: Any, mark: str) -> bool:
    """Whether a post has a link with this in it."""
    facets = record.get("facets") if isinstance(record, dict) else None
    return mark in json.dumps(facets, ensure_ascii=False)


def smaller(jpeg: bytes) -> bytes:
    """The picture in at most `LARGEST` bytes."""
    for side in SIDES:
        if len(jpeg) <= LARGEST:
            break
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            image.save(out, "JPEG", quality=80, optimize=True)
        jpeg = out.getvalue()
    return jpeg
