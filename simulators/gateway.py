"""The app gateway: one JSON message a token or topic over HTTP/2, in the shape of Firebase's HTTP v1 interface."""

from __future__ import annotations

import json
import re
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simulators.faults import SLOW, Faults
from simulators.http2 import Asked, Reply
from simulators.received import Record
from simulators.tokens import TokenService

CHANNEL = "app"
GONE = "gone-"
"""Tokens that begin so are of apps that were removed."""
FIELDS = ("alert_id", "edition", "kind", "id")
MESSAGE_MAX, TOPIC_MESSAGE_MAX = 4_096, 2_048
"""Bytes of a message to a token, and to a topic."""
TOPIC = "/topics/"
"""Begins the name of a recipient that is a topic."""
ACCEPTED = Reply(200, b'{"name":"projects/baken/messages/1"}')
TRY = b'{"validate_only":true'
"""How a message begins that is checked and sent to nobody."""
HEAD = 240
"""Bytes of a body that hold recipient and what identifies the message."""
_TO_TOKEN = b'{"message":{"token":'
_HEAD = re.compile(
    rb'\{"message":\{"(?:token|topic)":"(?P<recipient>[^"]+)","data":\{"id":"(?P<id>[^"]+)",'
    rb'"alert_id": ?"(?P<alert>[^"]+)", ?"edition": ?"(?P<edition>[0-9]+)", ?"kind": ?"(?P<kind>[^"]+)"'
)


class Kept:
    """What a bench's counterpart took in, in memory: the beginning of each body and when, read when somebody asks."""

    def __init__(self) -> None:
        self._heads: list[bytes] = []
        self._times = array("d")
        self._sample = b""

    def add(self, body: bytes) -> None:
        self._times.append(time.time())
        if len(self._heads) < 10 and body.startswith(_TO_TOKEN):
            self._sample = body
        self._heads.append(body[:HEAD])

    def clear(self) -> None:
        self._heads.clear()
        del self._times[:]

    def count(self, alert_id: str) -> dict[str, Any]:
        """How many came, how many different, when, and whether each recipient got things in their order."""
        story = _Story()
        for at, head in zip(list(self._times), list(self._heads), strict=False):
            found = _HEAD.match(head)
            if found and found["alert"] == alert_id.encode():
                story.add(at, found["recipient"], found["id"], int(found["edition"]), found["kind"].decode())
        return {**story.told(), "sample": self._sample.decode()}


class _Story:
    """What one alert's recipients got, message by message."""

    def __init__(self) -> None:
        self._messages = 0
        self._times = array("d")
        self._ids = set[bytes]()
        self._had: dict[bytes, int] = {}
        """Edition by recipient, the last one."""
        self._ended = set[bytes]()
        self._kinds: dict[str, dict[str, float]] = {}
        self._backwards = 0

    def add(self, at: float, recipient: bytes, number: bytes, edition: int, kind: str) -> None:
        self._messages += 1
        self._times.append(at)
        again = number in self._ids
        self._ids.add(number)
        told = self._kinds.setdefault(kind, {"messages": 0, "first_at": at})
        told["messages"] += 1
        told["last_at"] = at
        if kind == "cancel":
            self._ended.add(recipient)
        else:
            older = edition < self._had.get(recipient, 0) or recipient in self._ended
            self._backwards += older and not again
            self._had[recipient] = max(edition, self._had.get(recipient, 0))

    def told(self) -> dict[str, Any]:
        times = [told[name] for told in self._kinds.values() for name in ("first_at", "last_at")]
        newest = max(self._had.values(), default=0)
        return {
            "messages": self._messages,
            "ids": len(self._ids),
            "recipients": len(self._had.keys() | self._ended),
            "kinds": self._kinds,
            "newest": sum(1 for edition in self._had.values() if edition == newest),
            "reached": len(self._had),
            "reached_not_ended": len(self._had.keys() - self._ended),
            "ended_not_reached": len(self._ended - self._had.keys()),
            "backwards": self._backwards,
            "first_at": min(times, default=0.0),
            "last_at": max(times, default=0.0),
            "by_second": by_second(self._times),
        }


def by_second(times: Sequence[float]) -> list[int]:
    """How many came in each second since the first."""
    if not times:
        return []
    first = min(times)
    counted = Counter(int(at - first) for at in times)
    return [counted[second] for second in range(max(counted) + 1)]


class BenchGateway:
    """Accepts whatever comes, as fast as this machine allows: every microsecond here is one less to measure with."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def answer(self, asked: Asked) -> Reply:
        if not asked.body.startswith(TRY):
            self._kept.add(asked.body)
        return ACCEPTED


def _error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": status, "status": code}}).encode())


REFUSED = {
    "error": _error(503, "UNAVAILABLE"),
    "reject": _error(403, "SENDER_ID_MISMATCH"),
    "denied": _error(401, "UNAUTHENTICATED"),
}
"""By fault. What `reject` says is of the token, so a message that is only checked passes."""


class Gateway:
    """Answers like the real one; every message is on disk before its answer."""

    def __init__(self, record: Record, faults: Faults, tokens: TokenService, account: str) -> None:
        self._record = record
        self._faults = faults
        self._tokens = tokens
        self._account = account
        self.on_topics: dict[str, dict[str, dict[str, Any]]] = {}
        """The newest message of each alert to each topic; in memory only."""

    def answer(self, asked: Asked) -> Reply:
        after = SLOW if self._faults.mode(CHANNEL) == "slow" else 0.0
        known = self._tokens.holds(asked.headers, self._account)
        failure = self._faults.fails(CHANNEL) or ("" if known else "denied")
        tries = asked.body.startswith(TRY)
        if failure and not (tries and failure == "reject"):
            return REFUSED[failure]
        if tries:
            return ACCEPTED
        try:
            message = json.loads(asked.body)["message"]
            topic, data = message.get("topic"), message["data"]
            recipient = TOPIC + topic if topic else str(message["token"])
            said = {name: str(data[name]) for name in FIELDS}
            if len(asked.body) > (TOPIC_MESSAGE_MAX if topic else MESSAGE_MAX):
                return _error(400, "INVALID_ARGUMENT")
        except (ValueError, LookupError, TypeError):
            return _error(400, "INVALID_ARGUMENT")
        if recipient.startswith(GONE):
            return _error(404, "UNREGISTERED")
        self._record.add(
            channel=CHANNEL,
            recipient=recipient,
            alert_id=said["alert_id"],
            edition=int(said["edition"]),
            kind=said["kind"],
            id=said["id"],
        )
        if topic:
            self.on_topics.setdefault(topic, {})[said["alert_id"]] = message
        return Reply(200, b'{"name":"projects/baken/messages/%s"}' % said["id"].encode(), after=after)
