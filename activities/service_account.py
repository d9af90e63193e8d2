"""Access tokens of a service account: a signed statement about ourselves is exchanged for one (RFC 7523).

The file is the one that Google's console gives. It is read again for each exchange, so that a new key counts at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import pycurl
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activities.bulk_http import CONNECT_WITHIN_MS, Answer
from activities.channels.base import Busy, ChannelError, Denied, Unreachable
from activities.endpoints import is_loopback

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
"""Sending messages, and nothing else that the account may do."""
ASSERTION_LIFE: Final = 600
"""Seconds; an hour is the most that is taken, and it is used at once."""
ANSWER_WITHIN_MS: Final = 6_000
"""With a message after it, a send must still be through within 30 s."""
EARLY: Final = 300.0
"""Seconds left of a token's life when it is renewed, or half its life where that is shorter: none ends on its way."""
AGAIN: Final = 10.0
"""Seconds until the next try, where renewing failed and the token still holds."""
WHO: Final = "the app gateway's token service"
_PROJECT: Final = re.compile(r"[A-Za-z0-9.:_-]{1,100}")
_PRINTABLE: Final = re.compile(r"[!-~]+")
"""As it can stand in an address or a header."""


@dataclass(frozen=True)
class ServiceAccount:
    """What of the file is needed."""

    client_email: str
    token_uri: str
    project_id: str
    private_key_id: str
    private_key: rsa.RSAPrivateKey = field(repr=False)


class AccessToken(NamedTuple):
    """Lets us send, for some time; the times are of the monotonic clock."""

    value: str
    project: str
    renew_at: float
    ends_at: float


def read_account(path: Path) -> ServiceAccount:
    """Raises ValueError with a sentence that shows nothing of the key."""
    try:
        said = json.loads(path.read_text("utf-8"))
        email, uri, project, number, pem = (
            str(said[name]) for name in ("client_email", "token_uri", "project_id", "private_key_id", "private_key")
        )
    except OSError:
        raise ValueError(f"the service account {path.name} cannot be read") from None
    except (ValueError, LookupError, TypeError):
        raise ValueError(f"{path.name} is not the file of a service account") from None
    try:
        # Whether its numbers are primes takes 43 ms each time, as long as two thousand messages; a token service will
        # take nothing that is signed with a wrong one.
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"private_key in {path.name} is not an RSA key in PEM")
    if not uri.startswith("https://") or not _PRINTABLE.fullmatch(uri):
        raise ValueError(f"token_uri in {path.name} must begin with https:// and have ASCII characters only")
    if not _PROJECT.fullmatch(project):
        raise ValueError(f"project_id in {path.name} is not a project's: letters of ASCII, digits and . : _ -")
    return ServiceAccount(email, uri, project, number, key)


def assertion(account: ServiceAccount, now: float) -> str:
    """What we state, signed (RFC 7523 section 3); `now` in seconds of Unix time."""
    head = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {"iss": account.client_email, "scope": SCOPE, "aud": account.token_uri}
    signed = f"{_json(head)}.{_json({**claims, 'iat': int(now), 'exp': int(now) + ASSERTION_LIFE})}"
    signature = account.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64url(signature)}"


class AccessTokens:
    """Of one service account, in one process: everybody who sends uses the same one, and one of them renews it.

    Who waited while that failed is told so too, and does not try for itself: a silent service would hold each in turn.
    """

    def __init__(
        self,
        path: Path,
        authority: Path | None,
        *,
        only_loopback: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._path = path
        self._authority = authority
        self._only_loopback = only_loopback
        self._token: AccessToken | None = None
        self._renewing = asyncio.Lock()
        self._tries = 0
        self._failed: ChannelError | None = None
        """What the last try ended with."""

    async def current(self) -> AccessToken:
        """One that holds; raises ChannelError where there is none to be had."""
        token, now = self._token, self._clock()
        if token is not None and now < (token.ends_at if self._renewing.locked() else token.renew_at):
            return token
        seen = self._tries
        async with self._renewing:
            return await self._renewed_when_due(seen)

    async def instead_of(self, refused: AccessToken) -> AccessToken:
        """Another one than that, which the gateway did not accept; raises ChannelError."""
        seen = self._tries
        async with self._renewing:
            if self._token is None or self._token.value == refused.value:
                self._token = await self._exchanged_since(seen)
            return self._token

    async def _renewed_when_due(self, seen: int) -> AccessToken:
        token, now = self._token, self._clock()
        if token is None or now >= token.renew_at:
            try:
                token = await self._exchanged_since(seen)
            except ChannelError:
                if token is None or now >= token.ends_at:
                    raise
                token = token._replace(renew_at=now + AGAIN)
        self._token = token
        return token

    async def _exchanged_since(self, seen: int) -> AccessToken:
        """Another one; or the error of a try that ended after the first `seen`."""
        if self._failed is not None and self._tries > seen:
            raise self._failed
        try:
            token, self._failed = await self._exchanged(), None
        except ChannelError as error:
            self._failed = error
            raise
        finally:
            self._tries += 1
        return token

    async def _exchanged(self) -> AccessToken:
        try:
            account = read_account(self._path)
        except ValueError as error:
            raise Denied(str(error)) from None
        if self._only_loopback and not is_loopback(urlsplit(account.token_uri).hostname or ""):
            raise Denied("token_uri is not on this machine; a home that holds the approvers' keys reaches no other")
        try:
            form = urlencode({"grant_type": GRANT, "assertion": assertion(account, time.time())})
        except ValueError:
            raise Denied(f"private_key in {self._path.name} is no key to sign with") from None
        asked_at = self._clock()
        answer, body = await asyncio.to_thread(_post, account.token_uri, form, self._authority)
        if answer.status != 200:
            raise _refusal(answer, body)
        try:
            said = json.loads(body)
            value, life = str(said["access_token"]), float(said["expires_in"])
        except (ValueError, LookupError, TypeError):
            value = ""
        if not _PRINTABLE.fullmatch(value):
            raise Unreachable(f"{WHO}'s answer makes no sense")
        return AccessToken(value, account.project_id, asked_at + max(life - EARLY, life / 2), asked_at + life)


def _post(url: str, form: str, authority: Path | None) -> tuple[Answer, bytes]:
    """By libcurl, like the messages themselves: the same certificates, and the same words where it fails."""
    said, curl = BytesIO(), pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.POSTFIELDS, form)
        curl.setopt(pycurl.WRITEDATA, said)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT_WITHIN_MS)
        curl.setopt(pycurl.TIMEOUT_MS, ANSWER_WITHIN_MS)
        if authority is not None:
            curl.setopt(pycurl.CAINFO, str(authority))
        curl.perform()
        return Answer(curl.getinfo(pycurl.RESPONSE_CODE), float(curl.getinfo(pycurl.RETRY_AFTER))), said.getvalue()
    except pycurl.error as error:
        return Answer(0, error=f"curl error {error.args[0]}"), b""
    finally:
        curl.close()


def _refusal(answer: Answer, body: bytes) -> ChannelError:
    if not answer.status:
        return Unreachable(f"{WHO}{answer.trouble}")
    if answer.status == 429 or answer.status >= 500:
        return Busy(f"{WHO} asks for patience ({answer.status})", retry_after=min(answer.retry_after, 60.0) or 1.0)
    return Denied(f"{WHO} does not accept our service account ({_why(body) or answer.status})")


def _why(body: bytes) -> str:
    """The code of RFC 6749 section 5.2, such as `invalid_grant`; empty where there is none."""
    try:
        code = str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return ""
    return code if code.replace("_", "").isalnum() and len(code) <= 40 else ""


def _json(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
