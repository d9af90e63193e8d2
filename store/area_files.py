"""Files of areas, read and taken in: all of them or, when one is wrong, nothing.

Areas come as GeoJSON (WGS84) whose features carry `code` (GM…, PV…, VR…, PU…), `name` and `population`, a municipality
also `province`, `safety_region` and `police_unit` where known; postcodes as CSV with `pc4,lon,lat,population`. What is
taken in replaces all that was there of its kind: a municipality that was merged into another would count twice.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import Point, Polygon, shape
from sqlalchemy import delete, insert
from sqlmodel import Session, SQLModel, col, select

from alerts.area import AreaError
from alerts.values import Value
from store.database import Database, serialise
from store.rows import put
from store.tables.area import AreaMemberRow, AreaRow, AreaSourceRow, PostcodeRow

KINDS = {"GM": "municipality", "PV": "province", "VR": "safety_region", "PU": "police_unit"}
STATED = {"province": "PV", "safety_region": "VR", "police_unit": "PU"}
POSTCODE = "postcode"
MOST_BYTES = 50_000_000
NOT_STATED = "not stated"
COLUMNS = ("pc4", "lon", "lat", "population")

Say = Callable[[str], None]


class Origin(Value):
    """Where areas came from, as people are told beside an estimate."""

    source: str = ""
    licence: str = ""
    date: str = ""
    """The day or year that the figures are of."""

    def over(self, other: Origin) -> Origin:
        """This, and what it leaves open from the other."""
        return Origin(
            source=self.source or other.source,
            licence=self.licence or other.licence,
            date=self.date or other.date,
        )


class Found:
    """What files or a service gave, before any of it is kept."""

    def __init__(self) -> None:
        self.areas: dict[str, AreaRow] = {}
        self.postcodes: dict[str, PostcodeRow] = {}
        self.stated: set[tuple[str, str]] = set()
        """Larger area and municipality."""
        self.origins: dict[str, Origin] = {}

    def counts(self) -> dict[str, int]:
        counts = Counter(row.kind for row in self.areas.values())
        return {**counts, POSTCODE: len(self.postcodes)} if self.postcodes else dict(counts)

    def add_features(self, features: Sequence[Any], where: str, origin: Origin) -> None:
        """Features of the national format; raises AreaError naming the one that cannot be used."""
        for position, feature in enumerate(features):
            row = _row(feature, f"{where}features/{position}")
            if row.code in self.areas:
                raise AreaError(f"{where}features/{position}", f"{row.code} stands there twice")
            self.areas[row.code] = row
            self.origins[row.kind] = origin
            if row.kind == "municipality":
                said = (feature["properties"].get(name) for name in STATED)
                self.stated |= {(code, row.code) for code in said if isinstance(code, str) and code[:2] in KINDS}


def import_areas(
    db: Database, *paths: Path, origin: Origin | None = None, say: Say = lambda text: None
) -> dict[str, int]:
    """Import files together; how many of each kind. Again is harmless. Raises AreaError, and then nothing changed."""
    found = Found()
    for path in paths:
        _read(found, path, origin or Origin())
        say(f"{path.name}: read")
    keep(db, found, say)
    return found.counts()


def keep(db: Database, found: Found, say: Say) -> None:
    """Put it in the place of what was there of the same kinds, in one transaction."""
    for kind, count in found.counts().items():
        origin = found.origins[kind]
        known = ", ".join((origin.source, f"licence {origin.licence}", f"of {origin.date}"))
        say(f"{count} x {kind.replace('_', ' ')}: {known}")
    with db.write() as session:
        serialise(session, "areas")
        for row in _gone(session, found):
            say(f"no longer there: {row.code} {row.name}")
            session.delete(row)
        session.flush()
        for row in found.areas.values():
            put(session, row)
        if found.postcodes:
            session.connection().execute(delete(PostcodeRow))
            _insert(session, PostcodeRow, found.postcodes.values())
        now = datetime.now(UTC)
        for kind, origin in found.origins.items():
            said = {"source": origin.source, "licence": origin.licence, "as_of": origin.date}
            put(session, AreaSourceRow(kind=kind, imported_at=now, **said))
        if found.areas:
            _tell_members(session, found)


def _gone(session: Session, found: Found) -> list[AreaRow]:
    """Areas of the kinds that were found which are not among them."""
    kinds = {row.kind for row in found.areas.values()}
    rows = session.exec(select(AreaRow).where(col(AreaRow.kind).in_(kinds))).all()
    return [row for row in rows if row.code not in found.areas]


def _tell_members(session: Session, found: Found) -> None:
    """Which municipality is part of what: as the files say, as was known, else by where its middle lies."""
    rows = session.exec(select(AreaRow)).all()
    towns = [row for row in rows if row.kind == "municipality"]
    larger = {row.code: row for row in rows if row.kind != "municipality"}
    pairs = set(found.stated)
    for row in session.exec(select(AreaMemberRow)):
        if row.municipality not in found.areas:
            pairs.add((row.area, row.municipality))
    names = {town.code for town in towns}
    pairs = {(area, town) for area, town in pairs if area in larger and town in names}
    told = {(area[:2], town) for area, town in pairs}
    for letters in STATED.values():
        places = [(code, _shape(row)) for code, row in sorted(larger.items()) if code.startswith(letters)]
        tree = shapely.STRtree([place for _, place in places])
        for town in towns if places else ():
            if (letters, town.code) not in told:
                middle = _shape(town).representative_point()
                pairs |= {(places[n][0], town.code) for n in tree.query(middle, predicate="within")[:1]}
    session.connection().execute(delete(AreaMemberRow))
    _insert(session, AreaMemberRow, [AreaMemberRow(area=area, municipality=town) for area, town in sorted(pairs)])


def _insert(session: Session, table: type[SQLModel], rows: Iterable[SQLModel]) -> None:
    if values := [row.model_dump() for row in rows]:
        session.connection().execute(insert(table), values)


def _shape(row: AreaRow) -> Any:
    return shapely.union_all([Polygon(ring) for ring in json.loads(row.polygons)])


def _read(found: Found, path: Path, origin: Origin) -> None:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AreaError(str(path), f"is larger than {MOST_BYTES // 1_000_000} MB; take the generalised borders")
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise AreaError(str(path), "there is no such file") from error
    except UnicodeDecodeError as error:
        raise AreaError(str(path), f"is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise AreaError(str(path), f"cannot be read: {error.strerror}") from error
    fallback = Origin(source=f"file {path.name}", licence=NOT_STATED, date=NOT_STATED)
    if path.suffix.lower() == ".csv":
        _read_postcodes(found, text, path, origin.over(fallback))
    else:
        document = _json(text, path)
        stated = {name: document.get(name) for name in ("source", "licence", "date")}
        own = Origin(**{name: value for name, value in stated.items() if isinstance(value, str)})
        found.add_features(document["features"], f"{path.name}: ", origin.over(own).over(fallback))


def _json(text: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise AreaError(str(path), f"is not GeoJSON, nor a .csv of postcodes: {error}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not features:
        raise AreaError(str(path), "is not a GeoJSON FeatureCollection with features")
    found: dict[str, Any] = document
    return found


def _read_postcodes(found: Found, text: str, path: Path, origin: Origin) -> None:
    rows = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise AreaError(str(path), f"has no column {missing[0]}; its first line names {', '.join(COLUMNS)}")
    for row in rows:
        place = f"{path.name}: line {rows.line_num}"
        code, figures = row["pc4"] or "", [row[name] or "" for name in COLUMNS[1:]]
        try:
            lon, lat, people = float(figures[0]), float(figures[1]), int(figures[2] or 0)
        except ValueError as error:
            raise AreaError(place, "needs lon and lat in degrees and population, a whole number of people") from error
        if not (code.isascii() and code.isdecimal() and len(code) == 4) or code in found.postcodes:
            raise AreaError(place, f"{code[:20]!r} is not a postcode of 4 digits, each on one line")
        if not (-180 <= lon <= 180 and -90 <= lat <= 90 and people >= 0):
            raise AreaError(place, "needs lon and lat in degrees and population, a whole number of people")
        found.postcodes[code] = PostcodeRow(code=code, lon=lon, lat=lat, population=people)
    if not found.postcodes:
        raise AreaError(str(path), "has no postcode in it")
    found.origins[POSTCODE] = origin


def _row(feature: Any, field: str) -> AreaRow:
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
        polygons=json.dumps(rings_of(feature.get("geometry"), f"{field} ({code})")),
    )


def rings_of(geometry: Any, field: str) -> list[list[tuple[float, float]]]:
    """The outer rings of a GeoJSON geometry; raises AreaError for one that is no area in degrees."""
    try:
        found = shape(geometry)
    except (TypeError, ValueError, LookupError, AttributeError, shapely.errors.ShapelyError) as error:
        raise AreaError(field, "has no geometry that can be read") from error
    parts = [part for part in getattr(found, "geoms", [found]) if isinstance(part, Polygon)]
    if not found.is_valid or not parts or found.geom_type not in ("Polygon", "MultiPolygon"):
        raise AreaError(field, "has a geometry that is not a valid Polygon or MultiPolygon")
    west, south, east, north = found.bounds
    if west < -180 or south < -90 or east > 180 or north > 90:
        raise AreaError(field, "is not in degrees (WGS84, EPSG:4326)")
    return [[(round(x, 5), round(y, 5)) for x, y, *_ in part.exterior.coords] for part in parts]


def middle_of(geometry: Any, field: str) -> Point:
    """A point inside the area."""
    return shapely.union_all([Polygon(ring) for ring in rings_of(geometry, field)]).representative_point()
