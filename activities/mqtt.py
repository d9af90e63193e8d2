"""MQTT 5: bring one retained message to a broker, or clear it, and wait until the broker has answered.

Each call is a connection of its own under a client id that the caller gives. A broker ends the connection that an id
had before it accepts another under it (MQTT 5, section 3.1.4), so whoever connects last knows that nothing of an
earlier call under the same id, however slow, arrives after his.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from activities.channels.base import Busy, Denied, Rejected, Unreachable
from activities.endpoints import Broker

CONNECT = 2.0
"""Seconds for a connection, and as many for TLS."""
WITHIN = 4.0
"""Seconds for all of it: a little less than a control activity may take."""
LOOK = 0.1
"""Seconds at most between two looks at the clock."""
CREDENTIALS = frozenset({134, 135})
"""Reasons (section 3.2.2.2) that speak of our login: not right, not allowed in."""
LATER = frozenset({128, 131, 136, 137, 151, 159})
"""Reasons (section 2.4) that pass: unspecified, of the server's own, unavailable, busy, quota, connection rate."""


@dataclass(frozen=True)
class Retained:
    """What a topic holds from now on; an empty payload: nothing."""

    topic: str
    payload: bytes
    lasts: int | None = None
    """Seconds after which the broker forgets it."""
    said: tuple[tuple[str, str], ...] = ()
    """User properties."""


def bring(broker: Broker, client_id: str, message: Retained, may_go: Callable[[], None]) -> None:
    """Bring it; raises Busy, Rejected or Unreachable.

    `may_go` is called right before the message leaves, when nothing of an earlier call under this id can arrive any
    more; what it raises keeps the message here.
    """
    talk = _Talk(broker, client_id)
    try:
        talk.connect()
        may_go()
        talk.publish(message)
    finally:
        talk.end()


def greet(broker: Broker, client_id: str) -> None:
    """Connect and part: does it answer, and does it know us? Raises as `bring` does."""
    talk = _Talk(broker, client_id)
    try:
        talk.connect()
    finally:
        talk.end()


class _Talk:
    """One connection. It is driven here, with a deadline, instead of by a thread of the library's own."""

    def __init__(self, broker: Broker, client_id: str) -> None:
        self._broker = broker
        self._until = time.monotonic() + WITHIN
        self._answers: list[ReasonCode] = []
        self._keeps = True
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self.client.connect_timeout = CONNECT
        self.client.username_pw_set(broker.username, broker.password)
        self.client.on_connect = self._connected
        self.client.on_publish = self._published

    def end(self) -> None:
        """Part as the protocol asks, and let the client go, which closes what it holds."""
        self.client.disconnect()
        self.client.on_connect = self.client.on_publish = None

    def connect(self) -> None:
        try:
            if self._broker.tls:
                self.client.tls_set(self._broker.authority)
        except OSError as error:
            raise Rejected(f"the file of the broker's authority cannot be used ({type(error).__name__})") from error
        try:
            self.client.connect(self._broker.host, self._broker.port, keepalive=int(CONNECT))
        except ssl.SSLCertVerificationError as error:
            raise Rejected(f"the broker's certificate is not trusted ({error.verify_message})") from error
        except ssl.SSLError as error:
            raise Unreachable(f"the broker's answer makes no sense ({error.reason})") from error
        except OSError as error:
            raise Unreachable(f"the broker does not answer ({type(error).__name__})") from error
        reason = self._answer(in_doubt=False)
        if reason.value in CREDENTIALS:
            raise Denied(f"the broker does not accept our login ({reason.value})")
        self._judge(reason, "refused us")
        if not self._keeps:
            raise Rejected("the broker keeps no retained messages, so screens that start later would stay empty")

    def publish(self, message: Retained) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
        if message.payload:
            properties.PayloadFormatIndicator, properties.ContentType = 1, "application/json"
        if message.lasts is not None:
            properties.MessageExpiryInterval = message.lasts
        properties.UserProperty = list(message.said)
        self._answers.clear()
        self.client.publish(message.topic, message.payload, qos=1, retain=True, properties=properties)
        self._judge(self._answer(in_doubt=True), "refused the message")

    def _answer(self, *, in_doubt: bool) -> ReasonCode:
        while not self._answers:
            left = self._until - time.monotonic()
            if left <= 0:
                raise Unreachable("the broker went silent", in_doubt=in_doubt)
            ended = self.client.loop(min(left, LOOK)) != MQTTErrorCode.MQTT_ERR_SUCCESS
            if ended and not self._answers:
                raise Unreachable("the broker ended the connection", in_doubt=in_doubt)
        return self._answers[-1]

    def _judge(self, reason: ReasonCode, did: str) -> None:
        if reason.is_failure:
            text = f"the broker {did}: {reason.getName()} ({reason.value})"
            raise Busy(text, retry_after=CONNECT) if reason.value in LATER else Rejected(text)

    def _connected(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, said: Properties | None
    ) -> None:
        self._keeps = getattr(said, "RetainAvailable", 1) == 1
        self._answers.append(reason)

    def _published(self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _said: Properties) -> None:
        self._answers.append(reason)
