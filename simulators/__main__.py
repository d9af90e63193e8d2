"""All simulators of a demo in one process: `python -m simulators`, with the home in `BAKEN_HOME`.

`HOME/demo/ports.json` says where they are, written when all listen. When only this process ended and is started
again, it comes back on the same ports with the same secrets, for everybody else still uses those.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
import uvloop
from fastapi import FastAPI

from simulators.browsers import Browsers
from simulators.control import Simulators, control_app
from simulators.faults import Faults
from simulators.gateway import BenchGateway, Gateway, Kept
from simulators.http2 import Http2Server, later
from simulators.listener import Listener, bind
from simulators.mail import USERNAME, Inbox, serve_mail
from simulators.partners import EXERCISE, LIVE, Partner, partner_app
from simulators.push import KeptPushes, PushService
from simulators.received import Record
from simulators.sms import Phones, endpoint
from simulators.tls import server_context

Ports = dict[str, Any]
PARTNERS = ("partners", "partners_exercise")
GATEWAYS = ("app", "app_exercise")
SMS = ("sms", "sms_exercise")
BENCH = "BAKEN_SIMULATORS_BENCH"
"""In the environment: bulk counterparts keep what they got in memory only, and nothing stands before them."""
DELAY = "BAKEN_SIMULATORS_DELAY"
"""In the environment: seconds after which app gateways answer, as if they were far away."""


async def main(home: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    path = home / "demo" / "ports.json"
    earlier: Ports = json.loads(path.read_text("utf-8")) if path.exists() else {}
    # All ports of before first: what binds any free one might take them.
    sockets = _sockets(earlier)
    browsers = Browsers.of_demo(path.parent, _any_port)
    sockets["webpush"] = bind(browsers.port)
    control = bind(_port(earlier["control"]) if earlier else 0)
    record, faults, host = Record(home / "demo" / "received.jsonl"), Faults(), Host()
    inboxes = [Inbox(record, faults, exercise=exercise) for exercise in (False, True)]
    live = [Partner(name, exercise=False, secret=_secret(earlier, name)) for name in LIVE]
    drill = [Partner(name, exercise=True, secret=_secret(earlier, name)) for name in EXERCISE]
    tls, authority = server_context(path.parent)
    mail = {"username": USERNAME, "password": _mail_password(earlier), "authority": str(authority)}
    listeners = {
        name: Listener(sockets[name], await serve_mail(inbox, tls, mail["password"]), faults.on("email"))
        for name, inbox in zip(("smtp", "smtp_exercise"), inboxes, strict=True)
    }
    for name, some in zip(PARTNERS, (live, drill), strict=True):
        behind = await host.serve(partner_app(some, record, faults))
        listeners[name] = Listener(sockets[name], behind, faults.on("webhook"))
    phones = await _sms_centres(host, earlier, record, faults)
    listeners |= {name: Listener(sockets[name], some.port, faults.on("sms")) for name, some in phones.items()}
    bench, delay = bool(os.environ.get(BENCH)), float(os.environ.get(DELAY, "0"))
    kept, pushes = Kept(), KeptPushes(browsers)
    gateways: dict[str, Mapping[str, Any]] = {
        "mail": mail,
        **{name: endpoint(listeners[name].port, some.password) for name, some in phones.items()},
    }

    async def serve_bulk(name: str, channel: str, server: Http2Server) -> str:
        """The file of the authority that clients trust."""
        host.hold(server)
        if bench:
            await server.serve(tls, sockets[name])
        else:
            listeners[name] = Listener(sockets[name], await server.serve(tls, bind(0)), faults.on(channel))
        return str(authority)

    for name in GATEWAYS:
        gateway = BenchGateway(kept) if bench else Gateway(record, faults)
        port = int(sockets[name].getsockname()[1])
        gateways[name] = {
            "url": f"https://127.0.0.1:{port}/v1/projects/baken/messages:send",
            "token": _token(earlier, name),
            "authority": await serve_bulk(name, "app", Http2Server(later(gateway.answer, delay), decode=False)),
        }
    if bench:
        service = Http2Server(pushes.answer, decode=True, only=frozenset({":path", "topic"}))
    else:
        service = Http2Server(PushService(record, faults, browsers).answer, decode=True)
    gateways["webpush"] = {"url": browsers.origin, "authority": await serve_bulk("webpush", "webpush", service)}

    async def settle() -> None:
        for listener in listeners.values():
            await listener.follow()

    await settle()
    simulators = Simulators(
        record, faults, inboxes, [*live, *drill], [*phones.values()], {"app": kept, "webpush": pushes} if bench else {}
    )
    control_port = await host.serve(control_app(simulators, settle), control)
    ports = {name: listener.port for name, listener in listeners.items()}
    _write_ports(path, ports, control_port, live, drill, gateways)
    for listener in listeners.values():
        host.keep(listener.run())
    await stop.wait()
    host.end()
    for listener in listeners.values():
        await listener.end()


def _sockets(earlier: Ports) -> dict[str, socket.socket]:
    """Of all but browsers, by name: on their ports of before, else on free ones."""
    sockets = {name: bind(earlier.get(name, 0)) for name in ("smtp", "smtp_exercise")}
    sockets |= {name: bind(_port(earlier[name][0]["url"]) if earlier else 0) for name in PARTNERS}
    sockets |= {name: bind(_port(earlier[name]["url"]) if earlier else 0) for name in GATEWAYS}
    return sockets | {name: bind(earlier[name]["port"] if earlier else 0) for name in SMS}


class Host:
    """Holds what runs in this process: a task nobody holds may vanish."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[Http2Server | Phones] = []

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def serve(self, app: FastAPI, bound: socket.socket | None = None) -> int:
        """Serve an app on this socket, or on any free port; the port."""
        bound = bound or bind(0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([bound])
        self.keep(server.main_loop())
        return int(bound.getsockname()[1])

    def hold(self, server: Http2Server | Phones) -> None:
        self._servers.append(server)

    def end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()


def _secret(earlier: Ports, name: str) -> str | None:
    partners = [*earlier.get("partners", ()), *earlier.get("partners_exercise", ())]
    return next((str(one["secret"]) for one in partners if one["name"] == name), None)


def _token(earlier: Ports, name: str) -> str:
    return str(earlier[name]["token"]) if earlier else secrets.token_urlsafe(24)


def _mail_password(earlier: Ports) -> str:
    return str(earlier["mail"]["password"]) if earlier else secrets.token_urlsafe(24)


async def _sms_centres(host: Host, earlier: Ports, record: Record, faults: Faults) -> dict[str, Phones]:
    """By name, with passwords of eight characters: SMPP has room for no more."""
    centres = {}
    for name in SMS:
        password = str(earlier[name]["password"]) if earlier else secrets.token_urlsafe(6)
        centres[name] = Phones(record, faults, password, exercise=name != "sms")
        await centres[name].serve()
        host.hold(centres[name])
    return centres


def _any_port() -> int:
    with bind(0) as free:
        return int(free.getsockname()[1])


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _write_ports(
    path: Path,
    ports: dict[str, int],
    control: int,
    live: list[Partner],
    drill: list[Partner],
    gateways: dict[str, Mapping[str, Any]],
) -> None:
    def listed(port: int, some: list[Partner]) -> list[dict[str, str]]:
        return [
            {"name": one.name, "url": f"http://127.0.0.1:{port}/partner/{one.slug}", "secret": one.secret}
            for one in some
        ]

    said = {
        "control": f"http://127.0.0.1:{control}",
        "smtp": ports["smtp"],
        "smtp_exercise": ports["smtp_exercise"],
        "partners": listed(ports["partners"], live),
        "partners_exercise": listed(ports["partners_exercise"], drill),
        **gateways,
    }
    temporary = path.with_name(f".ports.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(said, file)
    temporary.replace(path)


if __name__ == "__main__":
    uvloop.run(main(Path(os.environ["BAKEN_HOME"])))
