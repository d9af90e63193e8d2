"""What the approval page is made from: every piece as it was frozen, under the name people know it by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activities.channels.sms import SmsChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SmsEndpoint
from alerts.vocabulary import Role
from starter.parts import open_parts
from starter.web.previewing import pending_of
from starter.web.session import Visitor
from store import editions
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home

CENTRE = SmsEndpoint(host="127.0.0.1", port=2775, system_id="s", password="p", price="0.08")


def visitor(language: str) -> Visitor:
    return Visitor("supervisor1", "Supervisor", frozenset({Role.SUPERVISOR}), "token", language)


def test_text_message_when_it_waits_tells_its_parts_and_price_beside_the_number_of_phones(tmp_path: Path) -> None:
    parts = open_parts(silent_home(tmp_path / "home"))
    parts.keys.create("a1")
    alert = ShownAlert(parts.db, key=parts.keys.display_key("a1"))
    alert.show()
    channel = SmsChannel(
        ChannelsConfig(channels=LiveChannels(sms=CENTRE)), parts.db, parts.keys.system_key, lambda: NOW
    )
    rendition = channel.render(alert.edition, BASE_URL)
    with parts.db.write() as session:
        editions.put_rendition(session, alert.key, "a1", alert.edition.digest, "sms", rendition.model_dump_json())
    waits = {
        "edition_digest": alert.edition.digest,
        "channels": ["sms"],
        "arms": [{"channel": "sms", "recipients": 500, "trouble": []}],
    }
    view: dict[str, Any] = {"alert_id": "a1", "pending": waits, "edition_digest": None, "draft": None, "case": None}
    labels = {"nl": "Delen en kosten (nl)", "en": "Parts and cost (nl)"}
    for language, label in labels.items():
        pending = pending_of(parts, view, visitor(language))
        assert pending is not None
        (planned,) = pending.planned
        assert (planned.recipients, planned.trouble) == (500, ())
        (cost,) = [piece for piece in planned.pieces if piece.label == label]
        assert cost.content.startswith("2 delen per telefoon, GSM-7, ")
        assert cost.content.endswith("; 2 x € 0.08 = € 0.16")
    parts.close()
