"""The national area files, imported as an authority would: `make test-areas AREAS=DIR`. Outside the usual levels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import shapely
from shapely.geometry import Polygon

from alerts.area import AreaSpec
from alerts.geometry import resolve
from store.areas import import_areas, list_areas, municipalities, nation
from store.database import Database
from store.schema import migrate

POPULATION = 17_811_291
"""CBS, 1 January 2023: the sum of the 342 municipalities."""
FILES = ("gemeente.geojson", "provincie.geojson", "veiligheidsregio.geojson", "politie-eenheid.geojson")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = os.environ.get("BAKEN_AREAS")
    assert folder, "name the folder with the national files: make test-areas AREAS=DIR"
    db = Database.at(tmp_path_factory.mktemp("areas") / "areas.db")
    migrate(db)
    for file in FILES:
        import_areas(db, Path(folder) / file)
    return db


def test_every_kind_is_there(imported: Database) -> None:
    counts = {
        kind: len(list_areas(imported, kind)) for kind in ("municipality", "province", "safety_region", "police_unit")
    }
    assert counts == {"municipality": 342, "province": 12, "safety_region": 25, "police_unit": 10}


def test_municipalities_add_up_to_the_nation(imported: Database) -> None:
    known = municipalities(imported)
    assert sum(one.population for one in known.values()) == nation().population == POPULATION


def test_every_municipality_lies_inside_our_outline(imported: Database) -> None:
    outline = shapely.union_all([Polygon(ring) for ring in nation().polygons])
    outside = {}
    for one in municipalities(imported).values():
        shape = shapely.union_all([Polygon(ring) for ring in one.polygons])
        outside[one.name] = shape.difference(outline).area / shape.area
    name, worst = max(outside.items(), key=lambda item: item[1])
    print(f"worst: {name}, {worst:.3%} outside")
    assert worst <= 0.001


def test_two_municipalities_count_their_people(imported: Database) -> None:
    known = municipalities(imported)
    area = resolve(AreaSpec(municipalities=("GM0307", "GM0344")), nation(), known)
    assert area.population == known["GM0307"].population + known["GM0344"].population
    assert area.name["nl"] == "Amersfoort, Utrecht"
    assert not area.coarse
