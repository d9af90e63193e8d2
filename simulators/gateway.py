"""The app gateway: one JSON message a token over HTTP/2, in the shape of Firebase's HTTP v1 interface."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from simulators.faults import SLOW, Faults
from simulators.http2 import Asked, Reply
from simulators.received import Record

CHANNEL = "app"
GONE = "gone-"
"""Tokens that begin so are of apps that were removed."""
FIELDS = ("alert_id", "edition", "kind", "id")


class Kept:
    """What a bench's gateway took in, in memory: 200 bytes a message."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, str, str, str, str]] = []

    def add(self, recipient: str, data: dict[str, str]) -> None:
        self._messages.append((data["alert_id"], recipient, data["edition"], data["kind"], data["id"]))

    def clear(self) -> None:
        self._messages.clear()

    def count(self, alert_id: str) -> dict[str, Any]:
        """How many came, how many different, and a digest of who got what, for comparing with the books."""
        mine = [message[1:] for message in self._messages if message[0] == alert_id]
        said = sorted({message[:3] for message in mine})
        lines = "\n".join(" ".join(one) for one in said)
        return {
            "messages": len(mine),
            "ids": len({message[3] for message in mine}),
            "recipients": len({message[0] for message in mine}),
            "said": len(said),
            "digest": hashlib.sha256(lines.encode()).hexdigest(),
        }


class Gateway:
    """Answers like the real one. With `kept` it only remembers, else every message is on disk before its answer."""

    def __init__(self, record: Record, faults: Faults, *, exercise: bool, kept: Kept | None = None) -> None:
        self._record = record
        self._faults = faults
        self._kept = kept
        self.exercise = exercise

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
        if self._kept is not None:
            self._kept.add(token, said)
        else:
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
