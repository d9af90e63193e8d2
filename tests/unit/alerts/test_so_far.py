"""A case while it is typed: judged on what is known, never met by what only stands in for something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerts.case import Case
from alerts.criteria import Result, judge_criteria
from alerts.so_far import judge_so_far, so_far
from tests.support.editions import amber, case_document
from tests.support.programmes import programme

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WORDS = some.sampled_from(["", "x", "unknown", "yes", "nl", "age", "name", "at", "place", "2026-11-24T11:00:00Z"])
ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | WORDS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def results(document: dict[str, Any], name: str = "amber") -> dict[str, str]:
    known = so_far({"programme": name, **document}, NOW)
    return {one.id: one.result.value for one in judge_so_far(known, programme(name), NOW)}


def test_case_when_nothing_is_known_has_no_criterion_met_but_the_shelter() -> None:
    found = results({})
    assert {name for name, result in found.items() if result == "met"} == {"sheltered"}
    assert "not_met" not in found.values()


def test_case_when_the_age_is_missing_is_of_no_known_minor() -> None:
    assert results({"children": [{"name": "Noor"}]})["minor"] == "unknown"
    assert results({"children": [{"name": "Noor", "age": 7}]})["minor"] == "met"
    assert results({"children": [{"name": "Noor", "age": 18}]})["minor"] == "not_met"
    assert results({"children": [{"name": "Noor"}]}, "vermist-kind")["serious_worry"] == "unknown"


def test_case_when_one_field_is_wrong_keeps_all_others() -> None:
    document = {
        "children": [{"name": "Noor", "age": "zeven", "hair": "rood", "height_cm": 3}, "?"],
        "last_seen": {"at": "gisteren", "place": "Ede"},
        "suspect": {"name": "X"},
        "area": {"circle": {"lat": 52.0}},
        "assessment": {"life_in_danger": "yes", "relation": "buurman"},
    }
    known = so_far({"programme": "amber", **document}, NOW)
    (child,) = known.shown.children
    assert (child.name, child.age, child.age_range, child.hair) == ("Noor", None, None, "rood")
    assert (known.shown.last_seen.at, known.shown.last_seen.place) == (None, "Ede")
    assert known.case.assessment.life_in_danger == "yes"
    assert known.shown.suspect is None


def test_case_when_it_is_whole_is_judged_as_verification_does() -> None:
    document = case_document(assessment={"life_in_danger": "yes"})
    known = so_far(document, NOW)
    assert known.case == known.shown == Case.model_validate(document)
    assert judge_so_far(known, amber(), NOW) == judge_criteria(known.case, amber(), NOW)


@pytest.mark.parametrize("found", ["minor", "prompt", "information"])
def test_criterion_when_it_rests_on_a_stand_in_says_what_to_ask(found: str) -> None:
    known = so_far({"programme": "amber", "last_seen": {"place": "Ede"}}, NOW)
    (one,) = [one for one in judge_so_far(known, amber(), NOW) if one.id == found]
    assert one.result is Result.UNKNOWN
    assert "?" in one.why or "add" in one.why


@given(some.dictionaries(some.sampled_from([*Case.model_fields, "nonsense"]), ANYTHING))
def test_case_when_anything_is_typed_can_be_judged(document: dict[str, Any]) -> None:
    known = so_far({**document, "programme": "amber"}, NOW)
    assert len(judge_so_far(known, amber(), NOW)) == len(amber().criteria)
