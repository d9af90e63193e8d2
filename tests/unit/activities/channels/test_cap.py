"""CAP messages: valid by the schema, referring to all that is in force, gone with what they said."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.verifier import XMLVerifier

from activities.cap_signature import CapSigner
from activities.channels.cap import CapChannel
from alerts.values import clean
from alerts.vocabulary import CancelReason, Kind, Meaning
from store import cap_messages
from store.database import Database
from store.standing import Superseded
from tests.support.cap import CAP, assert_valid, chain, document, messages, published, texts
from tests.support.editions import BASE_URL, JPEG, ShownAlert, case_document, make_edition


@pytest.fixture
def alert(db: Database) -> ShownAlert:
    return ShownAlert(db)


def test_first_publication_when_shown_is_an_alert_in_two_languages(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    tree = document(alert, messages(alert)[0])
    assert texts(tree, "cap:msgType") == ["Alert"]
    assert texts(tree, "cap:status") == ["Actual"]
    assert texts(tree, "cap:scope") == ["Public"]
    assert texts(tree, "cap:references") == []
    assert texts(tree, "cap:identifier") == ["a1.cap.1.0"]
    assert texts(tree, "cap:info/cap:language") == ["nl-NL", "en-GB"]
    assert texts(tree, "cap:info/cap:web") == [f"{BASE_URL}/alerts/a1"] * 2


def test_times_when_written_carry_the_offset_of_the_netherlands(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    winter = document(alert, messages(alert)[0])
    assert texts(winter, "cap:sent") == ["2026-11-24T13:00:00+01:00"]
    assert texts(winter, "cap:info/cap:expires") == ["2026-11-24T15:00:00+01:00"] * 2
    alert.now = datetime(2027, 7, 1, 12, 0, tzinfo=UTC)
    alert.renew()
    alert.publish("cap")
    assert texts(document(alert, messages(alert)[1]), "cap:sent") == ["2027-07-01T14:00:00+02:00"]


def test_photo_when_shown_is_a_resource_with_its_digest(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    tree = document(alert, messages(alert)[0])
    token = alert.edition.photos[0].token
    assert texts(tree, "cap:info/cap:resource/cap:uri") == [f"{BASE_URL}/media/{token}"] * 2
    assert texts(tree, "cap:info/cap:resource/cap:mimeType") == ["image/jpeg"] * 2
    assert texts(tree, "cap:info/cap:resource/cap:digest") == [hashlib.sha1(JPEG).hexdigest()] * 2


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [(Kind.ACTUAL, "Actual", "AMBER"), (Kind.EXERCISE, "Exercise", "EXERCISE"), (Kind.PUBLIC_TEST, "Test", "TEST")],
)
def test_status_when_of_a_kind_says_so_to_the_end(db: Database, kind: Kind, status: str, word: str) -> None:
    alert = ShownAlert(db, kind=kind)
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    for message in messages(alert):
        tree = document(alert, message)
        assert texts(tree, "cap:status") == [status]
        english = tree.findall("cap:info", CAP)[1]
        assert texts(english, "cap:headline")[0].startswith(word) or kind is Kind.ACTUAL
        assert texts(english, "cap:event")[0].startswith(word)
    alert.db.close()


def test_refresh_when_announced_is_an_update_with_a_later_end(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    alert.pass_time(minutes=15)
    alert.renew()
    alert.publish("cap")
    first, second = messages(alert)
    assert chain(alert) == [("Alert", []), ("Update", [1])]
    assert second.expires == first.expires + timedelta(minutes=15)


def test_update_when_earlier_ones_are_in_force_refers_to_each(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    for number in (2, 3):
        alert.pass_time(minutes=10)
        alert.show(make_edition(case_document(), number=number))
        alert.publish("cap")
    assert chain(alert) == [("Alert", []), ("Update", [1]), ("Update", [1, 2])]


def test_update_when_an_earlier_one_expired_leaves_it_out(alert: ShownAlert) -> None:
    alert.show(lease=timedelta(minutes=30))
    alert.publish("cap")
    alert.pass_time(minutes=20)
    alert.renew()
    alert.publish("cap")
    alert.pass_time(minutes=20)
    alert.renew()
    alert.publish("cap")
    assert chain(alert) == [("Alert", []), ("Update", [1]), ("Update", [2])]


def test_first_publication_after_an_amend_during_an_outage_is_an_alert(alert: ShownAlert) -> None:
    alert.show()  # never published: the channel was down
    alert.show(make_edition(case_document(), number=2))
    alert.publish("cap")
    assert chain(alert) == [("Alert", [])]


def test_message_in_doubt_when_found_is_cancelled_too(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    with alert.db.write() as session:
        row = cap_messages.messages(session, "a1")[0]
        row.published_at = None
        session.add(row)
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    assert chain(alert) == [("Alert", []), ("Cancel", [1])]


def test_reinstated_after_a_hold_is_a_new_alert(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.HELD)
    alert.take_down("cap")
    alert.pass_time(minutes=5)
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    assert chain(alert) == [("Alert", []), ("Cancel", [1]), ("Alert", []), ("Cancel", [3])]


def test_lapsed_when_all_have_just_expired_still_cancels_the_newest(alert: ShownAlert) -> None:
    alert.show(lease=timedelta(minutes=30))
    alert.publish("cap")
    alert.pass_time(minutes=31)
    alert.take_down("cap", lapsed=True)
    assert chain(alert) == [("Alert", []), ("Cancel", [1])]


def test_renewed_after_a_lapse_is_a_new_alert(alert: ShownAlert) -> None:
    alert.show(lease=timedelta(minutes=30))
    alert.publish("cap")
    alert.pass_time(minutes=31)
    alert.take_down("cap", lapsed=True)
    alert.renew()
    alert.publish("cap")
    assert [kind for kind, _ in chain(alert)] == ["Alert", "Cancel", "Alert"]


def test_never_published_when_found_sends_no_cancel(alert: ShownAlert) -> None:
    alert.show()
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    assert messages(alert) == []


def test_publish_again_when_retried_adds_nothing(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    before = messages(alert)[0].sealed
    alert.pass_time(seconds=30)
    alert.publish("cap")
    assert [one.sealed for one in messages(alert)] == [before]


def test_take_down_again_when_retried_adds_nothing(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    for _ in range(2):
        alert.take_down("cap")
    assert chain(alert) == [("Alert", []), ("Cancel", [1])]


def test_publish_when_overtaken_is_superseded(alert: ShownAlert) -> None:
    alert.show()
    alert.dark_at_once(Meaning.WITHDRAWN)
    with pytest.raises(Superseded):
        alert.publish("cap")
    assert messages(alert) == []


def test_take_down_when_a_newer_edition_stands_is_superseded(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    held = alert.end(Meaning.HELD)
    alert.show(make_edition(case_document(), number=2))
    with pytest.raises(Superseded):
        alert.take_down("cap", held)


def test_message_when_published_is_signed_once(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    signer = CapSigner(lambda: alert.key)
    for message in messages(alert):
        signed = etree.fromstring(published(alert, message))
        XMLVerifier().verify(signed, x509_cert=signer.certificate.decode())


@pytest.mark.parametrize("why", [None, *CancelReason])
@pytest.mark.parametrize(
    "area", [{"nation": "NL"}, {"circle": {"lat": 52.1561, "lon": 5.3878, "radius_m": 4321}}], ids=["nation", "circle"]
)
def test_cancel_when_stored_in_the_clear_says_nothing_of_the_child(
    alert: ShownAlert, why: CancelReason | None, area: dict[str, Any]
) -> None:
    alert.show(make_edition(case_document(area=area)))
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN, why)
    alert.take_down("cap")
    xml = messages(alert)[-1].sealed
    assert_valid(xml)
    for secret in ("Noor", "Amersfoort", "speeltuin", "52.156", "5.387", "/media/"):
        assert secret not in xml.decode()


@pytest.mark.parametrize(
    ("meaning", "said"),
    [
        (Meaning.WITHDRAWN, "This alert has ended. Thank you for your help. Please delete what you shared."),
        (Meaning.HELD, "This alert is not shown at the moment. Please delete what you shared."),
    ],
)
def test_cancel_when_only_held_does_not_say_that_it_ended(alert: ShownAlert, meaning: Meaning, said: str) -> None:
    alert.show()
    alert.publish("cap")
    alert.end(meaning)
    alert.take_down("cap")
    assert texts(document(alert, messages(alert)[-1]), "cap:info/cap:description")[1] == said


def test_message_when_stored_is_sealed(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("cap")
    assert b"Noor" not in messages(alert)[0].sealed


def test_polygon_when_drawn_is_closed_and_in_the_order_of_cap(alert: ShownAlert) -> None:
    corners = [[5.0, 52.0], [5.2, 52.0], [5.2, 52.1], [5.0, 52.1]]
    alert.show(make_edition(case_document(area={"polygon": corners})))
    alert.publish("cap")
    tree = document(alert, messages(alert)[0])
    points = texts(tree, "cap:info/cap:area/cap:polygon")[0].split()
    assert points[0] == points[-1]
    assert set(points) == {f"{lat:.5f},{lon:.5f}" for lon, lat in corners}


def test_circle_when_named_is_written_in_kilometres(alert: ShownAlert) -> None:
    alert.show(make_edition(case_document(area={"circle": {"lat": 52.15, "lon": 5.38, "radius_m": 2500}})))
    alert.publish("cap")
    tree = document(alert, messages(alert)[0])
    assert texts(tree, "cap:info/cap:area/cap:circle") == ["52.15000,5.38000 2.500"] * 2


def test_render_when_previewed_is_valid_and_names_what_does_not_fit(alert: ShownAlert) -> None:
    edition = make_edition(case_document(public={"situation": "<b>Help</b>"}), kind=Kind.EXERCISE)
    rendition = alert.channels["cap"].render(edition, BASE_URL)
    assert_valid(rendition.part("xml").encode())
    assert rendition.problems == ("CAP text has HTML in it; plain text is asked for",)


def test_headline_when_too_long_is_cut_after_a_word_and_said_in_full_below(alert: ShownAlert) -> None:
    headline = "Wie heeft dit kind gezien? " * 5 + "Bel de politie nu."
    edition = make_edition(case_document(public={"situation": "x", "headline": {"nl": headline}}), kind=Kind.EXERCISE)
    rendition = alert.channels["cap"].render(edition, BASE_URL)
    info = ElementTree.fromstring(rendition.part("xml")).findall("cap:info", CAP)[0]
    (short,), (description,) = texts(info, "cap:headline"), texts(info, "cap:description")
    assert len(short) <= 140
    assert headline.startswith(short.removeprefix("OEFENING: ").removesuffix("..."))
    assert description.startswith(f"OEFENING: {headline}\n")
    assert rendition.problems == ()


def test_municipalities_when_many_are_named_by_the_first_and_all_their_codes(alert: ShownAlert) -> None:
    names = ", ".join(f"Gemeente {letter}" for letter in "ABCDEFGH")
    edition = make_edition(case_document())
    codes = tuple(f"GM{number:04}" for number in range(8))
    area = edition.area.model_copy(update={"name": {"nl": names, "en": names}, "codes": codes})
    alert.show(edition.model_copy(update={"area": area}))
    alert.publish("cap")
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("cap")
    for message in messages(alert):
        tree = document(alert, message)
        assert texts(tree, "cap:info/cap:area/cap:areaDesc") == ["Gemeente A, Gemeente B, Gemeente C, Gemeente..."] * 2
        assert len(texts(tree, "cap:info/cap:area/cap:geocode/cap:value")) == 2 * 8


def test_render_names_the_site_it_is_asked_for(alert: ShownAlert) -> None:
    xml = alert.channels["cap"].render(make_edition(case_document()), "https://elsewhere.example").part("xml")
    assert texts(ElementTree.fromstring(xml), "cap:info/cap:web") == ["https://elsewhere.example/alerts/a1"] * 2


def test_photo_when_it_shows_two_children_is_one_resource(alert: ShownAlert) -> None:
    photo = {"file": "both.jpg", "alt": "Samen", "sha256": "ab" * 32, "width": 600, "height": 720}
    children = [{"name": name, "age": age, "photos": [photo]} for name, age in (("Noor", 7), ("Sam", 5))]
    alert.show(make_edition(case_document(children=children)))
    alert.publish("cap")
    assert texts(document(alert, messages(alert)[0]), "cap:info/cap:resource/cap:resourceDesc") == ["Samen"] * 2


LINES = st.text(max_size=60).filter(clean)
PLACES = st.fixed_dictionaries({"lat": st.floats(51.9, 52.6), "lon": st.floats(5.0, 6.0)})
AREAS = st.one_of(
    st.just({"nation": "NL"}),
    st.builds(lambda at, size: {"circle": {**at, "radius_m": size}}, PLACES, st.floats(50, 300_000)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name="a\uffffb", situation="\ufffe]]>&<", place="x", headline="y", area={"nation": "NL"}, kind=Kind.ACTUAL)
@given(name=LINES, situation=LINES, place=LINES, headline=LINES, area=AREAS, kind=st.sampled_from(list(Kind)))
def test_message_of_any_case_is_valid(
    alert: ShownAlert, name: str, situation: str, place: str, headline: str, area: dict[str, Any], kind: Kind
) -> None:
    photo = {"file": "x.jpg", "alt": place, "sha256": "cd" * 32, "width": 6, "height": 7}
    case = case_document(
        children=[{"name": name, "age_range": [3, 5], "clothing": place, "photos": [photo]}],
        last_seen={"at": "2026-11-24T11:00:00Z", "place": place},
        public={"situation": situation, "headline": {"en": headline}},
        area=area,
    )
    edition = make_edition(case, kind=kind)
    cap = alert.channels["cap"]
    assert isinstance(cap, CapChannel)
    assert_valid(cap.render(edition, BASE_URL).part("xml").encode())
