"""Small laws of the domain: sealing, signing, the refresh grid, what is public, criteria, words."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from alerts import case as cases
from alerts.case import Case
from alerts.command import Command, KeyringEntry, SignedCommand, Unverified, sign, verify
from alerts.compose import compose, end_text
from alerts.criteria import Result, judge_criteria
from alerts.programme import Phase
from alerts.public import can_retract, public_view, still_withheld
from alerts.refresh import next_due, plan_end, refresh_due
from alerts.sealing import Unsealable, seal, unseal
from alerts.vocabulary import Action, CancelReason, Kind, Role
from tests.support.programmes import programme

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OFFICER = {"by": "SENTINEL", "role": "officier van justitie", "at": NOW.isoformat(), "reference": "SENTINEL"}


def _case(**changes: Any) -> Case:
    document: dict[str, Any] = {
        "programme": "amber",
        "reference": "SENTINEL",
        "children": [{"name": "Noor", "age": 7, "hair": "rood", "communication": "SENTINEL"}],
        "last_seen": {"at": NOW.isoformat(), "place": "Amersfoort"},
        "circumstances": "SENTINEL",
        "public": {"situation": "Meegenomen bij een speeltuin."},
        "suspect": {"description": "Man, rode pet", "name": "SENTINEL", "release": OFFICER},
        "vehicles": [{"plate": "VX-123-B", "release": OFFICER}],
        "assessment": {"abducted_by_unknown": "yes", "relation": "stranger", "privacy_weighed": "SENTINEL"},
        "publicity": {"basis": "parent", "given_by": "SENTINEL!", "reason": "SENTINEL"},
    }
    return Case.model_validate({**document, **changes})


def _result(criterion: str, **changes: Any) -> Result:
    judged = {found.id: found for found in judge_criteria(_case(**changes), programme(), NOW)}
    return judged[criterion].result


# Sealing and signing


@given(plain=st.binary(max_size=200), flip=st.integers(0, 10_000))
def test_sealed_bytes_open_whole_or_not_at_all(plain: bytes, flip: int) -> None:
    key = bytes(32)
    sealed = seal(key, plain, aad=b"what for")
    assert unseal(key, sealed, aad=b"what for") == plain
    broken = bytearray(sealed)
    broken[flip // 8 % len(broken)] ^= 1 << flip % 8
    for wrong, aad in ((bytes(broken), b"what for"), (sealed, b"another"), (b"", b"what for")):
        with pytest.raises(Unsealable):
            unseal(key, wrong, aad=aad)


def _signed(**changes: str) -> tuple[SignedCommand, dict[str, KeyringEntry]]:
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    entry = KeyringEntry(user="s", person="p", roles=frozenset({Role.SUPERVISOR}), public_key=public)
    command = Command(id=uuid.uuid4().hex, alert_id="a", action=Action.APPROVE, actor="s", at=NOW)
    return sign(command.model_copy(update=changes), key.sign), {"s": entry}


def test_signature_holds_for_exactly_what_was_signed() -> None:
    signed, keyring = _signed()
    assert verify(signed, keyring)[1].person == "p"
    changed = signed.command.replace('"a"', '"b"')
    for forged in (
        SignedCommand(command=changed, signature=signed.signature),
        SignedCommand(command=signed.command, signature="AAAA"),
        SignedCommand(command=signed.command, signature="not base64!"),
        SignedCommand(command="{}", signature=signed.signature),
        _signed()[0],
        _signed(actor="stranger")[0],
    ):
        with pytest.raises(Unverified):
            verify(forged, keyring)


# The refresh grid

PLAN = (Phase(every=timedelta(minutes=15), **{"for": timedelta(hours=3)}), Phase(every=timedelta(minutes=30)))


@pytest.mark.parametrize("id_", ["", "a\0b", "a\nb", "x" * 65])
def test_command_id_that_no_store_takes_makes_no_command(id_: str) -> None:
    with pytest.raises(ValidationError):
        Command(id=id_, alert_id="a", action=Action.HOLD, actor="s", at=NOW)


def test_grid_counts_on_through_phases_with_their_ends_included() -> None:
    assert refresh_due(PLAN, NOW, 1) == NOW + timedelta(minutes=15)
    assert refresh_due(PLAN, NOW, 12) == NOW + timedelta(hours=3)
    assert refresh_due(PLAN, NOW, 13) == NOW + timedelta(hours=3, minutes=30)
    assert plan_end(PLAN, NOW) is None
    assert refresh_due(PLAN[:1], NOW, 13) is None
    assert plan_end(PLAN[:1], NOW) == NOW + timedelta(hours=3)


def test_downtime_leaves_one_refresh_to_catch_up() -> None:
    due, missed = next_due(PLAN, NOW, 2, NOW + timedelta(minutes=80))
    assert due is not None
    assert due.n == 5
    assert [entry.n for entry in missed] == [3, 4]


@given(n=st.integers(1, 200))
def test_grid_only_goes_forward(n: int) -> None:
    here, there = refresh_due(PLAN, NOW, n), refresh_due(PLAN, NOW, n + 1)
    assert here is not None
    assert there is not None
    assert there > here


# What is public

MODELS = [
    model
    for model in vars(cases).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == cases.__name__
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_every_field_says_who_may_see_it(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), name
        assert extra["audience"] in ("public", "internal"), name


def test_no_internal_field_reaches_the_public_case() -> None:
    public = public_view(_case(), release_roles=programme().release.roles)
    assert "SENTINEL" not in public.model_dump_json()
    assert public.suspect == "Man, rode pet"
    assert public.vehicles[0].plate == "VX-123-B"


def test_suspect_and_vehicle_need_a_release_of_the_right_officer() -> None:
    public = public_view(_case(), release_roles=("burgemeester",))
    assert public.suspect is None
    assert public.vehicles == ()


def test_what_is_withheld_is_gone_and_free_text_with_it() -> None:
    shown = _case(public={"situation": "Wit busje VX-123-B.", "body": {"nl": "VX-123-B"}})
    public = public_view(shown, release_roles=programme().release.roles, withheld=("vehicles/0/plate",))
    assert "VX-123-B" not in public.model_dump_json()
    assert public.suspect is not None


def test_found_child_keeps_the_others_in_their_places() -> None:
    two = _case(children=[{"name": "Een", "age": 7}, {"name": "Twee", "age": 9}])
    public = public_view(two, release_roles=(), found=(0,))
    assert [(child.position, child.name) for child in public.children] == [(1, "Twee")]


def test_correcting_what_was_withheld_brings_it_back_for_approval() -> None:
    before, after = _case(), _case(vehicles=[{"plate": "NEW-1", "release": OFFICER}])
    assert still_withheld(before, after, ("vehicles/0/plate", "children/0/hair")) == ("children/0/hair",)


@pytest.mark.parametrize("what", ["nothing/here", "circumstances", "publicity", "vehicles/7", "suspect/release"])
def test_what_nobody_sees_cannot_be_retracted(what: str) -> None:
    assert can_retract(_case(), what)


# Criteria


def test_criteria_answer_as_the_contract_says() -> None:
    assert _result("minor") is Result.MET
    assert _result("minor", children=[{"name": "A", "age": 18}]) is Result.NOT_MET
    assert _result("minor", children=[{"name": "A", "age_range": [16, 19]}]) is Result.UNKNOWN
    assert _result("publicity", publicity={"basis": "unknown"}) is Result.UNKNOWN
    assert _result("publicity", publicity={"basis": "overriding_danger"}) is Result.UNKNOWN
    danger = {"basis": "overriding_danger", "given_by": "OvJ", "reason": "levensgevaar"}
    assert _result("publicity", publicity=danger) is Result.MET
    named = {"description": "x", "name": "Jan Jansen"}
    by_abductor = {"basis": "parent", "given_by": "Jan Jansen"}
    assert _result("publicity", suspect=named, publicity=by_abductor) is Result.NOT_MET
    assert _result("sheltered", assessment={"relation": "parent"}) is Result.UNKNOWN
    assert _result("sheltered", assessment={"relation": "parent", "sheltered_checked": "yes"}) is Result.MET
    assert _result("abducted_or_danger", assessment={"abducted_by_unknown": "no"}) is Result.UNKNOWN
    assert _result("information", children=[{"name": "A", "age": 7}]) is Result.UNKNOWN


# Words


def test_texts_never_accuse_and_always_warn() -> None:
    public = public_view(_case(), release_roles=programme().release.roles)
    for text in compose(public, programme(), Kind.ACTUAL).values():
        said = text.model_dump_json().lower()
        assert "112" in (text.warning or "")
        assert not [word for word in ("abductor", "ontvoerder", "dader", "vader", "moeder") if word in said]


@pytest.mark.parametrize(
    ("kind", "nl", "en"), [(Kind.EXERCISE, "OEFENING", "EXERCISE"), (Kind.PUBLIC_TEST, "TEST", "TEST")]
)
def test_drills_say_so_first(kind: Kind, nl: str, en: str) -> None:
    texts = compose(public_view(_case(), release_roles=()), programme(), kind)
    for language, word in (("nl", nl), ("en", en)):
        text = texts[language]
        assert all(part.startswith(word) for part in (text.event, text.headline, text.body, text.subject))
        assert text.subject.count(f"{word}:") == 1
    assert ("Noor" in texts["nl"].model_dump_json()) == (kind is Kind.EXERCISE)


@pytest.mark.parametrize("why", [None, *CancelReason])
def test_every_end_has_a_neutral_sentence(why: CancelReason | None) -> None:
    assert "Verwijder wat u hebt gedeeld" in end_text("nl", why)
    assert "delete what you shared" in end_text("en", why)
