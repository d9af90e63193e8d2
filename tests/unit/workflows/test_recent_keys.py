"""The keys that workers and clients remember: for seconds, and never that there is none."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from workflows.codec import REMEMBERED, AlertCodec, Reader, RecentKeys
from workflows.runtime import data_converter

KEY = b"k" * 32


class Source:
    """Keys that can be destroyed; counts how often it is asked."""

    def __init__(self) -> None:
        self.keys = {"a1": KEY}
        self.asked = 0

    def record_key(self, alert_id: str) -> bytes:
        self.asked += 1
        return self.keys[alert_id]


def test_key_when_destroyed_is_forgotten_within_seconds() -> None:
    source, now = Source(), 100.0
    recent = RecentKeys(source, lambda: now)
    assert [recent.record_key("a1") for _ in range(50)] == [KEY] * 50
    assert source.asked == 1
    del source.keys["a1"]
    now += REMEMBERED
    with pytest.raises(LookupError):
        recent.record_key("a1")


async def test_codec_server_remembers_no_key() -> None:
    source = Source()
    codec = data_converter(source, Reader.CODEC_SERVER).payload_codec
    assert codec is not None
    context = WorkflowSerializationContext(namespace="default", workflow_id="alert-a1")
    sealed = await AlertCodec(source, Reader.CLIENT).with_context(context).encode([Payload(data=b"1")])
    assert [one.data for one in await codec.decode(sealed)] == [b"1"]
    del source.keys["a1"]
    assert [one.data for one in await codec.decode(sealed)] == [b'"[key destroyed]"']


def test_key_when_it_was_not_there_is_asked_for_again() -> None:
    source = Source()
    recent = RecentKeys(source)
    with pytest.raises(LookupError):
        recent.record_key("a2")
    source.keys["a2"] = KEY
    assert recent.record_key("a2") == KEY
