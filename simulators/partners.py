"""Webhook partners: they verify the signature, write down what they got, and show it until told to take it down."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

from fastapi import FastAPI, Request, Response
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from simulators.faults import SLOW, Faults
from simulators.received import Record

LIVE = ("De Dagpost", "Spoor & Stations", "Tankstop")
"""Fictitious: a newspaper, a railway, fuel stations."""
EXERCISE = ("Oefenredactie",)


class Partner:
    """One receiver."""

    def __init__(self, name: str, *, exercise: bool) -> None:
        self.name = name
        self.exercise = exercise
        self.slug = "".join(c if c.isalnum() else "-" for c in name.lower())
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.seen: dict[str, dict[str, Any]] = {}
        """Alert to its last call."""


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
            return Response(status_code=403 if failure == "reject" else 503)
        body = await request.body()
        try:
            Webhook(partner.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        call = json.loads(body)
        data = call["data"]
        record.add(
            channel="webhook",
            recipient=partner.name,
            alert_id=data["alert_id"],
            edition=data["edition"],
            kind=data["kind"],
            id=request.headers["webhook-id"],
        )
        partner.seen[data["alert_id"]] = call
        return Response(status_code=204)

    return app
