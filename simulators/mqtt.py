"""A screen network: an MQTT 5 broker over TLS that keeps retained messages until they expire.

It speaks what screens and publishers need: QoS 0 and 1 in, QoS 0 out, no wills, no sessions that outlive their
connection. Packets are read and written by `mqtt5`, which is not what Baken's own client is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import mqtt5
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode, PubAckReasonCode, QoS, SubAckReasonCode

from simulators.faults import SLOW, Faults

AT_ONCE = 65_536
LARGEST = 262_144
"""Bytes of a packet."""


class Kept(NamedTuple):
    """A retained message."""

    packet: mqtt5.PublishPacket
    until: float | None
    """On the monotonic clock; None: for ever."""


class Link:
    """One client's connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.client_id = ""
        self.filters: dict[str, mqtt5.TopicFilter] = {}
        self.ended = False
        """Nothing that comes over it counts any more."""

    def say(self, packet: mqtt5.Packet) -> None:
        self.writer.write(packet.write())

    def end(self, reason: DisconnectReasonCode) -> None:
        self.say(mqtt5.DisconnectPacket(reason_code=reason))
        self.ended = True
        self.writer.close()


class Broker:
    """Its `password` lets anybody in who knows it; `heard` is told of every message before it is acknowledged."""

    def __init__(
        self, password: str, faults: Faults, heard: Callable[[mqtt5.PublishPacket, float | None], None]
    ) -> None:
        self._password = password
        self._faults = faults
        self._heard = heard
        self._kept: dict[str, Kept] = {}
        self._links: dict[str, Link] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def serve(self, tls: ssl.SSLContext | None = None) -> int:
        """Listen on a free port; the port."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more, and end what is open."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        self._open.add(writer)
        try:
            async for packet in _packets(reader):
                if not link.client_id and not isinstance(packet, mqtt5.ConnectPacket):
                    break
                await self._take(link, packet)
                if link.ended:
                    break
        except ValueError:
            link.end(DisconnectReasonCode.MALFORMED_PACKET)
        except OSError:
            pass  # gone; so is everything it still had to say
        finally:
            self._open.discard(writer)
            if self._links.get(link.client_id) is link:
                del self._links[link.client_id]
            with contextlib.suppress(OSError):
                writer.close()

    async def _take(self, link: Link, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.ConnectPacket():
                self._connect(link, packet)
            case mqtt5.PublishPacket():
                await self._publish(link, packet)
            case mqtt5.SubscribePacket():
                self._subscribe(link, packet)
            case mqtt5.UnsubscribePacket():
                for pattern in packet.patterns:
                    link.filters.pop(pattern, None)
                done = [mqtt5.UnsubAckReasonCode.SUCCESS] * len(packet.patterns)
                link.say(mqtt5.UnsubAckPacket(packet.packet_id, done))
            case mqtt5.PingReqPacket():
                link.say(mqtt5.PingRespPacket())
            case mqtt5.DisconnectPacket():
                link.ended = True
            case _:
                link.end(DisconnectReasonCode.PROTOCOL_ERROR)

    def _connect(self, link: Link, packet: mqtt5.ConnectPacket) -> None:
        failure = self._faults.fails("signage")
        right = secrets.compare_digest(packet.password or b"", self._password.encode())
        if failure == "error":
            refused = ConnAckReasonCode.SERVER_UNAVAILABLE
        elif failure == "denied" or not right:
            refused = ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD
        else:
            refused = ConnAckReasonCode.SUCCESS
        if refused != ConnAckReasonCode.SUCCESS:
            link.say(mqtt5.ConnAckPacket(reason_code=refused))
            link.ended = True
            return
        assigned = None if packet.client_id else secrets.token_hex(8)
        link.client_id = packet.client_id or str(assigned)
        earlier = self._links.get(link.client_id)
        if earlier is not None:
            earlier.end(DisconnectReasonCode.SESSION_TAKEN_OVER)
        self._links[link.client_id] = link
        link.say(
            mqtt5.ConnAckPacket(
                assigned_client_id=assigned,
                session_expiry_interval=0,
                max_qos=QoS.AT_LEAST_ONCE,
                max_packet_size=LARGEST,
                subscription_id_available=False,
                shared_subscription_available=False,
            )
        )

    async def _publish(self, link: Link, packet: mqtt5.PublishPacket) -> None:
        if self._faults.mode("signage") == "slow":
            await asyncio.sleep(SLOW)
        if link.ended:
            return  # another connection under the same id took over meanwhile
        if packet.qos == QoS.EXACTLY_ONCE:
            link.end(DisconnectReasonCode.QOS_NOT_SUPPORTED)
            return
        if self._faults.mode("signage") == "reject":
            if packet.packet_id is not None:
                link.say(mqtt5.PubAckPacket(packet.packet_id, reason_code=PubAckReasonCode.NOT_AUTHORIZED))
            return
        lasts = packet.message_expiry_interval
        until = None if lasts is None else time.monotonic() + lasts
        if packet.retain:
            self._kept.pop(packet.topic, None)
            if packet.payload:
                self._kept[packet.topic] = Kept(packet, until)
        self._heard(packet, until)
        for other in list(self._links.values()):
            for wanted in other.filters.values():
                if matches(wanted.pattern, packet.topic) and not (wanted.no_local and other is link):
                    other.say(_passed_on(Kept(packet, until), retain=packet.retain and wanted.retain_as_published))
                    break
        if packet.qos == QoS.AT_LEAST_ONCE and packet.packet_id is not None:
            link.say(mqtt5.PubAckPacket(packet.packet_id, reason_code=PubAckReasonCode.SUCCESS))

    def _subscribe(self, link: Link, packet: mqtt5.SubscribePacket) -> None:
        granted = [SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE] * len(packet.topic_filters)
        link.say(mqtt5.SubAckPacket(packet.packet_id, granted))
        for wanted in packet.topic_filters:
            known = wanted.pattern in link.filters
            link.filters[wanted.pattern] = wanted
            handling = wanted.retain_handling
            if handling == mqtt5.RetainHandling.SEND_NEVER or (
                known and handling == mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS
            ):
                continue
            for topic, kept in list(self._kept.items()):
                if kept.until is not None and kept.until <= time.monotonic():
                    del self._kept[topic]
                elif matches(wanted.pattern, topic):
                    link.say(_passed_on(kept, retain=True))


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic is one that a filter asks for (MQTT 5, section 4.7)."""
    wanted, given = pattern.split("/"), topic.split("/")
    for level, part in enumerate(wanted):
        if part == "#":
            return True
        if level >= len(given) or part not in ("+", given[level]):
            return False
    return len(wanted) == len(given)


def _passed_on(kept: Kept, *, retain: bool) -> mqtt5.PublishPacket:
    """With what is left of its life."""
    packet = kept.packet
    return mqtt5.PublishPacket(
        packet.topic,
        packet.payload,
        retain=retain,
        message_expiry_interval=None if kept.until is None else max(0, round(kept.until - time.monotonic())),
        payload_format_indicator=packet.payload_format_indicator,
        content_type=packet.content_type,
        user_properties=packet.user_properties,
    )


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[mqtt5.Packet]:
    """One after the other; raises ValueError on what is none."""
    held = bytearray()
    while data := await reader.read(AT_ONCE):
        held += data
        while held:
            try:
                packet, size = mqtt5.read(memoryview(bytes(held)))
            except IndexError:
                break
            del held[:size]
            yield packet
        if len(held) > LARGEST:
            raise ValueError("a packet larger than we said we take")
