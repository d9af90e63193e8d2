"""Commands of people, and the signatures that make them theirs.

A command travels as the exact text that was signed, so nothing depends on how JSON is written. It covers the
alert, the action, its own id, the digest it is about, the time and the content; who may do what comes from the
alert's keyring, never from the command.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, JsonValue, ValidationError

from alerts.values import Instant, Text, Value
from alerts.vocabulary import Action, Role


class KeyringEntry(Value):
    """One account as the alert knows it: the person behind it, what they may do, their Ed25519 public key."""

    user: str
    person: str
    """Four eyes count persons, not accounts."""
    roles: frozenset[Role]
    public_key: str
    """Raw 32 bytes, base64."""


Keyring = dict[str, KeyringEntry]


class Command(Value):
    id: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    alert_id: str
    action: Action
    actor: str
    at: Instant
    digest: str | None = None
    """What it is about: of `approve`, `reject` and `return_for_edit` the pending edition's approval digest."""
    reason: Text | None = Field(default=None, max_length=2000)
    content: dict[str, JsonValue] = {}


class SignedCommand(Value):
    command: str
    """The command as JSON, exactly as signed."""
    signature: str
    """Ed25519 over the UTF-8 bytes of `command`, base64."""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.command.encode()).hexdigest()


class Unverified(ValueError):
    """A message that is no command of a person in the keyring; the text says why."""


def sign(command: Command, signer: Callable[[bytes], bytes]) -> SignedCommand:
    text = command.model_dump_json(exclude_none=True)
    return SignedCommand(command=text, signature=base64.b64encode(signer(text.encode())).decode())


def verify(signed: SignedCommand, keyring: Keyring) -> tuple[Command, KeyringEntry]:
    """The command and who signed it; raises Unverified."""
    try:
        command = Command.model_validate_json(signed.command)
    except ValidationError as error:
        raise Unverified("the signed text is not a command") from error
    entry = keyring.get(command.actor)
    if entry is None:
        raise Unverified("signed by nobody in the keyring of this alert")
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(entry.public_key))
        key.verify(base64.b64decode(signed.signature, validate=True), signed.command.encode())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Unverified("the signature does not fit the command") from error
    return command, entry


class Ruling(Value):
    """The answer to one command; a refusal gives a reason a person can act on."""

    command: str
    action: Action
    actor: str
    accepted: bool
    reason: str | None = None
    at: datetime
