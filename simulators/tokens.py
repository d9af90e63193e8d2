"""A token service (OAuth 2): it exchanges what a service account states and signs for an access token (RFC 7523)."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from simulators.http2 import Asked, Reply

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
LIFE: Final = 60
"""Seconds of an access token, where a real one lives for an hour: a demo sees it renewed."""
HOUR: Final = 3_600
SKEW: Final = 60
"""Seconds that a clock may be ahead."""


class TokenService:
    """Of one home; its accounts share a key, kept in the file of each. Tokens are forgotten with the process."""

    def __init__(self, url: str, folder: Path, life: float = LIFE) -> None:
        self._url = url
        self._folder = folder
        self._life = life
        self._key: rsa.RSAPrivateKey | None = None
        self._accounts: set[str] = set()
        self._issued: dict[str, tuple[str, float]] = {}

    def account(self, name: str) -> Path:
        """The file of an account, as a console would give it."""
        path, email = self._folder / f"{name}.json", f"{name}@baken.iam.example"
        self._key = self._key or _kept_key(path) or rsa.generate_private_key(65537, 2048)
        self._accounts.add(email)
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        said = {"type": "service_account", "project_id": "baken", "private_key_id": "demo", "private_key": pem}
        said |= {"client_email": email, "token_uri": self._url}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(said, file)
        return path

    def answer(self, asked: Asked) -> Reply:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode("ascii", "replace")).items()}
        if form.get("grant_type") != GRANT:
            return _refused("unsupported_grant_type")
        who = self._stated_by(form.get("assertion", ""))
        if who is None:
            return _refused("invalid_grant")
        token = secrets.token_urlsafe(32)
        self._issued[token] = who, time.time() + self._life
        said = {"access_token": token, "expires_in": self._life, "token_type": "Bearer"}
        return Reply(200, json.dumps(said).encode())

    def holds(self, headers: Mapping[str, str], name: str) -> bool:
        """Whether this account may ask, by the token it shows."""
        who, ends = self._issued.get(headers.get("authorization", "").removeprefix("Bearer "), ("", 0.0))
        return who == f"{name}@baken.iam.example" and time.time() < ends

    def _stated_by(self, assertion: str) -> str | None:
        """Whose statement it is, if all of it is right."""
        try:
            head, claims, signature = assertion.split(".")
            assert self._key is not None
            signed = f"{head}.{claims}".encode()
            self._key.public_key().verify(_unpacked(signature), signed, PKCS1v15(), SHA256())
            kind, said, now = json.loads(_unpacked(head)), json.loads(_unpacked(claims)), time.time()
            begins, ends = float(said["iat"]), float(said["exp"])
        except (InvalidSignature, ValueError, LookupError, TypeError):
            return None
        in_time = begins <= now + SKEW and now < ends <= begins + HOUR
        right = kind.get("alg") == "RS256" and said.get("aud") == self._url and SCOPE in str(said.get("scope")).split()
        return str(said["iss"]) if in_time and right and said.get("iss") in self._accounts else None


def _kept_key(path: Path) -> rsa.RSAPrivateKey | None:
    if not path.exists():
        return None
    key = load_pem_private_key(json.loads(path.read_text("utf-8"))["private_key"].encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _refused(code: str) -> Reply:
    return Reply(400, json.dumps({"error": code}).encode())


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")
