"""An SMS centre: a real SMPP 3.4 server on loopback, with what its phones show kept for the wall, in memory only.

It reads PDUs with smpp34's codec and does the rest itself. A message counts once all its parts are here.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import smpp34
from gsm0338 import Codec

from simulators.faults import SLOW, Faults
from simulators.received import Record

CHANNEL = "sms"
REFERENCE_TAG = 0x1501
"""The parameter of its own in which it takes the sender's id, and what the message is about."""
SYSTEM_ID = "baken"
PRICE = 0.08
"""Euros a part; made up."""
KEEP = 50
"""Messages, one of each sort."""
LARGEST = 10_000
"""Bytes of a PDU; more is no PDU."""
OK, SYSTEM_ERROR, WRONG_NUMBER, WRONG_PASSWORD, UNKNOWN_COMMAND, NOT_BOUND = 0, 0x08, 0x0B, 0x0E, 0x03, 0x04
BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK = 1, 2, 4, 6, 9, 0x15
GENERIC_NACK, ANSWER = 0x80000000, 0x80000000
_BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)
_HEAD = struct.Struct(">4I")
_UDHI, _UCS2 = 0x40, 8
_GSM = Codec()


@dataclass(frozen=True)
class Shown:
    """A message as a phone shows it."""

    alert_id: str
    edition: int
    kind: str
    sender: str
    text: str
    parts: int
    exercise: bool


class Phones:
    """What all phones of one centre got; obeys the faults of `sms`."""

    def __init__(self, record: Record, faults: Faults, password: str, *, exercise: bool) -> None:
        self.password = password
        self.port = 0
        self._record = record
        self._faults = faults
        self._exercise = exercise
        self._coming: dict[tuple[str, int, str], dict[int, str]] = {}
        """The parts that are here, by their place, of messages that are not whole yet."""
        self._kept: dict[tuple[str, int, str, str], Shown] = {}
        self.sessions: set[_Session] = set()
        """Those that hear what phones say."""
        self._server: asyncio.Server | None = None
        self._names = (f"{secrets.token_hex(4)}{number:x}" for number in count(1))

    async def serve(self) -> None:
        """Listen on a free port, which is `port` from then on."""
        self._server = await asyncio.start_server(self._session, "127.0.0.1", 0, backlog=512)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def lets_in(self, system_id: str, password: str) -> bool:
        return (system_id, password) == (SYSTEM_ID, self.password) and self._faults.mode(CHANNEL) != "denied"

    def shown(self) -> list[dict[str, Any]]:
        """One of each sort, the newest first."""
        return [asdict(one) for one in reversed(self._kept.values())]

    async def write(self, number: str, text: str) -> bool:
        """Somebody answers: one of those who listen gets it; whether there is one."""
        session = next(iter(self.sessions), None)
        if session is not None:
            await session.deliver(source_addr=number.removeprefix("+"), text=text)
        return session is not None

    def name(self) -> str:
        """For one part, in its answer and its receipt; never the same again."""
        return next(self._names)

    async def submitted(self, pdu: smpp34.SubmitSm) -> int:
        """Take in one part; the status."""
        if self._faults.mode(CHANNEL) == "slow":
            await asyncio.sleep(SLOW)
        failure = self._faults.fails(CHANNEL)
        if failure:
            return {"reject": WRONG_NUMBER, "denied": NOT_BOUND}.get(failure, SYSTEM_ERROR)
        told = next((tlv.value.decode() for tlv in pdu.tlvs if tlv.tag == REFERENCE_TAG), "").split(" ")
        if len(told) != 4:
            return OK
        message_id, *about = told
        parts = self._whole(pdu, message_id)
        if parts:
            self._take(pdu, message_id, parts, *about)
        return OK

    def _whole(self, pdu: smpp34.SubmitSm, message_id: str) -> list[str]:
        """The text of each part, once the last of them is here."""
        content, place = pdu.short_message, (0, 1, 1)
        if pdu.esm_class & _UDHI:
            head, content = content[1 : content[0] + 1], content[content[0] + 1 :]
            place = head[2], head[3], head[4]
        text = content.decode("utf-16-be") if pdu.data_coding == _UCS2 else _GSM.decode(content)[0]
        reference, number, n = place
        key = (pdu.destination_addr, reference, message_id)
        coming = self._coming.setdefault(key, {})
        coming[n] = text
        if len(coming) < number:
            return []
        del self._coming[key]
        return [coming[n] for n in sorted(coming)]

    def _take(
        self, pdu: smpp34.SubmitSm, message_id: str, parts: list[str], alert_id: str, edition: str, kind: str
    ) -> None:
        self._record.add(
            channel=CHANNEL,
            recipient=f"+{pdu.destination_addr}",
            alert_id=alert_id,
            edition=int(edition),
            kind=kind,
            id=message_id,
        )
        text = "".join(parts)
        shown = Shown(alert_id, int(edition), kind, pdu.source_addr, text, len(parts), self._exercise)
        self._kept.setdefault((alert_id, int(edition), kind, text), shown)
        while len(self._kept) > KEEP:
            self._kept.pop(next(iter(self._kept)))

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self, writer)
        try:
            async for pdu in _pdus(reader):
                if not session.answer(*pdu):
                    break
        finally:
            self.sessions.discard(session)
            session.end()

    def listens(self, session: _Session) -> None:
        self.sessions.add(session)


class _Session:
    """One client of the centre."""

    def __init__(self, phones: Phones, writer: asyncio.StreamWriter) -> None:
        self._phones = phones
        self._writer = writer
        self._bound = False
        self._sequence = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, command: int, sequence: int, whole: bytes) -> bool:
        """Answer one PDU; whether the session goes on."""
        if command in _BINDS:
            system_id, password = (part.decode("latin-1") for part in whole[_HEAD.size :].split(b"\0")[:2])
            self._bound = self._phones.lets_in(system_id, password)
            self._send(command | ANSWER, OK if self._bound else WRONG_PASSWORD, sequence, b"demo\0" * self._bound)
            if self._bound and command != BIND_TRANSMITTER:
                self._phones.listens(self)
            return self._bound
        if command == SUBMIT_SM:
            task = asyncio.create_task(self._submitted(sequence, whole))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif command in (ENQUIRE_LINK, UNBIND):
            self._send(command | ANSWER, OK, sequence)
        elif not command & ANSWER:
            self._send(GENERIC_NACK, UNKNOWN_COMMAND, sequence)
        return command != UNBIND

    async def _submitted(self, sequence: int, whole: bytes) -> None:
        pdu = smpp34.decode(whole)
        assert isinstance(pdu, smpp34.SubmitSm)
        status = await self._phones.submitted(pdu) if self._bound else NOT_BOUND
        name = self._phones.name()
        self._send(SUBMIT_SM | ANSWER, status, sequence, name.encode() + b"\0" if status == OK else b"")
        if status == OK and pdu.registered_delivery:
            receipt = f"id:{name} sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
            tlvs = [smpp34.Tlv(0x001E, name.encode() + b"\0"), smpp34.Tlv(0x0427, b"\2")]
            await self.deliver(source_addr=pdu.destination_addr, text=receipt, esm_class=4, tlvs=tlvs)

    async def deliver(self, *, source_addr: str, text: str, **more: Any) -> None:
        """A message or receipt to the client; it counts as taken."""
        sequence = next(self._sequence)
        pdu = smpp34.DeliverSm(
            source_addr,
            SYSTEM_ID,
            text.encode(),
            source_addr_ton=1,
            source_addr_npi=1,
            sequence_number=sequence,
            **more,
        )
        if not self._writer.is_closing():
            self._writer.write(pdu.encode())

    def _send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(_HEAD.pack(_HEAD.size + len(body), command, status, sequence) + body)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._writer.close()


async def _pdus(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, int, bytes]]:
    """Command, sequence number and the whole of each PDU, until the client goes."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(_HEAD.size)
            length, command, _, sequence = _HEAD.unpack(head)
            if not _HEAD.size <= length <= LARGEST:
                return
            yield command, sequence, head + await reader.readexactly(length - _HEAD.size)


def endpoint(port: int, password: str) -> Mapping[str, Any]:
    """What a client must know of the centre on this port."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "system_id": SYSTEM_ID,
        "password": password,
        "sender": "+31690000000",
        "reference_tag": REFERENCE_TAG,
        "price": PRICE,
    }
