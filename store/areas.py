"""The areas of the country: the packaged outline of the nation, and what was imported of its divisions."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from weakref import WeakKeyDictionary

from sqlmodel import Session, col, select

from alerts.area import AreaError, AreaSpec, Circle, ResolvedArea
from alerts.case import Case
from alerts.geometry import Country, Municipality, Nation, resolve, touching
from alerts.programme import Programme
from store.database import Database
from store.tables.area import AreaMemberRow, AreaRow, AreaSourceRow, PostcodeRow

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


_READ: WeakKeyDictionary[Database, tuple[str, Country]] = WeakKeyDictionary()
"""By store: the import after which it was read, and what was read."""


def country(db: Database) -> Country:
    """All that is known here. It is read again after an import only: that takes a tenth of a second."""
    newest = last_import(db)
    read = _READ.get(db)
    if read is None or read[0] != newest:
        read = _READ[db] = (newest, _country(db))
    return read[1]


def _country(db: Database) -> Country:
    with db.read() as session:
        larger = select(AreaRow.code, AreaRow.name).where(AreaRow.kind != "municipality")
        places = session.exec(select(PostcodeRow).order_by(col(PostcodeRow.code))).all()
        return Country(
            nation=nation(),
            municipalities=_municipalities(session),
            larger=dict(session.exec(larger).all()),
            members=_members(session),
            postcodes=tuple((row.code, row.lon, row.lat, row.population) for row in places),
            sources={row.kind: f"{row.source}, {row.as_of}" for row in session.exec(select(AreaSourceRow))},
        )


def _municipalities(session: Session) -> dict[str, Municipality]:
    rows = session.exec(select(AreaRow).where(AreaRow.kind == "municipality")).all()
    return {
        row.code: Municipality(
            code=row.code, name=row.name, population=row.population, polygons=json.loads(row.polygons)
        )
        for row in rows
    }


def _members(session: Session) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in session.exec(select(AreaMemberRow).order_by(col(AreaMemberRow.municipality))):
        found[row.area] = (*found.get(row.area, ()), row.municipality)
    return found


def last_import(db: Database) -> str:
    """When each kind was imported: changes with each import, whatever the clock says; empty before the first."""
    with db.read() as session:
        rows = session.exec(select(AreaSourceRow.kind, AreaSourceRow.imported_at).order_by(col(AreaSourceRow.kind)))
        return " ".join(f"{kind} {at.isoformat()}" for kind, at in rows)


def sources(db: Database) -> list[AreaSourceRow]:
    """Where what was imported came from, by kind."""
    with db.read() as session:
        return list(session.exec(select(AreaSourceRow).order_by(col(AreaSourceRow.kind))))


def municipalities(db: Database) -> dict[str, Municipality]:
    with db.read() as session:
        return _municipalities(session)


def municipality_codes(db: Database) -> frozenset[str]:
    """Of those that were imported; none when nothing was."""
    with db.read() as session:
        return frozenset(session.exec(select(AreaRow.code).where(AreaRow.kind == "municipality")))


def municipality_names(db: Database) -> list[tuple[str, str]]:
    """Code and name of those that were imported, by name."""
    with db.read() as session:
        query = select(AreaRow.code, AreaRow.name).where(AreaRow.kind == "municipality")
        return [(code, name) for code, name in session.exec(query.order_by(col(AreaRow.name)))]


def own_area(programme: Programme, lat: float | None, lon: float | None) -> AreaSpec | None:
    """Where a programme shows a case that names no area: its default, else a circle round the place last seen."""
    if programme.area.default or lat is None or lon is None:
        return programme.area.default
    return AreaSpec(circle=Circle(lat=lat, lon=lon, radius_m=AROUND_M))


def resolve_case_area(db: Database, case: Case, programme: Programme) -> ResolvedArea:
    """The shapes of where it is shown; raises AreaError: without an area nothing is started, approved or sent."""
    spec = case.area or own_area(programme, case.last_seen.lat, case.last_seen.lon)
    if spec is None:
        raise AreaError("area", f"{programme.id} has no default area; name municipalities, a circle or a polygon")
    return resolve(spec, Country(nation=nation()) if spec.nation else country(db))


def codes_of(db: Database, area: ResolvedArea) -> tuple[str, ...] | None:
    """The municipalities that an area touches; None for the whole country, or when none were imported.

    Then everybody hears of it: better too many than that the one who saw the child does not.
    """
    known = country(db).municipalities
    touched = area.codes or touching(area, known)
    return None if len(touched) == len(known) else tuple(touched)


def list_areas(db: Database, kind: str | None = None) -> list[AreaRow]:
    query = select(AreaRow).order_by(col(AreaRow.code))
    with db.read() as session:
        return list(session.exec(query.where(AreaRow.kind == kind) if kind else query))
