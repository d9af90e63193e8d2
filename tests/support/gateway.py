"""An HTTP/2 server of a test's own in a thread, with what it is asked and what it answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

from simulators.http2 import Asked, Handler, Http2Server, Reply
from simulators.listener import bind
from simulators.tls import server_context


class OwnGateway:
    """Listens on loopback until closed; `asked` holds every request in order of arrival."""

    def __init__(
        self, folder: Path, handler: Handler = lambda _: Reply(), *, decode: bool = False, in_turn: bool = False
    ) -> None:
        self.asked: list[Asked] = []
        self.authority = folder / "ca.pem"
        self._handler = handler
        self._tls, _ = server_context(folder)
        self._socket: socket.socket = bind(0)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}/send"
        self._server = Http2Server(self._answer, decode=decode, in_turn=in_turn)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def _answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self._handler(asked)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve(self._tls, self._socket))
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
