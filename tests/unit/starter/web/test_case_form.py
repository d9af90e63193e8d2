"""The form of a case: there and back, and the patch of an amendment says only what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerts.case import Case, merge_patch
from starter.web.case_form import bare, document_of, merge_patch_between, values_of
from tests.support.cases import amber_case

PLAIN = some.dictionaries(
    some.sampled_from("abc"),
    some.recursive(
        some.sampled_from(["x", "y", 1, 2.5]),
        lambda inner: some.dictionaries(some.sampled_from("abc"), inner, min_size=1, max_size=3),
        max_leaves=6,
    ),
)


@pytest.fixture
def case(tmp_path: Path) -> dict[str, Any]:
    return Case.model_validate(amber_case(tmp_path)).model_dump(mode="json")


def kept(case: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    return {n: bare(child["photos"]) for n, child in enumerate(case["children"])}


def test_case_when_shown_and_sent_unchanged_has_no_patch(case: dict[str, Any]) -> None:
    assert merge_patch_between(case, document_of(values_of(case), kept(case), case)) == {}


@pytest.mark.parametrize(
    "area",
    [
        {"municipalities": ["GM0307", "GM0344"]},
        {"circle": {"lat": 52.1, "lon": 5.4, "radius_m": 2500.0}},
        {"polygon": [[5.0, 52.0], [5.5, 52.0], [5.5, 52.5]]},
    ],
)
def test_area_when_shown_and_sent_unchanged_is_the_same(case: dict[str, Any], area: dict[str, Any]) -> None:
    case = Case.model_validate({**case, "area": area}).model_dump(mode="json")
    assert merge_patch_between(case, document_of(values_of(case), kept(case), case)) == {}


def test_trait_when_typed_over_is_all_the_patch_changes(case: dict[str, Any]) -> None:
    values = {**values_of(case), "children/0/hair": "zwart", "public/headline/nl": "Kop"}
    patch = merge_patch_between(case, document_of(values, kept(case), case))
    after = Case.model_validate(merge_patch(case, patch)).model_dump(mode="json")
    assert set(patch) == {"children", "public"}
    assert after["children"][0]["hair"] == "zwart"
    assert after["last_seen"] == case["last_seen"]


def test_baby_when_its_age_is_nought_keeps_it(case: dict[str, Any]) -> None:
    case["children"][0]["age"] = 0
    assert document_of(values_of(case), {}, case)["children"][0]["age"] == 0


def test_photo_when_not_kept_is_left_out(case: dict[str, Any]) -> None:
    patch = merge_patch_between(case, document_of(values_of(case), {}, case))
    assert "photos" not in patch["children"][0]


def test_time_when_typed_is_amsterdams(case: dict[str, Any]) -> None:
    document = document_of({**values_of(case), "last_seen/at": "2026-07-01T12:00"}, {})
    assert document["last_seen"]["at"] == "2026-07-01T12:00:00+02:00"


def test_age_when_not_a_number_stays_as_typed(case: dict[str, Any]) -> None:
    assert document_of({**values_of(case), "children/0/age": "zeven"}, {})["children"][0]["age"] == "zeven"


@given(PLAIN, PLAIN)
def test_patch_when_applied_gives_what_it_was_made_for(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge_patch(before, merge_patch_between(before, after)) == bare(after)
