"""The simulators' own server: what they received, what they show now, and the faults they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from simulators.cellbroadcast import CHANNEL as CELL
from simulators.cellbroadcast import LETTERS, Network
from simulators.faults import MODES, Faults
from simulators.gateway import Gateway
from simulators.mail import Inbox, Mail
from simulators.partners import Partner
from simulators.received import Line, Record
from simulators.screens import Screens
from simulators.sms import Phones
from simulators.social import Accounts

CHANNELS = ("email", "webhook", "app", "webpush", "sms", CELL, "social", "signage")
"""Those that have a counterpart here; `web` and `cap` are Baken's own."""
FAULTY = (*CHANNELS, *(f"{CELL}.{letter}" for letter in LETTERS))
"""What can be given a fault: also one of the two addresses of every network."""
ON_THE_WALL = 3
"""Alerts of which it tells; the newest."""
IN_THE_INBOX = 8
_EXPECTED = {"/faults": "channel, mode and seconds (1 to 3600)", "/texts": "sender and text"}


class Counts(Protocol):
    """What a bench's counterpart tells of an alert afterwards."""

    def count(self, alert_id: str) -> dict[str, Any]: ...

    def clear(self) -> None: ...


class Fault(BaseModel):
    channel: str
    mode: str
    seconds: float = Field(gt=0, le=3600)


class Text(BaseModel):
    """A text message that a phone sends."""

    sender: str
    text: str
    exercise: bool = False


class Simulators:
    """All counterparts of one demo."""

    def __init__(
        self,
        record: Record,
        faults: Faults,
        inboxes: Sequence[Inbox],
        partners: Sequence[Partner],
        phones: Sequence[Phones],
        networks: Sequence[Network],
        social: Sequence[Accounts],
        screens: Sequence[Screens],
        gateways: Sequence[Gateway],
        kept: Mapping[str, Counts],
    ) -> None:
        self.gateways = gateways
        """Of phones: the public's and that of exercises; none for benches."""
        self.kept = kept
        """By channel; empty but for benches."""
        self.record = record
        self.faults = faults
        self.inboxes = inboxes
        self.partners = partners
        self.phones = phones
        self.networks = networks
        self.social = social
        self.screens = screens

    def mails(self) -> list[Mail]:
        """Of all inboxes, the newest first."""
        return sorted((mail for inbox in self.inboxes for mail in inbox.mails()), key=lambda mail: -mail.number)

    def wall(self) -> dict[str, Any]:
        """What receivers have before them now. The record counts, so it is right after a restart too."""
        known = self.record.alerts()
        alerts = sorted(known, key=known.__getitem__, reverse=True)[:ON_THE_WALL]
        return {
            "alerts": known,
            "mailboxes": self._receivers("email", alerts),
            "phones": self._receivers("app", alerts),
            "browsers": self._receivers("webpush", alerts),
            "handsets": self._receivers("sms", alerts),
            "texts": [text for phones in self.phones for text in phones.shown() if text["alert_id"] in alerts],
            "mails": [mail.head() for mail in self.mails()[:IN_THE_INBOX]],
            "partners": [self._screen(partner, alerts) for partner in self.partners],
            "networks": [network.shown(alerts) for network in self.networks],
            "accounts": [account.seen(alerts) for server in self.social for account in server.all],
            "signs": [sign for some in self.screens for sign in some.seen(alerts)],
            "faults": {name: self.faults.mode(name) for name in CHANNELS},
        }

    def _receivers(self, channel: str, alerts: Sequence[str]) -> list[dict[str, Any]]:
        newest = ((alert, self.record.newest(channel, alert).values()) for alert in alerts)
        return [{"alert_id": alert, **_counts(lines)} for alert, lines in newest if lines]

    def _screen(self, partner: Partner, alerts: Sequence[str]) -> dict[str, Any]:
        lines = [self.record.newest("webhook", alert).get(partner.name) for alert in alerts]
        calls = [
            {"alert_id": line["alert_id"], "kind": line["kind"], "at": line["at"], **_headline(partner, line)}
            for line in lines
            if line
        ]
        return {"name": partner.name, "exercise": partner.exercise, "calls": calls}


def control_app(simulators: Simulators, settle: Callable[[], Awaitable[None]]) -> FastAPI:
    """`settle` brings every socket to the new faults, so that a fault holds once it is answered."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(RequestValidationError)
    async def bad_input(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _problem(f"{first['loc'][-1]}: {first['msg']}; expected {_EXPECTED[request.url.path]}")

    @app.get("/received.json")
    async def received(channel: str | None = None, alert: str | None = None) -> JSONResponse:
        return JSONResponse(simulators.record.read(channel, alert))

    @app.post("/faults")
    async def set_fault(fault: Fault) -> JSONResponse:
        if fault.channel not in FAULTY:
            return _problem(f"channel {fault.channel!r} has no counterpart here; use one of {', '.join(FAULTY)}")
        if fault.mode not in MODES:
            return _problem(f"mode {fault.mode!r} is not known; use one of {', '.join(MODES)}")
        simulators.faults.set(fault.channel, fault.mode, fault.seconds)
        await settle()
        return JSONResponse(fault.model_dump())

    @app.delete("/faults")
    async def clear_faults() -> JSONResponse:
        simulators.faults.clear()
        await settle()
        return JSONResponse({"faults": "none"})

    @app.get("/kept.json")
    async def kept(alert: str, channel: str = "app") -> JSONResponse:
        if channel not in simulators.kept:
            return _problem("counterparts keep what they got in received.json; this is for benches", 404)
        return JSONResponse(await asyncio.to_thread(simulators.kept[channel].count, alert))

    @app.delete("/kept.json")
    async def forget() -> JSONResponse:
        for kept in simulators.kept.values():
            kept.clear()
        return JSONResponse({"kept": "none"})

    @app.post("/texts")
    async def text(text: Text) -> JSONResponse:
        """Somebody answers with a text message, such as STOP."""
        heard = await simulators.phones[text.exercise].write(text.sender, text.text)
        return JSONResponse(text.model_dump()) if heard else _problem("nobody listens for text messages", 404)

    @app.get("/topics/{topic}.json")
    async def on_topic(topic: str, exercise: bool = False) -> list[dict[str, Any]]:
        """What a phone got that subscribed to this topic: of each alert the newest message."""
        return [
            one for gateway in simulators.gateways[exercise:][:1] for one in gateway.on_topics.get(topic, {}).values()
        ]

    @app.get("/wall.json")
    async def wall() -> dict[str, Any]:
        return simulators.wall()

    @app.get("/mails/{number}")
    async def mail(number: int) -> JSONResponse:
        found = next((mail for mail in simulators.mails() if mail.number == number), None)
        return JSONResponse(found.opened()) if found else _problem(f"mail {number} is not kept any more", 404)

    return app


def _counts(lines: Any) -> dict[str, int]:
    ended = sum(line["kind"] == "cancel" for line in lines)
    return {"showing": len(lines) - ended, "ended": ended}


def _headline(partner: Partner, line: Line) -> dict[str, dict[str, str]]:
    """Empty when taken down, and after a restart: texts are never on disk."""
    return {"headline": partner.headlines.get(line["alert_id"], {})}


def _problem(detail: str, status: int = 400) -> JSONResponse:
    title = "Bad input" if status == 400 else "Not found"
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")
