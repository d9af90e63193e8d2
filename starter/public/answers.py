"""How the public site answers: bytes with an ETag, so that who asks again and again costs little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from activities.templating import templates

LANGUAGES = ("nl", "en")
HTML = "text/html; charset=utf-8"

SHARED_SECONDS = 1
"""How long a cache before us, a CDN say, may answer for us: a crowd then costs us a request a second."""
RENEWING_SECONDS = 1
"""How long it may go on with that while it asks us for the next, so that a crowd never waits for one answer."""

TEMPLATES = templates(Path(__file__).parent / "templates")


def respond(
    request: Request, content: bytes, media_type: str, *, status: int = 200, cache: str = "no-cache"
) -> Response:
    """Bytes with an ETag; 304 when the reader has them already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": cache}
    if request.query_params.get("lang") not in LANGUAGES:
        headers["vary"] = "accept-language"
    if status == 200 and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, media_type=media_type)


def shared(left: timedelta | None = None) -> str:
    """`Cache-Control` for what caches before us may keep, never beyond the lease of which so much is left.

    A reader's own cache comes after theirs and may add the second of renewing once more.
    """
    if left is not None and left < timedelta(seconds=SHARED_SECONDS + 2 * RENEWING_SECONDS):
        return "no-cache"
    return f"public, s-maxage={SHARED_SECONDS}, max-age=0, stale-while-revalidate={RENEWING_SECONDS}, stale-if-error=0"


def stamped(answer: Response, stamp: str) -> Response:
    """For `Herd`, which takes it off again: the answer hangs on that stamp alone."""
    answer.headers["baken-stamp"] = stamp
    return answer


def respond_leased(request: Request, shown: Sequence[dict[str, str]], now: datetime, cache: str) -> Response:
    """For `leases.js`: what is shown until when, and our time exactly, where the date header is late."""
    answer = respond(request, json.dumps(shown).encode(), "application/json", cache=cache)
    answer.headers["baken-now"] = now.isoformat(timespec="milliseconds")
    return answer


def html_page(
    request: Request, template: str, status: int = 200, *, cache: str = "no-cache", **values: Any
) -> Response:
    """A page of ours in the `language` of its values."""
    other = "en" if values["language"] == "nl" else "nl"
    html = TEMPLATES.get_template(template).render(other=other, **values)
    return respond(request, html.encode(), HTML, status=status, cache=cache)


def plain(text: str, status: int) -> Response:
    """A sentence for a program, where there is nothing to give."""
    return Response(text, status, media_type="text/plain")


def language_of(request: Request) -> str:
    """`?lang=`, else what the browser prefers, else Dutch."""
    return language_among(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))


def language_among(asked: str, preferred: str) -> str:
    """The language asked for by name, else by the preferences of a browser, else Dutch."""
    if asked in LANGUAGES:
        return asked
    return "en" if preferred.startswith("en") else "nl"
