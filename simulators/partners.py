"""Webhook partners: they verify the signature, write down what they got, and show it until told to take it down.

When they have taken it down they say so, as good partners do.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from typing import Literal

import httpx
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.background import BackgroundTask

from simulators.faults import SLOW, Faults
from simulators.received import Record

LIVE = ("De Dagpost", "Spoor & Stations", "Tankstop")
"""Fictitious: a newspaper, a railway, fuel stations."""
EXERCISE = ("Oefenredactie",)
REFUSED = {"error": 503, "reject": 403, "denied": 401}
"""Statuses by fault."""
PING = "baken.ping"
CONFIRM_AFTER = (0, 1, 2, 4, 8, 16, 32)
"""Seconds before each attempt at saying that an alert is gone."""
KEEP = 50
"""Alerts on one partner's screen."""


class Text(BaseModel):
    headline: str


class Data(BaseModel):
    """What a partner reads of a call; the rest it leaves."""

    alert_id: str
    edition: int
    kind: Literal["alert", "update", "refresh", "cancel"]
    texts: dict[str, Text] = {}
    removed_url: str | None = None


class Call(BaseModel):
    data: Data


class Head(BaseModel):
    """Of any call."""

    type: str


class Partner:
    """One receiver."""

    def __init__(self, name: str, *, exercise: bool, secret: str | None = None) -> None:
        self.name = name
        self.exercise = exercise
        self.slug = "".join(c if c.isalnum() else "-" for c in name.lower())
        self.secret = secret or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.headlines: dict[str, dict[str, str]] = {}
        """Alert to what this one shows of it, by language; in memory only."""

    def obey(self, data: Data) -> None:
        """Show what a call brings; a cancel brings nothing, so nothing is left."""
        self.headlines.pop(data.alert_id, None)
        if data.kind != "cancel":
            self.headlines[data.alert_id] = {language: text.headline for language, text in data.texts.items()}
        while len(self.headlines) > KEEP:
            self.headlines.pop(next(iter(self.headlines)))


def partner_app(partners: list[Partner], record: Record, faults: Faults) -> FastAPI:
    app = FastAPI(openapi_url=None)
    by_slug = {partner.slug: partner for partner in partners}

    @app.post("/partner/{slug}")
    async def receive(slug: str, request: Request) -> Response:
        partner = by_slug.get(slug)
        if partner is None:
            return Response(status_code=404)
        if faults.mode("webhook") == "slow":
            await asyncio.sleep(SLOW)
        failure = faults.fails("webhook")
        if failure:
            return Response(status_code=REFUSED[failure])
        body = await request.body()
        try:
            Webhook(partner.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        try:
            if Head.model_validate_json(body).type == PING:
                return Response(status_code=204)
            data = Call.model_validate_json(body).data
        except ValidationError as error:
            return Response(f"{error.error_count()} fields of the call are not as expected", 400)
        said = data.model_dump(include={"alert_id", "edition", "kind"})
        record.add(channel="webhook", recipient=partner.name, id=request.headers["webhook-id"], **said)
        partner.obey(data)
        return Response(status_code=204, background=BackgroundTask(_confirm, data.removed_url))

    return app


async def _confirm(removed_url: str | None) -> None:
    """That it is gone. Baken may be away for a while, as in tests that kill it.

    A demo's Baken is on this machine and speaks no TLS: to read all authorities for it would hold up everybody here.
    """
    if removed_url is None:
        return
    async with httpx.AsyncClient(timeout=5.0, trust_env=False, verify=False) as client:  # noqa: S501  no TLS
        for pause in CONFIRM_AFTER:
            await asyncio.sleep(pause)
            with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
                (await client.post(removed_url)).raise_for_status()
                return
