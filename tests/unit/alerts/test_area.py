"""Areas: named in one way, clipped to the country, never mended or widened in silence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Polygon

from alerts.area import AreaError, AreaSpec, ResolvedArea, Ring, folded
from alerts.geometry import Country, Municipality, covering, grown, resolve
from store.areas import nation

OUTLINE = shapely.union_all([Polygon(ring) for ring in nation().polygons])
SQUARE = ((5.3, 52.1), (5.5, 52.1), (5.5, 52.2), (5.3, 52.2), (5.3, 52.1))
TOWN = Municipality(code="GM0307", name="Amersfoort", population=1000, polygons=(SQUARE,))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"nation": "NL", "municipalities": ["GM0307"]},
        {"nation": "BE"},
        {"municipalities": []},
        {"municipalities": ["Amersfoort"]},
        {"circle": {"lat": 91, "lon": 5, "radius_m": 1000}},
        {"circle": {"lat": 52, "lon": 5, "radius_m": 1}},
        {"circle": {"lat": float("nan"), "lon": 5, "radius_m": 1000}},
        {"polygon": [[5, 52], [5, 52], [5, 52]]},
    ],
)
def test_area_that_is_not_one_thing_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AreaSpec.model_validate(document)


def test_polygon_that_crosses_itself_is_refused() -> None:
    bow = AreaSpec.model_validate({"polygon": [[5, 52], [5.2, 52.2], [5.2, 52], [5, 52.2]]})
    with pytest.raises(AreaError, match="crosses itself"):
        resolve(bow, Country(nation=nation()))


def test_area_outside_the_country_is_refused() -> None:
    paris = AreaSpec.model_validate({"circle": {"lat": 48.85, "lon": 2.35, "radius_m": 5000}})
    with pytest.raises(AreaError, match="wholly outside"):
        resolve(paris, Country(nation=nation()))


def test_area_over_the_border_is_clipped_with_a_warning() -> None:
    border = AreaSpec.model_validate({"circle": {"lat": 51.84, "lon": 6.0, "radius_m": 40_000}})
    resolved = resolve(border, Country(nation=nation()))
    assert "was cut off" in resolved.warnings[0]
    assert resolved.circle is None


def test_municipalities_without_data_name_the_import_command() -> None:
    with pytest.raises(AreaError, match="baken areas import FILE"):
        resolve(AreaSpec(municipalities=("GM0307",)), Country(nation=nation()))


def test_unknown_municipality_is_named() -> None:
    with pytest.raises(AreaError, match="GM9999"):
        resolve(AreaSpec(municipalities=("GM9999",)), Country(nation=nation(), municipalities={"GM0307": TOWN}))


def test_municipality_counts_its_people() -> None:
    resolved = resolve(AreaSpec(municipalities=("GM0307",)), Country(nation=nation(), municipalities={"GM0307": TOWN}))
    assert (resolved.population, resolved.coarse, resolved.name["nl"]) == (1000, False, "Amersfoort")


CIRCLE = AreaSpec.model_validate({"circle": {"lat": 52, "lon": 5, "radius_m": 9000}})
EAST = ((5.5, 52.1), (5.7, 52.1), (5.7, 52.2), (5.5, 52.2), (5.5, 52.1))
NEXT = Municipality(code="GM0203", name="Barneveld", population=500, polygons=(EAST,))
BOTH = Country(
    nation=nation(),
    municipalities={"GM0307": TOWN, "GM0203": NEXT},
    larger={"PV26": "Utrecht", "VR09": "Utrecht"},
    members={"PV26": ("GM0307", "GM0203"), "VR09": ("GM0203", "GM0307")},
    sources={"municipality": "CBS, 2023", "postcode": "CBS, 2021"},
)


@pytest.mark.parametrize(
    ("codes", "names"),
    [
        ({"a", "b", "c", "d"}, ("PU02",)),
        ({"a", "b", "c"}, ("PV01", "c")),
        ({"b", "a", "d"}, ("PV01", "d")),
        ({"c"}, ("c",)),
        ((), ()),
    ],
)
def test_municipalities_when_all_of_a_larger_area_go_by_its_name(codes: set[str], names: tuple[str, ...]) -> None:
    members = {"VR01": ["a", "b"], "PV01": ["a", "b"], "PU02": ["a", "b", "c", "d"], "VR02": ["c"], "PV03": []}
    assert folded(codes, members) == names


def test_whole_province_is_named_in_both_languages() -> None:
    area = resolve(AreaSpec(municipalities=("GM0307", "GM0203")), BOTH)
    assert area.name == {"nl": "Provincie Utrecht", "en": "Province of Utrecht"}
    assert area.population_source == "CBS, 2023; whole municipalities"


def test_drawn_area_counts_postcodes_when_it_holds_enough_of_them() -> None:
    places = tuple((f"381{n}", 5.35 + n / 100, 52.15, 10 * n) for n in range(1, 8))
    known = BOTH.model_copy(update={"postcodes": places})
    wide = AreaSpec.model_validate({"circle": {"lat": 52.15, "lon": 5.39, "radius_m": 5000}})
    narrow = AreaSpec.model_validate({"circle": {"lat": 52.15, "lon": 5.39, "radius_m": 1000}})
    assert (resolve(wide, known).population, resolve(wide, known).population_source) == (280, "CBS, 2021; by postcode")
    shared = resolve(narrow, known)
    assert shared.population_source == "CBS, 2023; by share of each municipality's area"
    assert shared.population == pytest.approx(1000 * math.pi * 1000**2 / (13_684 * 11_120), rel=0.05)


def test_drawn_area_when_only_the_nation_is_known_is_coarse() -> None:
    area = resolve(CIRCLE, Country(nation=nation()))
    assert area.coarse
    assert area.population_source.endswith("; by share of the country's area")


@pytest.mark.parametrize(
    ("before", "after", "people"),
    [
        ({"municipalities": ["GM0307"]}, {"municipalities": ["GM0203", "GM0307"]}, 500),
        ({"municipalities": ["GM0307"]}, {"municipalities": ["GM0203"]}, 500),
        ({"municipalities": ["GM0203", "GM0307"]}, {"municipalities": ["GM0307"]}, None),
        ({"municipalities": ["GM0307"]}, {"polygon": [[5.5, 52.1], [5.7, 52.1], [5.7, 52.2], [5.5, 52.2]]}, 500),
        ({"municipalities": ["GM0307"]}, {"polygon": [[5.3, 52.1], [5.4, 52.1], [5.4, 52.2], [5.3, 52.2]]}, None),
        ({"nation": "NL"}, {"municipalities": ["GM0307"]}, None),
        ({"polygon": [[5.3, 52.1], [5.5, 52.1], [5.5, 52.2], [5.3, 52.2]]}, {"nation": "NL"}, 500),
    ],
)
def test_area_when_changed_says_how_many_more_it_reaches(
    before: dict[str, Any], after: dict[str, Any], people: int | None
) -> None:
    old, new = (resolve(AreaSpec.model_validate(one), BOTH) for one in (before, after))
    more = grown(new, old, BOTH)
    assert (more.people if more else None) == people


def test_area_of_a_municipality_that_an_import_took_out_is_still_compared() -> None:
    both = resolve(AreaSpec(municipalities=("GM0203", "GM0307")), BOTH)
    one = resolve(AreaSpec(municipalities=("GM0307",)), BOTH)
    without = BOTH.model_copy(update={"municipalities": {"GM0307": TOWN}})
    assert grown(both, one, without)


def test_area_without_a_shape_is_no_area() -> None:
    with pytest.raises(ValidationError):
        ResolvedArea(name={"nl": "Nergens"}, polygons=())


@settings(max_examples=60)
@given(
    lat=st.floats(50.5, 54),
    lon=st.floats(3, 7.5),
    radius=st.floats(50, 300_000, allow_nan=False, allow_infinity=False),
)
def test_resolved_area_always_lies_inside_the_country(lat: float, lon: float, radius: float) -> None:
    spec = AreaSpec.model_validate({"circle": {"lat": lat, "lon": lon, "radius_m": radius}})
    try:
        resolved = resolve(spec, Country(nation=nation()))
    except AreaError:
        return
    inside = shapely.union_all([Polygon(ring) for ring in resolved.polygons])
    assert OUTLINE.buffer(1e-4).covers(inside)
    assert resolved.digest == resolve(spec, Country(nation=nation())).digest


@pytest.mark.parametrize(
    "shapes",
    [nation().polygons, (SQUARE,), resolve(CIRCLE, Country(nation=nation())).polygons],
    ids=["nation", "square", "circle"],
)
def test_area_when_drawn_with_few_corners_leaves_nobody_out(shapes: tuple[Ring, ...]) -> None:
    rings = covering(shapes, 28)
    drawn = shapely.union_all([Polygon(ring) for ring in rings])
    exact = shapely.union_all([Polygon(ring) for ring in shapes])
    assert sum(map(len, rings)) <= 28
    assert drawn.covers(exact)
    assert drawn.area < exact.area * 1.5
