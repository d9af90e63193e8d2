"""What a crowd asks for at once, answered from memory: the store said so at most 50 ms before it was asked for.

After an alert everybody opens the same page. Those who ask for the same thing share one answer. An answer that hangs
on one alert alone carries that alert's stamp (`starter.public.showing`); as long as somebody asks, one look in 20 ms
compares the stamps of all of them with the store. What was taken away is gone for everybody within 50 ms (DESIGN,
rule 1), and an answer that nobody asked for again is forgotten.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from starter.public.answers import LANGUAGES, language_among

SHARED_FOR = 0.05
"""Seconds: nobody gets an answer of which the store was last asked longer before."""
LOOK_AFTER = 0.02
"""Seconds after which the next one who asks has the store looked at, so that a crowd never waits for it."""
SHARED = re.compile(r"/|/(?:alerts|media|embed|static)/[^/]+")
"""Paths whose answer hangs on nothing but the path, the language and whether it is an example."""

STAMP = b"baken-stamp"
"""A header between the site and us: an alert, and what stood of it when the answer was made."""

PLAIN: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "root_path": "",
    "client": None,
    "server": None,
}
"""How we ask for all: nothing in it is anybody's."""

Key = tuple[str, str, bool, bool]
"""Path, language, whether the address names that language, and whether an example is asked for."""
Look = Callable[[Collection[str]], Mapping[str, str]]
"""The stamps of alerts, as the store has them now; waits for the store."""


@dataclass(slots=True)
class Answer:
    """What everybody gets who asks the same."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    etag: bytes
    """Empty: it has none."""
    stamp: str | None
    """With the id of the alert before the first space; None: it hangs on more, and is made anew each time."""
    seen: float
    """When the last look at the store began that found it so, by the clock that nobody sets."""
    wire: bytes
    """As it goes over a connection, but for the first line and what the server says of itself."""


class Herd:
    """Stands before the site, and asks it once for all who ask the same."""

    def __init__(self, app: ASGIApp, look: Look, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._look = look
        self._clock = clock
        self.kept: dict[Key, Answer] = {}
        self._making: dict[Key, asyncio.Task[Answer]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, known = _asked(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        asked, answer = self._clock(), self.ready(key)
        if answer is None and key in self.kept and self._looking is not None:
            await asyncio.shield(self._looking)
            answer = self.kept.get(key)
        while answer is None or answer.seen < asked - SHARED_FOR:
            answer = await asyncio.shield(self._made(key))
        await _give(answer, scope["method"], known, send)

    def ready(self, key: Key) -> Answer | None:
        """What may be given at once; it is renewed while those who ask go on."""
        asked, answer = self._clock(), self.kept.get(key)
        if answer is None or answer.seen >= asked - LOOK_AFTER:
            return answer
        if answer.stamp is None:
            self._made(key)
        elif self._looking is None:
            self._looking = asyncio.create_task(self._compare())
        return answer if answer.seen >= asked - SHARED_FOR else None

    async def _compare(self) -> None:
        """Ask the store whether the answers still hold; those that do not are let go."""
        began = self._clock()
        stamped = {key: answer for key, answer in self.kept.items() if answer.stamp is not None}
        try:
            stamps = await asyncio.to_thread(self._look, {_alert(answer) for answer in stamped.values()})
        except Exception:
            stamps = {}  # then they are asked for anew, and the site says what is wrong
        finally:
            self._looking = None
        for key, answer in stamped.items():
            if stamps.get(_alert(answer)) == answer.stamp:
                answer.seen = began
            else:
                self._drop(key, answer)

    def _made(self, key: Key) -> asyncio.Task[Answer]:
        """The one that is being made, from now on if there was none."""
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(key))
            self._making[key].add_done_callback(_heard)
        return self._making[key]

    async def _make(self, key: Key) -> Answer:
        try:
            answer = self.kept[key] = await self._ask(key)
        finally:
            del self._making[key]
        self._forget_in_time(key, answer)
        return answer

    def _forget_in_time(self, key: Key, answer: Answer) -> None:
        """Nothing of an alert stays in memory for longer than somebody asks for it."""
        left = answer.seen + SHARED_FOR - self._clock()
        if left > 0 and self.kept.get(key) is answer:
            asyncio.get_running_loop().call_later(left, self._forget_in_time, key, answer)
        else:
            self._drop(key, answer)

    def _drop(self, key: Key, answer: Answer) -> None:
        if self.kept.get(key) is answer:
            del self.kept[key]

    async def _ask(self, key: Key) -> Answer:
        """Ask the site as if one had asked who had nothing yet."""
        path, language, named, example = key
        query = "&".join([f"lang={language}"] * named + ["example"] * example).encode()
        headers = [] if named else [(b"accept-language", language.encode())]
        plain = {**PLAIN, "path": path, "raw_path": path.encode(), "query_string": query, "headers": headers}
        began, status, given, body = self._clock(), 500, [], bytearray()
        asking: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            return asking.pop() if asking else await asyncio.Future()  # who waits for it never goes away

        async def send(message: Message) -> None:
            nonlocal status, given
            if message["type"] == "http.response.start":
                status, given = message["status"], list(message["headers"])
            else:
                body.extend(message.get("body", b""))

        await self._app(plain, receive, send)
        said = dict(given)
        stamp = said[STAMP].decode() if STAMP in said else None
        headers = [header for header in given if header[0] != STAMP]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        wire = lines + b"\r\n" + body
        return Answer(status, headers, bytes(body), said.get(b"etag", b""), stamp, began, wire)


def _alert(answer: Answer) -> str:
    assert answer.stamp is not None
    return answer.stamp.partition(" ")[0]


def _heard(task: asyncio.Task[Answer]) -> None:
    """Whoever waits for it gets its fault; where nobody does, the next one asks anew."""
    if not task.cancelled():
        task.exception()


def _asked(scope: Scope) -> tuple[Key | None, bytes]:
    """What is asked for, None where that is nobody else's; and the ETags that the reader has."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None, b""
    preferred = known = b""
    for name, value in scope["headers"]:
        if name == b"accept-language":
            preferred = value
        elif name == b"if-none-match":
            known = value
    return _key(scope["path"], scope["query_string"], preferred), known


def _key(path: str, query: bytes, preferred: bytes) -> Key | None:
    if not SHARED.fullmatch(path):
        return None
    said = parse_qs(query.decode("latin-1"), keep_blank_values=True) if query else {}
    asked = said.get("lang", [""])[-1]
    return path, language_among(asked, preferred.decode("latin-1")), asked in LANGUAGES, "example" in said


@lru_cache(maxsize=4096)
def _key_of(target: bytes, preferred: bytes) -> Key | None:
    """The same of a request's first line; None too where its path would have to be decoded first."""
    path, _, query = target.partition(b"?")
    return None if b"%" in path else _key(path.decode("latin-1"), query, preferred)


class Shortcut(HttpToolsProtocol):
    """Gives what is ready straight to the connection; all else goes the way of uvicorn.

    The way through uvicorn's tasks costs three times what reading a request and writing its answer costs.
    """

    herd: Herd
    """Set by `shortcut`."""
    _given: bytes | None = None

    def on_headers_complete(self) -> None:
        answer = self._ready()
        if answer is None:
            super().on_headers_complete()
        else:
            self._given = answer.wire

    def on_message_complete(self) -> None:
        if self._given is None:
            super().on_message_complete()
            return
        own = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(b"HTTP/1.1 200 OK\r\n%b%b" % (own, self._given))
        self._given = None
        self.on_response_complete()

    def _ready(self) -> Answer | None:
        """What may be given to this request without any further question; a whole page to a plain GET."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.flow.write_paused or self.parser.get_method() != b"GET" or not self.parser.should_keep_alive():
            return None
        preferred = b""
        for name, value in self.headers:
            if name in _ASKS_MORE:
                return None
            if name == b"accept-language":
                preferred = value
        key = _key_of(self.url, preferred)
        answer = self.herd.ready(key) if key else None
        return answer if answer is not None and answer.status == 200 else None


_ASKS_MORE = {b"if-none-match", b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"range"}
"""Headers of requests that want something else than the whole answer, or bring something."""


def shortcut(herd: Herd) -> type[Shortcut]:
    """The protocol of a server that has `herd` as its application."""
    return type("Shortcut", (Shortcut,), {"herd": herd})


async def _give(answer: Answer, method: str, known: bytes, send: Send) -> None:
    status, headers, body = answer.status, answer.headers, answer.body
    if status == 200 and answer.etag and answer.etag in known:
        status, body = 304, b""
        headers = [header for header in headers if header[0] not in (b"content-length", b"content-type")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
