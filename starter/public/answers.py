"""How the public site answers: bytes with an ETag, so that who asks again and again costs little."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response


def respond(
    request: Request, content: bytes, media_type: str, *, status: int = 200, cache: str = "no-cache"
) -> Response:
    """Bytes with an ETag; 304 when the reader has them already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": cache, "vary": "accept-language"}
    if status == 200 and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, media_type=media_type)


def plain(text: str, status: int) -> Response:
    """A sentence for a program, where there is nothing to give."""
    return Response(text, status, media_type="text/plain")
