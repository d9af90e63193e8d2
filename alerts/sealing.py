"""Sealing bytes with AES-256-GCM, bound to what they are for.

A sealed value is one version byte, a random 96-bit nonce, the ciphertext and its tag. The same key may seal about
four thousand million values before a nonce is likely to repeat (NIST SP 800-38D); an alert needs some thousands.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12
KEY_BYTES = 32


class Unsealable(ValueError):
    """Not sealed with this key for this purpose, or changed since."""


class Sealer:
    """Seals and opens with one key; made once where there is much to do."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Encrypt; `aad` says what the bytes are for and must be the same when they are opened."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, aad)

    def unseal(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Decrypt and check; raises Unsealable."""
        if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE + 16:
            raise Unsealable("not a sealed value")
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
        except InvalidTag as error:
            raise Unsealable("sealed with another key, for another purpose, or changed since") from error


def seal(key: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Encrypt one value; see `Sealer`."""
    return Sealer(key).seal(plaintext, aad=aad)


def unseal(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Decrypt and check one value; raises Unsealable."""
    return Sealer(key).unseal(sealed, aad=aad)
