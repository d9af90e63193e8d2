"""A push service (RFC 8030) and the browsers behind it: what it takes in, they open and write down."""

from __future__ import annotations

import base64
import json
import re
import time
from array import array
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from simulators.browsers import PATH, Browsers
from simulators.faults import SLOW, Faults
from simulators.gateway import by_second
from simulators.http2 import Asked, Reply
from simulators.received import Record

CHANNEL = "webpush"
REFUSED = {"error": 503, "reject": 400, "denied": 401}
"""Statuses by fault; a real one says 401 of a token that it does not accept."""
GONE = "gone-"
"""Browsers whose names begin so ended their subscription."""
SAMPLE_FIRST, SAMPLE_EACH = 1_000, 1_000
"""Of a bench's messages the first ones are opened, and then one of so many."""
BODY_MAX: Final = 4096
CREATED = Reply(201)
DAY: Final = 86_400
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})
_CREDENTIALS = re.compile(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)")


class KeptPushes:
    """What a bench's push service took in, in memory: of every message its browser, of some the body.

    Nothing is opened while it is measured, for that takes longer than sealing. Then the sample is: it tells which
    alert a topic stands for, and shows that what was sent can be read.
    """

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers
        self._names: dict[str, list[str]] = {}
        """By topic."""
        self._bodies: dict[str, list[tuple[str, bytes]]] = {}
        self._times = array("d")

    def clear(self) -> None:
        self._names.clear()
        del self._times[:]
        self._bodies.clear()

    def answer(self, asked: Asked) -> Reply:
        self._times.append(time.time())
        topic, name = asked.headers["topic"], asked.headers[":path"].removeprefix(PATH)
        names = self._names.setdefault(topic, [])
        if len(names) < SAMPLE_FIRST or len(names) % SAMPLE_EACH == 0:
            self._bodies.setdefault(topic, []).append((name, asked.body))
        names.append(name)
        return CREATED

    def count(self, alert_id: str) -> dict[str, Any]:
        """How many messages came, to how many browsers, when, and what opening the sample showed."""
        found: dict[str, Any] = {"messages": 0, "recipients": 0, "sampled": 0, "opened": 0, "ids": 0, "sample": ""}
        for topic, bodies in list(self._bodies.items()):
            opened = [self._browsers.opened(name, body) for name, body in list(bodies)]
            mine = [said for said in opened if said and said.get("alert_id") == alert_id]
            if mine:
                names = list(self._names[topic])
                found = {
                    "messages": len(names),
                    "recipients": len(set(names)),
                    "sampled": len(opened),
                    "opened": len(mine),
                    "ids": len({said["id"] for said in mine}),
                    "sample": json.dumps(mine[0], ensure_ascii=False, separators=(",", ":")),
                }
        times = self._times[:]
        spread = {"first_at": min(times, default=0.0), "last_at": max(times, default=0.0)}
        return {**found, **spread, "by_second": by_second(times)}


class PushService:
    """Answers like the real ones, and a little more: what its browser cannot open is refused.

    A real one cannot look inside and says yes; the browser then drops it, and nobody would ever know.
    """

    def __init__(self, record: Record, faults: Faults, browsers: Browsers) -> None:
        self._record = record
        self._faults = faults
        self._browsers = browsers
        self._credentials: dict[str, float] = {}
        """Those that were verified, and until when they hold."""

    def answer(self, asked: Asked) -> Reply:
        after = SLOW if self._faults.mode(CHANNEL) == "slow" else 0.0
        failure = self._faults.fails(CHANNEL)
        if failure:
            return Reply(REFUSED[failure])
        path = asked.headers.get(":path", "")
        name = path.removeprefix(PATH)
        if name == path or not name or name.startswith(GONE):
            return Reply(410 if name.startswith(GONE) else 404)
        status = self._refused(asked.headers, asked.body)
        if status:
            return Reply(status)
        said = self._browsers.opened(name, asked.body)
        if said is None or not self._write_down(name, said):
            return Reply(400)
        return Reply(201, headers=(("location", f"{self._browsers.origin}/message/{said['id']}"),), after=after)

    def _write_down(self, name: str, said: Mapping[str, Any]) -> bool:
        """Whether it said what a service worker needs."""
        try:
            self._record.add(
                channel=CHANNEL,
                recipient=name,
                alert_id=str(said["alert_id"]),
                edition=int(said["edition"]),
                kind=str(said["kind"]),
                id=str(said["id"]),
            )
        except (KeyError, ValueError, TypeError):
            return False
        return True

    def _refused(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status that says why, or 0."""
        if len(body) > BODY_MAX:
            return 413
        well_formed = (
            headers.get("ttl", "").isdecimal()
            and headers.get("content-encoding") == "aes128gcm"
            and headers.get("urgency", "normal") in _URGENCIES
            and _TOPIC.fullmatch(headers.get("topic", "none"))
        )
        if not well_formed:
            return 400
        if "authorization" not in headers:
            return 401
        return 0 if self._accepted(headers["authorization"]) else 403

    def _accepted(self, authorization: str) -> bool:
        """Whether a token (RFC 8292) is signed with the key it names, for this service, and holds now."""
        now = time.time()
        if self._credentials.get(authorization, 0) <= now:
            self._credentials[authorization] = _verified(authorization, self._browsers.origin, now)
        return self._credentials[authorization] > now


def _verified(authorization: str, origin: str, now: float) -> float:
    """Until when the token holds; 0 when it does not."""
    match = _CREDENTIALS.fullmatch(authorization)
    if match is None:
        return 0
    head, claims, signature, key = match.groups()
    try:
        raw = _unpacked(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unpacked(key))
        public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
        said = json.loads(_unpacked(claims))
        ends, about = float(said["exp"]), str(said["sub"])
    except (InvalidSignature, ValueError, LookupError, TypeError):
        return 0
    fine = said.get("aud") == origin and ends <= now + DAY and about.startswith(("mailto:", "https://"))
    return ends if fine else 0


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")
