"""Access tokens: Google's own library reads what we state, and the simulated token service takes nothing less."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import google.auth.exceptions
import google.auth.jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.oauth2 import service_account

from activities.channels.base import Busy, ChannelError, Denied, Unreachable
from activities.service_account import GRANT, SCOPE, AccessTokens, assertion, read_account
from simulators.http2 import CUT, Asked, Reply
from simulators.tokens import TokenService
from tests.support.gateway import OwnGateway

GOOGLES = "https://oauth2.googleapis.com/token"
Answering = Callable[[Asked], Reply]


class Service:
    """A token service on loopback; `answering` can take its place."""

    def __init__(self, folder: Path) -> None:
        self.answering: Answering | None = None
        self.server = OwnGateway(folder, self._answer)
        self.tokens = TokenService(self.server.url, folder)
        self.account = self.tokens.account("app")

    def _answer(self, asked: Asked) -> Reply:
        return (self.answering or self.tokens.answer)(asked)

    def client(self) -> AccessTokens:
        return AccessTokens(self.account, self.server.authority, only_loopback=True)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("tokens"))
    yield service
    service.server.close()


@pytest.fixture
def service(opened: Service) -> Service:
    opened.answering = None
    opened.server.asked.clear()
    return opened


def issuing(life: float) -> Answering:
    """Tokens that live so long, numbered."""
    numbers = iter(range(1, 100))

    def answer(_: Asked) -> Reply:
        return Reply(200, json.dumps({"access_token": f"token-{next(numbers)}", "expires_in": life}).encode())

    return answer


def test_statement_when_read_by_googles_library_is_ours_and_signed(service: Service) -> None:
    account = read_account(service.account)
    public = account.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    said = google.auth.jwt.decode(assertion(account, time.time()), certs=public, audience=account.token_uri)
    assert (said["iss"], said["scope"]) == (account.client_email, SCOPE)
    assert 0 < said["exp"] - said["iat"] <= 3_600


def test_googles_library_when_it_asks_the_simulator_gets_a_token(tmp_path: Path) -> None:
    tokens = TokenService(GOOGLES, tmp_path)  # its library names this audience, whatever the file says
    account = str(tokens.account("app"))
    credentials = service_account.Credentials.from_service_account_file(account, scopes=[SCOPE])
    credentials.refresh(_carrier(tokens))
    assert tokens.holds({"authorization": f"Bearer {credentials.token}"}, "app")
    assert not tokens.holds({"authorization": f"Bearer {credentials.token}"}, "app_exercise")
    other = service_account.Credentials.from_service_account_file(account, scopes=["some.other"])
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_grant"):
        other.refresh(_carrier(tokens))


def _carrier(tokens: TokenService) -> Any:
    """Brings requests of Google's library to the simulator, without a network."""

    class Answer:
        def __init__(self, reply: Reply) -> None:
            self.status, self.data, self.headers = reply.status, reply.body, dict[str, str]()

    def carry(url: str, method: str = "GET", body: bytes | None = None, **_: Any) -> Answer:
        assert (url, method) == (GOOGLES, "POST")
        return Answer(tokens.answer(Asked({}, body or b"")))

    return carry


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody@else.example"},
        {"aud": "https://127.0.0.1:1/other"},
        {"scope": "some.other"},
        {"exp": 1_000_000_000},
        {"iat": 4_000_000_000, "exp": 4_000_000_600},
        {"exp": 4_000_000_000},
    ],
    ids=str,
)
def test_token_service_when_a_claim_is_wrong_refuses(service: Service, changed: dict[str, Any]) -> None:
    account, now = read_account(service.account), int(time.time())
    claims = {"iss": account.client_email, "aud": account.token_uri, "scope": SCOPE, "iat": now, "exp": now + 600}
    signer = google.auth.crypt.RSASigner.from_service_account_file(str(service.account))
    asked = _form(google.auth.jwt.encode(signer, claims).decode())
    assert service.tokens.answer(asked).status == 200
    asked = _form(google.auth.jwt.encode(signer, {**claims, **changed}).decode())
    assert json.loads(service.tokens.answer(asked).body) == {"error": "invalid_grant"}


def test_token_service_when_another_key_signed_refuses(service: Service, tmp_path: Path) -> None:
    other = read_account(TokenService(service.server.url, tmp_path).account("app"))
    assert service.tokens.answer(_form(assertion(other, time.time()))).status == 400


def _form(signed: str) -> Asked:
    return Asked({}, urlencode({"grant_type": GRANT, "assertion": signed}).encode())


async def test_senders_when_they_ask_at_once_share_one_token(service: Service) -> None:
    client = service.client()
    tokens = await asyncio.gather(*(client.current() for _ in range(50)))
    assert len({token.value for token in tokens}) == len(service.server.asked) == 1
    assert tokens[0].project == "baken"
    again = await asyncio.gather(*(client.instead_of(tokens[0]) for _ in range(50)))
    assert len({token.value for token in again}) == 1
    assert len(service.server.asked) == 2


async def test_token_when_it_soon_ends_is_renewed_and_used_on_where_that_fails(service: Service) -> None:
    now = [0.0]
    client = AccessTokens(service.account, service.server.authority, only_loopback=True, clock=lambda: now[0])
    service.answering = issuing(life=3600)

    async def at(seconds: float) -> str:
        now[0] = seconds
        return (await client.current()).value

    assert [await at(0), await at(3299)] == ["token-1"] * 2
    good, service.answering = service.answering, lambda _: Reply(503)
    assert [await at(3301), await at(3302)] == ["token-1"] * 2
    assert len(service.server.asked) == 2, "not tried again at once"
    with pytest.raises(Busy):
        await at(3601)
    service.answering = good
    assert await at(3602) == "token-2"


async def test_senders_who_wait_for_a_silent_service_are_told_with_the_first_of_them(service: Service) -> None:
    """Each would else wait for its own try: nine of them longer than a batch may take."""
    service.answering = lambda _: Reply(503, after=0.2)
    client = service.client()
    told = await asyncio.gather(*(client.current() for _ in range(9)), return_exceptions=True)
    assert [type(one) for one in told] == [Busy] * 9
    assert len(service.server.asked) == 1
    service.answering = None
    assert (await client.current()).value, "who comes afterwards tries anew"


@pytest.mark.parametrize(
    ("reply", "means", "said"),
    [
        (Reply(400, b'{"error":"invalid_grant"}'), Denied, "does not accept our service account (invalid_grant)"),
        (Reply(401, b'{"error":"<b>"}'), Denied, "does not accept our service account (401)"),
        (Reply(429), Busy, "asks for patience (429)"),
        (Reply(503), Busy, "asks for patience (503)"),
        (Reply(200, b"<html>"), Unreachable, "answer makes no sense"),
        (Reply(200, b'{"access_token":"a"}'), Unreachable, "answer makes no sense"),
        (Reply(200, '{"access_token":"é","expires_in":9}'.encode()), Unreachable, "answer makes no sense"),
        (CUT, Unreachable, ""),
    ],
    ids=str,
)
async def test_answer_that_is_no_token_is_classified(
    service: Service, reply: Reply, means: type[ChannelError], said: str
) -> None:
    service.answering = lambda _: reply
    with pytest.raises(means) as raised:
        await service.client().current()
    assert type(raised.value) is means
    assert said in str(raised.value)
    assert "token service" in str(raised.value)


async def test_token_service_that_is_not_there_is_told_as_such(service: Service, tmp_path: Path) -> None:
    gone = OwnGateway(tmp_path)
    gone.close()
    account = TokenService(gone.url, tmp_path).account("app")
    with pytest.raises(Unreachable, match="token service does not answer"):
        await AccessTokens(account, gone.authority, only_loopback=True).current()


KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CURVE = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
GOOD = {
    "client_email": "app@baken.iam.example",
    "private_key_id": "1",
    "private_key": PEM,
    "token_uri": "https://oauth2.example/token",
    "project_id": "baken",
}


def _even() -> str:
    """A key that can be read and cannot sign: its modulus is one less."""
    modulus = KEY.public_key().public_numbers().n
    whole = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    broken = whole.replace(modulus.to_bytes(256, "big"), (modulus - 1).to_bytes(256, "big"))
    return f"-----BEGIN PRIVATE KEY-----\n{base64.encodebytes(broken).decode()}-----END PRIVATE KEY-----\n"


HERE = "https://127.0.0.1/token"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "account.json cannot be read"),
        ([], "account.json is not the file of a service account"),
        ({**GOOD, "client_email": "a", "private_key": "x"}, "private_key in account.json is not an RSA key"),
        ({**GOOD, "private_key": CURVE.decode()}, "private_key in account.json is not an RSA key"),
        ({**GOOD, "private_key": _even(), "token_uri": HERE}, "private_key in account.json is no key to sign with"),
        ({**GOOD, "token_uri": "http://oauth2.example/token"}, "token_uri in account.json must begin with https"),
        ({**GOOD, "token_uri": "https://oauth2.example/é"}, "token_uri in account.json must .* ASCII"),
        ({**GOOD, "project_id": "projekt-ü"}, "project_id in account.json is not a project's"),
        ({"client_email": "a"}, "account.json is not the file of a service account"),
        (GOOD, "token_uri is not on this machine"),
    ],
    ids=["none", "list", "no-key", "curve", "even", "http", "address", "project", "half", "elsewhere"],
)
async def test_account_when_it_cannot_be_used_is_told_without_its_key(tmp_path: Path, said: Any, why: str) -> None:
    path = tmp_path / "account.json"
    if said is not None:
        path.write_text(json.dumps(said))
    with pytest.raises(Denied, match=why) as raised:
        await AccessTokens(path, None, only_loopback=True).current()
    assert "PRIVATE" not in str(raised.value)
