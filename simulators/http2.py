"""A small HTTP/2 server (RFC 9113) over TLS: a counterpart fast enough to measure bulk senders against.

Frames are read by hand, answers of one read go out in one write, and only headers that are needed are decoded.
It gives windows of the largest size, so senders never wait for it; it keeps to the peer's windows for its own bodies.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import weakref
from collections.abc import Callable, Collection
from typing import NamedTuple, cast

from simulators.header_blocks import HeaderError, HeaderReader

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
STREAMS = 1_000
LARGEST_WINDOW = 2**31 - 1
LARGEST_FRAME = 16_384
LARGEST_BODY = 16_000_000
PROTOCOL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 6, 9
_FRAME = struct.Struct(">HBBBL")
"""Length (16 high bits, 8 low), type, flags, stream."""
_GREETING = (
    b"\x00\x00\x0c\x04\x00\x00\x00\x00\x00"
    + struct.pack(">HLHL", 3, STREAMS, 4, LARGEST_WINDOW)
    + b"\x00\x00\x04\x08\x00\x00\x00\x00\x00"
    + struct.pack(">L", LARGEST_WINDOW - 65_535)
)
_INDEXED = {200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14}
"""Statuses of the static table (RFC 7541, appendix A)."""


class Asked(NamedTuple):
    """A request. `headers` are those that the server reads."""

    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0
    """Seconds to wait before it is sent."""


CUT = Reply(status=0)
"""Instead of an answer: the connection is cut."""
Handler = Callable[[Asked], Reply]


def later(handler: Handler, seconds: float) -> Handler:
    """The same answers, so many seconds later."""
    if not seconds:
        return handler

    def answer(asked: Asked) -> Reply:
        reply = handler(asked)
        return reply if reply is CUT else reply._replace(after=reply.after + seconds)

    return answer


class _Broken(Exception):
    """The peer broke the protocol: the connection ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Stream:
    """A request that is not complete yet."""

    __slots__ = ("body", "ends", "fragments", "headers")

    def __init__(self) -> None:
        self.fragments = b""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ends = False


class Connection(asyncio.Protocol):
    """One connection; `handler` is asked for each complete request."""

    def __init__(self, handler: Handler, *, wanted: Collection[str] | None, in_turn: bool) -> None:
        self._handler = handler
        self._in_turn = in_turn
        self._had_its_turn = False
        self._next_turn: asyncio.Handle | None = None
        self._reader = HeaderReader(wanted) if wanted is None or wanted else None
        self._buffer = b""
        self._greeted = False
        self._streams: dict[int, _Stream] = {}
        self._continued: int | None = None
        self._highest = 0
        self._received = 0
        self._window = 65_535
        self._held: list[tuple[int, Reply]] = []
        self._out = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._transport.write(_GREETING)

    def cut(self) -> None:
        """End it at once, whatever is under way."""
        if not self._transport.is_closing():
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.clear()
        self._held.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._next_turn is None:
            self._take_turn()

    def _take_turn(self) -> None:
        self._next_turn, self._had_its_turn = None, False
        try:
            self._read(self._buffer)
        except _Broken as broken:
            self._out += _frame(GOAWAY, 0, 0, struct.pack(">LL", 0, broken.code))
            self._flush()
            self._transport.close()
            return
        self._flush()

    def _flush(self) -> None:
        if self._out and not self._transport.is_closing():
            self._transport.write(bytes(self._out))
            self._out.clear()

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        if not self._greeted:
            if not data.startswith(PREFACE[:end]):
                raise _Broken(PROTOCOL_ERROR)
            if end < len(PREFACE):
                self._buffer = data
                return
            self._greeted, at = True, len(PREFACE)
        while end - at >= 9:
            high, low, kind, flags, stream = _FRAME.unpack_from(data, at)
            length = high << 8 | low
            if length > LARGEST_FRAME:
                raise _Broken(FRAME_SIZE_ERROR)
            if end - at < 9 + length:
                break
            if self._had_its_turn:
                self._next_turn = asyncio.get_running_loop().call_soon(self._take_turn)
                break
            self._frame(kind, flags, stream & LARGEST_WINDOW, data[at + 9 : at + 9 + length])
            at += 9 + length
        self._buffer = data[at:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._continued is not None and (kind != CONTINUATION or stream != self._continued):
            raise _Broken(PROTOCOL_ERROR)
        if kind == DATA:
            self._data(flags, stream, payload)
        elif kind == HEADERS:
            self._headers(flags, stream, payload)
        elif kind == CONTINUATION:
            self._continuation(flags, stream, payload)
        elif kind == SETTINGS and not flags & ACK:
            self._out += _frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            if len(payload) != 8:
                raise _Broken(FRAME_SIZE_ERROR)
            self._out += _frame(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            self._widen(stream, payload)
        elif kind == RST_STREAM:
            self._streams.pop(stream, None)
        elif kind == PUSH_PROMISE:
            raise _Broken(PROTOCOL_ERROR)

    def _headers(self, flags: int, stream: int, payload: bytes) -> None:
        if not stream % 2:
            raise _Broken(PROTOCOL_ERROR)
        self._highest = max(self._highest, stream)
        opened = self._streams.setdefault(stream, _Stream())
        opened.ends = bool(flags & END_STREAM)
        payload = _unpadded(flags, payload)
        opened.fragments = payload[5:] if flags & HAS_PRIORITY else payload
        self._header_block(flags, stream, opened)

    def _continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._continued is None:
            raise _Broken(PROTOCOL_ERROR)
        opened = self._streams[stream]
        opened.fragments += payload
        self._header_block(flags, stream, opened)

    def _header_block(self, flags: int, stream: int, opened: _Stream) -> None:
        if not flags & END_HEADERS:
            self._continued = stream
            return
        self._continued = None
        if self._reader is not None:
            try:
                opened.headers |= self._reader.read(opened.fragments)
            except HeaderError as error:
                raise _Broken(COMPRESSION_ERROR) from error
        opened.fragments = b""
        if opened.ends:
            self._complete(stream)

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received > LARGEST_WINDOW // 2:
            self._out += _frame(WINDOW_UPDATE, 0, 0, struct.pack(">L", self._received))
            self._received = 0
        opened = self._streams.get(stream)
        if opened is None:
            if stream > self._highest:
                raise _Broken(PROTOCOL_ERROR)
            return  # reset meanwhile
        opened.body += _unpadded(flags, payload)
        if len(opened.body) > LARGEST_BODY:
            raise _Broken(PROTOCOL_ERROR)
        if flags & END_STREAM:
            self._complete(stream)

    def _complete(self, stream: int) -> None:
        opened = self._streams.pop(stream)
        self._had_its_turn = self._in_turn
        reply = self._handler(Asked(opened.headers, opened.body))
        if reply is CUT:
            self.cut()
        elif reply.after:
            asyncio.get_running_loop().call_later(reply.after, self._answer_late, stream, reply)
        else:
            self._answer(stream, reply)

    def _answer_late(self, stream: int, reply: Reply) -> None:
        self._answer(stream, reply)
        self._flush()

    def _answer(self, stream: int, reply: Reply) -> None:
        if len(reply.body) > self._window:
            self._held.append((stream, reply))
            return
        self._window -= len(reply.body)
        ends = END_HEADERS if reply.body else END_HEADERS | END_STREAM
        self._out += _frame(HEADERS, ends, stream, _block(reply))
        if reply.body:
            self._out += _frame(DATA, END_STREAM, stream, reply.body)

    def _widen(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise _Broken(FRAME_SIZE_ERROR)
        if stream:
            return  # a body of ours is far smaller than the smallest window of a stream
        self._window += int.from_bytes(payload, "big") & LARGEST_WINDOW
        held, self._held = self._held, []
        for waiting, reply in held:
            self._answer(waiting, reply)


class Http2Server:
    """Listens until closed; its connections end with it."""

    def __init__(
        self, handler: Handler, *, decode: bool, only: Collection[str] | None = None, in_turn: bool = False
    ) -> None:
        """With `decode` false no request has headers: for gateways with one path. `only` are those to read.

        With `in_turn` a connection has one request answered, then all others of this loop have their turn: to open
        some dozens of messages takes so long that another counterpart would note late what came in time.
        """
        self._handler = handler
        self._in_turn = in_turn
        self._wanted = only if decode else ()
        self._connections = weakref.WeakSet[Connection]()
        self._server: asyncio.Server | None = None

    async def serve(self, tls: ssl.SSLContext, sock: socket.socket) -> int:
        """Listen on this socket; its port."""
        tls.set_alpn_protocols(["h2"])
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=sock, ssl=tls, backlog=512)
        return int(sock.getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cut()

    def _connection(self) -> Connection:
        connection = Connection(self._handler, wanted=self._wanted, in_turn=self._in_turn)
        self._connections.add(connection)
        return connection


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    length = len(payload)
    return _FRAME.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def _block(reply: Reply) -> bytes:
    """The header block of an answer, without the dynamic table (RFC 7541, sections 6.1 and 6.2.2)."""
    if reply.status in _INDEXED:
        block = bytes([0x80 | _INDEXED[reply.status]])
    else:
        block = b"\x08\x03" + str(reply.status).encode()
    if reply.body:
        block += b"\x0f\x10\x10application/json"
    for name, value in reply.headers:
        block += b"\x00" + _text(name) + _text(value)
    return block


def _text(text: str) -> bytes:
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise _Broken(PROTOCOL_ERROR)
    return payload[1 : len(payload) - payload[0]]
