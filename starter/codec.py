"""`/codec/decode`: Temporal's remote codec, so that an engineer reads an alert's history in the Temporal Web UI.

Only for somebody signed in to the console as engineer, or with an engineer's bearer token (the `temporal` command).
A payload that cannot be opened is answered with a tombstone, never with an error: one of those would blank the page.
"""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request, Response
from google.protobuf import json_format
from temporalio.api.common.v1 import Payloads

from alerts.vocabulary import Role
from starter.begin import read_tokens
from starter.client import Baken
from starter.settings import Settings
from starter.web.session import Sessions
from workflows.codec import AlertCodec, Reader

MOST_BYTES = 20_000_000


def codec_router(baken: Baken, settings: Settings, sessions: Sessions) -> APIRouter:
    router = APIRouter(prefix="/codec")
    codec = AlertCodec(baken.parts.keys, Reader.CODEC_SERVER)

    @router.options("/decode")
    async def preflight(request: Request) -> Response:
        return Response(status_code=204, headers=_cors(request, settings))

    @router.post("/decode")
    async def decode(request: Request) -> Response:
        cors = _cors(request, settings)
        foreign = "origin" in request.headers and "access-control-allow-origin" not in cors
        if foreign or not _engineer(request, baken, settings, sessions):
            return Response("sign in to the console as engineer first", 401, cors, "text/plain")
        payloads = Payloads()
        try:
            body = await request.body() if int(request.headers.get("content-length") or 0) < MOST_BYTES else b""
            json_format.Parse(body, payloads, ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, ValueError):
            return Response("not payloads as Temporal writes them", 400, cors, "text/plain")
        opened = Payloads(payloads=[(await codec.decode([payload]))[0] for payload in payloads.payloads])
        return Response(json_format.MessageToJson(opened), 200, cors, "application/json")

    return router


def _cors(request: Request, settings: Settings) -> dict[str, str]:
    """Only the Temporal Web UI of this home, and our own pages, may ask from a browser."""
    origin, run = request.headers.get("origin"), settings.run_info()
    if origin is None or origin not in (run.temporal_ui, run.web):
        return {"vary": "origin"}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "content-type, x-namespace, authorization",
        "vary": "origin",
    }


def _engineer(request: Request, baken: Baken, settings: Settings, sessions: Sessions) -> bool:
    if Role.ENGINEER in sessions.visitor(request).roles:
        return True
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer":
        return False
    known = [
        user
        for token, user in read_tokens(settings).items()
        if hmac.compare_digest(token.encode(), given.strip().encode())
    ]
    return any(Role.ENGINEER in baken.person(user).roles for user in known)
