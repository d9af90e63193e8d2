"""A listening socket that can go away and come back on the same port: the fault `down`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable


class Listener:
    """Passes connections on to a server of ours on another port while up; refuses them while down.

    So every protocol gets `down` the same way: connections are refused, open ones cut.
    """

    def __init__(self, inner_port: int, is_down: Callable[[], bool]) -> None:
        self._inner_port = inner_port
        self._is_down = is_down
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    async def run(self) -> None:
        """Keep the socket as the fault says, for ever."""
        while True:
            if self._is_down() and self._server is not None:
                self._server.close()
                self._server = None
                for writer in list(self._open):
                    writer.transport.abort()
            elif not self._is_down() and self._server is None:
                await self.start()
            await asyncio.sleep(0.05)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port, backlog=512)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner_port)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        except OSError:
            writer.transport.abort()
        finally:
            self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
