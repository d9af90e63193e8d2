"""The simulators' HTTP/2 server against an independent client: what RFC 9113 asks, and what ends a connection."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from simulators.http2 import CUT, PREFACE, Asked, Reply, later
from tests.support.gateway import OwnGateway

HEAD = [(":method", "POST"), (":path", "/"), (":scheme", "https"), (":authority", "x")]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[OwnGateway]:
    def echo(asked: Asked) -> Reply:
        status = int(asked.headers.get("x-status", "200"))
        return Reply(status, asked.body[:100], (("retry-after", "7"),) if status == 429 else ())

    gateway = OwnGateway(tmp_path, echo, decode=True)
    yield gateway
    gateway.close()


class Client:
    """h2 over a TLS socket."""

    def __init__(self, gateway: OwnGateway) -> None:
        context = ssl.create_default_context(cafile=str(gateway.authority))
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", gateway.port), 5), server_hostname="127.0.0.1"
        )
        assert self.socket.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.flush()
        self.answers: dict[int, tuple[dict[str, str], bytes]] = {}
        self.ended: set[int] = set()
        self.over = False
        self.read()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, body: bytes = b"", **headers: str) -> int:
        stream = self.h2.get_next_available_stream_id()
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.h2.send_headers(stream, [*HEAD, *more], end_stream=not body)
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            assert room > 0
            self.h2.send_data(stream, body[:room], end_stream=len(body) <= room)
            body = body[room:]
            self.flush()
        self.flush()
        return stream

    def until(self, *streams: int) -> None:
        while not self.over and not self.ended >= set(streams):
            self.read()

    def read(self) -> None:
        data = self.socket.recv(65_536)
        self.over = self.over or not data
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                said = {name.decode(): value.decode() for name, value in event.headers or ()}
                self.answers[event.stream_id or 0] = (said, b"")
            elif isinstance(event, h2.events.DataReceived):
                headers, body = self.answers[event.stream_id or 0]
                self.answers[event.stream_id or 0] = (headers, body + (event.data or b""))
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id or 0)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.over = True
        self.flush()


@pytest.fixture
def client(gateway: OwnGateway) -> Iterator[Client]:
    client = Client(gateway)
    yield client
    client.socket.close()


def test_many_requests_at_once_each_get_their_own_answer(client: Client) -> None:
    asked = {client.ask(f"message {n}".encode()): f"message {n}".encode() for n in range(200)}
    client.until(*asked)
    assert {stream: body for stream, (_, body) in client.answers.items()} == asked


def test_answers_larger_than_the_clients_window_wait_for_it(client: Client) -> None:
    asked = [client.ask(b"x" * 100) for _ in range(900)]  # the window is 65,535 bytes
    client.until(*asked)
    assert sum(len(body) for _, body in client.answers.values()) == 90_000


def test_body_of_megabytes_is_taken_whole(client: Client, gateway: OwnGateway) -> None:
    client.until(client.ask(b"y" * 3_000_000))
    assert len(gateway.asked[-1].body) == 3_000_000


@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_status_and_headers_arrive(client: Client, status: int) -> None:
    stream = client.ask(b"z", x_status=str(status))
    client.until(stream)
    headers, body = client.answers[stream]
    assert (headers[":status"], headers.get("retry-after"), body) == (
        str(status),
        "7" if status == 429 else None,
        b"z",
    )


def test_long_headers_come_in_pieces(client: Client, gateway: OwnGateway) -> None:
    client.until(client.ask(b"", x_long="a" * 40_000))
    assert gateway.asked[-1].headers["x-long"] == "a" * 40_000


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, kind, flags, stream) + payload


def test_padding_and_priority_are_left_out(client: Client, gateway: OwnGateway) -> None:
    block = client.h2.encoder.encode([(":method", "POST"), ("x-status", "204")])
    headers = b"\x03" + b"\x00\x00\x00\x00\x10" + block + bytes(3)
    client.socket.sendall(_frame(1, 0x4 | 0x8 | 0x20, 1, headers) + _frame(0, 0x1 | 0x8, 1, b"\x02body\x00\x00"))
    client.h2.get_next_available_stream_id()
    while not gateway.asked:
        client.socket.recv(65_536)
    assert gateway.asked == [Asked({":method": "POST", "x-status": "204"}, b"body")]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        PREFACE + b"\xff" * 40,
        PREFACE + _frame(9, 0x4, 1, b"alone"),
        PREFACE + _frame(1, 0x0, 1, b"\x82") + _frame(0, 0x1, 1, b"between"),
        PREFACE + _frame(1, 0x5, 2, b"\x82"),
        PREFACE + _frame(1, 0x5, 1, b"\xff\xff\xff\xff\xff\xff"),
        PREFACE + _frame(0, 0x1, 1, b"of no request"),
        PREFACE + _frame(1, 0x4, 1, b"\x83") + _frame(0, 0x9, 1, b""),
        PREFACE + _frame(6, 0, 0, b"short"),
    ],
)
def test_rubbish_ends_the_connection_and_not_the_server(gateway: OwnGateway, rubbish: bytes) -> None:
    context = ssl.create_default_context(cafile=str(gateway.authority))
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", gateway.port), 5), server_hostname="127.0.0.1"
    ) as raw:
        raw.settimeout(5)
        raw.sendall(rubbish)
        said = b""
        while data := raw.recv(65_536):
            said += data
    assert _frame(7, 0, 0, b"")[3:4] in said
    client = Client(gateway)
    client.until(client.ask(b"still here"))
    assert [body for _, body in client.answers.values()] == [b"still here"]
    client.socket.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[OwnGateway]:
    def answer(_: Asked) -> Reply:
        time.sleep(0.02)
        return Reply()

    gateway = OwnGateway(tmp_path, answer, decode=True, in_turn=True)
    yield gateway
    gateway.close()


def ask_much_at_once(client: Client, requests: int) -> None:
    """In one record, so that the server has them all with one read."""
    for _ in range(requests):
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, HEAD, end_stream=True)
    client.flush()


def test_others_have_their_turn_while_much_that_came_at_once_is_answered(slow: OwnGateway) -> None:
    much, other = Client(slow), Client(slow)
    ask_much_at_once(much, 40)
    other.until(other.ask(b"one"))
    assert [asked.body for asked in slow.asked].index(b"one") < 39
    much.until(*range(1, 80, 2))
    assert len(much.answers) == 40
    for client in (much, other):
        client.socket.close()


def test_what_is_left_of_a_connection_that_went_away_is_not_answered(slow: OwnGateway) -> None:
    gone, other = Client(slow), Client(slow)
    ask_much_at_once(gone, 15)
    while not slow.asked:
        time.sleep(0.001)
    gone.socket.close()
    other.until(other.ask(b"one"))
    time.sleep(15 * 0.02 + 0.2)
    assert len(slow.asked) < 16
    other.socket.close()


def test_answer_when_it_comes_later_is_the_same_and_a_cut_stays_a_cut() -> None:
    asked = Asked({}, b"")
    assert later(lambda _: Reply(201, b"x", after=3.0), 0.5)(asked) == Reply(201, b"x", after=3.5)
    assert later(lambda _: CUT, 0.5)(asked) is CUT
