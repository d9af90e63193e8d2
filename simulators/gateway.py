"""The app gateway: one JSON message a token over HTTP/2, in the shape of Firebase's HTTP v1 interface."""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Any

from simulators.faults import SLOW, Faults
from simulators.http2 import Asked, Reply
from simulators.received import Record

CHANNEL = "app"
GONE = "gone-"
"""Tokens that begin so are of apps that were removed."""
FIELDS = ("alert_id", "edition", "kind", "id")
ACCEPTED = Reply(200, b'{"name":"projects/baken/messages/1"}')
HEAD = 240
"""Bytes of a body that hold recipient and what identifies the message."""
_HEAD = re.compile(
    rb'\{"message":\{"token":"([^"]+)","data":\{"id":"([^"]+)","alert_id": ?"(?P<alert>[^"]+)",'
    rb' ?"edition": ?"([^"]+)", ?"kind": ?"([^"]+)"'
)


class Kept:
    """What a bench's counterpart took in, in memory: the beginning of each body, read when somebody asks."""

    def __init__(self) -> None:
        self._heads: list[bytes] = []
        self._sample = b""
        self._first_at = self._last_at = 0.0

    def add(self, body: bytes) -> None:
        self._last_at = time.time()
        if not self._heads:
            self._first_at, self._sample = self._last_at, body
        self._heads.append(body[:HEAD])

    def clear(self) -> None:
        self._heads.clear()

    def count(self, alert_id: str) -> dict[str, Any]:
        """How many came, how many different, a digest of who got what for comparing with the books, and when."""
        read = (_HEAD.match(head) for head in self._heads)
        mine = [found.groups() for found in read if found and found["alert"] == alert_id.encode()]
        said = sorted({(one[0], one[3], one[4]) for one in mine})
        lines = b"\n".join(b" ".join(one) for one in said)
        return {
            "messages": len(mine),
            "ids": len({one[1] for one in mine}),
            "recipients": len({one[0] for one in mine}),
            "said": len(said),
            "digest": hashlib.sha256(lines).hexdigest(),
            "first_at": self._first_at,
            "last_at": self._last_at,
            "sample": self._sample.decode(),
        }


class BenchGateway:
    """Accepts whatever comes, as fast as this machine allows: every microsecond here is one less to measure with."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def answer(self, asked: Asked) -> Reply:
        self._kept.add(asked.body)
        return ACCEPTED


class Gateway:
    """Answers like the real one; every message is on disk before its answer."""

    def __init__(self, record: Record, faults: Faults) -> None:
        self._record = record
        self._faults = faults

    def answer(self, asked: Asked) -> Reply:
        after = SLOW if self._faults.mode(CHANNEL) == "slow" else 0.0
        failure = self._faults.fails(CHANNEL)
        if failure:
            return _error(403, "PERMISSION_DENIED") if failure == "reject" else _error(503, "UNAVAILABLE")
        try:
            message = json.loads(asked.body)["message"]
            token, data = str(message["token"]), message["data"]
            said = {name: str(data[name]) for name in FIELDS}
        except (ValueError, LookupError, TypeError):
            return _error(400, "INVALID_ARGUMENT")
        if token.startswith(GONE):
            return _error(404, "UNREGISTERED")
        self._record.add(
            channel=CHANNEL,
            recipient=token,
            alert_id=said["alert_id"],
            edition=int(said["edition"]),
            kind=said["kind"],
            id=said["id"],
        )
        return Reply(200, b'{"name":"projects/baken/messages/%s"}' % said["id"].encode(), after=after)


def _error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": status, "status": code}}).encode())
