"""Three lines beside the road: whole words, a plate and a number whole or not at all, and no name."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.case import Case
from alerts.public import public_view
from alerts.sign import WIDTH, Lines, signs
from alerts.vocabulary import Kind
from tests.support.editions import amber, case_document

RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
LINE = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=60).filter(str.strip)


def vehicle(**said: Any) -> dict[str, Any]:
    return {"certain": True, "release": RELEASE, **said}


def sign(language: str = "nl", kind: Kind = Kind.ACTUAL, **changes: Any) -> Lines:
    case = Case.model_validate(case_document(**changes))
    return signs(public_view(case, release_roles=amber().release.roles), amber(), kind)[language]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ("AMBER ALERT", "MEISJE (7) VERMIST", "BEL 0800-6070")),
        ({"children": [{"name": "A", "age_range": [3, 4]}]}, ("AMBER ALERT", "KIND VERMIST", "BEL 0800-6070")),
        (
            {"children": [{"name": "A", "age": 3}, {"name": "B", "age": 4}]},
            ("AMBER ALERT", "2 KINDEREN VERMIST", "BEL 0800-6070"),
        ),
        ({"vehicles": [vehicle(plate="VX-1?3-B", colour="grijze", make="Opel")]}, "VX-1?3-B GRIJZE OPEL"),
        ({"vehicles": [vehicle(plate="VX-1?3-B", colour="donkergrijze", make="Opel")]}, "VX-1?3-B"),
        ({"vehicles": [vehicle(plate="VX-1?3-B", certain=False)]}, "MOGELIJK VX-1?3-B"),
        ({"vehicles": [vehicle(plate="AB-12-CD"), vehicle(plate="EF-34-GH")]}, "AB-12-CD EF-34-GH"),
        ({"vehicles": [vehicle(colour="witte", make="bestelbus")]}, "WITTE BESTELBUS"),
        ({"vehicles": [vehicle(colour="lichtblauwe", make="bestelbus met imperiaal")]}, "MEISJE (7) VERMIST"),
        ({"vehicles": [{"plate": "AB-12-CD"}]}, "MEISJE (7) VERMIST"),
    ],
)
def test_sign_when_made_says_what_must_not_be_missed(changes: dict[str, Any], lines: Lines | str) -> None:
    made = sign(**changes)
    assert lines in (made, made[1])


@pytest.mark.parametrize(("language", "first"), [("nl", "OEFENING AMBER ALERT"), ("en", "EXERCISE AMBER ALERT")])
def test_sign_of_an_exercise_begins_with_the_word(language: str, first: str) -> None:
    assert sign(language, Kind.EXERCISE)[0] == first


def test_sign_of_a_public_test_has_no_child() -> None:
    assert sign("en", Kind.PUBLIC_TEST) == ("TEST AMBER ALERT", "THIS IS A TEST", "NO ACTION NEEDED")


@pytest.mark.parametrize(
    ("tip_line", "said"), [("bel gratis 0800 6070 (dag en nacht)", "BEL 0800 6070"), ("via politie.nl", "")]
)
def test_number_when_amid_words_is_found_and_where_there_is_none_the_line_is_empty(tip_line: str, said: str) -> None:
    assert sign(tip_line=tip_line)[2] == said


@given(plate=LINE, colour=LINE | st.none(), make=LINE | st.none(), name=LINE, certain=st.booleans())
@example(plate="\uf900", colour=None, make=None, name="b", certain=True)
def test_lines_when_anything_was_typed_fit_and_have_the_plate_whole_or_not(
    plate: str, colour: str | None, make: str | None, name: str, certain: bool
) -> None:
    some = vehicle(plate=plate, colour=colour, make=make, certain=certain)
    for lines in (sign(language, vehicles=[some], children=[{"name": name, "age": 9}]) for language in ("nl", "en")):
        assert all(len(line) <= WIDTH for line in lines)
        whole = " ".join(normalize("NFC", plate).upper().split())  # as the case keeps what was typed
        assert whole in lines[1] or "(9)" in lines[1]
