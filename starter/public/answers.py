"""How the public site answers: bytes with an ETag, so that who asks again and again costs little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from activities.templating import templates

LANGUAGES = ("nl", "en")
HTML = "text/html; charset=utf-8"

TEMPLATES = templates(Path(__file__).parent / "templates")


def respond(
    request: Request, content: bytes, media_type: str, *, status: int = 200, cache: str = "no-cache"
) -> Response:
    """Bytes with an ETag; 304 when the reader has them already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": cache, "vary": "accept-language"}
    if status == 200 and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, media_type=media_type)


def respond_leased(request: Request, shown: Sequence[dict[str, str]], now: datetime, cache: str) -> Response:
    """For `leases.js`: what is shown until when, and our time exactly, where the date header is late."""
    answer = respond(request, json.dumps(shown).encode(), "application/json", cache=cache)
    answer.headers["baken-now"] = now.isoformat(timespec="milliseconds")
    return answer


def html_page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page of ours in the `language` of its values."""
    other = "en" if values["language"] == "nl" else "nl"
    html = TEMPLATES.get_template(template).render(other=other, **values)
    return respond(request, html.encode(), HTML, status=status)


def plain(text: str, status: int) -> Response:
    """A sentence for a program, where there is nothing to give."""
    return Response(text, status, media_type="text/plain")


def language_of(request: Request) -> str:
    """`?lang=`, else what the browser prefers, else Dutch."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    return "en" if request.headers.get("accept-language", "").startswith("en") else "nl"
