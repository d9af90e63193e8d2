"""Areas: named in one way, clipped to the country, never mended or widened in silence."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Polygon

from alerts.area import AreaError, AreaSpec, Ring
from alerts.geometry import Municipality, covering, resolve
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
        resolve(bow, nation(), {})


def test_area_outside_the_country_is_refused() -> None:
    paris = AreaSpec.model_validate({"circle": {"lat": 48.85, "lon": 2.35, "radius_m": 5000}})
    with pytest.raises(AreaError, match="wholly outside"):
        resolve(paris, nation(), {})


def test_area_over_the_border_is_clipped_with_a_warning() -> None:
    border = AreaSpec.model_validate({"circle": {"lat": 51.84, "lon": 6.0, "radius_m": 40_000}})
    resolved = resolve(border, nation(), {})
    assert "was cut off" in resolved.warnings[0]
    assert resolved.circle is None


def test_municipalities_without_data_name_the_import_command() -> None:
    with pytest.raises(AreaError, match="baken areas import FILE"):
        resolve(AreaSpec(municipalities=("GM0307",)), nation(), {})


def test_unknown_municipality_is_named() -> None:
    with pytest.raises(AreaError, match="GM9999"):
        resolve(AreaSpec(municipalities=("GM9999",)), nation(), {"GM0307": TOWN})


def test_municipality_counts_its_people() -> None:
    resolved = resolve(AreaSpec(municipalities=("GM0307",)), nation(), {"GM0307": TOWN})
    assert (resolved.population, resolved.coarse, resolved.name["nl"]) == (1000, False, "Amersfoort")


@settings(max_examples=60, deadline=None)
@given(
    lat=st.floats(50.5, 54),
    lon=st.floats(3, 7.5),
    radius=st.floats(50, 300_000, allow_nan=False, allow_infinity=False),
)
def test_resolved_area_always_lies_inside_the_country(lat: float, lon: float, radius: float) -> None:
    spec = AreaSpec.model_validate({"circle": {"lat": lat, "lon": lon, "radius_m": radius}})
    try:
        resolved = resolve(spec, nation(), {})
    except AreaError:
        return
    inside = shapely.union_all([Polygon(ring) for ring in resolved.polygons])
    assert OUTLINE.buffer(1e-4).covers(inside)
    assert resolved.digest == resolve(spec, nation(), {}).digest


CIRCLE = AreaSpec.model_validate({"circle": {"lat": 52, "lon": 5, "radius_m": 9000}})


@pytest.mark.parametrize(
    "shapes",
    [nation().polygons, (SQUARE,), resolve(CIRCLE, nation(), {}).polygons],
    ids=["nation", "square", "circle"],
)
def test_area_when_drawn_with_few_corners_leaves_nobody_out(shapes: tuple[Ring, ...]) -> None:
    rings = covering(shapes, 28)
    drawn = shapely.union_all([Polygon(ring) for ring in rings])
    exact = shapely.union_all([Polygon(ring) for ring in shapes])
    assert sum(map(len, rings)) <= 28
    assert drawn.covers(exact)
    assert drawn.area < exact.area * 1.5
