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
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar

import pycurl

T = TypeVar("T")

IN_FLIGHT = 512
"""Requests under way at once at most, over all connections: at 50 ms of round trip some 10,000 a second."""
CALM = 96
"""So many are under way where answers come at once: each request more costs all of them, as what libcurl keeps of them
fits no cache any more (21 us of CPU with 96, 27 us with 512, measured)."""
COLD = 1.0
"""Seconds without an answer after which there may be no connection any more."""
FIRST = 8
"""Requests made at once until an answer came: the first ones connect and leave while the next are sealed."""
LONG = 0.02
"""Seconds without any answer after which more may be under way: the way there and back is long. Less than that is how
long a busy machine lets a counterpart on it wait for a core."""
CALM_AGAIN = 1.0
"""Seconds without such a wait after which fewer are."""
CONNECTIONS = 8
STREAMS = 100
"""Of one connection; what the large push services allow."""
CONNECT_WITHIN_MS = 3_000
ANSWER_WITHIN_MS = 10_000
"""A chunk must be through within the 30 s that an activity allows a send."""
WAIT = 0.05
"""Seconds a thread waits for the network, at most, before it looks for new work."""
STALLED = 1.0
"""Seconds without a turn after which what was let go before is old: the process was frozen, or short of a core."""
IDLE = 30.0
"""Seconds after which a thread without work ends."""
HEAD_OF_CURL = 50
"""Bytes of a request's head that are neither address nor given headers, about."""
_STATUS = pycurl.RESPONSE_CODE
TIMED_OUT = f"curl error {pycurl.E_OPERATION_TIMEDOUT}"
"""What `Answer.error` says where nothing came in time."""
_HTTP2_STREAM = 92
"""Of libcurl; pycurl has no name for it."""
_NO_SUCH_PROTOCOL = (pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_SSL_CONNECT_ERROR, pycurl.E_HTTP2, _HTTP2_STREAM)
NONSENSE = frozenset(f"curl error {code}" for code in _NO_SUCH_PROTOCOL)
"""What it says where what came is no answer in HTTP/2 over TLS."""


Request = tuple[str, tuple[str, ...], bytes]
"""Address, headers (each `name: value`; the same tuple for the same ones, so that they are set once), body."""


class Answer(NamedTuple):
    """Status 0: there was none, and `error` says why."""

    status: int
    retry_after: float = 0.0
    """Seconds that the counterpart asked for; 0 where it did not."""
    error: str = ""
    in_doubt: bool = False
    """Whether the counterpart may have taken it all the same."""

    @property
    def trouble(self) -> str:
        """Of who did not answer: what goes behind its name."""
        if self is UNSAYABLE:
            return f" {self.error}"
        what = "'s answer makes no sense" if self.error in NONSENSE else " does not answer"
        return f"{what} ({self.error})"


NOT_SENT = Answer(0)
"""Nothing was sent: it was stopped before."""
UNSAYABLE = Answer(0, error="cannot be asked: its address or a header has letters that HTTP has not")
"""Nothing was sent: HTTP has no way to say it."""
ACCEPTED = {status: Answer(status) for status in (200, 201, 202)}
"""Nearly all answers: one object for each of them."""


def classified(answers: Sequence[Answer], classify: Callable[[Answer], T]) -> Sequence[T]:
    """What each of them means; nearly always they are all the same, so that one look tells it."""
    if answers and answers.count(answers[0]) == len(answers):
        return [classify(answers[0])] * len(answers)
    return [classify(answer) for answer in answers]


class _Batch:
    """The requests of one call, and where their answers go."""

    def __init__(self, requests: Iterable[Request], number: int, still: Callable[[], bool]) -> None:
        self.answers = [NOT_SENT] * number
        self.open = 0
        self.drained = False
        self._requests = iter(requests)
        self._taken = 0
        self._still = still
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Sequence[Answer]] = self._loop.create_future()
        self._error: Exception | None = None

    def take(self, most: int) -> Iterable[tuple[int, Request]]:
        """The next requests, each with its place; none when there are no more or something said stop.

        Whether it did is asked when they are made: to seal them takes time.
        """
        taken: list[Request] = []
        try:
            taken = list(islice(self._requests, most))
            if not self._still():
                taken = []
        except Exception as error:  # of the caller's making: theirs to see, and nobody else's messages stay behind
            self._error = error
        first, self._taken = self._taken, self._taken + len(taken)
        self.open += len(taken)
        self.drained = not taken
        return enumerate(taken, first)

    def goes_on(self) -> bool:
        """Whether its messages may leave now."""
        return self._error is None and self._still()

    def stop(self) -> None:
        """Nobody waits any more: what has not left stays here, and is not kept."""
        self._still = lambda: False
        self._requests = iter(())

    def took_in(self, number: int) -> None:
        """So many more stand in `answers`; with the last of them the call is over."""
        self.open -= number
        self.end_if_complete()

    def end_if_complete(self) -> None:
        if self.drained and not self.open:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._resolve)

    def fail(self, error: Exception) -> None:
        """Whatever became of its messages, nobody will say it."""
        self._error = self._error or error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if self.done.done():
            return
        if self._error is not None:
            self.done.set_exception(self._error)
        else:
            self.done.set_result(self.answers)


class BulkHttp:
    """A pool of connections; `send` from any asyncio task of the process."""

    def __init__(self, authority: Path | None = None, in_flight: int = IN_FLIGHT) -> None:
        self._authority = authority
        self._in_flight = in_flight
        self._news = threading.Condition()
        self._waiting: deque[_Batch] = deque()
        self._unfinished: set[_Batch] = set()
        self._thread: threading.Thread | None = None

    async def send(
        self, requests: Iterable[Request], number: int, still: Callable[[], bool] = lambda: True
    ) -> Sequence[Answer]:
        """Send all of them; an answer for each of `number`, in order.

        Requests are taken from the iterable, in a thread, when there is room for some. `still()` is asked right
        before they leave: when it says no, the rest is `NOT_SENT`.
        """
        batch = _Batch(requests, number, still)
        with self._news:
            self._waiting.append(batch)
            self._unfinished.add(batch)
            self._news.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bulk-http", daemon=True)
                self._thread.start()
        try:
            return await batch.done
        finally:
            batch.stop()
            with self._news:
                self._unfinished.discard(batch)

    def _run(self) -> None:
        driver = _Driver(self._authority, self._in_flight)
        try:
            while self._takes_work(driver):
                driver.turn()
        except Exception as error:  # whoever waits hears of it, and the next call begins another thread
            with self._news:
                self._waiting.clear()
                self._thread = None
                for batch in self._unfinished:
                    batch.fail(error)
        finally:
            driver.close()

    def _takes_work(self, driver: _Driver) -> bool:
        """Hand over what waits, or wait for some; False, and the thread is over, when none came for long."""
        with self._news:
            if not self._waiting and not driver.batches and not driver.under_way:
                self._news.wait(IDLE)
                if not self._waiting:
                    self._thread = None
                    return False
            driver.batches.extend(self._waiting)
            self._waiting.clear()
        return True


class _Slot:
    """A handle of libcurl, which is used again and again, and what it carries.

    One object for all of it: three looks into dicts instead cost 0.33 us a message.
    """

    __slots__ = ("batch", "handle", "headers", "index", "url")

    def __init__(self, handle: pycurl.Curl) -> None:
        self.handle = handle
        self.url = ""
        self.headers: tuple[str, ...] = ()
        self.batch: _Batch
        """Of the message that is under way, or was last; and its place there."""
        self.index = 0


class _Driver:
    """libcurl's side, in its thread: handles are made once and used again."""

    def __init__(self, authority: Path | None, in_flight: int) -> None:
        self.batches: deque[_Batch] = deque()
        self.under_way = 0
        self._authority = authority
        self._in_flight = in_flight
        self._window = min(CALM, in_flight)
        self._waited_at = 0.0
        self._heard = False
        """An answer came since there was nothing under way; before, connections are being made."""
        self._answered_at = float("-inf")
        self._idle: list[_Slot] = []
        self._slots: dict[pycurl.Curl, _Slot] = {}
        self._multi = _connections()
        self._turned_at = monotonic()

    def turn(self) -> None:
        """Let go what there is room for, move what is under way, take in what came."""
        if not self.under_way:
            self._turned_at, self._heard = monotonic(), False
        self._fill()
        before, self._turned_at = self._turned_at, monotonic()
        if self._turned_at - before > STALLED:
            self._drop_what_is_old()
        self._multi.perform()
        if self._collect():
            self._heard, self._answered_at = True, self._turned_at
        elif self.under_way and not self._has_room():
            self._wait()

    def _wait(self) -> None:
        """For an answer; where that takes long though more could be under way, more may be from now on."""
        full = self._heard and bool(self.batches) and self.under_way >= self._window
        began = monotonic()
        self._multi.select(WAIT)
        now = monotonic()
        if full and now - began > LONG:
            self._window, self._waited_at = min(2 * self._window, self._in_flight), now
        elif now - self._waited_at > CALM_AGAIN:
            self._window, self._waited_at = max(self._window // 2, min(CALM, self._in_flight)), now

    def _drop_what_is_old(self) -> None:
        """Let nothing leave that waited here while something newer came to hold; all connections end with it.

        A standstill falls into curl's own work more often than not; of a long one the process dies (`fuse`).
        """
        busy = set(self._slots.values()).difference(self._idle)
        if all(batch.goes_on() for batch in {slot.batch for slot in busy}):
            return
        broken_off = Answer(0, error="broken off after a standstill", in_doubt=True)
        self._finish([(slot.handle, broken_off) for slot in busy])
        self._multi.close()
        self._multi = _connections()

    def close(self) -> None:
        for handle in self._slots:
            handle.close()
        self._multi.close()

    def _has_room(self) -> bool:
        return bool(self.batches) and self.under_way < self._window

    def _fill(self) -> None:
        while self._has_room():
            batch, room = self.batches[0], self._window - self.under_way
            cold = self._turned_at - self._answered_at > COLD
            self._begin(batch, batch.take(min(room, FIRST) if cold else room))
            if batch.drained:
                self.batches.popleft()
                batch.end_if_complete()
            elif cold:
                return

    def _begin(self, batch: _Batch, requests: Iterable[tuple[int, Request]]) -> None:
        idle, add = self._idle, self._multi.add_handle
        for index, (url, headers, body) in requests:
            slot = idle.pop() if idle else self._new_slot()
            handle = slot.handle
            try:
                if slot.url != url:
                    handle.setopt(pycurl.URL, url)
                if slot.headers is not headers:
                    handle.setopt(pycurl.HTTPHEADER, headers)
            except ValueError:  # of this one alone
                slot.url, slot.headers = "", ()
                idle.append(slot)
                batch.answers[index] = UNSAYABLE
                batch.took_in(1)
                continue
            slot.url, slot.headers, slot.batch, slot.index = url, headers, batch, index
            handle.setopt(pycurl.POSTFIELDS, body)
            self.under_way += 1
            add(handle)

    def _collect(self) -> int:
        left, done = 1, 0
        while left:
            left, fine, failed = self._multi.info_read(256)
            told = [ACCEPTED.get(handle.getinfo(_STATUS)) or self._refused(handle) for handle in fine]
            self._finish(zip(fine, told, strict=True))
            self._finish([(handle, _failure(handle, code)) for handle, code, _ in failed])
            done += len(fine) + len(failed)
        return done

    def _refused(self, handle: pycurl.Curl) -> Answer:
        """An answer that is no yes: where curl sent again by itself, it says nothing of the first time.

        `REQUEST_SIZE` sums over all tries: of each the body, and the head twice, as text and as HTTP/2 sends it.
        """
        status = handle.getinfo(_STATUS)
        slot = self._slots[handle]
        head = len(slot.url) + sum(len(header) + 2 for header in slot.headers) + HEAD_OF_CURL
        once = 2 * head + handle.getinfo(pycurl.SIZE_UPLOAD_T)
        if handle.getinfo(pycurl.REQUEST_SIZE) > 1.5 * once:
            return Answer(0, error=f"answered {status} after a connection died", in_doubt=True)
        return Answer(status, float(handle.getinfo(pycurl.RETRY_AFTER)))

    def _finish(self, ended: Iterable[tuple[pycurl.Curl, Answer]]) -> None:
        slots, idle, remove = self._slots, self._idle, self._multi.remove_handle
        theirs = []
        for handle, answer in ended:
            remove(handle)
            slot = slots[handle]
            slot.batch.answers[slot.index] = answer
            theirs.append(slot.batch)
            idle.append(slot)
        self.under_way -= len(theirs)
        for batch in set(theirs):
            batch.took_in(theirs.count(batch))

    def _new_slot(self) -> _Slot:
        handle = self._new_handle()
        self._slots[handle] = slot = _Slot(handle)
        return slot

    def _new_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.WRITEFUNCTION, len)  # what an answer says besides its status is of no use to a sender
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


def _failure(handle: pycurl.Curl, code: int) -> Answer:
    # Not by the code: curl tries again by itself where a connection died, and tells of the last try.
    left_us = handle.getinfo(pycurl.REQUEST_SIZE) > 0
    return Answer(0, error=f"curl error {code}", in_doubt=left_us)


def _connections() -> pycurl.CurlMulti:
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
    return multi
