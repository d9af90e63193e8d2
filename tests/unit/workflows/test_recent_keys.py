"""The keys that workers and clients remember: for seconds, and never that there is none."""

from __future__ import annotations

import pytest

from workflows.codec import REMEMBERED, RecentKeys


class Source:
    """Keys that can be destroyed; counts how often it is asked."""

    def __init__(self) -> None:
        self.keys = {"a1": b"key of a1"}
        self.asked = 0

    def record_key(self, alert_id: str) -> bytes:
        self.asked += 1
        return self.keys[alert_id]


def test_key_when_destroyed_is_forgotten_within_seconds() -> None:
    source, now = Source(), 100.0
    recent = RecentKeys(source, lambda: now)
    assert [recent.record_key("a1") for _ in range(50)] == [b"key of a1"] * 50
    assert source.asked == 1
    del source.keys["a1"]
    now += REMEMBERED
    with pytest.raises(LookupError):
        recent.record_key("a1")


def test_key_when_it_was_not_there_is_asked_for_again() -> None:
    source = Source()
    recent = RecentKeys(source)
    with pytest.raises(LookupError):
        recent.record_key("a2")
    source.keys["a2"] = b"key of a2"
    assert recent.record_key("a2") == b"key of a2"
