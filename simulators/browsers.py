"""Made-up browsers that subscribed to Web Push: each one's keys follow from its name, so a million need no storage."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import http_ece  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PATH: Final = "/push/"
_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Browsers:
    """All browsers of one demo; their push service is on one port of this machine."""

    def __init__(self, port: int, secret: bytes) -> None:
        self.port = port
        self.origin = f"https://127.0.0.1:{port}"
        self._secret = secret

    @classmethod
    def of_demo(cls, folder: Path, free_port: Callable[[], int]) -> Browsers:
        """Those of this folder; made with a free port at the first call, and the same ever after.

        Subscriptions name the port, so it stays theirs over every restart.
        """
        path = folder / "browsers.json"
        try:
            said = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            said = {"port": free_port(), "secret": secrets.token_hex(32)}
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(said, file)
        return cls(said["port"], bytes.fromhex(said["secret"]))

    def subscription(self, name: str) -> str:
        """What this browser hands over, as `PushSubscription.toJSON()` gives it; 20 us."""
        public = self._key(name).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _base64url(public), "auth": _base64url(self._auth(name))}
        return json.dumps({"endpoint": f"{self.origin}{PATH}{name}", "keys": keys}, separators=(",", ":"))

    def opened(self, name: str, body: bytes) -> dict[str, Any] | None:
        """What a message says to this browser; None when it cannot open it or it is no JSON object."""
        try:
            said = json.loads(self.plaintext(name, body))
        except (http_ece.ECEException, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def plaintext(self, name: str, body: bytes) -> bytes:
        """What this browser hands to its service worker; raises ECEException when it cannot open it."""
        plain: bytes = http_ece.decrypt(
            body, private_key=self._key(name), auth_secret=self._auth(name), version="aes128gcm"
        )
        return plain

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(hmac.digest(self._secret, b"key\n" + name.encode(), "sha256"), "big")
        return ec.derive_private_key(number % (_ORDER - 1) + 1, _CURVE)

    def _auth(self, name: str) -> bytes:
        return hmac.digest(self._secret, b"auth\n" + name.encode(), "sha256")[:16]


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
