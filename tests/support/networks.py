"""Operators' networks for tests, in a thread: the simulator's, each address behind a socket that can go away."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request, Response

from activities.endpoints import CellNetwork, ExerciseNetwork, LiveNetwork
from simulators.__main__ import Host
from simulators.cellbroadcast import CHANNEL, LETTERS, Network, entity_app
from simulators.faults import Faults
from simulators.listener import Listener, bind
from simulators.received import Line, Record
from simulators.tls import CLIENT, mutual_context

T = TypeVar("T")
LONG = 600
"""Seconds of a fault that is taken away again."""


class Networks:
    """Some networks, each with faults of its own."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.tls = mutual_context(folder)
        files = {"certificate": str(folder / CLIENT), "key": str(folder / CLIENT), "authority": str(folder / "ca.pem")}
        self._record = Record(folder / "received.jsonl")
        self._networks = {name: Network(self._record, Faults(), name) for name in names}
        self._listeners: dict[str, list[Listener]] = {}
        self._bound: list[socket.socket] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._host = Host()
        self.live = tuple(
            LiveNetwork(name=name, **self._run(self._serve(network)), **files)
            for name, network in self._networks.items()
        )

    @property
    def exercise(self) -> tuple[ExerciseNetwork, ...]:
        """The same ones as those of exercises, by other names."""
        return tuple(ExerciseNetwork(**{**one.model_dump(), "name": f"{one.name}-lab"}) for one in self.live)

    def behind_a_gateway(self, name: str) -> LiveNetwork:
        """That network at one more address, where it takes what comes and a gateway answers with an error."""
        app = entity_app(self._networks[name], LETTERS[0])

        @app.middleware("http")
        async def lose(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
            await call_next(request)
            return Response(status_code=502)

        self._bound.append(bind(0))
        port = self._run(self._host.serve(app, self._bound[-1], self.tls))
        known = next(one for one in self.live if one.name == name)
        return known.model_copy(update={"a": f"https://127.0.0.1:{port}/cap", "b": None})

    def fault(self, name: str, mode: str, at: str = "") -> None:
        """Until `mend`; `at` one address alone: `a` or `b`."""
        self._networks[name].faults.set(f"{CHANNEL}.{at}" if at else CHANNEL, mode, LONG)
        self._settle(name)

    def mend(self) -> None:
        for name, network in self._networks.items():
            network.faults.clear()
            self._settle(name)

    def told(self, name: str, alert_id: str) -> list[str]:
        """What its phones were told of an alert, in order."""
        return [line["kind"] for line in self.lines(name, alert_id)]

    def lines(self, name: str, alert_id: str) -> list[Line]:
        return [line for line in self._record.read(CHANNEL, alert_id) if line["recipient"] == name]

    def shows(self, name: str, alert_id: str) -> dict[str, Any]:
        (one,) = self._networks[name].shown([alert_id])["shows"]
        return dict(one)

    def end(self) -> None:
        self._host.end()
        for listener in (one for some in self._listeners.values() for one in some):
            self._run(listener.end())
        self._run(asyncio.sleep(0.1))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        for bound in self._bound:
            bound.close()

    async def _serve(self, network: Network) -> dict[str, str]:
        addresses = {}
        for letter in LETTERS:
            self._bound.append(bind(0))
            behind = await self._host.serve(entity_app(network, letter), self._bound[-1], self.tls)
            listener = Listener(bind(0), behind, partial(network.mode, letter))
            await listener.start()
            self._listeners.setdefault(network.name, []).append(listener)
            addresses[letter] = f"https://127.0.0.1:{listener.port}/cap"
        return addresses

    def _settle(self, name: str) -> None:
        for listener in self._listeners[name]:
            self._run(listener.follow())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextmanager
def networks(folder: Path, *names: str) -> Iterator[Networks]:
    running = Networks(folder, names)
    yield running
    running.end()


def without_b(network: CellNetwork) -> LiveNetwork:
    return LiveNetwork(**{**network.model_dump(), "b": None})
