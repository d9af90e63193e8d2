"""A certificate authority of the demo's own, and its certificates for this machine and for a client."""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

LIFE = timedelta(days=825)
CLIENT = "client.pem"
"""File of a client's key and certificate."""


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on loopback presents, and the file of the authority that clients trust; made when not there."""
    authority, chain = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and chain.exists() and (folder / CLIENT).exists()):
        _make(authority, chain, folder / CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, authority


def mutual_context(folder: Path) -> ssl.SSLContext:
    """The same for a server that asks whoever connects for a certificate, and takes that of `CLIENT` alone."""
    context, authority = server_context(folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    return context


def _make(authority: Path, chain: Path, client: Path) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Baken demo authority")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    ca = (
        _certificate(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, SHA256())
    )
    server = (
        _certificate(name, ca_name, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, SHA256())
    )
    client_key = ec.generate_private_key(ec.SECP256R1())
    ours = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Baken")])
    for_clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    shown = _certificate(ours, ca_name, client_key).add_extension(for_clients, critical=False).sign(ca_key, SHA256())
    _write(chain, _private(key) + server.public_bytes(Encoding.PEM))
    _write(client, _private(client_key) + shown.public_bytes(Encoding.PEM))
    _write(authority, ca.public_bytes(Encoding.PEM))


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + LIFE)


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
