"""DKIM: mails as a server took them verify with dkimpy, a library that has no part in signing them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from activities.channels.base import Unreachable
from activities.endpoints import DkimKey, EmailEndpoint
from alerts.vocabulary import Kind, MessageKind
from tests.support.mail import email_channel, send, serving

AT_HOME = b"2026a._domainkey.baken.example."
ALGORITHMS = ("rsa", "ed25519")
Key = RSAPrivateKey | Ed25519PrivateKey


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, bytes]]:
    """Of each algorithm a key on disk, and what its owner publishes."""
    folder = tmp_path_factory.mktemp("dkim")
    rsa, curve = generate_rsa_key(65537, 2048), Ed25519PrivateKey.generate()
    spki = rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = curve.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "rsa": (write(folder / "rsa.pem", rsa), b"v=DKIM1; k=rsa; p=" + b64encode(spki)),
        "ed25519": (write(folder / "ed25519.pem", curve), b"v=DKIM1; k=ed25519; p=" + b64encode(raw)),
    }


def write(path: Path, key: Key) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def verifies(mail: bytes, record: bytes) -> bool:
    """By the key that stands in DNS under the selector of the domain, and nowhere else."""

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return record if name == AT_HOME else None

    return bool(dkim.verify(mail, dnsfunc=look_up, minkey=2048))


async def signed(key: Path, kind: MessageKind = MessageKind.ALERT, number: int = 1) -> list[bytes]:
    async with serving() as server:
        said = DkimKey(domain="baken.example", selector="2026a", key=str(key))
        endpoint = EmailEndpoint(host="127.0.0.1", port=server.port, dkim=said)
        assert await send(endpoint, number, kind=kind, situation="Één meisje.  \n\n.punt \n") == [None] * number
    return server.contents


@pytest.mark.parametrize("kind", [MessageKind.ALERT, MessageKind.UPDATE, MessageKind.CANCEL])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_mails_when_signed_all_verify(
    keys: dict[str, tuple[Path, bytes]], algorithm: str, kind: MessageKind
) -> None:
    key, record = keys[algorithm]
    mails = await signed(key, kind, 12)
    assert [verifies(mail, record) for mail in mails] == [True] * 12
    assert len(set(mails)) == 12


def body(mail: bytes) -> bytes:
    return mail.replace(b"0800-6070", b"0900-1234")


def subject(mail: bytes) -> bytes:
    return mail.replace(b"\r\nSubject: ", b"\r\nSubject: Geen ")


def link(mail: bytes) -> bytes:
    return mail.replace(b"List-Unsubscribe: <https://alert.example", b"List-Unsubscribe: <https://other.example")


def one_click(mail: bytes) -> bytes:
    return mail.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"")


def second_sender(mail: bytes) -> bytes:
    return b"From: somebody@else.example\r\n" + mail


def answer_to(mail: bytes) -> bytes:
    return mail.replace(b"\r\nTo: ", b"\r\nIn-Reply-To: <other@baken.example>\r\nTo: ")


@pytest.mark.parametrize("change", [body, subject, link, one_click, second_sender, answer_to])
async def test_mail_when_changed_on_its_way_does_not_verify(
    keys: dict[str, tuple[Path, bytes]], change: Callable[[bytes], bytes]
) -> None:
    key, record = keys["ed25519"]
    (mail,) = await signed(key)
    changed = change(mail)
    assert changed != mail
    assert verifies(mail, record)
    assert not verifies(changed, record)


async def test_mail_when_the_way_adds_headers_of_its_own_still_verifies(keys: dict[str, tuple[Path, bytes]]) -> None:
    key, record = keys["rsa"]
    (mail,) = await signed(key)
    assert verifies(b"Received: from here by there;\r\n\tThu, 26 Nov 2026 12:00:00 +0100\r\n" + mail, record)


def small(path: Path) -> None:
    write(path, generate_rsa_key(65537, 1024))


def another_curve(path: Path) -> None:
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def locked(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read (No such file or directory)"),
        (lambda path: path.write_text("no key"), "is no private key in PEM without a password"),
        (locked, "is no private key in PEM without a password"),
        (small, "is neither RSA of at least 2048 bits nor Ed25519"),
        (another_curve, "is neither RSA of at least 2048 bits nor Ed25519"),
    ],
)
async def test_key_when_it_cannot_sign_is_said_and_nothing_leaves_unsigned(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "dkim.pem"
    make(path)
    async with serving() as server:
        key = DkimKey(domain="baken.example", selector="2026a", key=str(path))
        endpoint = EmailEndpoint(host="127.0.0.1", port=server.port, dkim=key)
        outcomes = await send(endpoint, 2)
        doctor = await email_channel(endpoint).probe(Kind.ACTUAL)
    assert doctor == f"the DKIM key {path} {said}"
    assert [(type(one), str(one)) for one in outcomes] == [(Unreachable, doctor)] * 2
    assert server.taken == []
