"""A cell broadcast entity of the demo: it takes what CAP and its pages allow, and knows what it has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cap_tools.models import MsgType
from lxml import etree

from activities.cap_message import Envelope
from activities.cell_message import CellWriter
from activities.channels.base import Part, PublishJob, Rendition
from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Meaning
from simulators.cellbroadcast import Network
from simulators.faults import Faults
from simulators.received import Record
from tests.support.cap import CAP, assert_valid
from tests.support.editions import BASE_URL, NOW, case_document, make_edition

SENDER = "baken@baken.example"
UNTIL = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return Network(Record(tmp_path / "received.jsonl"), Faults(), "noordnet")


def message(kind: MsgType, identifier: str, references: tuple[str, ...] = (), text: str = "Kort") -> bytes:
    edition = make_edition(case_document())
    parts = [Part(name=f"{name}.nl", media="text", content=text) for name in ("phone", "phone360", "phone90")]
    ref = EditionRef(number=1, digest=edition.digest, approval_digest=edition.approval_digest, channels={})
    job = PublishJob(
        alert_id="a1",
        kind=edition.kind,
        desired=Desired(meaning=Meaning.WITHDRAWN, edition=ref),
        identifier=identifier,
        sent=NOW,
        edition=edition.model_copy(update={"texts": {"nl": edition.texts["nl"]}}),
        rendition=Rendition(channel="cellbroadcast", parts=tuple(parts)),
    )
    writer, named = CellWriter(SENDER, BASE_URL, job), [f"{SENDER},{one},{NOW.isoformat()}" for one in references]
    envelope = Envelope(identifier, NOW, UNTIL, named)
    written = writer.ended(envelope) if kind is MsgType.CANCEL else writer.shown(kind, envelope)
    assert_valid(written.encode())
    return written.encode()


def answer(network: Network, body: bytes) -> str:
    said = network.take(body)
    assert_valid(said)
    return str(ElementTree.fromstring(said).findtext("cap:msgType", namespaces=CAP))


def test_message_when_it_comes_twice_is_acknowledged_twice_and_shown_once(network: Network) -> None:
    alert = message(MsgType.ALERT, "one")
    assert [answer(network, alert), answer(network, alert)] == ["Ack", "Ack"]
    (shown,) = network.shown(["a1"])["shows"]
    assert (shown["up"], shown["texts"], shown["short"]) == (True, {"nl": "Kort"}, {"nl": "Kort"})


def test_alert_when_it_comes_after_its_cancel_is_refused(network: Network) -> None:
    assert answer(network, message(MsgType.CANCEL, "two", ("one",))) == "Error"
    assert answer(network, message(MsgType.ALERT, "one")) == "Error"
    assert network.shown(["a1"])["shows"] == []


def test_update_when_nothing_is_known_of_it_is_refused(network: Network) -> None:
    assert answer(network, message(MsgType.UPDATE, "two", ("one",))) == "Error"


def test_network_when_started_again_still_has_what_it_had(tmp_path: Path) -> None:
    for known in ("one", "two"):
        network = Network(Record(tmp_path / "received.jsonl"), Faults(), "noordnet")
        kind, references = (MsgType.ALERT, ()) if known == "one" else (MsgType.UPDATE, ("one",))
        assert answer(network, message(kind, known, references)) == "Ack"


@pytest.mark.parametrize(
    ("text", "said"), [("a" * 90, "Ack"), ("a" * 91, "Error"), ("ë" * 40, "Ack"), ("ë" * 41, "Error")]
)
def test_text_when_it_needs_more_than_its_pages_is_refused(network: Network, text: str, said: str) -> None:
    assert answer(network, message(MsgType.ALERT, "one", text=text)) == said


def test_message_when_it_breaks_the_schema_is_none(network: Network) -> None:
    broken = message(MsgType.ALERT, "one").replace(b"<urgency>Immediate</urgency>", b"")
    with pytest.raises(etree.XMLSyntaxError, match=r"urgency|severity"):
        network.take(broken)
