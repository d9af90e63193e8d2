"""The areas of the country: the packaged outline of the nation, and what was imported of its divisions.

The national format: a GeoJSON FeatureCollection whose features carry `code` (GM…, PV…, VR…, PU…), `name` and
`population`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import Polygon, shape
from sqlmodel import col, select

from alerts.area import AreaError, AreaSpec, Circle, ResolvedArea
from alerts.case import Case
from alerts.geometry import Municipality, Nation, resolve, touching
from alerts.programme import Programme
from store.database import Database
from store.rows import put
from store.tables.area import AreaRow

KINDS = {"GM": "municipality", "PV": "province", "VR": "safety_region", "PU": "police_unit"}
MOST_BYTES = 50_000_000
AROUND_M = 10_000
"""Around the place last seen, when neither case nor programme names an area."""


@cache
def nation() -> Nation:
    """The nation's outline of some hundred points, in the package."""
    packaged = json.loads(resources.files("alerts").joinpath("data/nl-outline.json").read_text("utf-8"))
    return Nation(
        name=packaged["name"],
        population=packaged["population"],
        source=packaged["source"],
        polygons=packaged["polygons"],
    )


def municipalities(db: Database) -> dict[str, Municipality]:
    with db.read() as session:
        rows = session.exec(select(AreaRow).where(AreaRow.kind == "municipality")).all()
    return {
        row.code: Municipality(
            code=row.code, name=row.name, population=row.population, polygons=json.loads(row.polygons)
        )
        for row in rows
    }


def municipality_codes(db: Database) -> frozenset[str]:
    """Of those that were imported; none when nothing was."""
    with db.read() as session:
        return frozenset(session.exec(select(AreaRow.code).where(AreaRow.kind == "municipality")))


def municipality_names(db: Database) -> list[tuple[str, str]]:
    """Code and name of those that were imported, by name."""
    with db.read() as session:
        query = select(AreaRow.code, AreaRow.name).where(AreaRow.kind == "municipality")
        return [(code, name) for code, name in session.exec(query.order_by(col(AreaRow.name)))]


def resolve_case_area(db: Database, case: Case, programme: Programme) -> ResolvedArea:
    """The case's area, or the programme's default, or the nation; raises AreaError."""
    spec = case.area or programme.area.default
    if spec is None:
        if case.last_seen.lat is None or case.last_seen.lon is None:
            raise AreaError("area", f"{programme.id} has no default area; name municipalities, a circle or a polygon")
        spec = _around(case.last_seen.lat, case.last_seen.lon)
    known = municipalities(db) if spec.nation is None else {}
    return resolve(spec, nation(), known)


def codes_of(db: Database, area: ResolvedArea) -> tuple[str, ...] | None:
    """The municipalities that an area touches; None for the whole country, or when none were imported.

    Then everybody hears of it: better too many than that the one who saw the child does not.
    """
    known = municipalities(db)
    touched = area.codes or touching(area, known)
    return None if len(touched) == len(known) else tuple(touched)


def list_areas(db: Database, kind: str | None = None) -> list[AreaRow]:
    query = select(AreaRow).order_by(col(AreaRow.code))
    with db.read() as session:
        return list(session.exec(query.where(AreaRow.kind == kind) if kind else query))


def import_areas(db: Database, path: Path) -> dict[str, int]:
    """Import a file in the national format; how many of each kind. Again is harmless. Raises AreaError."""
    rows = [_row(feature, position) for position, feature in enumerate(_features(path))]
    with db.write() as session:
        for row in rows:
            put(session, row)
    return {kind: sum(1 for row in rows if row.kind == kind) for kind in dict.fromkeys(row.kind for row in rows)}


def _around(lat: float, lon: float) -> AreaSpec:
    return AreaSpec(circle=Circle(lat=lat, lon=lon, radius_m=AROUND_M))


def _features(path: Path) -> Iterator[Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AreaError(str(path), f"is larger than {MOST_BYTES // 1_000_000} MB; take the generalised borders")
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise AreaError(str(path), "there is no such file") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AreaError(str(path), f"is not GeoJSON: {error}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not features:
        raise AreaError(str(path), "is not a GeoJSON FeatureCollection with features")
    yield from features


def _row(feature: Any, position: int) -> AreaRow:
    field = f"features/{position}"
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        raise AreaError(field, "is not a GeoJSON feature with properties")
    code, name = properties.get("code"), properties.get("name")
    if not isinstance(code, str) or code[:2] not in KINDS or not isinstance(name, str) or "\0" in code + name:
        raise AreaError(field, "needs properties code (GM…, PV…, VR… or PU…) and name")
    population = properties.get("population")
    if type(population) is not int or population < 0:
        raise AreaError(f"{field} ({code})", "needs a population, a whole number of people")
    return AreaRow(
        code=code,
        kind=KINDS[code[:2]],
        name=name,
        population=population,
        polygons=json.dumps(list(_rings(feature.get("geometry"), f"{field} ({code})"))),
    )


def _rings(geometry: Any, field: str) -> Iterable[list[tuple[float, float]]]:
    try:
        found = shape(geometry)
    except (TypeError, ValueError, LookupError, AttributeError, shapely.errors.ShapelyError) as error:
        raise AreaError(field, "has no geometry that can be read") from error
    parts = [part for part in getattr(found, "geoms", [found]) if isinstance(part, Polygon)]
    if not found.is_valid or not parts or found.geom_type not in ("Polygon", "MultiPolygon"):
        raise AreaError(field, "has a geometry that is not a valid Polygon or MultiPolygon")
    return [[(round(x, 5), round(y, 5)) for x, y, *_ in part.exterior.coords] for part in parts]
