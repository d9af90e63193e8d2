"""Encryption of everything Temporal keeps of an alert, with the alert's own record key.

The key follows from the workflow id (`alert-X`, `alert-X/sms`: what stands before the first slash). What cannot be
opened is treated by who reads: a client gets an error; a worker gets a marker, never an exception, since one
undecodable signal would freeze the alert (DESIGN, rule 3); the codec server answers with a tombstone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from alerts.sealing import Unsealable, seal, unseal

ENCRYPTED = b"binary/encrypted"
MARKER = b'"[unreadable]"'
"""JSON, so that no converter chokes on it wherever the server put the payload; no message of ours is such a string."""
KEY_ID = "key-id"
PREFIX = "alert-"
REMEMBERED = 5.0
"""Seconds that a worker or client can still use a key after it was destroyed."""


class KeySource(Protocol):
    """Where record keys come from; raises LookupError for a missing or destroyed one, anything else for "away"."""

    def record_key(self, alert_id: str) -> bytes: ...


class RecentKeys:
    """Record keys, each remembered for seconds: one task of a workflow has dozens of payloads of the same alert.

    For the one event loop of a client or worker.
    """

    def __init__(self, keys: KeySource, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._known: dict[str, tuple[bytes, float]] = {}

    def record_key(self, alert_id: str) -> bytes:
        now = self._clock()
        for one in [one for one, (_, until) in self._known.items() if until <= now]:
            del self._known[one]
        if alert_id not in self._known:
            self._known[alert_id] = self._keys.record_key(alert_id), now + REMEMBERED
        return self._known[alert_id][0]


class Reader(Enum):
    """Who decodes, and so what becomes of a payload that cannot be opened."""

    CLIENT = "client"
    WORKER = "worker"
    CODEC_SERVER = "codec server"


class AlertCodec(PayloadCodec, WithSerializationContext):
    """Encrypts each payload whole; knows its alert from the serialization context."""

    def __init__(self, keys: KeySource, reader: Reader, key_id: str | None = None) -> None:
        self._keys = keys
        self._reader = reader
        self._key_id = key_id

    def with_context(self, context: SerializationContext) -> AlertCodec:
        workflow_id = None
        if isinstance(context, (WorkflowSerializationContext, ActivitySerializationContext)):
            workflow_id = context.workflow_id
        return AlertCodec(self._keys, self._reader, workflow_id.split("/")[0] if workflow_id else None)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._key_id is None:
            raise RuntimeError("a payload of no alert: nothing of Baken goes to Temporal without an alert's key")
        key = self._keys.record_key(_alert_of(self._key_id))
        return [
            Payload(
                metadata={"encoding": ENCRYPTED, KEY_ID: self._key_id.encode()},
                data=seal(key, payload.SerializeToString(), aad=self._key_id.encode()),
            )
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decode(payload) for payload in payloads]

    def _decode(self, payload: Payload) -> Payload:
        try:
            return self._open(payload)
        except (Unsealable, LookupError, ValueError) as error:
            if self._reader is Reader.CLIENT:
                raise
            return _tombstone(error) if self._reader is Reader.CODEC_SERVER else _marker()

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCRYPTED:
            # Only who holds the alert's key may speak to its workflow.
            raise Unsealable("not encrypted")
        key_id = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")
        if self._key_id is not None and key_id != self._key_id:
            raise Unsealable("encrypted for another alert")
        key = self._keys.record_key(_alert_of(key_id))
        opened = unseal(key, payload.data, aad=key_id.encode())
        return Payload.FromString(opened)


def _alert_of(key_id: str) -> str:
    if not key_id.startswith(PREFIX):
        raise Unsealable("not of an alert")
    return key_id.removeprefix(PREFIX)


def _marker() -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=MARKER)


def _tombstone(error: Exception) -> Payload:
    text = b'"[key destroyed]"' if isinstance(error, LookupError) else b'"[not readable]"'
    return Payload(metadata={"encoding": b"json/plain"}, data=text)
