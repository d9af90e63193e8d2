"""What a channel is said to do, from what it reported and what was declared since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.case import Case
from alerts.edition import ChannelTraits, EditionRef
from alerts.state import AlertState, ChannelView, Desired, Ended, Hold, Shown
from alerts.view import view
from alerts.vocabulary import ChannelState, Kind, Meaning, Outcome
from tests.support.editions import case_document
from tests.support.programmes import programme

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRAITS = ChannelTraits(personal=False, renews="renew", recalls=True)
EDITION = EditionRef(number=1, digest="d", approval_digest="a", channels={"web": TRAITS})
HELD = Hold(user="operator1", person="p1", at=NOW, reason="twijfel")
ENDED = Ended(outcome=Outcome.FOUND, user="o", person="p", at=NOW, undo_until=NOW + timedelta(minutes=1))


def said(meaning: Meaning, reported: ChannelState, channel: str = "web", *, heard: bool = False) -> str:
    """Of a channel that reported this before revision 2 was declared, or of that revision itself (`heard`)."""
    state = AlertState(
        alert_id="abcdefgh", kind=Kind.ACTUAL, keyring={}, incarnation="i", started_at=NOW, author="operator1"
    )
    state.shown = Shown(
        case=Case.model_validate(case_document()), programme=programme(), edition=EDITION, approved_at=NOW
    )
    state.held = HELD if meaning is Meaning.HELD else None
    state.ended = ENDED if meaning is Meaning.WITHDRAWN else None
    state.declared, state.revision = Desired(revision=2, meaning=meaning, edition=EDITION), 2
    state.channels = {channel: ChannelView(channel=channel, state=reported, revision=2 if heard else 1)}
    (entry,) = view(state)["channels"]
    return str(entry["state"])


@pytest.mark.parametrize("reported", ["sending", "showing", "withdrawn", "failed", "armed"])
def test_channel_when_it_has_not_reported_an_edition_yet_is_sending(reported: str) -> None:
    assert said(Meaning.EDITION, ChannelState(reported)) == "sending"


@pytest.mark.parametrize(
    ("meaning", "reported", "expected"),
    [
        (Meaning.HELD, "showing", "withdrawing"),
        (Meaning.HELD, "withdrawn", "withdrawn"),
        (Meaning.WITHDRAWN, "showing", "withdrawing"),
        (Meaning.WITHDRAWN, "withdrawn", "withdrawing"),  # after a hold: the end is news to it
    ],
)
def test_channel_when_it_has_not_reported_the_taking_back_yet_is_withdrawing(
    meaning: Meaning, reported: str, expected: str
) -> None:
    assert said(meaning, ChannelState(reported)) == expected


def test_channel_when_the_new_edition_has_it_no_more_is_withdrawing() -> None:
    assert said(Meaning.EDITION, ChannelState.SHOWING, "cap") == "withdrawing"
    assert said(Meaning.EDITION, ChannelState.WITHDRAWN, "cap") == "withdrawn"


@pytest.mark.parametrize("reported", list(ChannelState))
def test_channel_when_it_has_reported_is_as_it_said(reported: ChannelState) -> None:
    assert said(Meaning.EDITION, reported, heard=True) == reported.value
