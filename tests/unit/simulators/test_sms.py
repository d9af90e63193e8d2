"""The SMS centre of the demo, spoken to in plain PDUs."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import smpp34

from simulators.faults import Faults
from simulators.received import Record, read_received
from simulators.sms import REFERENCE_TAG, Phones

HEAD = struct.Struct(">4I")
BIND, SUBMIT, ENQUIRE, UNBIND, QUERY, NACK, ANSWER, DELIVER = 9, 4, 0x15, 6, 3, 0x80000000, 0x80000000, 5
Answer = tuple[int, int, int]
"""Command, status, sequence number."""


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, command: int, sequence: int, body: bytes = b"") -> None:
        self._writer.write(HEAD.pack(HEAD.size + len(body), command, 0, sequence) + body)

    def submit(self, sequence: int, text: bytes, **more: Any) -> None:
        pdu = smpp34.SubmitSm("2424", "31690000001", text, sequence_number=sequence, **more)
        self._writer.write(pdu.encode())

    async def read(self) -> bytes:
        head = await asyncio.wait_for(self._reader.readexactly(HEAD.size), 5)
        return head + await self._reader.readexactly(HEAD.unpack(head)[0] - HEAD.size)

    async def answer(self) -> Answer:
        _, command, status, sequence = HEAD.unpack((await self.read())[: HEAD.size])
        return command, status, sequence

    async def bound(self, password: str = "geheim12") -> Answer:
        self.send(BIND, 1, f"baken\0{password}\0\0\x34\0\0\0".encode())
        return await self.answer()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.fixture
async def phones(tmp_path: Path) -> AsyncIterator[Phones]:
    phones = Phones(Record(tmp_path / "received.jsonl"), Faults(), "geheim12", exercise=False)
    await phones.serve()
    yield phones
    phones.close()


@pytest.fixture
async def client(phones: Phones) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", phones.port))
    yield client
    await client.close()


def about(number: int) -> list[smpp34.Tlv]:
    return [smpp34.Tlv(REFERENCE_TAG, f"id{number} a1 1 alert".encode())]


async def test_client_when_let_in_is_answered_until_it_leaves(client: Client) -> None:
    assert await client.bound() == (BIND | ANSWER, 0, 1)
    client.send(ENQUIRE, 2)
    client.send(QUERY, 3)
    client.send(UNBIND, 4)
    assert [await client.answer() for _ in range(3)] == [
        (ENQUIRE | ANSWER, 0, 2),
        (NACK, 3, 3),
        (UNBIND | ANSWER, 0, 4),
    ]


async def test_client_when_its_password_is_wrong_is_refused(client: Client) -> None:
    assert await client.bound("anders") == (BIND | ANSWER, 0x0E, 1)


async def test_message_when_nobody_is_bound_is_refused(client: Client) -> None:
    client.submit(2, b"Kijk uit.", tlvs=about(1))
    assert await client.answer() == (SUBMIT | ANSWER, 4, 2)


async def test_message_when_whole_is_on_disk_before_the_last_answer(
    phones: Phones, client: Client, tmp_path: Path
) -> None:
    await client.bound()
    second = bytes((5, 0, 3, 7, 2, 2)) + b"uit."
    client.submit(2, second, esm_class=0x40, tlvs=about(1))
    assert await client.answer() == (SUBMIT | ANSWER, 0, 2)
    assert read_received(tmp_path / "received.jsonl") == []
    client.submit(3, bytes((5, 0, 3, 7, 2, 1)) + b"Kijk ", esm_class=0x40, tlvs=about(1))
    assert await client.answer() == (SUBMIT | ANSWER, 0, 3)
    (line,) = read_received(tmp_path / "received.jsonl")
    assert (line["recipient"], line["alert_id"], line["edition"], line["kind"], line["id"]) == (
        "+31690000001",
        "a1",
        1,
        "alert",
        "id1",
    )
    assert [(one["text"], one["parts"]) for one in phones.shown()] == [("Kijk uit.", 2)]


async def test_receipt_when_asked_for_follows_the_answer(client: Client) -> None:
    await client.bound()
    client.submit(2, b"Kijk uit.", registered_delivery=1, tlvs=about(1))
    assert await client.answer() == (SUBMIT | ANSWER, 0, 2)
    receipt = smpp34.decode(await client.read())
    assert isinstance(receipt, smpp34.DeliverSm)
    assert (receipt.source_addr, receipt.esm_class) == ("31690000001", 4)
    assert b"stat:DELIVRD" in receipt.short_message


async def test_client_when_it_sends_no_pdu_is_cut_off(client: Client) -> None:
    client._writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(asyncio.IncompleteReadError):
        await client.answer()
