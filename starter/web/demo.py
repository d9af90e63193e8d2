"""The wall `/demo/`: what every channel shows now, as its receivers see it; and the simulators' records and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from starter.public.site import language_of

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def demo_router(control_url: str) -> APIRouter:
    """Routes under /demo; `control_url` is the simulators' own server on loopback."""
    router = APIRouter(prefix="/demo")

    async def ask(method: str, path: str, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=control_url, trust_env=False, timeout=5) as client:
            return await client.request(method, path, **more)

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
        return _html(request, "demo/wall.html", await _seen(request))

    @router.get("/panels")
    async def panels(request: Request) -> Response:
        return _html(request, "demo/panels.html", await _seen(request))

    async def _seen(request: Request) -> dict[str, Any]:
        seen: dict[str, Any] = (await ask("GET", "/wall.json")).json()
        messages = list(dict.fromkeys(mail["alert_id"] for mail in seen["mails"]))
        alerts = list(dict.fromkeys([*messages, *(call["alert_id"] for call in seen["calls"])]))
        return {**seen, "alerts": alerts[:3]}

    return router


def _pass_on(answer: httpx.Response) -> Response:
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


def _html(request: Request, template: str, values: dict[str, Any]) -> Response:
    language = language_of(request)
    other = "en" if language == "nl" else "nl"
    html = _templates.get_template(template).render(language=language, other=other, **values)
    return Response(html, media_type="text/html; charset=utf-8")
