"""Many small HTTP requests to one counterpart, as fast as the machine allows: libcurl over HTTP/2 and TLS.

One thread drives all transfers of a channel in a process, so that a chunk's first messages leave while the last ones
of the chunk before wait for their answers. libcurl costs some 23 microseconds of CPU a request (docs/gotchas.md), a
third of the next client.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pycurl

IN_FLIGHT = 512
"""Requests under way at once, over all connections: at 50 ms of round trip some 10,000 a second."""
CONNECTIONS = 8
STREAMS = 100
"""Of one connection; what the large push services allow."""
CONNECT_WITHIN_MS = 3_000
ANSWER_WITHIN_MS = 10_000
"""A chunk must be through within the 30 s that an activity allows a send."""
WAIT = 0.05
"""Seconds a thread waits for the network, at most, before it looks for new work."""
IDLE = 30.0
"""Seconds after which a thread without work ends."""
_NOT_SENT = frozenset(
    {
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
    }
)
"""Errors before anything was sent; after any other one the counterpart may have taken the message."""


class Request(NamedTuple):
    url: str
    headers: tuple[str, ...]
    """Each as `name: value`; the same tuple for the same headers, so that they are set once."""
    body: bytes


class Answer(NamedTuple):
    """Status 0: there was none, and `error` says why."""

    status: int
    body: bytes = b""
    retry_after: float = 0.0
    """Seconds that the counterpart asked for; 0 where it did not."""
    error: str = ""
    in_doubt: bool = False
    """Whether the counterpart may have taken it all the same."""


NOT_SENT = Answer(0)
"""Nothing was sent: it was stopped before."""
OK = Answer(200)


class _Batch:
    """The requests of one call, and where their answers go."""

    def __init__(
        self,
        requests: Iterable[Request],
        still: Callable[[], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.requests: Iterator[tuple[int, Request]] = enumerate(requests)
        self.still = still
        self.answers: dict[int, Answer] = {}
        self.open = 0
        self.drained = False
        self._loop = loop
        self.done: asyncio.Future[dict[int, Answer]] = loop.create_future()

    def end_if_complete(self) -> None:
        if self.drained and not self.open:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if not self.done.done():
            self.done.set_result(self.answers)


class BulkHttp:
    """A pool of connections; `send` from any asyncio task of the process."""

    def __init__(self, authority: Path | None = None, in_flight: int = IN_FLIGHT) -> None:
        self._authority = authority
        self._in_flight = in_flight
        self._lock = threading.Lock()
        self._waiting: deque[_Batch] = deque()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    async def send(
        self, requests: Iterable[Request], number: int, still: Callable[[], bool] = lambda: True
    ) -> Sequence[Answer]:
        """Send all of them; an answer for each of `number`, in order.

        Requests are taken from the iterable when there is room for them, and `still()` is asked right before each:
        when it says no, the rest is `NOT_SENT`.
        """
        batch = _Batch(requests, still, asyncio.get_running_loop())
        with self._lock:
            self._waiting.append(batch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bulk-http", daemon=True)
                self._thread.start()
        self._woken.set()
        try:
            answers = await batch.done
        finally:
            batch.still = lambda: False  # nobody waits any more: what has not left stays here
        return [answers.get(index, NOT_SENT) for index in range(number)]

    def _run(self) -> None:
        driver = _Driver(self._authority, self._in_flight)
        try:
            while self._has_work(driver):
                with self._lock:
                    driver.batches.extend(self._waiting)
                    self._waiting.clear()
                driver.turn()
        finally:
            driver.close()

    def _has_work(self, driver: _Driver) -> bool:
        """Wait for some; False, and the thread is over, when none came for long."""
        if driver.batches or driver.under_way:
            return True
        self._woken.wait(IDLE)
        with self._lock:
            self._woken.clear()
            if self._waiting:
                return True
            self._thread = None
            return False


class _Driver:
    """libcurl's side, in its thread: handles are made once and used again."""

    def __init__(self, authority: Path | None, in_flight: int) -> None:
        self.batches: deque[_Batch] = deque()
        self.under_way: dict[pycurl.Curl, tuple[_Batch, int]] = {}
        self._authority = authority
        self._in_flight = in_flight
        self._idle: list[pycurl.Curl] = []
        self._bodies: dict[pycurl.Curl, BytesIO] = {}
        self._set: dict[pycurl.Curl, tuple[str, tuple[str, ...]]] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)

    def turn(self) -> None:
        """Let go what there is room for, move what is under way, take in what came."""
        self._fill()
        self._multi.perform()
        if not self._collect() and self.under_way:
            self._multi.select(WAIT)

    def close(self) -> None:
        for handle in self._bodies:
            handle.close()
        self._multi.close()

    def _fill(self) -> None:
        while self.batches and len(self.under_way) < self._in_flight:
            batch = self.batches[0]
            taken = next(batch.requests, None) if batch.still() else None
            if taken is None:
                self.batches.popleft()
                batch.drained = True
                batch.end_if_complete()
                continue
            index, request = taken
            handle = self._idle.pop() if self._idle else self._new_handle()
            if self._set.get(handle) != request[:2]:
                handle.setopt(pycurl.URL, request.url)
                handle.setopt(pycurl.HTTPHEADER, request.headers)
                self._set[handle] = request[:2]
            handle.setopt(pycurl.POSTFIELDS, request.body)
            self.under_way[handle] = (batch, index)
            batch.open += 1
            self._multi.add_handle(handle)

    def _collect(self) -> int:
        left, done = 1, 0
        while left:
            left, fine, failed = self._multi.info_read(256)
            for handle in fine:
                self._finish(handle, self._answer(handle))
            for handle, code, _ in failed:
                self._finish(handle, Answer(0, error=f"curl error {code}", in_doubt=code not in _NOT_SENT))
            done += len(fine) + len(failed)
        return done

    def _finish(self, handle: pycurl.Curl, answer: Answer) -> None:
        self._multi.remove_handle(handle)
        batch, index = self.under_way.pop(handle)
        self._idle.append(handle)
        batch.answers[index] = answer
        batch.open -= 1
        batch.end_if_complete()

    def _answer(self, handle: pycurl.Curl) -> Answer:
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        body = self._bodies[handle]
        said = body.getvalue()
        body.seek(0)
        body.truncate()
        if status == OK.status:
            return OK
        return Answer(status, said, float(handle.getinfo(pycurl.RETRY_AFTER)))

    def _new_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        body = self._bodies[handle] = BytesIO()
        handle.setopt(pycurl.WRITEDATA, body)
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.NOPROXY, "*")
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT_WITHIN_MS)
        handle.setopt(pycurl.TIMEOUT_MS, ANSWER_WITHIN_MS)
        if self._authority is not None:
            handle.setopt(pycurl.CAINFO, str(self._authority))
        return handle
