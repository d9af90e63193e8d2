"""The area section of the form: what its buttons do, and what case comes of it. Nothing widens in silence."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.geometry import Country, Municipality
from starter.errors import BadInput
from starter.web.area_values import do, point_of, require_choice, settle
from starter.web.case_form import document_of
from store.areas import nation


def _town(code: str, name: str, west: float) -> Municipality:
    ring = ((west, 52.1), (west + 0.1, 52.1), (west + 0.1, 52.2), (west, 52.2), (west, 52.1))
    return Municipality(code=code, name=name, population=100, polygons=(ring,))


KNOWN = Country(
    nation=nation(),
    municipalities={"GM0001": _town("GM0001", "Een", 5.0), "GM0002": _town("GM0002", "Twee", 5.2)},
    larger={"PV26": "Utrecht"},
    members={"PV26": ("GM0001", "GM0002")},
    postcodes=(("3811", 5.387, 52.156, 40),),
)


def area_of(values: dict[str, str], base: dict[str, Any] | None = None) -> Any:
    now = dict(values)
    settle(now, KNOWN, base, sent=True)
    return document_of(now, {}).get("area")


def pressed(action: str, **values: str) -> dict[str, str]:
    now = {name.replace("__", "/"): text for name, text in values.items()} | {"area/do": action}
    assert do(now, KNOWN)
    settle(now, KNOWN)
    return now


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("52.156, 5.387", (52.156, 5.387)),
        ("52,156 5,387", (52.156, 5.387)),
        ("52,156; 5,387", (52.156, 5.387)),
        (" 52 5 ", (52, 5)),
        ("-0.5,-1", (-0.5, -1)),
        ("52.156", None),
        ("noord, oost", None),
        ("52.1, 5.3, 7", None),
    ],
)
def test_corner_when_written_as_people_do_is_a_point(text: str, point: tuple[float, float] | None) -> None:
    assert point_of(text) == point


def test_province_when_added_is_its_municipalities_in_the_case_and_one_name_in_the_list() -> None:
    now = pressed("add PV26", area__named="GM0002")
    assert now["area/named"] == "GM0002, PV26"
    assert area_of(now) == {"municipalities": ["GM0001", "GM0002"]}
    assert area_of(pressed("remove PV26", area="municipalities", area__named="GM0002, PV26")) == {
        "municipalities": ["GM0002"]
    }


@pytest.mark.parametrize("code", ["GM9999", "<b>", ""])
def test_code_that_is_not_known_when_added_chooses_nothing(code: str) -> None:
    assert area_of(pressed(f"add {code}")) is None


def test_country_when_added_and_removed_is_the_nation_and_nothing() -> None:
    assert area_of(pressed("add NL")) == {"nation": "NL"}
    assert area_of(pressed("remove NL", area="nation")) is None


def test_case_when_amended_shows_its_municipalities_in_as_few_names_and_keeps_their_order() -> None:
    base = {"area": {"municipalities": ["GM0002", "GM0001"]}}
    values = {"area": "municipalities", "area/municipalities": "GM0002, GM0001"}
    settle(values, KNOWN, base)
    assert values["area/named"] == "PV26"
    assert area_of(values, base) == base["area"]


def test_corners_when_moved_added_and_removed_keep_the_rest() -> None:
    corners = {"area/corners": "3", "area/polygon/0": "a", "area/polygon/1": "b", "area/polygon/2": "c"}
    orders = {}
    for action in ("corner-up 1", "corner-down 1", "corner-remove 1", "corner-add", "corner-up 0", "corner-remove 9"):
        now = {**corners, "area/do": action}
        assert do(now, KNOWN)
        settle(now, KNOWN)
        orders[action] = [now[f"area/polygon/{n}"] for n in range(int(now["area/corners"]))]
        assert now["area"] == "polygon"
    assert orders == {
        "corner-up 1": ["b", "a", "c"],
        "corner-down 1": ["a", "c", "b"],
        "corner-remove 1": ["a", "c"],
        "corner-add": ["a", "b", "c", ""],
        "corner-up 0": ["a", "b", "c"],
        "corner-remove 9": ["a", "b", "c"],
    }


def test_polygon_when_sent_leaves_empty_corners_out_and_keeps_nonsense_for_the_rules() -> None:
    corners = ["52,1 5,1", "", "52.2, 5.1", "hier"]
    values = {"area": "polygon", "area/corners": "4", **{f"area/polygon/{n}": one for n, one in enumerate(corners)}}
    assert area_of(values) == {"polygon": [[5.1, 52.1], [5.1, 52.2], ["hier"]]}


@pytest.mark.parametrize(
    ("place", "lat"),
    [("3811 AB", 52.156), ("een", 52.15), ("52,3 5,1", 52.3), ("Nergens", None)],
)
def test_circle_when_a_place_is_named_stands_there_or_nowhere(place: str, lat: float | None) -> None:
    old = {"area/circle/lat": "51.5", "area/circle/lon": "5.5", "area/circle/placed": "Elders"}
    circle = area_of({"area": "circle", "area/circle/radius_m": "5000", "area/circle/place": place, **old})["circle"]
    assert circle.get("lat") == lat


def test_circle_when_its_place_was_looked_up_may_be_moved_by_hand() -> None:
    values = {"area/circle/lat": "51.5", "area/circle/lon": "5.5", "area/circle/radius_m": "5000"}
    seen = {"area": "circle", "area/circle/place": "Een", "area/circle/placed": "Een", **values}
    assert area_of(seen)["circle"]["lat"] == 51.5


def test_circle_when_round_the_place_last_seen_takes_its_coordinates() -> None:
    now = pressed("seen", last_seen__lat="52.1561", last_seen__lon="5.3878", area__circle__place="Een")
    now["area/circle/radius_m"] = "5000"
    assert area_of(now) == {"circle": {"lat": 52.1561, "lon": 5.3878, "radius_m": 5000}}


def test_word_that_was_not_searched_for_yet_is_a_search_and_sends_nothing() -> None:
    assert do({"area/search": "utr", "area/searched": ""}, KNOWN)
    assert not do({"area/search": "utr", "area/searched": "utr"}, KNOWN)
    assert not do({}, KNOWN)


@pytest.mark.parametrize("filled", [{"area/named": "GM0001"}, {"area/circle/lat": "52"}, {"area/polygon": "52, 5"}])
def test_area_that_was_filled_in_and_not_chosen_is_never_passed_over_for_the_programmes(
    filled: dict[str, str],
) -> None:
    with pytest.raises(BadInput, match="was filled in and not chosen"):
        require_choice({"area": "", **filled})
    require_choice({"area": "", "area/decided": "yes", **filled})
    require_choice({"area": "nation", **filled})


def test_polygon_when_it_has_hundreds_of_corners_loses_none() -> None:
    polygon = [[5 + n / 10_000, 52.0] for n in range(300)] + [[5.0, 52.1]]
    values = {"area": "polygon", "area/polygon": "\n".join(f"{lat}, {lon}" for lon, lat in polygon)}
    settle(values, KNOWN)
    del values["area/polygon"]  # as the form sends it back: corner by corner
    assert area_of(values) == {"polygon": polygon}
