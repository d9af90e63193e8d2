"""All simulators of a demo in one process: `python -m simulators`, with the home in `BAKEN_HOME`."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from simulators.faults import MODES, Faults
from simulators.listener import Listener
from simulators.mail import Inbox, serve_mail
from simulators.partners import EXERCISE, LIVE, Partner, partner_app
from simulators.received import Record

CHANNELS = ("email", "webhook")
"""Those that have a counterpart here; `web` and `cap` are Baken's own."""


class Fault(BaseModel):
    channel: str
    mode: str
    seconds: float = Field(gt=0, le=3600)


def control_app(record: Record, faults: Faults, inboxes: list[Inbox], partners: list[Partner]) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/received.json")
    def received(channel: str | None = None, alert: str | None = None) -> list[dict[str, Any]]:
        return record.read(channel, alert)

    @app.post("/faults")
    def set_fault(fault: Fault) -> JSONResponse:
        if fault.channel not in CHANNELS:
            return _problem(f"channel {fault.channel!r} has no counterpart here; use one of {', '.join(CHANNELS)}")
        if fault.mode not in MODES:
            return _problem(f"mode {fault.mode!r} is not known; use one of {', '.join(MODES)}")
        faults.set(fault.channel, fault.mode, fault.seconds)
        return JSONResponse({"channel": fault.channel, "mode": fault.mode, "seconds": fault.seconds})

    @app.delete("/faults")
    def clear_faults() -> JSONResponse:
        faults.clear()
        return JSONResponse({"faults": "none"})

    @app.get("/wall.json")
    def wall() -> dict[str, Any]:
        mails = [mail for inbox in inboxes for mail in inbox.mails]
        calls = [
            {"partner": partner.name, "exercise": partner.exercise, "alert_id": alert_id, "call": call}
            for partner in partners
            for alert_id, call in partner.seen.items()
        ]
        return {"mails": mails[:20], "calls": calls, "faults": {name: faults.mode(name) for name in CHANNELS}}

    return app


def _problem(detail: str) -> JSONResponse:
    return JSONResponse({"type": "about:blank", "title": "Bad input", "status": 400, "detail": detail}, 400)


async def _serve(app: FastAPI) -> int:
    """Serve an app on a free port; the port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    asyncio.get_running_loop().create_task(server.main_loop())
    return int(server.servers[0].sockets[0].getsockname()[1])


async def main(home: Path) -> None:
    record, faults = Record(home / "demo" / "received.jsonl"), Faults()
    inboxes = [Inbox(record, faults, exercise=False), Inbox(record, faults, exercise=True)]
    partners = [Partner(name, exercise=False) for name in LIVE]
    drill = [Partner(name, exercise=True) for name in EXERCISE]
    listeners = [
        Listener(await serve_mail(inboxes[0]), lambda: faults.mode("email") == "down"),
        Listener(await serve_mail(inboxes[1]), lambda: faults.mode("email") == "down"),
        Listener(await _serve(partner_app(partners, record, faults)), lambda: faults.mode("webhook") == "down"),
        Listener(await _serve(partner_app(drill, record, faults)), lambda: faults.mode("webhook") == "down"),
    ]
    for listener in listeners:
        await listener.start()
    control = await _serve(control_app(record, faults, inboxes, [*partners, *drill]))
    _write_ports(home / "demo" / "ports.json", listeners, control, partners, drill)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keepers = [asyncio.create_task(listener.run()) for listener in listeners]
    await stop.wait()
    for keeper in keepers:
        keeper.cancel()


def _write_ports(
    path: Path, listeners: list[Listener], control: int, partners: list[Partner], drill: list[Partner]
) -> None:
    def listed(port: int, some: list[Partner]) -> list[dict[str, str]]:
        return [
            {"name": one.name, "url": f"http://127.0.0.1:{port}/partner/{one.slug}", "secret": one.secret}
            for one in some
        ]

    ports = {
        "control": f"http://127.0.0.1:{control}",
        "smtp": listeners[0].port,
        "smtp_exercise": listeners[1].port,
        "partners": listed(listeners[2].port, partners),
        "partners_exercise": listed(listeners[3].port, drill),
    }
    temporary = path.with_name(f".ports.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(ports, file)
    temporary.replace(path)


if __name__ == "__main__":
    asyncio.run(main(Path(os.environ["BAKEN_HOME"])))
