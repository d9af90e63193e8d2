"""Key pairs on P-256 that follow from a secret of the installation: on each host and in each process the same one."""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

CURVE = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SP 800-186 section 3.2.1.3)."""


def key_pair(secret: bytes, purpose: bytes) -> ec.EllipticCurvePrivateKey:
    """The key pair for a purpose that follows from a secret of 32 bytes."""
    wide = hmac.digest(secret, purpose, "sha512")
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, CURVE)
