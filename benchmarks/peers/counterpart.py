"""A push service that speaks HTTP/1.1 over TLS, for peers whose clients speak nothing newer.

Accepts whatever comes as fast as it can, keeps of each message its browser, and opens a few of them afterwards:
`python -m benchmarks.peers.counterpart FOLDER`, with the browsers' keys in FOLDER. It prints `ready` when it listens,
and tells on the same port what it got (`GET /total`, `GET /kept`; `DELETE /kept` forgets).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any, cast

import httpx
import uvloop

from simulators.browsers import PATH, Browsers
from simulators.listener import bind
from simulators.tls import server_context

SAMPLE = 100
"""Bodies that are kept, to be opened: what was sent could be read."""
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Kept:
    """What came, in order."""

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers
        self.forget()

    def forget(self) -> None:
        self.names: list[str] = []
        self._bodies: list[tuple[str, bytes]] = []
        self._first_at = self._last_at = 0.0

    def add(self, name: str, body: bytes) -> None:
        self._last_at = time.time()
        if not self.names:
            self._first_at = self._last_at
        if len(self._bodies) < SAMPLE:
            self._bodies.append((name, body))
        self.names.append(name)

    def told(self) -> dict[str, Any]:
        opened = sum(self._browsers.opened(name, body) is not None for name, body in self._bodies)
        times = {"first_at": self._first_at, "last_at": self._last_at}
        return {"names": self.names, "sampled": len(self._bodies), "opened": opened, **times}


class Connection(asyncio.Protocol):
    """One connection of a client; requests may follow each other on it."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n") + 4) > 3:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end:whole], self._buffer[whole:]
            method, path, _ = head.split(b" ", 2)
            self._transport.write(self._answer(method.decode(), path.decode(), body))

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        if path.startswith(PATH):
            self._kept.add(path.removeprefix(PATH), body)
            return CREATED
        if method == "DELETE":
            self._kept.forget()
        said = json.dumps(len(self._kept.names) if path == "/total" else self._kept.told()).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)


class Counterpart:
    """What the bench asks it."""

    def __init__(self, folder: Path) -> None:
        browsers = Browsers.of_demo(folder, lambda: 0)
        _, authority = server_context(folder)
        self._client = httpx.Client(base_url=browsers.origin, verify=str(authority), trust_env=False, timeout=60)

    def total(self) -> int:
        """Messages so far."""
        return int(self._client.get("/total").json())

    def kept(self) -> dict[str, Any]:
        """All it knows; it forgets it."""
        told: dict[str, Any] = self._client.get("/kept").json()
        self._client.delete("/kept")
        return told


async def main(folder: Path) -> None:
    browsers = Browsers.of_demo(folder, lambda: 0)
    kept = Kept(browsers)
    tls, _ = server_context(folder)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(kept), sock=bind(browsers.port), ssl=tls, backlog=512
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
