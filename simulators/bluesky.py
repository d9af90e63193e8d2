"""A personal data server of the AT Protocol on loopback, as far as an account that posts needs one.

It holds posts to their lexicon (`app.bsky.feed.post`, `app.bsky.embed.images`): lengths, keys, links, pictures.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request

from simulators.social import Account, Accounts, Post, Refused, characters, link_in

COLLECTION = "app.bsky.feed.post"
LONGEST = 300
MOST_BYTES = 3000
LARGEST = 1_000_000
PHOTOS = 4
JPEG = b"\xff\xd8"
"""How such a file begins: a server looks for itself what it is given."""
SESSION = 7200
"""Seconds."""
_KEY = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")


def bluesky_router(accounts: Accounts) -> APIRouter:
    router, sessions, blobs = APIRouter(prefix="/xrpc"), dict[str, Account](), dict[str, dict[str, Any]]()

    def who(request: Request) -> Account:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in sessions:
            raise Refused(400, "InvalidToken")
        return sessions[token]

    def whose(name: str) -> Account:
        known = (one for one in accounts.on("bluesky") if name in (_did(one), one.handle))
        account = next(known, None)
        if account is None:
            raise Refused(400, "RepoNotFound")
        return account

    async def write(request: Request, *, new: bool) -> dict[str, Any]:
        account, said = who(request), await request.json()
        key = str(said.get("rkey") or (_fresh_key() if new else ""))
        if whose(said["repo"]) is not account or said["collection"] != COLLECTION or not _KEY.fullmatch(key):
            raise Refused(400)
        if new and key in account.posts:
            raise Refused(400)
        record = said["record"]
        account.put(Post(key, link_in(_checked(record, blobs)), record["text"], _alts(record), record))
        return _named(account, key, record)

    @router.post("/com.atproto.server.createSession")
    async def create_session(request: Request) -> dict[str, Any]:
        said = await request.json()
        for account in accounts.on("bluesky"):
            right = secrets.compare_digest(str(said["password"]).encode(), account.secret.encode())
            if said["identifier"] in (_did(account), account.handle) and right:
                token = _token(account, "access")
                sessions[token] = account
                return {**_session(account), "accessJwt": token, "refreshJwt": _token(account, "refresh")}
        raise Refused(401)

    @router.get("/com.atproto.server.getSession")
    async def get_session(request: Request) -> dict[str, Any]:
        return _session(who(request))

    @router.post("/com.atproto.repo.uploadBlob")
    async def upload(request: Request) -> dict[str, Any]:
        who(request)
        data = await request.body()
        blob = {
            "$type": "blob",
            "ref": {"$link": _cid(data, codec=0x55)},
            "mimeType": "image/jpeg" if data.startswith(JPEG) else "application/octet-stream",
            "size": len(data),
        }
        blobs[blob["ref"]["$link"]] = blob  # type: ignore[index]  # JSON of our own
        return {"blob": blob}

    @router.post("/com.atproto.repo.createRecord")
    async def create(request: Request) -> dict[str, Any]:
        return await write(request, new=True)

    @router.post("/com.atproto.repo.putRecord")
    async def put(request: Request) -> dict[str, Any]:
        return await write(request, new=False)

    @router.post("/com.atproto.repo.deleteRecord")
    async def delete(request: Request) -> dict[str, Any]:
        """Also right when it is not there."""
        account, said = who(request), await request.json()
        if whose(said["repo"]) is not account or said["collection"] != COLLECTION:
            raise Refused(400)
        account.remove(str(said["rkey"]))
        return {}

    @router.get("/com.atproto.repo.getRecord")
    async def get(repo: str, collection: str, rkey: str) -> dict[str, Any]:
        account = whose(repo)
        if collection != COLLECTION or rkey not in account.posts:
            raise Refused(400, "RecordNotFound")
        record = account.posts[rkey].value
        return {**_named(account, rkey, record), "value": record}

    @router.get("/com.atproto.repo.listRecords")
    async def list_records(repo: str, collection: str, limit: int = 50) -> dict[str, Any]:
        account = whose(repo)
        newest = sorted(account.posts.values(), key=lambda post: post.id, reverse=True)[:limit]
        return {"records": [{**_named(account, post.id, post.value), "value": post.value} for post in newest]}

    return router


def _checked(record: Mapping[str, Any], blobs: Mapping[str, Any]) -> str:
    """The address that the post leads to; raises Refused for a record that the lexicon does not allow."""
    text = str(record["text"])
    moment = datetime.fromisoformat(record["createdAt"])
    if characters(text) > LONGEST or len(text.encode()) > MOST_BYTES or moment.tzinfo is None:
        raise Refused(400)
    for facet in record.get("facets") or ():
        index = facet["index"]
        if not 0 <= index["byteStart"] < index["byteEnd"] <= len(text.encode()):
            raise Refused(400)
    images = (record.get("embed") or {}).get("images", ())
    if len(images) > PHOTOS or any("alt" not in image for image in images):
        raise Refused(400)
    for image in images:
        blob = blobs.get(image["image"]["ref"]["$link"])
        if blob is None or blob["size"] > LARGEST or not blob["mimeType"].startswith("image/"):
            raise Refused(400, "BlobNotFound")
    links = [feature["uri"] for facet in record.get("facets") or () for feature in facet["features"]]
    return " ".join([*links, text])


def _alts(record: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(image["alt"] for image in (record.get("embed") or {}).get("images", ()))


def _named(account: Account, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    content = json.dumps(record, sort_keys=True, ensure_ascii=False).encode()
    return {"uri": f"at://{_did(account)}/{COLLECTION}/{key}", "cid": _cid(content, codec=0x71)}


def _did(account: Account) -> str:
    """A name of the kind that the network gives, which never changes."""
    letters = base64.b32encode(hashlib.sha256(account.handle.encode()).digest()).decode().lower()
    return f"did:plc:{letters[:24]}"


def _session(account: Account) -> dict[str, Any]:
    return {"did": _did(account), "handle": account.handle, "active": True}


def _token(account: Account, scope: str) -> str:
    """In the form of a JWT; this server knows its own without a signature."""
    now = int(time.time())
    claims = {"scope": f"com.atproto.{scope}", "sub": _did(account), "iat": now, "exp": now + SESSION}
    parts = (json.dumps({"typ": "JWT", "alg": "none"}), json.dumps(claims), secrets.token_hex(16))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _cid(content: bytes, *, codec: int) -> str:
    """Version 1, SHA-256, in base 32."""
    raw = bytes((1, codec, 0x12, 0x20)) + hashlib.sha256(content).digest()
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")


def _fresh_key() -> str:
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    number = (time.time_ns() // 1000) << 10
    return "".join(digits[number >> shift & 31] for shift in range(60, -1, -5))
