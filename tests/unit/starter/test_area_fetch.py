"""Fetching the country from the open-data service: all pages, all kinds, or nothing at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.area import AreaError
from starter.area_fetch import fetch_netherlands
from starter.errors import CannotReach
from store.area_files import import_areas, keep
from store.areas import country
from store.database import Database
from tests.support.forked import run_baken
from tests.support.open_data import OpenData
from tests.support.stores import new_store

FOLDER = Path(__file__).parents[2] / "fixtures/areas"
AREAS, LARGER, POSTCODES = (
    FOLDER / name for name in ("gemeenten-synthetic.geojson", "larger-synthetic.geojson", "pc4-synthetic.csv")
)


@pytest.fixture
def service() -> Iterator[OpenData]:
    areas = [one for file in (AREAS, LARGER) for one in json.loads(file.read_text("utf-8"))["features"]]
    with POSTCODES.open(encoding="utf-8") as file:
        opened = OpenData(areas, list(csv.DictReader(file)), cap=2)
    yield opened
    opened.close()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = new_store(tmp_path / "baken.db")
    yield opened
    opened.close()


def fetch(db: Database, service: OpenData) -> dict[str, int]:
    found = fetch_netherlands(service.address, 2024, lambda text: None)
    keep(db, found, lambda text: None)
    return found.counts()


def test_country_when_fetched_page_by_page_is_whole(service: OpenData, db: Database) -> None:
    counts = fetch(db, service)
    assert counts == {"municipality": 6, "province": 2, "safety_region": 3, "police_unit": 3, "postcode": 7}
    known = country(db)
    assert known.members["PV26"] == ("GM0307", "GM0344")
    assert known.members["PU06"] == ("GM0518", "GM0599")
    assert (known.larger["PU05"], known.municipalities["GM0363"].population) == ("Amsterdam", 3000)
    assert sum(people for *_, people in known.postcodes) == 4000
    assert known.sources == dict.fromkeys(counts, "CBS, Kadaster, 2024") | {"postcode": "CBS, 2024"}


def test_command_when_it_fetches_says_how_far_it_is_and_what_it_got(service: OpenData, tmp_path: Path) -> None:
    environ = {"BAKEN_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = run_baken("areas", "fetch", "nl", "--service", service.address, "--json", environ=environ)
    assert done.returncode == 0
    assert json.loads(done.stdout)["imported"]["postcode"] == 7
    told = done.stderr.decode()
    assert "postcode4: 6\npostcode4: 7\n" in told
    assert "6 x municipality: CBS, Kadaster, licence CC BY 4.0, of 2024" in told
    assert run_baken("areas", "fetch", "be", environ=environ).returncode == 2


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ((200, b"<html>maintenance</html>"), "is not GeoJSON"),
        ((200, b'{"features": 3}'), "is not GeoJSON"),
        ((503, b""), "answers 503"),
        ((200, b'{"features": []}'), "has nothing in gemeente_gegeneraliseerd of 2024"),
    ],
)
def test_service_when_it_answers_nonsense_is_named(
    service: OpenData, db: Database, instead: tuple[int, bytes], said: str
) -> None:
    service.instead = instead
    with pytest.raises(CannotReach, match=said):
        fetch(db, service)


def test_service_when_one_layer_fails_changes_nothing(service: OpenData, db: Database) -> None:
    fetch(db, service)
    before = country(db)
    service.layers["gemeente_gegeneraliseerd"].pop()
    service.layers["postcode4"][6]["geometry"] = None
    with pytest.raises(AreaError, match="postcode 1011: has no geometry"):
        fetch(db, service)
    assert country(db) == before


def test_service_when_it_knows_no_people_of_a_municipality_is_refused(service: OpenData, db: Database) -> None:
    del service.layers["gemeenten"][:2]
    with pytest.raises(AreaError, match="GM0307: has no figure of its people"):
        fetch(db, service)


def test_service_when_it_pays_no_heed_to_pages_is_refused(service: OpenData, db: Database) -> None:
    again = json.dumps({"features": service.layers["gemeente_gegeneraliseerd"][:2]})
    service.instead = (200, again.encode())
    with pytest.raises(CannotReach, match="gives the first page of gemeente_gegeneraliseerd again"):
        fetch(db, service)


def test_machine_when_off_line_says_so_and_names_the_other_way(service: OpenData, db: Database) -> None:
    service.close()
    with pytest.raises(CannotReach, match="is this machine on line\\? 'baken areas import FILE'"):
        fetch(db, service)


def test_fetched_country_when_other_borders_replace_it_counts_nobody_twice(
    service: OpenData, db: Database, tmp_path: Path
) -> None:
    fetch(db, service)
    features = json.loads(AREAS.read_text("utf-8"))["features"]
    features[0]["properties"]["code"] = "GM0457"
    (tmp_path / "new.geojson").write_text(json.dumps({"features": features}), "utf-8")
    said: list[str] = []
    import_areas(db, tmp_path / "new.geojson", say=said.append)
    assert "no longer there: GM0307 Vierkant Een" in said
    known = country(db)
    assert sum(one.population for one in known.municipalities.values()) == 21_000
    assert known.members["PV26"] == ("GM0344", "GM0457")
