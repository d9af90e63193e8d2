"""A session with an SMS centre (SMPP 3.4, transceiver): opened when first needed, kept, and opened anew.

smpp34 speaks the protocol: frames, sequence numbers, enquire_link. Here is what its answers mean to us.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import smpp34

from activities.channels.base import may_leave
from activities.endpoints import SmsCentre
from activities.sms_receipts import Proves, Receipts
from activities.sms_text import Encoded

CONNECT = 3.0
"""Seconds in which a centre must let us in."""
ANSWER = 8.0
"""Seconds in which it must answer a part."""
TRIES = 4
"""Of a part that it could not take just now; the parts it has are not sent again."""
REMEMBERED = 10_000
"""Messages that a centre has in part; the oldest are forgotten."""
AT_ONCE = 12
"""Messages under way in one session: with four parts each they fill a window that centres commonly grant."""
WINDOW = 64
REST = 30.0
"""Seconds in which another centre is asked first, after one failed."""
PAUSE = 1.0
"""Seconds after a failed attempt at a connection in which there is no other."""
USER_MESSAGE_REFERENCE = 0x0204
"""A parameter (section 5.3.2)."""
_HEAD = struct.Struct(">4I")
_BIND, _ANSWER = 0x00000009, 0x80000000
UCS2 = 8
"""`data_coding`; 0 is the GSM alphabet, one septet a byte."""
UDH_INDICATOR, RECEIPT, KIND_OF_MESSAGE = 0x40, 0x04, 0x3C
"""Bits of `esm_class` (section 5.2.12)."""
LATER = {0x04: "is not bound", 0x08: "system error", 0x14: "its queue is full", 0x58: "we are too fast"}
"""Statuses after which a part is tried again (SMPP 3.4 section 5.1.3)."""
NOT_BOUND = 0x04
_BROKEN = (NOT_BOUND, 0x08)
"""Those after which another centre is better."""

_logger = logging.getLogger(__name__)
Heard = Callable[[smpp34.DeliverSmEvent], Awaitable[None]]


class ShortMessage(NamedTuple):
    """One message as a centre is given it."""

    id: str
    """The same at every attempt."""
    about: str
    """Alert, edition and kind, for a centre that takes them; nothing personal."""
    number: str
    """E.164."""
    text: Encoded
    validity: str
    proves: Proves | None = None
    """What a receipt of all its parts says."""


class Away(Exception):
    """No session, or it ended; `in_doubt` when the centre may have taken a part all the same."""

    def __init__(self, why: str, *, in_doubt: bool = False) -> None:
        super().__init__(why)
        self.in_doubt = in_doubt


class NotLetIn(Away):
    """The centre does not accept our credentials."""


class Session:
    """With one centre, shared by all who send in this process; `heard` gets what phones say.

    One that is not bound any more is left after `leave_after` seconds.
    """

    def __init__(self, centre: SmsCentre, heard: Heard, leave_after: float = ANSWER) -> None:
        self.window = asyncio.Semaphore(AT_ONCE)
        self.receipts = Receipts()
        self._centre = centre
        self._heard = heard
        self._leave_after = leave_after
        self._opening = asyncio.Lock()
        self._open: smpp34.Smsc | None = None
        self._leaving: set[smpp34.Smsc] = set()
        """Not used any more; what is under way in them may still be answered."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken: dict[str, set[int]] = {}
        """Of messages that were not taken whole, the parts that were: those are not sent again."""
        self._failed = Away("")
        self._failed_at = float("-inf")

    @property
    def resting(self) -> bool:
        return time.monotonic() - self._failed_at < REST

    async def opened(self) -> smpp34.Smsc:
        """Bound, or bound anew; raises Away."""
        async with self._opening:
            if self._open is not None:
                return self._open
            if time.monotonic() - self._failed_at < PAUSE:
                raise self._failed
            self._open = await self._bind()
            self._failed_at = float("-inf")
            self._keep(self._hear(self._open))
            return self._open

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bind(self) -> smpp34.Smsc:
        centre = self._centre
        client = smpp34.Client(
            centre.host,
            centre.port,
            centre.system_id,
            centre.password,
            bind_type="TRX",
            tls=centre.tls,
            window_size=WINDOW,
            connect_timeout_ms=int(CONNECT * 1000),
        )
        try:
            return await client.connect()
        except smpp34.SmppError:
            self._fail(await _why(centre))
            raise self._failed from None

    async def submit(self, message: ShortMessage, still: Callable[[], bool]) -> int:
        """Send all its parts; 0, or the status of one that was refused. Raises Away and NotSent.

        `still()` is asked right before the first part leaves, and before what the centre could not take goes again.
        """
        smsc, same = await self.opened(), _told(self._centre, message)
        parts, taken = _parts(message), self._taken.get(message.id, set())
        missing = [n for n in range(len(parts)) if n not in taken]
        may_go = cache(still)
        tasks = [self._part(smsc, message, n, parts, same, may_go, still) for n in missing]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        taken = taken | {n for n, answer in zip(missing, answers, strict=True) if answer == 0}
        self._taken.pop(message.id, None)
        if 0 < len(taken) < len(parts):
            self._taken[message.id] = taken
        if len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]
        refused: list[int] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            refused += [answer] if answer else []
        return min(refused, key=LATER.__contains__, default=0)

    async def _part(
        self,
        smsc: smpp34.Smsc,
        message: ShortMessage,
        number: int,
        parts: list[bytes],
        same: dict[str, Any],
        may_go: Callable[[], bool],
        still: Callable[[], bool],
    ) -> int:
        status, began, destination = 0, time.monotonic(), message.number.removeprefix("+")
        for again in range(TRIES):
            if again:
                await asyncio.sleep(again * 0.2)
                if not still():
                    break
            else:
                may_leave(may_go)
            try:
                async with asyncio.timeout(ANSWER):  # in this task: another would come to its turn later
                    answer = await smsc.submit_sm(destination, parts[number], **same)
            except (smpp34.SmppError, TimeoutError):
                await self._drop(smsc)
                raise Away("the SMS centre went away before it answered", in_doubt=True) from None
            status = answer.command_status
            if status == 0 and answer.message_id and message.proves:
                self.receipts.sent(answer.message_id, message.proves, number, len(parts))
            if status not in LATER or time.monotonic() - began > ANSWER:
                break
        if status in _BROKEN:
            self._fail(Away(f"the SMS centre has trouble ({LATER[status]})"))
        if status == NOT_BOUND and self._open is smsc:
            self._open = None
            self._leaving.add(smsc)
            self._keep(self._leave(smsc))
        return status

    async def _leave(self, smsc: smpp34.Smsc) -> None:
        """Once what is under way in it was answered."""
        await asyncio.sleep(self._leave_after)
        await self._unbind(smsc)

    def _fail(self, why: Away) -> None:
        self._failed, self._failed_at = why, time.monotonic()

    async def _hear(self, smsc: smpp34.Smsc) -> None:
        while not isinstance(event := await smsc.next(), smpp34.Disconnected):
            try:
                if event.esm_class & KIND_OF_MESSAGE == RECEIPT:
                    self.receipts.heard(event)
                else:
                    await self._heard(event)
            except Exception as error:  # the next one must be heard all the same; its text may name who wrote what
                _logger.error("what an SMS centre brought could not be taken in: %s", type(error).__name__)
        await self._drop(smsc)

    async def _drop(self, smsc: smpp34.Smsc) -> None:
        """Not this one any more; who comes next opens another."""
        if self._open is smsc:
            self._open = None
            await self._unbind(smsc)

    async def _unbind(self, smsc: smpp34.Smsc) -> None:
        self._leaving.discard(smsc)
        with contextlib.suppress(smpp34.SmppError):
            await smsc.unbind()

    async def close(self) -> None:
        if self._open is not None:
            await self._drop(self._open)
        for smsc in tuple(self._leaving):
            await self._unbind(smsc)
        for task in self._tasks:
            task.cancel()


async def _why(centre: SmsCentre) -> Away:
    """Why no session came about: smpp34 tells refusal, nonsense and silence alike, so one bind is read here."""
    name = f"the SMS centre at {centre.host}:{centre.port}"
    body = f"{centre.system_id}\0{centre.password}\0\0\x34\0\0\0".encode()
    try:
        async with asyncio.timeout(CONNECT):
            reader, writer = await asyncio.open_connection(centre.host, centre.port, ssl=centre.tls or None)
            with contextlib.closing(writer):
                writer.write(_HEAD.pack(_HEAD.size + len(body), _BIND, 0, 1) + body)
                _, command, status, _ = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Away(f"{name} does not answer")
    if command != _BIND | _ANSWER:
        return Away(f"{name} gives an answer that makes no sense")
    if status:
        return NotLetIn(f"{name} does not accept our system_id or password (0x{status:02x})")
    return Away(f"{name} does not answer in time")


def validity(lives: timedelta) -> str:
    """How long a centre may try, as SMPP says it (section 7.1.1): a minute at least, 30 days at most."""
    days, seconds = divmod(int(min(max(lives, timedelta(minutes=1)), timedelta(days=30)).total_seconds()), 86_400)
    return f"0000{days:02}{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}000R"


def _told(centre: SmsCentre, message: ShortMessage) -> dict[str, Any]:
    """What all parts have, in the words of smpp34's `submit_sm`."""
    kind, plan = numbering(centre.sender)
    tlvs = [smpp34.Tlv(USER_MESSAGE_REFERENCE, (_short(message) & 0xFFFF).to_bytes(2, "big"))]
    if centre.reference_tag:
        tlvs.append(smpp34.Tlv(centre.reference_tag, f"{message.id} {message.about}".encode()))
    return {
        "source_addr": centre.sender.removeprefix("+"),
        "source_addr_ton": kind,
        "source_addr_npi": plan,
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
        "validity_period": message.validity,
        "data_coding": UCS2 if message.text.alphabet == "UCS-2" else 0,
        "esm_class": UDH_INDICATOR if len(message.text.parts) > 1 else 0,
        "tlvs": tlvs,
    }


def numbering(sender: str) -> tuple[int, int]:
    """Type and plan of who it is from (section 5.2.5): a name, a short code, or a number of a country."""
    if not sender.removeprefix("+").isdecimal():
        return 5, 0
    return (1, 1) if sender.startswith("+") or len(sender) > 6 else (3, 0)


def _parts(message: ShortMessage) -> list[bytes]:
    parts = message.text.parts
    if len(parts) == 1:
        return list(parts)
    head = bytes((5, 0, 3, _short(message) & 0xFF, len(parts)))
    return [head + bytes((n,)) + part for n, part in enumerate(parts, start=1)]


def _short(message: ShortMessage) -> int:
    """Of its id; what is sent again has the same, so a phone puts the parts of both together to one message."""
    return zlib.crc32(message.id.encode())
