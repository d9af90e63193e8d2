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
from collections.abc import Coroutine
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
from simulators.mqtt import Broker
from simulators.partners import EXERCISE, LIVE, Partner, partner_app
from simulators.push import KeptPushes, PushService
from simulators.received import Record
from simulators.screens import EXERCISE as EXERCISE_SCREENS
from simulators.screens import LIVE as LIVE_SCREENS
from simulators.screens import Screens
from simulators.tls import server_context

Ports = dict[str, Any]
PARTNERS = ("partners", "partners_exercise")
GATEWAYS = ("app", "app_exercise")
BROKERS = ("signage", "signage_exercise")
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
    sockets = _sockets(earlier)
    browsers = Browsers.of_demo(path.parent, _any_port)
    sockets["webpush"] = bind(browsers.port)
    control = bind(_port(earlier["control"]) if earlier else 0)
    record, faults, host = Record(home / "demo" / "received.jsonl"), Faults(), Host()
    inboxes = [Inbox(record, faults, exercise=exercise) for exercise in (False, True)]
    live = [Partner(name, exercise=False, secret=_secret(earlier, name)) for name in LIVE]
    drill = [Partner(name, exercise=True, secret=_secret(earlier, name)) for name in EXERCISE]
    tls, authority = server_context(path.parent)
    mail = {"username": USERNAME, "password": _word(earlier, "mail", "password"), "authority": str(authority)}
    listeners = {
        name: Listener(sockets[name], await serve_mail(inbox, tls, mail["password"]), faults.on("email"))
        for name, inbox in zip(("smtp", "smtp_exercise"), inboxes, strict=True)
    }
    for name, some in zip(PARTNERS, (live, drill), strict=True):
        behind = await host.serve(partner_app(some, record, faults))
        listeners[name] = Listener(sockets[name], behind, faults.on("webhook"))
    bench = bool(os.environ.get(BENCH))
    delay = float(os.environ.get(DELAY, "0"))
    kept, pushes = Kept(), KeptPushes(browsers)
    gateways: dict[str, dict[str, Any]] = {"mail": mail}

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
            "token": _word(earlier, name, "token"),
            "authority": await serve_bulk(name, "app", Http2Server(later(gateway.answer, delay), decode=False)),
        }
    if bench:
        service = Http2Server(pushes.answer, decode=True, only=frozenset({":path", "topic"}))
    else:
        service = Http2Server(PushService(record, faults, browsers).answer, decode=True)
    gateways["webpush"] = {"url": browsers.origin, "authority": await serve_bulk("webpush", "webpush", service)}

    screens = [Screens(record, LIVE_SCREENS, exercise=False), Screens(record, EXERCISE_SCREENS, exercise=True)]
    for name, network in zip(BROKERS, screens, strict=True):
        known = earlier.get(name, {})
        listeners[name], gateways[name] = await host.broker(network, faults, path.parent, known, sockets[name])

    async def settle() -> None:
        for listener in listeners.values():
            await listener.follow()

    await settle()
    simulators = Simulators(
        record, faults, inboxes, [*live, *drill], screens, {"app": kept, "webpush": pushes} if bench else {}
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


class Host:
    """Holds what runs in this process: a task nobody holds may vanish."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[Http2Server] = []
        self._brokers: list[Broker] = []

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

    def hold(self, server: Http2Server) -> None:
        self._servers.append(server)

    async def broker(
        self, network: Screens, faults: Faults, folder: Path, earlier: dict[str, Any], bound: socket.socket
    ) -> tuple[Listener, dict[str, Any]]:
        """A broker for these screens on this socket, and what clients must know of it."""
        password = str(earlier.get("password") or secrets.token_urlsafe(24))
        tls, authority = server_context(folder)
        broker = Broker(password, faults, network.hear)
        self._brokers.append(broker)
        listener = Listener(bound, await broker.serve(tls), faults.on("signage"))
        said = {"host": "127.0.0.1", "port": listener.port, "authority": str(authority)}
        return listener, {**said, "username": "baken", "password": password}

    def end(self) -> None:
        for broker in self._brokers:
            broker.close()
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()


def _sockets(earlier: Ports) -> dict[str, socket.socket]:
    """All ports of before, before anything binds any free one and might take them."""
    ports = {name: earlier.get(name, 0) for name in ("smtp", "smtp_exercise")}
    ports |= {name: _port(earlier[name][0]["url"]) if earlier else 0 for name in PARTNERS}
    ports |= {name: _port(earlier[name]["url"]) if earlier else 0 for name in GATEWAYS}
    ports |= {name: earlier.get(name, {}).get("port", 0) for name in BROKERS}
    return {name: bind(port) for name, port in ports.items()}


def _secret(earlier: Ports, name: str) -> str | None:
    partners = [*earlier.get("partners", ()), *earlier.get("partners_exercise", ())]
    return next((str(one["secret"]) for one in partners if one["name"] == name), None)


def _word(earlier: Ports, name: str, what: str) -> str:
    """The token or password that this one had before, or a new one."""
    return str(earlier[name][what]) if earlier else secrets.token_urlsafe(24)


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
    gateways: dict[str, dict[str, Any]],
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
