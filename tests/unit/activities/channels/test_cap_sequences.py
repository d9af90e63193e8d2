"""200 alerts in random sequences: every message keeps schema, profile and chain, and its signature holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.signer import XMLSigner

from activities.cap_signature import CapSigner
from activities.channels.cap import CapChannel
from alerts.cap_profile import breaches
from alerts.vocabulary import Kind
from tests.support.cap import assert_valid, messages, published, texts, xmlsec1
from tests.support.cap_story import RandomStory
from tests.support.editions import BASE_URL, KEY, NOW, ShownAlert
from tests.support.stores import new_store

ALERTS = 200
SEED = 20261126


@dataclass(frozen=True)
class Told:
    """One message as partners got it."""

    alert_id: str
    kind: str
    identifier: str
    sent: datetime
    expires: datetime
    references: tuple[str, ...]
    name: str
    """As a later message has to refer to it."""
    xml: bytes


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """All that was published for 200 alerts, in order."""
    db = new_store(tmp_path_factory.mktemp("sequences") / "baken.db")
    rng = Random(SEED)
    channels = {"cap": CapChannel(db, lambda _: KEY, lambda: NOW, BASE_URL, lambda: KEY)}
    found: list[Told] = []
    for number in range(ALERTS):
        alert = ShownAlert(db, alert_id=f"a{number}", kind=rng.choice(list(Kind)), channels=channels)
        alert.now = NOW + timedelta(hours=rng.randrange(365 * 24))  # summer time too
        story = RandomStory(alert, rng)
        for _ in range(rng.randrange(4)):
            story.step()
        if rng.random() < 0.9:
            story.end()
        found += _told(alert)
    db.close()
    return found


def _told(alert: ShownAlert) -> Iterator[Told]:
    for message in messages(alert):
        xml = published(alert, message)
        tree = ElementTree.fromstring(xml)
        head = {name: " ".join(texts(tree, f"cap:{name}")) for name in ("sender", "identifier", "sent", "msgType")}
        yield Told(
            alert_id=alert.alert_id,
            kind=head["msgType"],
            identifier=head["identifier"],
            sent=datetime.fromisoformat(head["sent"]),
            expires=datetime.fromisoformat(texts(tree, "cap:info/cap:expires")[0]),
            references=tuple(" ".join(texts(tree, "cap:references")).split()),
            name=f"{head['sender']},{head['identifier']},{head['sent']}",
            xml=xml,
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "cap.pem"
    path.write_bytes(CapSigner(lambda: KEY).certificate)
    return path


def test_sequences_are_as_many_and_as_varied_as_they_should_be(told: list[Told]) -> None:
    assert len({one.alert_id for one in told}) == ALERTS
    kinds = [one.kind for one in told]
    assert all(kinds.count(kind) >= ALERTS // 2 for kind in ("Alert", "Update", "Cancel")), len(kinds)
    assert len({one.identifier for one in told}) == len(told)


def test_message_of_every_sequence_keeps_the_schema(told: list[Told]) -> None:
    for one in told:
        assert_valid(one.xml)


def test_message_of_every_sequence_keeps_the_profile(told: list[Told]) -> None:
    assert [(one.identifier, *found) for one in told for found in breaches(one.xml.decode())] == []


def test_signature_of_every_sequence_is_accepted_by_xmlsec1(
    told: list[Told], certificate: Path, tmp_path: Path
) -> None:
    files = [_file(tmp_path / f"{number}.xml", one.xml) for number, one in enumerate(told)]
    assert xmlsec1(certificate, files)


def test_signature_when_a_word_was_changed_is_refused_by_xmlsec1(
    told: list[Told], certificate: Path, tmp_path: Path
) -> None:
    good = _file(tmp_path / "good.xml", told[0].xml)
    bad = _file(tmp_path / "bad.xml", told[0].xml.replace(b"Baken", b"Baker", 1))
    assert (xmlsec1(certificate, [good]), xmlsec1(certificate, [bad])) == (True, False)


def test_signature_of_another_installation_is_refused_by_xmlsec1(told: list[Told], tmp_path: Path) -> None:
    theirs = _file(tmp_path / "theirs.pem", CapSigner(lambda: KEY[::-1]).certificate)
    assert not xmlsec1(theirs, [_file(tmp_path / "ours.xml", told[0].xml)])


def test_signature_with_a_key_that_the_message_brings_is_refused_by_xmlsec1(
    told: list[Told], certificate: Path, tmp_path: Path
) -> None:
    unsigned = etree.fromstring(told[0].xml)
    unsigned.remove(unsigned[-1])
    forged = XMLSigner().sign(unsigned, key=rsa.generate_private_key(65537, 2048))
    assert forged.find(".//{*}KeyValue") is not None
    assert not xmlsec1(certificate, [_file(tmp_path / "forged.xml", etree.tostring(forged))])


def test_references_of_every_sequence_name_all_that_is_in_force(told: list[Told]) -> None:
    since: dict[str, list[Told]] = {}
    for one in told:
        before = since.setdefault(one.alert_id, [])
        in_force = [earlier for earlier in before if earlier.expires > one.sent]
        if one.kind == "Cancel":
            in_force = in_force or before[-1:]
        assert one.references == tuple(earlier.name for earlier in in_force), one.identifier
        assert (one.kind == "Alert") == (not in_force), one.identifier
        since[one.alert_id] = [] if one.kind == "Cancel" else [*before, one]


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
