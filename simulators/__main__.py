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
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
import uvloop
from fastapi import FastAPI

from simulators.browsers import Browsers
from simulators.cellbroadcast import CHANNEL as CELL
from simulators.cellbroadcast import EXERCISE as EXERCISE_NETWORKS
from simulators.cellbroadcast import LETTERS, Network, entity_app
from simulators.cellbroadcast import LIVE as LIVE_NETWORKS
from simulators.control import Counts, Simulators, control_app
from simulators.faults import Faults
from simulators.gateway import BenchGateway, Gateway, Kept
from simulators.http2 import Http2Server, later
from simulators.listener import LOOK_EVERY, Listener, bind
from simulators.mail import USERNAME, Inbox, serve_mail
from simulators.mqtt import Broker
from simulators.partners import EXERCISE, LIVE, Partner, partner_app
from simulators.push import KeptPushes, PushService
from simulators.received import Record
from simulators.screens import EXERCISE as EXERCISE_SCREENS
from simulators.screens import LIVE as LIVE_SCREENS
from simulators.screens import Screens
from simulators.sms import Phones, endpoint
from simulators.social import Accounts, social_app
from simulators.tls import CLIENT, mutual_context, server_context
from simulators.tokens import TokenService

Ports = dict[str, Any]
MAIL = ("smtp", "smtp_exercise")
PARTNERS = ("partners", "partners_exercise")
GATEWAYS = ("app", "app_exercise")
TOKENS = "app_tokens"
SMS = ("sms", "sms_exercise")
NETWORKS = {CELL: LIVE_NETWORKS, f"{CELL}_exercise": EXERCISE_NETWORKS}
SOCIAL = ("social", "social_exercise")
BROKERS = ("signage", "signage_exercise")
BENCH = "BAKEN_SIMULATORS_BENCH"
"""In the environment: bulk counterparts keep what they got in memory only, and nothing stands before them."""
DELAY = "BAKEN_SIMULATORS_DELAY"
"""In the environment: seconds after which app gateways answer, as if they were far away."""


def main(_args: Sequence[str] = ()) -> int:
    uvloop.run(_serve(Path(os.environ["BAKEN_HOME"])))
    return 0


async def _serve(home: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Counterparts(home).serve_until(stop)


class Counterparts:
    """Of one home: those of the public and those of exercises, on their ports and with their secrets of before."""

    def __init__(self, home: Path) -> None:
        self._path = home / "demo" / "ports.json"
        self._earlier: Ports = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        # All ports of before first: what binds any free one might take them.
        self._sockets = _sockets(self._earlier)
        self._browsers = Browsers.of_demo(self._path.parent, _any_port)
        self._sockets["webpush"] = bind(self._browsers.port)
        self._control = bind(_port(self._earlier["control"]) if self._earlier else 0)
        self._tls, self._authority = server_context(self._path.parent)
        self._bench = bool(os.environ.get(BENCH))
        self._record, self._faults = Record(home / "demo" / "received.jsonl"), Faults()
        self._host = Host()
        self._listeners: dict[str, Listener] = {}
        self._phones: list[Gateway] = []
        self._said: Ports = {}

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Be there until told to stop; `ports.json` is written when all listen."""
        inboxes, partners = await self._mail(), await self._newsrooms()
        kept: dict[str, Counts] = {"app": await self._gateways(), "webpush": await self._push_service()}
        simulators = Simulators(
            self._record,
            self._faults,
            inboxes,
            partners,
            await self._sms_centres(),
            await self._networks(),
            await self._social(),
            await self._screens(),
            self._phones,
            kept if self._bench else {},
        )
        await self._settle()
        control = await self._host.serve(control_app(simulators, self._settle), self._control)
        self._write_ports(control)
        self._host.keep(self._follow_faults())
        self._host.keep(self._host.run())
        await stop.wait()
        self._host.end()
        for listener in self._listeners.values():
            await listener.end()

    async def _mail(self) -> list[Inbox]:
        password = self._secret("mail", "password")
        inboxes = [Inbox(self._record, self._faults, exercise=exercise) for exercise in (False, True)]
        for name, inbox in zip(MAIL, inboxes, strict=True):
            self._said[name] = self._listen(name, "email", await serve_mail(inbox, self._tls, password))
        self._said["mail"] = {"username": USERNAME, "password": password, "authority": str(self._authority)}
        return inboxes

    async def _newsrooms(self) -> list[Partner]:
        earlier = [one for name in PARTNERS for one in self._earlier.get(name, ())]
        secret_of = {str(one["name"]): str(one["secret"]) for one in earlier}
        partners = []
        for name, known, exercise in zip(PARTNERS, (LIVE, EXERCISE), (False, True), strict=True):
            some = [Partner(one, exercise=exercise, secret=secret_of.get(one)) for one in known]
            behind = await self._host.serve(partner_app(some, self._record, self._faults))
            port = self._listen(name, "webhook", behind)
            self._said[name] = [
                {"name": one.name, "url": f"http://127.0.0.1:{port}/partner/{one.slug}", "secret": one.secret}
                for one in some
            ]
            partners += some
        return partners

    async def _gateways(self) -> Kept:
        kept, delay = Kept(), float(os.environ.get(DELAY, "0"))
        url = f"https://127.0.0.1:{self._sockets[TOKENS].getsockname()[1]}/token"
        tokens = TokenService(url, self._path.parent)
        for name in GATEWAYS:
            account = tokens.account(name)
            if self._bench:
                server = Http2Server(later(BenchGateway(kept).answer, delay), decode=False)
            else:
                gateway = Gateway(self._record, self._faults, tokens, name)
                server = Http2Server(
                    later(gateway.answer, delay), decode=True, only=frozenset({"authorization"}), in_turn=True
                )
                self._phones.append(gateway)
            port = await self._serve_bulk(name, "app", server)
            self._said[name] = {
                "url": f"https://127.0.0.1:{port}/v1/projects/baken/messages:send",
                "service_account": str(account),
                "authority": str(self._authority),
            }
        await self._serve_bulk(TOKENS, "app", Http2Server(tokens.answer, decode=False))
        self._said[TOKENS] = {"url": url}
        return kept

    async def _push_service(self) -> KeptPushes:
        kept = KeptPushes(self._browsers)
        if self._bench:
            server = Http2Server(kept.answer, decode=True, only=frozenset({":path", "topic"}))
        else:
            server = Http2Server(
                PushService(self._record, self._faults, self._browsers).answer, decode=True, in_turn=True
            )
        await self._serve_bulk("webpush", "webpush", server)
        self._said["webpush"] = {"url": self._browsers.origin, "authority": str(self._authority)}
        return kept

    async def _sms_centres(self) -> list[Phones]:
        centres = []
        for name in SMS:
            password = self._secret(name, "password", octets=6)  # eight characters: SMPP has room for no more
            centre = Phones(self._record, self._faults, password, exercise=name != "sms")
            await centre.serve()
            self._host.hold(centre)
            self._said[name] = endpoint(self._listen(name, "sms", centre.port), password)
            centres.append(centre)
        return centres

    async def _networks(self) -> list[Network]:
        tls, client = mutual_context(self._path.parent), str(self._path.parent / CLIENT)
        networks = []
        for group, names in NETWORKS.items():
            self._said[group] = []
            for name in names:
                network = Network(self._record, self._faults, name, exercise=group != CELL)
                ours = {"certificate": client, "key": client, "authority": str(self._authority)}
                for letter in LETTERS:
                    behind = await self._host.serve(entity_app(network, letter), tls=tls)
                    port = self._listen(f"{group}.{name}.{letter}", partial(network.mode, letter), behind)
                    ours[letter] = f"https://127.0.0.1:{port}/cap"
                self._said[group].append({"name": name, **ours})
                networks.append(network)
        return networks

    async def _social(self) -> list[Accounts]:
        servers = []
        for name in SOCIAL:
            server = Accounts(self._record, self._secrets_of(name), exercise=name != "social")
            behind = await self._host.serve(social_app(server, self._faults))
            url = f"http://127.0.0.1:{self._listen(name, 'social', behind)}"
            self._said[name] = server.endpoint(url)
            servers.append(server)
        return servers

    def _secrets_of(self, name: str) -> dict[str, str]:
        """Of each account, the one it had before."""
        return {str(one["name"]): str(one["secret"]) for one in self._earlier.get(name, {}).get("accounts", ())}

    async def _screens(self) -> list[Screens]:
        networks = [
            Screens(self._record, LIVE_SCREENS, exercise=False),
            Screens(self._record, EXERCISE_SCREENS, exercise=True),
        ]
        for name, network in zip(BROKERS, networks, strict=True):
            password = self._secret(name, "password")
            broker = Broker(password, self._faults, network.hear)
            self._host.hold(broker)
            self._said[name] = {
                "host": "127.0.0.1",
                "port": self._listen(name, "signage", await broker.serve(self._tls)),
                "authority": str(self._authority),
                "username": "baken",
                "password": password,
            }
        return networks

    async def _serve_bulk(self, name: str, channel: str, server: Http2Server) -> int:
        """The port on which clients find it."""
        self._host.hold(server)
        if not self._bench:
            return self._listen(name, channel, await server.serve(self._tls, bind(0)))
        await server.serve(self._tls, self._sockets[name])
        return int(self._sockets[name].getsockname()[1])

    def _listen(self, name: str, mode: str | Callable[[], str | None], behind: int) -> int:
        """Stand before this port, with the faults of a channel or that mode; the port on which clients find it."""
        asked = self._faults.on(mode) if isinstance(mode, str) else mode
        self._listeners[name] = Listener(self._sockets[name], behind, asked)
        return self._listeners[name].port

    def _secret(self, name: str, what: str, octets: int = 24) -> str:
        """The token or password that this one had before, or a new one."""
        return str(self._earlier.get(name, {}).get(what) or secrets.token_urlsafe(octets))

    async def _follow_faults(self) -> None:
        """For ever. One task for all: with one each they woke this process some five hundred times a second."""
        while True:
            await self._settle()
            await asyncio.sleep(LOOK_EVERY)

    async def _settle(self) -> None:
        for listener in self._listeners.values():
            await listener.follow()

    def _write_ports(self, control: int) -> None:
        temporary = self._path.with_name(f".ports.{secrets.token_hex(4)}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump({"control": f"http://127.0.0.1:{control}", **self._said}, file)
        temporary.replace(self._path)


class Host:
    """Holds what runs in this process: a task nobody holds may vanish."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[Http2Server | Phones | Broker] = []
        self._web: list[uvicorn.Server] = []

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def serve(self, app: FastAPI, bound: socket.socket | None = None, tls: ssl.SSLContext | None = None) -> int:
        """Serve an app on this socket, or on any free port; the port."""
        bound = bound or bind(0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        server.config.load()
        server.config.ssl = tls
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([bound])
        self._web.append(server)
        return int(bound.getsockname()[1])

    async def run(self) -> None:
        """For ever what uvicorn's loop does ten times a second for each server: renew the date of its answers."""
        while True:
            for server in self._web:
                await server.on_tick(0)
            await asyncio.sleep(1)

    def hold(self, server: Http2Server | Phones | Broker) -> None:
        self._servers.append(server)

    def end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()


def _sockets(earlier: Ports) -> dict[str, socket.socket]:
    """Of all but browsers, by name: on their ports of before, else on free ones."""
    ports = {name: earlier.get(name, 0) for name in MAIL}
    ports |= {name: _port(earlier[name][0]["url"]) if name in earlier else 0 for name in PARTNERS}
    ports |= {name: _port(earlier[name]["url"]) if name in earlier else 0 for name in (*GATEWAYS, TOKENS, *SOCIAL)}
    ports |= {name: earlier.get(name, {}).get("port", 0) for name in (*SMS, *BROKERS)}
    for group, names in NETWORKS.items():
        urls = {one["name"]: one for one in earlier.get(group, ())}
        for name, letter in product(names, LETTERS):
            ports[f"{group}.{name}.{letter}"] = _port(urls[name][letter]) if name in urls else 0
    return {name: bind(port) for name, port in ports.items()}


def _any_port() -> int:
    with bind(0) as free:
        return int(free.getsockname()[1])


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


if __name__ == "__main__":
    sys.exit(main())
