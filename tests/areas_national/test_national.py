"""The national area files, imported as an authority would: `make test-areas AREAS=DIR`. Outside the usual levels."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
import shapely
from shapely.geometry import Polygon

from alerts.area import AreaSpec
from alerts.geometry import Country, grown, resolve
from starter.area_fetch import fetch_netherlands
from store.area_files import Origin, import_areas, keep
from store.areas import country, list_areas
from store.database import Database
from store.schema import migrate
from tests.support.open_data import OpenData

POPULATION = 17_811_291
"""CBS, 1 January 2023: the sum of the 342 municipalities."""
FILES = ("gemeente.geojson", "provincie.geojson", "veiligheidsregio.geojson", "politie-eenheid.geojson", "pc4.csv")
CBS = Origin(source="CBS, Kadaster", licence="CC BY 4.0", date="2023")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = os.environ.get("BAKEN_AREAS")
    assert folder, "name the folder with the national files: make test-areas AREAS=DIR"
    db = Database.at(tmp_path_factory.mktemp("areas") / "areas.db")
    migrate(db)
    import_areas(db, *(Path(folder) / file for file in FILES), origin=CBS)
    return db


@pytest.fixture(scope="module")
def known(imported: Database) -> Country:
    return country(imported)


def test_every_kind_is_there(imported: Database, known: Country) -> None:
    counts = {
        kind: len(list_areas(imported, kind)) for kind in ("municipality", "province", "safety_region", "police_unit")
    }
    assert counts == {"municipality": 342, "province": 12, "safety_region": 25, "police_unit": 10}
    assert len(known.postcodes) == 4067


def test_municipalities_add_up_to_the_nation(known: Country) -> None:
    assert sum(one.population for one in known.municipalities.values()) == known.nation.population == POPULATION


def test_every_municipality_is_part_of_one_larger_area_of_each_kind(known: Country) -> None:
    for letters in ("PV", "VR", "PU"):
        members = [one for code, inside in known.members.items() if code.startswith(letters) for one in inside]
        assert sorted(members) == sorted(known.municipalities)


def test_every_municipality_lies_inside_our_outline(known: Country) -> None:
    outline = shapely.union_all([Polygon(ring) for ring in known.nation.polygons])
    outside = {}
    for one in known.municipalities.values():
        shape = shapely.union_all([Polygon(ring) for ring in one.polygons])
        outside[one.name] = shape.difference(outline).area / shape.area
    name, worst = max(outside.items(), key=lambda item: item[1])
    print(f"worst: {name}, {worst:.3%} outside")
    assert worst <= 0.001


def test_two_municipalities_count_their_people(known: Country) -> None:
    area = resolve(AreaSpec(municipalities=("GM0307", "GM0344")), known)
    assert area.population == sum(known.municipalities[code].population for code in ("GM0307", "GM0344"))
    assert area.name["nl"] == "Amersfoort, Utrecht"
    assert not area.coarse


@pytest.mark.parametrize(
    ("codes", "name"),
    [(("PU03",), "Politie-eenheid Midden-Nederland"), (("PV24", "PV26"), "Provincie Flevoland, provincie Utrecht")],
)
def test_whole_regions_go_by_their_own_names(known: Country, codes: tuple[str, ...], name: str) -> None:
    towns = tuple(town for code in codes for town in known.members[code])
    area = resolve(AreaSpec(municipalities=towns), known)
    assert area.name["nl"] == name
    assert area.population_source == "CBS, Kadaster, 2023; whole municipalities"


def test_a_drawn_shape_counts_its_people_by_postcode_about_as_its_municipality_does(known: Country) -> None:
    town = known.municipalities["GM0344"]
    ring = max(town.polygons, key=len)
    drawn = resolve(AreaSpec(polygon=ring[::2][:500]), known)
    assert drawn.population_source == "CBS, Kadaster, 2023; by postcode"
    assert drawn.population == pytest.approx(town.population, rel=0.1)


def test_a_wider_area_says_how_many_more_it_reaches(known: Country) -> None:
    town, province = (resolve(AreaSpec(municipalities=codes), known) for codes in (("GM0307",), known.members["PV26"]))
    more = grown(province, town, known)
    assert more
    assert more.people == (province.population or 0) - (town.population or 0)
    assert grown(town, province, known) is None
    assert grown(province, resolve(AreaSpec(nation="NL"), known), known) is None


def test_country_when_fetched_from_a_service_with_these_files_is_the_same(known: Country, tmp_path: Path) -> None:
    folder = Path(os.environ["BAKEN_AREAS"])
    areas = [one for file in FILES[:3] for one in json.loads((folder / file).read_text("utf-8"))["features"]]
    with (folder / "pc4.csv").open(encoding="utf-8") as file:
        service = OpenData(areas, list(csv.DictReader(file)))
    db = Database.at(tmp_path / "fetched.db")
    migrate(db)
    keep(db, fetch_netherlands(service.address, 2024, lambda text: None), lambda text: None)
    service.close()
    fetched = country(db)
    db.close()
    assert (fetched.municipalities, fetched.larger, fetched.members) == (
        known.municipalities,
        known.larger,
        known.members,
    )
    assert [people for *_, people in fetched.postcodes] == [people for *_, people in known.postcodes]
