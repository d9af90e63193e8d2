"""The signature on CAP messages: enveloped, exclusive C14N, ECDSA on P-256 with SHA-256 (W3C XML Signature 1.1).

Made by signxml. The key follows from the installation's secret and the certificate from the key, so that every process
on every host signs alike and shows the same certificate, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree  # type: ignore[import-untyped]
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from activities.p256 import key_pair

SUBJECT = "Baken CAP"
_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280 section 4.1.2.5: no end that is known; the certificate goes with its key."""


class CapSigner:
    def __init__(self, secret: Callable[[], bytes]) -> None:
        """`secret` is the installation's, asked for at the first message."""
        self._secret = secret

    @cached_property
    def certificate(self) -> bytes:
        """What partners trust: the public key, signed by itself; PEM."""
        public = self._key.public_key()
        encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, SUBJECT)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(int.from_bytes(hashlib.sha256(encoded).digest()[:16], "big") >> 1)
            .not_valid_before(_FROM)
            .not_valid_after(_NO_END)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_only_signatures(), critical=True)
        )
        return builder.sign(self._key, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM)

    def sign(self, xml: str) -> bytes:
        """The message with its signature as the last element."""
        signer = XMLSigner(
            signature_algorithm=SignatureMethod.ECDSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        message: Any = etree.fromstring(xml.encode())
        signed = signer.sign(message, key=self._key, cert=self.certificate.decode())
        return bytes(etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return key_pair(self._secret(), b"the signature on CAP messages")


def _only_signatures() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
