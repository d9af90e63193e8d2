"""What the approval page is made from: every piece as it was frozen, under the name people know it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from activities.channels.sms import SmsChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SmsEndpoint
from alerts.vocabulary import Role
from starter.parts import open_parts
from starter.web.i18n import translator
from starter.web.previewing import pending_of, piece_label
from starter.web.session import Visitor
from starter.web.views import Planned
from store import editions
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home

CENTRE = SmsEndpoint(host="127.0.0.1", port=2775, system_id="s", password="p", price="0.08")


def visitor(language: str) -> Visitor:
    return Visitor("supervisor1", "Supervisor", frozenset({Role.SUPERVISOR}), "token", language)


@contextmanager
def waiting(
    home: Path, trouble: Sequence[str] = (), problems: tuple[str, ...] = ()
) -> Iterator[Callable[[str], Planned]]:
    """An edition that waits: what the page says of its text messages, by language."""
    parts = open_parts(silent_home(home))
    parts.keys.create("a1")
    alert = ShownAlert(parts.db, key=parts.keys.display_key("a1"))
    alert.show()
    channel = SmsChannel(
        ChannelsConfig(channels=LiveChannels(sms=CENTRE)), parts.db, parts.keys.system_key, lambda: NOW
    )
    rendition = channel.render(alert.edition, BASE_URL).model_copy(update={"problems": problems})
    with parts.db.write() as session:
        editions.put_rendition(session, alert.key, "a1", alert.edition.digest, "sms", rendition.model_dump_json())
    waits = {
        "edition_digest": alert.edition.digest,
        "channels": ["sms"],
        "arms": [{"channel": "sms", "recipients": 500, "trouble": trouble}],
    }
    view: dict[str, Any] = {"alert_id": "a1", "pending": waits, "edition_digest": None, "draft": None, "case": None}

    def planned(language: str) -> Planned:
        pending = pending_of(parts, view, visitor(language))
        assert pending is not None
        (one,) = pending.planned
        return one

    yield planned
    parts.close()


def test_text_message_when_it_waits_tells_its_parts_and_price_beside_the_number_of_phones(tmp_path: Path) -> None:
    labels = {"nl": "Delen en kosten (nl)", "en": "Parts and cost (nl)"}
    with waiting(tmp_path / "home") as planned:
        for language, label in labels.items():
            one = planned(language)
            assert (one.recipients, one.trouble) == (500, ())
            (cost,) = [piece for piece in one.pieces if piece.label == label]
            assert cost.content.startswith("2 delen per telefoon, GSM-7, ")
            assert cost.content.endswith("; 2 x € 0.08 = € 0.16")


def test_problem_of_a_rendition_when_arming_told_it_too_is_said_once(tmp_path: Path) -> None:
    with waiting(tmp_path / "home", ["no centre", "too long"], ("too long", "no number")) as planned:
        assert planned("nl").trouble == ("no centre", "too long", "no number")


def test_piece_label_when_a_message_is_in_one_language_says_that_it_is_a_notification() -> None:
    labels = [piece_label(name, translator("nl")) for name in ("message.nl", "message", "html.en")]
    assert labels == ["Melding (nl)", "Bericht aan schermen", "Mail zoals de meeste mensen hem zien (en)"]
