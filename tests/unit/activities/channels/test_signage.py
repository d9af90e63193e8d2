"""Screens and road signs: whole texts for every medium, and a store that never shows what was taken away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from activities.channels.base import Rendition
from activities.endpoints import ChannelsFile, NotOnLoopback, SignageEndpoint, require_loopback
from alerts.vocabulary import Kind, Meaning
from store import editions
from store.database import Database
from store.standing import Superseded
from tests.support.editions import BASE_URL, KEY, ShownAlert, case_document, make_edition

RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
CAR = {"plate": "VX-1?3-B", "colour": "grijze", "make": "Opel", "certain": True, "release": RELEASE}


@pytest.fixture
def alert(db: Database) -> ShownAlert:
    return ShownAlert(db)


def rendered(alert: ShownAlert, **changes: Any) -> Rendition:
    return alert.channels["signage"].render(make_edition(case_document(**changes), kind=alert.kind), BASE_URL)


def published(alert: ShownAlert) -> str | None:
    with alert.db.read() as session:
        row = editions.published(session, alert.alert_id, "signage", "screen.nl")
        return editions.open_publication(row, KEY).decode() if row else None


def test_rendition_when_made_has_every_medium_with_plate_and_number_whole(alert: ShownAlert) -> None:
    made = rendered(alert, vehicles=[CAR])
    told = json.loads(made.part("message"))
    assert made.problems == ()
    assert (
        made.part("sign.nl").splitlines()
        == told["sign"]["nl"]
        == ["AMBER ALERT", "VX-1?3-B GRIJZE OPEL", "BEL 0800-6070"]
    )
    assert made.part("sign.en").splitlines()[2] == "CALL 0800-6070"
    for language in ("nl", "en"):
        screen = made.part(f"screen.{language}")
        assert "VX-1?3-B" in screen
        assert '<p class="tip">0800-6070</p>' in screen
    assert told["photos"][0]["url"].startswith(f"{BASE_URL}/media/")


def test_rendition_when_a_line_stays_empty_tells_the_approver(alert: ShownAlert) -> None:
    assert rendered(alert, tip_line="via politie.nl").problems == (
        "line 3 of the road sign (nl) stays empty: nothing fits",
        "line 3 of the road sign (en) stays empty: nothing fits",
    )


def test_screen_when_texts_are_hostile_has_them_as_text(alert: ShownAlert) -> None:
    screen = rendered(alert, public={"situation": '<script src="//x.example"></script>'}).part("screen.nl")
    assert "<script" not in screen
    assert "style=" not in screen


@pytest.mark.parametrize("kind", [Kind.EXERCISE, Kind.PUBLIC_TEST])
def test_screen_when_not_real_begins_with_the_word_and_another_colour(db: Database, kind: Kind) -> None:
    alert = ShownAlert(db, kind=kind)
    word = {Kind.EXERCISE: "OEFENING", Kind.PUBLIC_TEST: "TEST"}[kind]
    made = rendered(alert)
    assert f'<p class="event">{word}: AMBER Alert</p>' in made.part("screen.nl")
    assert f"kind-{kind.value}" in made.part("screen.nl")
    assert made.part("sign.nl").startswith(word)
    assert json.loads(made.part("message"))["status"] == kind.value


def test_publication_when_shown_changed_and_taken_down_follows(alert: ShownAlert) -> None:
    first = alert.show()
    alert.publish("signage")
    alert.show(alert.make(case_document(public={"situation": "Zij droeg een groene jas."}), number=2))
    alert.publish("signage")
    assert "groene jas" in str(published(alert))
    with pytest.raises(Superseded):
        alert.publish("signage", first)
    alert.take_down("signage", alert.end(Meaning.WITHDRAWN))
    assert published(alert) is None


async def test_probe_when_no_broker_is_configured_says_what_still_works(alert: ShownAlert) -> None:
    said = await alert.channels["signage"].probe(Kind.ACTUAL)
    assert said == "no broker is configured for actual alerts; only screens with the player page show it"


def test_broker_when_elsewhere_must_be_sealed_and_is_refused_in_a_home_with_the_keys() -> None:
    with pytest.raises(ValidationError, match="tls = false is for this machine only"):
        SignageEndpoint(host="broker.example", tls=False)
    config = ChannelsFile.model_validate({"exercise": {"signage": {"host": "broker.example"}}})
    with pytest.raises(NotOnLoopback, match=r"exercise\.signage points to broker\.example"):
        require_loopback(config)
