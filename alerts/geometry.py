"""From an area as named to an area as shapes: clipped to the country, never widened, never mended in silence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from alerts.area import AreaError, AreaSpec, Circle, ResolvedArea, Ring
from alerts.values import Value

CIRCLE_POINTS = 64
EARTH_RADIUS_M = 6_371_008.8
"""IUGG mean radius."""
ROUNDED = 0.0001
"""Degrees, some 10 m: more than rounding to 4 decimals takes away."""
COARSE = 0.01
"""Degrees, some km: what is still no simple shape then loses its bays, and at ten times that becomes one piece."""
MOST_POINTS = 1500
"""Of all rings together, so that a resolved area stays far below a payload's limit."""


class Nation(Value):
    name: dict[str, str]
    population: int
    source: str
    polygons: tuple[Ring, ...]


class Municipality(Value):
    code: str
    name: str
    population: int
    polygons: tuple[Ring, ...]


def resolve(
    spec: AreaSpec, nation: Nation, municipalities: Mapping[str, Municipality], field: str = "area"
) -> ResolvedArea:
    """The area as shapes; raises AreaError for one that cannot be used."""
    country = _union(nation.polygons)
    if spec.nation is not None:
        return ResolvedArea(
            name=nation.name,
            polygons=nation.polygons,
            population=nation.population,
            population_source=nation.source,
            coarse=False,
        )
    if spec.municipalities is not None:
        return _municipalities(spec.municipalities, municipalities, f"{field}/municipalities")
    shape = _circle(spec.circle) if spec.circle else _polygon(spec.polygon or (), f"{field}/polygon")
    kind = "circle" if spec.circle else "polygon"
    clipped, warnings = _clip(shape, country, f"{field}/{kind}")
    population, coarse = _population(clipped, country, nation, municipalities)
    return ResolvedArea(
        name=_name(spec),
        polygons=_rings(clipped),
        circle=spec.circle if not warnings else None,
        population=population,
        population_source="by area over the municipalities, CBS" if not coarse else f"{nation.source}, by area",
        coarse=coarse,
        warnings=warnings,
    )


def within(inner: ResolvedArea, envelope: ResolvedArea) -> bool:
    """Whether an area lies inside the approved envelope (to about a metre)."""
    return bool(_union(envelope.polygons).buffer(1e-5).covers(_union(inner.polygons)))


def touching(area: ResolvedArea, known: Mapping[str, Municipality]) -> tuple[str, ...]:
    """Codes of the municipalities that have part of the area, sorted."""
    shape = _union(area.polygons)
    return tuple(sorted(code for code, one in known.items() if _union(one.polygons).intersects(shape)))


def covering(polygons: Iterable[Ring], corners: int) -> tuple[Ring, ...]:
    """Shapes of at most so many corners in all (eight or more), with 4 decimals, that cover these.

    They are wider by as much as they are coarser, so that nobody inside is left out.
    """
    shape = _union(polygons)
    apart = 0.0001
    while True:
        fewer = shape.simplify(apart)
        if _corners(fewer) <= 4 * corners:  # widening a shape of thousands of spikes takes minutes
            rings = _exteriors(fewer.buffer(1.5 * apart + ROUNDED, join_style="mitre").simplify(apart / 4))
            if sum(map(len, rings)) <= corners:
                return tuple(tuple((round(x, 4), round(y, 4)) for x, y, *_ in ring) for ring in rings)
        apart *= 2
        if apart > COARSE:
            parts = [part.convex_hull for part in getattr(shape, "geoms", [shape])]
            shape = shapely.union_all(parts) if apart < 10 * COARSE else shape.convex_hull


def _exteriors(shape: Any) -> list[list[Any]]:
    """The corners of each part, each once."""
    return [list(part.exterior.coords)[:-1] for part in getattr(shape, "geoms", [shape])]


def _corners(shape: BaseGeometry) -> int:
    return sum(map(len, _exteriors(shape)))


def _municipalities(codes: tuple[str, ...], known: Mapping[str, Municipality], field: str) -> ResolvedArea:
    if not known:
        raise AreaError(field, "no municipalities are known here yet; import them with 'baken areas import FILE'")
    missing = [code for code in codes if code not in known]
    if missing:
        raise AreaError(field, f"{missing[0]} is not a municipality that was imported; see 'baken areas list'")
    chosen = [known[code] for code in dict.fromkeys(codes)]
    names = ", ".join(sorted(one.name for one in chosen))
    return ResolvedArea(
        name={"nl": names, "en": names},
        codes=tuple(sorted(one.code for one in chosen)),
        polygons=_rings(shapely.union_all([_union(one.polygons) for one in chosen])),
        population=sum(one.population for one in chosen),
        population_source="CBS, by municipality",
        coarse=False,
    )


def _circle(circle: Circle | None) -> BaseGeometry:
    """A ring of points at the true distance on the globe (great circle)."""
    assert circle is not None
    lat, angle = math.radians(circle.lat), circle.radius_m / EARTH_RADIUS_M
    points = []
    for step in range(CIRCLE_POINTS):
        bearing = 2 * math.pi * step / CIRCLE_POINTS
        there = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing))
        east = math.atan2(
            math.sin(bearing) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
        )
        points.append((circle.lon + math.degrees(east), math.degrees(there)))
    return Polygon(points)


def _polygon(points: Iterable[tuple[float, float]], field: str) -> BaseGeometry:
    shape = Polygon(list(points))
    if not shape.is_valid:
        why = shapely.is_valid_reason(shape)
        raise AreaError(field, f"crosses itself or is flat ({why}); draw its corners in order, once around")
    return shape


def _clip(shape: BaseGeometry, country: BaseGeometry, field: str) -> tuple[BaseGeometry, tuple[str, ...]]:
    inside = shape.intersection(country)
    if inside.area == 0:
        raise AreaError(field, "lies wholly outside the Netherlands; the area must touch the country")
    if inside.area < shape.area * 0.999:
        share = 100 * (1 - inside.area / shape.area)
        return inside, (f"{share:.0f}% of the area lies outside the Netherlands and was cut off",)
    return shape, ()


def _population(
    shape: BaseGeometry, country: BaseGeometry, nation: Nation, known: Mapping[str, Municipality]
) -> tuple[int, bool]:
    if not known:
        return round(nation.population * shape.area / country.area), True
    people = 0.0
    for one in known.values():
        whole = _union(one.polygons)
        if whole.intersects(shape):
            people += one.population * whole.intersection(shape).area / whole.area
    return round(people), False


def _name(spec: AreaSpec) -> dict[str, str]:
    if spec.circle:
        km = f"{spec.circle.radius_m / 1000:g}"
        where = f"{spec.circle.lat:.3f}, {spec.circle.lon:.3f}"
        return {"nl": f"Binnen {km} km van {where}", "en": f"Within {km} km of {where}"}
    return {"nl": "Getekend gebied", "en": "Drawn area"}


def _union(polygons: Iterable[Ring]) -> BaseGeometry:
    return shapely.union_all([Polygon(ring) for ring in polygons])


def _rings(shape: Any) -> tuple[Ring, ...]:
    """Outer rings only (a hole is never left out of an alert), simplified until they are few enough."""
    parts = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon)]
    tolerance = 0.0001
    rings = [list(part.exterior.coords) for part in parts]
    while sum(len(ring) for ring in rings) > MOST_POINTS:
        simpler = [part.simplify(tolerance) for part in parts]
        rings = [list(part.exterior.coords) for part in simpler if isinstance(part, Polygon)]
        tolerance *= 2
    return tuple(tuple((round(x, 5), round(y, 5)) for x, y, *_ in ring) for ring in rings)
