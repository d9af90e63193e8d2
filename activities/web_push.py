"""The pure part of Web Push: whom a browser asks us to reach, sealing a message for it, and saying who sends it.

RFC 8030 is the protocol, RFC 8291 the encryption (one record of `aes128gcm`, RFC 8188), RFC 8292 the sender's token
(VAPID). Nothing here reads a clock or opens a connection. A subscription tells where one person can be reached, so
no error and no `repr` shows any of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from activities.endpoints import CONTACT, Loopback, is_loopback
from activities.p256 import CURVE, key_pair
from alerts.vocabulary import MessageKind

PLAINTEXT_MAX: Final = 3993
"""Bytes: what every push service takes (4096) less header (86), delimiter (1) and tag (16); RFC 8291 section 4."""
TTL_MAX: Final = timedelta(weeks=4)
"""Firebase keeps nothing for longer; others shorten by themselves (RFC 8030 section 5.2)."""
TOKEN_LIFE: Final = timedelta(hours=12)
"""Half of what RFC 8292 section 2 allows, so that clocks may differ."""
TOKEN_RENEWAL: Final = timedelta(hours=1)
"""Left of its life when a token is made anew: no message outlives it on its way."""
TOKENS_MAX: Final = 1000
"""Origins remembered. Push services are a handful; anybody who subscribes can name more."""

_ECDH = ec.ECDH()
_ES256 = ec.ECDSA(SHA256())
_RECORD_AND_KEY_LENGTH = (4096).to_bytes(4, "big") + bytes([65])
_SITE = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?=[/?]|\Z)")
_ADDRESS = re.compile(r"[!-\"$-~]{1,2048}")
"""Visible ASCII without `#`, as browsers write it; anything else could break the request it is put in."""
_HOST_NAME = re.compile(r"([A-Za-z0-9_-]+\.)+(?P<top>[A-Za-z][A-Za-z0-9-]*)\.?")
"""With a dot, and a last part that begins with a letter: no number in any of its spellings is one."""
_PRIVATE_TOPS = frozenset({"localhost", "local", "internal", "lan", "arpa"})
_KEPT = re.compile(
    r'\{"endpoint": ?"([!$-\[\]-~]{1,2048})", ?"keys": ?\{"p256dh": ?"([\w-]{87})", ?"auth": ?"([\w-]{22})"\}\}',
    re.ASCII,
)
"""As `store_subscription` writes it."""
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_BASE64URL = re.compile(r"([A-Za-z0-9_-]*)={0,2}")
_CONTACT = re.compile(CONTACT)
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Subscription(NamedTuple):
    """One browser that asked to be told; `parse_subscription` makes it from what the browser gives."""

    endpoint: str
    """Where to POST: whoever knows it can be a nuisance to this person."""
    p256dh: bytes
    """The browser's public key: an uncompressed P-256 point, 65 bytes."""
    auth: bytes
    """The secret shared with the browser, 16 bytes."""

    def __repr__(self) -> str:
        return "Subscription(...)"


def parse_subscription(text: str, loopback: Loopback = "too") -> Subscription:
    """A subscription from the JSON of `PushSubscription.toJSON()`; other members, such as `expirationTime`, are left.

    Raises ValueError with a sentence that names the malformed part and quotes nothing of it. A stranger chooses the
    endpoint: see `check_endpoint` for where it may lie.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the subscription is not JSON; send what PushSubscription.toJSON() gives") from None
    endpoint = _member(given, "endpoint")
    check_endpoint(endpoint, loopback)
    keys = given.get("keys")
    p256dh = _unpadded("p256dh", _member(keys, "p256dh"), 65)
    auth = _unpadded("auth", _member(keys, "auth"), 16)
    if p256dh[0] != 4:
        raise ValueError("p256dh is not an uncompressed point: its first byte is not 4")
    _point(p256dh)
    return Subscription(endpoint, p256dh, auth)


def store_subscription(subscription: Subscription) -> str:
    """How it is kept: the same JSON for the same subscription, whatever else its browser said."""
    keys = {"p256dh": _base64url(subscription.p256dh), "auth": _base64url(subscription.auth)}
    return json.dumps({"endpoint": subscription.endpoint, "keys": keys}, separators=(",", ":"))


def stored_subscription(text: str) -> Subscription:
    """One that `parse_subscription` let in, read without checking it again: 1.5 us instead of 13.

    Raises ValueError where it cannot be read; whether the key is on the curve shows at `encrypt`.
    """
    kept = _KEPT.fullmatch(text)
    if kept is None:
        return _read_slowly(text)
    endpoint, p256dh, auth = kept.groups()
    return Subscription(endpoint, _decoded(p256dh), _decoded(auth))


def _read_slowly(text: str) -> Subscription:
    """One that was not written by `store_subscription`, or whose address has characters that JSON escapes."""
    try:
        given = json.loads(text)
        endpoint, keys = given["endpoint"], given["keys"]
        if not isinstance(endpoint, str) or not _ADDRESS.fullmatch(endpoint):
            raise TypeError
        return Subscription(endpoint, *(_decoded(keys[name]) for name in ("p256dh", "auth")))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError("the subscription cannot be read") from None


def _decoded(base64url: str) -> bytes:
    """What is in this base64url, with or without padding."""
    return binascii.a2b_base64(base64url.encode().translate(_TO_BASE64) + b"==")


def _member(given: Any, name: str) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if not isinstance(value, str):
        raise ValueError(f"the subscription has no {name} that is text")
    return value


def check_endpoint(endpoint: str, loopback: Loopback) -> None:
    """Raises ValueError, with a sentence that quotes nothing, where we must not post to this endpoint.

    A stranger chose it, so it must not make us ask inside our own network: it names a host of the internet, on the
    port of https. A name that leads inside all the same would have to show a certificate for it.
    """
    if not endpoint.startswith(("https://", "http://")):
        raise ValueError("the endpoint must begin with https://")
    site = _SITE.match(endpoint)
    if site is None or not _ADDRESS.fullmatch(endpoint) or int(site[3] or 0) > 65535:
        raise ValueError("the endpoint is not an address: https://, host, path, at most 2048 ASCII characters")
    here = is_loopback(site[2].strip("[]"))
    if here and loopback == "never":
        raise ValueError("the endpoint is on this machine, which no browser's push service is")
    if here:
        return
    if site[1] == "http":
        raise ValueError("the endpoint must begin with https://; http is for this machine only")
    if loopback == "only":
        raise ValueError("the endpoint is not on this machine; a home that holds the approvers' keys reaches no other")
    if int(site[3] or 443) != 443:
        raise ValueError("the endpoint must be on port 443; others are for this machine only")
    name = _HOST_NAME.fullmatch(site[2])
    if name is None or name["top"].lower() in _PRIVATE_TOPS:
        raise ValueError("the endpoint must name a host of the internet")


def _unpadded(name: str, text: str, length: int) -> bytes:
    match = _BASE64URL.fullmatch(text)
    try:
        value = base64.urlsafe_b64decode(match[1] + "==") if match else None
    except binascii.Error:
        value = None
    if value is None:
        raise ValueError(f"{name} is not base64url")
    if len(value) != length:
        raise ValueError(f"{name} has {len(value)} bytes and must have {length}")
    return value


def _point(p256dh: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh)
    except ValueError:
        raise ValueError("p256dh is not a point on the curve P-256") from None


def encrypt(subscription: Subscription, plaintext: bytes) -> bytes:
    """The body of one push message, which only that browser can read: `plaintext` and 103 bytes more.

    Key pair and salt are made for this message alone. Takes some 95 us of a core, 60 of them key agreement. Raises
    ValueError for a plaintext over `PLAINTEXT_MAX` bytes and for a key that is no point on the curve.
    """
    if len(plaintext) > PLAINTEXT_MAX:
        raise ValueError(f"the message has {len(plaintext)} bytes; Web Push carries at most {PLAINTEXT_MAX}")
    return _encrypt(subscription, plaintext, ec.generate_private_key(CURVE), os.urandom(16))


def _encrypt(subscription: Subscription, plaintext: bytes, own: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """RFC 8291 section 4; the delimiter 2 says that this record is the last one."""
    public = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    agreed = own.exchange(_ECDH, _point(subscription.p256dh))
    key, nonce = _key_and_nonce(_key_material(subscription, public, agreed), salt)
    record = AESGCM(key).encrypt(nonce, plaintext + b"\x02", None)
    return b"".join((salt, _RECORD_AND_KEY_LENGTH, public, record))


def _key_material(subscription: Subscription, public: bytes, agreed: bytes) -> bytes:
    """RFC 8291 section 3.4: HKDF (an HMAC to extract, one to expand) over what ECDH agreed, bound to both keys."""
    extracted = hmac.digest(subscription.auth, agreed, "sha256")
    return hmac.digest(extracted, b"WebPush: info\0" + subscription.p256dh + public + b"\x01", "sha256")


def _key_and_nonce(material: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """RFC 8188 sections 2.2 and 2.3, for the first record."""
    extracted = hmac.digest(salt, material, "sha256")
    key = hmac.digest(extracted, b"Content-Encoding: aes128gcm\0\x01", "sha256")
    nonce = hmac.digest(extracted, b"Content-Encoding: nonce\0\x01", "sha256")
    return key[:16], nonce[:12]


def vapid_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """The key pair that follows from a secret of 32 bytes, always the same: browsers subscribe to its public half."""
    return key_pair(secret, b"the VAPID key of Web Push")


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What browsers take as `applicationServerKey`: base64url of the uncompressed point, 87 characters."""
    return _base64url(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


class Vapid:
    """Says to push services who sends (RFC 8292). One token an origin, used for all messages there."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, contact: str) -> None:
        """`contact` is where a push service can ask about us: `mailto:` or `https://`. Raises ValueError."""
        if not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"the key of Web Push must be on the curve P-256, not {key.curve.name}")
        if not _CONTACT.fullmatch(contact):
            raise ValueError("the contact of Web Push must be a mailto: or https:// address")
        self.public_key = public_key(key)
        self._key = key
        self._contact = contact
        self._tokens: dict[str, tuple[str, int]] = {}
        """Header value and end of life in seconds of Unix time, by origin."""

    def authorization(self, endpoint: str, now: datetime) -> str:
        """The value of the `Authorization` header for a message to `endpoint`; `now` is aware.

        Raises ValueError for an endpoint that has no origin; `parse_subscription` lets none through.
        """
        origin = _origin(endpoint)
        seconds = now.timestamp()
        header, end = self._tokens.get(origin, ("", 0))
        if TOKEN_RENEWAL.total_seconds() < end - seconds <= 2 * TOKEN_LIFE.total_seconds():
            return header
        end = int(seconds + TOKEN_LIFE.total_seconds())
        header = f"vapid t={self._token(origin, end)}, k={self.public_key}"
        if len(self._tokens) >= TOKENS_MAX:
            self._tokens.clear()
        self._tokens[origin] = header, end
        return header

    def _token(self, origin: str, end: int) -> str:
        claims = {"aud": origin, "exp": end, "sub": self._contact}
        signed = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), _ES256))
        return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _origin(endpoint: str) -> str:
    """Scheme, host and port as browsers write an origin (RFC 6454 section 6.1)."""
    site = _SITE.match(endpoint)
    if site is None:
        raise ValueError("the endpoint is not an address that begins with https:// and a host")
    scheme, host, port = site.groups()
    shown = "" if port is None or int(port) == _DEFAULT_PORTS[scheme] else f":{int(port)}"
    return f"{scheme}://{host.lower()}{shown}"


def _json(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def headers(kind: MessageKind, alert_id: str, lease_until: datetime | None, now: datetime) -> dict[str, str]:
    """What a push service is told of a message beside its token; names in lower case, as HTTP/2 wants them.

    A message waits for a browser until the lease ends and no longer. Without a lease it says that something ended,
    and waits as long as it may: a browser that was off can still be showing the alert. Both times are aware.

    The topic is the same for all messages of an alert, so that for a browser that is off the newest takes the place
    of what waits: a resend never doubles, and a cancel takes the alert back before it is shown.
    """
    left = TTL_MAX if lease_until is None else min(lease_until - now, TTL_MAX)
    return {
        "ttl": str(max(0, left // timedelta(seconds=1))),
        "topic": _base64url(hashlib.sha256(alert_id.encode()).digest()[:24]),
        "urgency": "normal" if kind is MessageKind.REFRESH else "high",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }
