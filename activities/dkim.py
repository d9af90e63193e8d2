"""DKIM signatures (RFC 6376, RFC 8463) on many mails that differ in few places.

What differs is spliced into headers that were brought into their canonical form once, and only the signature itself
is made for each mail. dkimpy reads a mail anew each time and computes RSA in Python: docs/gotchas.md has the figures.
It checks in our tests what is signed here.
"""

from __future__ import annotations

import hashlib
import re
import time
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activities.endpoints import DkimKey

SIGNED = (
    *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"),
    *("mime-version", "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post"),
    "from",
)
"""Headers that a signature covers. Those a mail lacks, and a second From, cannot be added on its way either
(RFC 6376 section 5.4.2); RFC 8058 section 4 asks for both of List-Unsubscribe."""
RSA_MIN = 2048
"""Bits; RFC 8301 section 3.2 asks for no fewer."""
_FOLD = 72
_CRLF = "\r\n"
_DIGESTED = Prehashed(SHA256())


class BadKey(ValueError):
    """A key that cannot sign; the text says why, to those who keep Baken running."""


class Signer:
    """Signs with one key."""

    def __init__(self, config: DkimKey) -> None:
        """Reads the key; raises BadKey."""
        self._key = _read_key(Path(config.key))
        algorithm = "rsa" if isinstance(self._key, RSAPrivateKey) else "ed25519"
        self._start = (
            f"v=1; a={algorithm}-sha256; c=relaxed/simple; d={config.domain}; s={config.selector}; "
            f"h={':'.join(SIGNED)}; t="
        )

    def header(self, canonical: bytes, body_hash: bytes) -> bytes:
        """The header line to put on top of a mail: `canonical` is of `canonical_headers`, the hash of its body."""
        said = f"{self._start}{int(time.time())}; bh={b64encode(body_hash).decode()}; b="
        covered = hashlib.sha256(canonical)
        covered.update(b"dkim-signature:" + said.encode())
        if isinstance(self._key, RSAPrivateKey):
            signature = self._key.sign(covered.digest(), PKCS1v15(), _DIGESTED)
        else:
            signature = self._key.sign(covered.digest())
        text = b64encode(signature).decode()
        lines = [text[at : at + _FOLD] for at in range(0, len(text), _FOLD)]
        return f"DKIM-Signature: {said.replace('; ', f';{_CRLF} ')}{f'{_CRLF} '.join(lines)}{_CRLF}".encode()


def canonical_headers(head: bytes) -> bytes:
    """What of the headers is signed, "relaxed" (RFC 6376 section 3.4.2): spliced like the headers themselves."""
    found = {}
    for line in re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        found[name.strip().lower().decode()] = re.sub(rb"[ \t]+", b" ", value).strip()
    once = [name for name in dict.fromkeys(SIGNED) if name in found]
    return b"".join(name.encode() + b":" + found[name] + b"\r\n" for name in once)


def simple_body(body: bytes) -> bytes:
    """The body as "simple" wants it (RFC 6376 section 3.4.3): one end of line at its end."""
    return body.rstrip(b"\r\n") + b"\r\n"


def _read_key(path: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise BadKey(f"the DKIM key {path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError) as error:
        raise BadKey(f"the DKIM key {path} is no private key in PEM without a password") from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_MIN:
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise BadKey(f"the DKIM key {path} is neither RSA of at least {RSA_MIN} bits nor Ed25519")
