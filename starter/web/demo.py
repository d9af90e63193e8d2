"""The wall `/demo/`: what every channel shows now, as its receivers see it; and the simulators' records and faults.

Works without script. With it, the page asks each second for what changed and gets only those panels, so that a mail
or page somebody reads stays where it is.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response

from activities.templating import templates
from starter.public.answers import language_of
from starter.web.wall import look
from starter.web.wall_words import WORDS

PANELS = (
    "verdict",
    "web",
    "cap",
    "email",
    "app",
    "webpush",
    "sms",
    "cellbroadcast",
    "webhook",
    "social",
    "signage",
    "poster",
)
MAIL_CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox"
)
"""Of a mail's own HTML: its styles are inline, as mail readers want them; nothing in it runs or is fetched."""
HTML = "text/html; charset=utf-8"

_templates = templates(Path(__file__).parent / "templates")


def demo_router(control_url: str) -> APIRouter:
    """Routes under /demo; `control_url` is the simulators' own server on loopback."""
    router = APIRouter(prefix="/demo")
    # Loopback speaks no TLS here; without it each client would read all authorities of the machine.
    trusts_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    async def ask(method: str, path: str, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=control_url, trust_env=False, verify=trusts_nobody, timeout=5) as client:
            try:
                return await client.request(method, path, **more)
            except httpx.TransportError:
                return httpx.Response(503, json={"title": "The simulators do not answer", "status": 503})

    @router.get("/received.json")
    async def received(request: Request) -> Response:
        return _pass_on(await ask("GET", "/received.json", params=dict(request.query_params)))

    @router.post("/faults")
    async def set_fault(request: Request) -> Response:
        body = await request.body()
        return _pass_on(await ask("POST", "/faults", content=body, headers={"content-type": "application/json"}))

    @router.delete("/faults")
    async def clear_faults() -> Response:
        return _pass_on(await ask("DELETE", "/faults"))

    @router.get("/")
    async def wall(request: Request) -> Response:
        panels, seen = await _panels(request)
        paused = request.query_params.get("live") == "0"
        return _page(request, "demo/wall.html", panels=panels, seen=seen, paused=paused)

    @router.get("/panels")
    async def changed(request: Request, seen: str = "") -> Response:
        """The panels that differ from those the reader has; 204 when none does."""
        panels, now = await _panels(request)
        if now == seen:
            return Response(status_code=204)
        had = dict(zip(PANELS, seen.split("."), strict=False))
        new = dict(zip(PANELS, now.split("."), strict=True))
        changes = {name: html for name, html in panels.items() if had.get(name) != new[name]}
        return _page(request, "demo/changes.html", panels=changes, seen=now)

    @router.post("/texts")
    async def answer(request: Request) -> Response:
        """A text message that a phone sends, such as STOP: `{"sender", "text"}`."""
        body = await request.body()
        return _pass_on(await ask("POST", "/texts", content=body, headers={"content-type": "application/json"}))

    @router.get("/phone/")
    async def phone(request: Request, exercise: bool = False) -> Response:
        """A phone with an app that subscribed to a topic: where it is, it keeps to itself."""
        return _page(request, "demo/phone.html", exercise=exercise)

    @router.get("/phone/messages.json")
    async def pushed(exercise: bool = False) -> Response:
        """What the gateway brings to that phone; where a real one pushes, this one is asked."""
        topic = "exercise" if exercise else "nl"
        return _pass_on(await ask("GET", f"/topics/{topic}.json", params={"exercise": exercise}))

    @router.get("/mails/{number}")
    async def mail(request: Request, number: int) -> Response:
        """A mail as its receiver sees it."""
        answer = await ask("GET", f"/mails/{number}")
        opened = answer.json() if answer.is_success else None
        return _page(request, "demo/mail.html", answer.status_code, number=number, mail=opened)

    @router.get("/mails/{number}/body")
    async def mail_body(number: int) -> Response:
        answer = await ask("GET", f"/mails/{number}")
        if not answer.is_success:
            return _pass_on(answer)
        return Response(answer.json()["html"], media_type=HTML, headers={"content-security-policy": MAIL_CSP})

    async def _panels(request: Request) -> tuple[dict[str, str], str]:
        """Each panel's HTML, and one mark for all of them that changes when they do."""
        answer = await ask("GET", "/wall.json")
        transport = httpx.ASGITransport(app=request.app)
        async with httpx.AsyncClient(transport=transport, base_url=str(request.base_url)) as public:
            seen = await look(public, answer.json() if answer.is_success else None, language_of(request))
        panels = {name: _render(request, f"demo/{name}.html", wall=seen) for name in PANELS}
        return panels, ".".join(hashlib.sha256(html.encode()).hexdigest()[:12] for html in panels.values())

    return router


def _pass_on(answer: httpx.Response) -> Response:
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    return Response(_render(request, template, **values), status, {"cache-control": "no-store"}, HTML)


def _render(request: Request, template: str, **values: Any) -> str:
    language = language_of(request)
    words = {key: word[language] for key, word in WORDS.items()}
    other = "en" if language == "nl" else "nl"
    return _templates.get_template(template).render(language=language, other=other, t=words, **values)
