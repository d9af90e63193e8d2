"""A listening socket that can go away and come back on the same port, and cut what it passes on.

The faults `down`, `cut` and `malformed`, the same way for every protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

LOOK_EVERY = 0.05
"""Seconds between looks whether a fault has run out."""
CUT_AFTER = 0.2
"""Seconds that a connection lives under `cut`: some requests get through it."""
NONSENSE = b"\x00\xffBaken 999 this is no answer\r\n\r\n"
"""What every client hears under `malformed`, before it said anything."""


class Listener:
    """Passes connections on to a server of ours on another port, as the mode says that holds.

    `down`: connections are refused, open ones cut. The port is then bound without listening: nobody else can take it,
    and the kernel refuses. `cut`: each connection ends half-way through an answer, again and again. `malformed`: open
    ones are cut, new ones hear nonsense; nothing of what they say is passed on.
    """

    def __init__(self, bound: socket.socket, inner_port: int, mode: Callable[[], str | None]) -> None:
        self._bound: socket.socket | None = bound
        self.port = int(bound.getsockname()[1])
        self._inner_port = inner_port
        self._mode = mode
        self._followed: str | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._changing = asyncio.Lock()

    async def follow(self) -> None:
        """Bring the socket to what the fault says now; done when this returns."""
        async with self._changing:
            mode, before = self._mode(), self._followed
            self._followed = mode
            if mode == "down" and self._server is not None:
                self._stop(self._server)
            elif mode != "down" and self._server is None:
                await self.start()
            if mode == "malformed" and mode != before:
                self._cut_open_ones()

    async def start(self) -> None:
        """Listen, always on the same port."""
        assert self._bound is not None
        self._server = await asyncio.start_server(self._pass_on, sock=self._bound, backlog=512)
        self._bound = None

    async def end(self) -> None:
        """Stop listening and wait for what was open, so that nothing complains at the end of the process."""
        open_ones = [task for task in self._open.values() if task]
        if self._server is not None:
            self._stop(self._server)
        if self._bound is not None:
            self._bound.close()
        if open_ones:
            await asyncio.wait(open_ones, timeout=1)

    def _stop(self, server: asyncio.Server) -> None:
        server.close()
        self._server, self._bound = None, bind(self.port)
        self._cut_open_ones()

    def _cut_open_ones(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            if self._mode() == "malformed":
                await _talk_nonsense(reader, writer)
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner_port)
            await asyncio.gather(_copy(reader, inner_writer), self._answer(inner_reader, writer))
        except OSError:
            writer.transport.abort()
        finally:
            self._open.pop(writer, None)

    async def _answer(self, inner_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass answers on, until the mode says to cut one in half."""
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while data := await inner_reader.read(65_536):
                cut = self._mode() == "cut" and time.monotonic() - began > CUT_AFTER
                writer.write(data[: len(data) // 2] if cut else data)
                await writer.drain()
                if cut:
                    break
        with contextlib.suppress(OSError):
            writer.close()


def bind(port: int) -> socket.socket:
    """A socket on this port, or a free one, that does not listen yet."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


async def _talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Heard to the end: where something lies unread, closing would throw away what the client has not read yet."""
    with contextlib.suppress(OSError):
        writer.write(NONSENSE)
        await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(CUT_AFTER):
            while await reader.read(65_536):
                pass
    with contextlib.suppress(OSError):
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
