"""From an area as named to an area as shapes: clipped to the country, never widened, never mended in silence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from alerts.area import LARGER, AreaError, AreaSpec, Circle, ResolvedArea, Ring, folded
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

ENOUGH_POSTCODES = 5
"""Centres of postcodes (4 digits, some 4,400 people each) that make a sum better than a share of the area."""


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

    @property
    def middle(self) -> tuple[float, float]:
        """Latitude and longitude of a point inside it."""
        inside = _union(self.polygons).representative_point()
        return inside.y, inside.x


class Country(Value):
    """What is known here of the country: its outline always, the rest as far as it was imported."""

    nation: Nation
    municipalities: dict[str, Municipality] = {}
    larger: dict[str, str] = {}
    """Names of provinces, safety regions and police units, by code."""
    members: dict[str, tuple[str, ...]] = {}
    """The municipalities of each of them."""
    postcodes: tuple[tuple[str, float, float, int], ...] = ()
    """Digits, longitude, latitude and people of each postcode."""
    sources: dict[str, str] = {}
    """Who counted `municipality` and `postcode`, and of when that is."""


class Growth(Value):
    """People that a changed area reaches and the area before did not."""

    people: int
    coarse: bool


def resolve(spec: AreaSpec, known: Country, field: str = "area") -> ResolvedArea:
    """The area as shapes; raises AreaError for one that cannot be used."""
    nation = known.nation
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
        return _municipalities(spec.municipalities, known, f"{field}/municipalities")
    shape = _circle(spec.circle) if spec.circle else _polygon(spec.polygon or (), f"{field}/polygon")
    kind = "circle" if spec.circle else "polygon"
    clipped, warnings = _clip(shape, country, f"{field}/{kind}")
    population, source, coarse = _population(clipped, known)
    return ResolvedArea(
        name=_name(spec),
        polygons=_rings(clipped),
        circle=spec.circle if not warnings else None,
        population=population,
        population_source=source,
        coarse=coarse,
        warnings=warnings,
    )


def within(inner: ResolvedArea, envelope: ResolvedArea) -> bool:
    """Whether an area lies inside the approved envelope (to about a metre)."""
    return bool(_union(envelope.polygons).buffer(1e-5).covers(_union(inner.polygons)))


def grown(area: ResolvedArea, before: ResolvedArea, known: Country) -> Growth | None:
    """Whom an area reaches that the one before did not; None when it lies inside it (to some 10 m)."""
    if before.polygons == known.nation.polygons or within(area, before):
        return None
    more = [code for code in area.codes if code not in before.codes]
    if area.codes and before.codes and known.municipalities.keys() >= set(more):
        return (
            Growth(people=sum(known.municipalities[code].population for code in more), coarse=False) if more else None
        )
    added = _union(area.polygons).difference(_union(before.polygons))
    if added.buffer(-ROUNDED).is_empty:
        return None
    people, _, coarse = _population(added, known)
    return Growth(people=people, coarse=coarse)


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


def _municipalities(codes: tuple[str, ...], known: Country, field: str) -> ResolvedArea:
    there = known.municipalities
    if not there:
        raise AreaError(field, "no municipalities are known here yet; import them with 'baken areas import FILE'")
    missing = [code for code in codes if code not in there]
    if missing:
        raise AreaError(field, f"{missing[0]} is not a municipality that was imported; see 'baken areas list'")
    chosen = [there[code] for code in dict.fromkeys(codes)]
    return ResolvedArea(
        name=_names([one.code for one in chosen], known),
        codes=tuple(sorted(one.code for one in chosen)),
        polygons=_rings(shapely.union_all([_union(one.polygons) for one in chosen])),
        population=sum(one.population for one in chosen),
        population_source=f"{known.sources.get('municipality', 'CBS')}; whole municipalities",
        coarse=False,
    )


def _names(codes: list[str], known: Country) -> dict[str, str]:
    """Larger areas by their own name where all of one was chosen."""
    least = folded(codes, known.members)
    towns = sorted(known.municipalities[code].name for code in least if code in known.municipalities)
    found = {}
    for language in ("nl", "en"):
        larger = [LARGER[code[:2]][language].format(known.larger[code]) for code in least if code in known.larger]
        words = ", ".join([*larger, *towns])
        found[language] = words[:1].upper() + words[1:]
    return found


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


def _population(shape: BaseGeometry, known: Country) -> tuple[int, str, bool]:
    """How many people live there, who says so and by what reckoning, and whether that is coarse."""
    if known.postcodes:
        _, lon, lat, people = zip(*known.postcodes, strict=True)
        inside = shapely.contains_xy(shape, lon, lat)
        if inside.sum() >= ENOUGH_POSTCODES:
            return int(inside @ people), f"{known.sources.get('postcode', 'CBS')}; by postcode", False
    if known.municipalities:
        source = known.sources.get("municipality", "CBS")
        return _by_share(shape, known.municipalities), f"{source}; by share of each municipality's area", False
    nation = known.nation
    share = shape.area / _union(nation.polygons).area
    return round(nation.population * share), f"{nation.source}; by share of the country's area", True


def _by_share(shape: BaseGeometry, municipalities: Mapping[str, Municipality]) -> int:
    people = 0.0
    for one in municipalities.values():
        whole = _union(one.polygons)
        if whole.intersects(shape):
            people += one.population * whole.intersection(shape).area / whole.area
    return round(people)


def _name(spec: AreaSpec) -> dict[str, str]:
    if spec.circle:
        km = f"{spec.circle.radius_m / 1000:g}"
        where = f"{spec.circle.lat:.3f}, {spec.circle.lon:.3f}"
        return {"nl": f"Binnen {km.replace('.', ',')} km van {where}", "en": f"Within {km} km of {where}"}
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
