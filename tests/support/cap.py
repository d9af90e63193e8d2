"""The CAP messages of an alert, read as a partner reads them: only after they passed the schema."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from capvalidator.validate import Validator  # type: ignore[import-untyped]

from alerts.sealing import unseal
from store import cap_messages
from store.tables.alert import CapMessage
from tests.support.editions import KEY, ShownAlert

CAP = {"cap": "urn:oasis:names:tc:emergency:cap:1.2"}


def messages(alert: ShownAlert) -> list[CapMessage]:
    with alert.db.read() as session:
        return list(cap_messages.messages(session, alert.alert_id))


def document(message: CapMessage) -> Element:
    """A message as a tree, after it passed the schema."""
    xml = message.sealed
    if message.message_type != "Cancel":
        xml = unseal(KEY, xml, aad=cap_messages.aad(message.alert_id, message.identifier))
    assert_valid(xml)
    return ElementTree.fromstring(xml)


def assert_valid(xml: bytes) -> None:
    valid, said = Validator(xml).schema()
    assert valid, f"{said}\n{xml.decode()}"


def texts(tree: Element, path: str) -> list[str]:
    return [found.text or "" for found in tree.findall(path, CAP)]


def chain(alert: ShownAlert) -> list[tuple[str, list[int]]]:
    """Each message's type with the numbers of those it refers to."""
    known = messages(alert)
    numbers = {f"baken@baken.example,{one.identifier},{one.sent}": one.n for one in known}
    return [
        (one.message_type, [numbers[said] for said in " ".join(texts(document(one), "cap:references")).split()])
        for one in known
    ]
