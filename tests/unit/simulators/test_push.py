"""The demo's push service: it takes what a real one takes, and its browsers open what independent code sealed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from activities.web_push import Vapid, parse_subscription
from simulators.browsers import Browsers
from simulators.faults import Faults
from simulators.http2 import Asked, Reply
from simulators.push import KeptPushes, PushService
from simulators.received import Record

SAID = {"alert_id": "a1", "edition": 2, "kind": "update", "id": "i1", "title": "Vermist: Noor"}
VAPID = Vapid(ec.generate_private_key(ec.SECP256R1()), "mailto:push@baken.example")


class Service:
    def __init__(self, folder: Path) -> None:
        self.browsers = Browsers.of_demo(folder, lambda: 8443)
        self.faults = Faults()
        self.record = Record(folder / "received.jsonl")
        self._service = PushService(self.record, self.faults, self.browsers)

    def ask(self, name: str = "r1", body: bytes | None = None, **headers: str | None) -> Reply:
        """One message as it should be, but for what is given; a header that is None is left out."""
        told = {":path": f"/push/{name}", "ttl": "60", "content-encoding": "aes128gcm", "topic": "a-topic"}
        told["authorization"] = VAPID.authorization(self.browsers.origin, datetime.now(UTC))
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        said = {name: value for name, value in {**told, **changed}.items() if value is not None}
        return self._service.answer(Asked(said, self.sealed(name, SAID) if body is None else body))

    def sealed(self, name: str, said: Any) -> bytes:
        to = parse_subscription(self.browsers.subscription(name))
        sealed: bytes = http_ece.encrypt(
            json.dumps(said).encode(),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=to.p256dh,
            auth_secret=to.auth,
            version="aes128gcm",
        )
        return sealed

    def received(self) -> list[dict[str, Any]]:
        return self.record.read("webpush")


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_message_when_its_browser_opens_it_is_written_down_and_accepted(service: Service) -> None:
    answer = service.ask()
    assert (answer.status, answer.headers) == (201, (("location", "https://127.0.0.1:8443/message/i1"),))
    (line,) = service.received()
    del line["at"]
    assert line == {
        "channel": "webpush",
        "recipient": "r1",
        "alert_id": "a1",
        "edition": 2,
        "kind": "update",
        "id": "i1",
    }


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (404, {"name": ""}),
        (410, {"name": "gone-r1"}),
        (404, {":path": "/other"}),
        (400, {"ttl": None}),
        (400, {"ttl": "soon"}),
        (400, {"topic": "x" * 33}),
        (400, {"topic": "a topic"}),
        (400, {"urgency": "highest"}),
        (400, {"content_encoding": "aesgcm"}),
        (400, {"body": b""}),
        (400, {"body": bytes(200)}),
        (413, {"body": bytes(4097)}),
        (401, {"authorization": None}),
        (403, {"authorization": "Bearer x"}),
        (403, {"authorization": "vapid t=a.b.c, k=d"}),
    ],
)
def test_message_when_it_is_not_as_it_should_be_is_refused(
    service: Service, status: int, asked: dict[str, Any]
) -> None:
    assert service.ask(**asked).status == status
    assert service.received() == []


@pytest.mark.parametrize("said", [{}, [], "x", {**SAID, "edition": None}, {**SAID, "edition": "two"}])
def test_message_when_it_does_not_say_what_is_needed_is_refused(service: Service, said: Any) -> None:
    assert service.ask(body=service.sealed("r1", said)).status == 400
    assert service.received() == []


def test_message_when_sealed_for_another_browser_is_refused(service: Service) -> None:
    assert service.ask("r2", body=service.sealed("r1", SAID)).status == 400


def test_token_when_for_another_origin_over_forged_or_too_long_is_refused(service: Service) -> None:
    now = datetime.now(UTC)
    other = Vapid(ec.generate_private_key(ec.SECP256R1()), "mailto:push@baken.example")
    tokens = [
        VAPID.authorization("https://127.0.0.1:1", now),
        Vapid(ec.generate_private_key(ec.SECP256R1()), "mailto:a@b.example").authorization(
            service.browsers.origin, now - timedelta(hours=13)
        ),
        other.authorization(service.browsers.origin, now).replace(other.public_key, VAPID.public_key),
        other.authorization(service.browsers.origin, now + timedelta(hours=13)),
    ]
    assert [service.ask(authorization=token).status for token in tokens] == [403] * 4


@pytest.mark.parametrize(("mode", "statuses"), [("error", [503, 503]), ("flaky", [503, 201]), ("reject", [400, 400])])
def test_service_when_it_has_a_fault_fails_as_told(service: Service, mode: str, statuses: list[int]) -> None:
    service.faults.set("webpush", mode, 60)
    assert [service.ask().status for _ in statuses] == statuses


def test_service_when_slow_answers_after_three_seconds(service: Service) -> None:
    service.faults.set("webpush", "slow", 60)
    assert service.ask().after == 3.0


def test_browsers_when_loaded_again_are_the_same_and_elsewhere_are_others(tmp_path: Path) -> None:
    first = Browsers.of_demo(tmp_path / "a", lambda: 8443)
    again = Browsers.of_demo(tmp_path / "a", lambda: 9443)
    other = Browsers.of_demo(tmp_path / "b", lambda: 8443)
    assert (again.port, again.subscription("r1")) == (8443, first.subscription("r1"))
    assert other.subscription("r1") != first.subscription("r1")
    assert (tmp_path / "a" / "browsers.json").stat().st_mode & 0o777 == 0o600


def test_subscriptions_when_made_are_each_ones_own(service: Service) -> None:
    made = [json.loads(service.browsers.subscription(f"r{n}")) for n in range(200)]
    assert len({one["endpoint"] for one in made}) == len({one["keys"]["p256dh"] for one in made}) == 200
    assert len({one["keys"]["auth"] for one in made}) == 200


def test_bench_when_asked_afterwards_tells_what_came_and_opens_a_sample(service: Service) -> None:
    pushes, began = KeptPushes(service.browsers), time.time()
    sealed = service.sealed("r0", SAID)
    for n in range(3_000):
        pushes.answer(Asked({":path": f"/push/r{n % 2_990}", "topic": "t1"}, sealed if n == 0 else b"unreadable"))
    pushes.answer(Asked({":path": "/push/r0", "topic": "t2"}, service.sealed("r0", {**SAID, "alert_id": "a2"})))
    told = [pushes.count(alert) for alert in ("a1", "a2", "a3")]
    names = ("messages", "recipients", "sampled", "opened", "ids")
    counted = [tuple(one[name] for name in names) for one in told]
    assert counted == [(3_000, 2_990, 1_002, 1, 1), (1, 1, 1, 1, 1), (0, 0, 0, 0, 0)]
    assert json.loads(told[0]["sample"]) == SAID
    assert began <= told[0]["first_at"] <= told[0]["last_at"] <= time.time()
    assert sum(told[0]["by_second"]) == 3_001  # of all alerts, as its times are
    pushes.clear()
    assert pushes.count("a1")["messages"] == 0
