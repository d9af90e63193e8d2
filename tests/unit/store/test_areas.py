"""Importing areas: the national format, again without harm, and a bad file changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from alerts.area import AreaError, AreaSpec
from alerts.case import Case
from alerts.geometry import Country, resolve
from store.area_files import Origin, import_areas
from store.areas import codes_of, country, last_import, list_areas, municipalities, nation, resolve_case_area, sources
from store.database import Database
from tests.support.cases import amber_case
from tests.support.programmes import programme

FOLDER = Path(__file__).parents[2] / "fixtures/areas"
SYNTHETIC, LARGER, POSTCODES = (
    FOLDER / name for name in ("gemeenten-synthetic.geojson", "larger-synthetic.geojson", "pc4-synthetic.csv")
)
SQUARE = {"type": "Polygon", "coordinates": [[[5, 52], [5.1, 52], [5.1, 52.1], [5, 52.1], [5, 52]]]}
BOW = {"type": "Polygon", "coordinates": [[[5, 52], [5.2, 52.2], [5.2, 52], [5, 52.2], [5, 52]]]}
TOWN = {"code": "GM0001", "name": "Vierkant", "population": 1}


def _feature(geometry: Any = SQUARE, **changes: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {**TOWN, **changes}, "geometry": geometry}


def test_import_when_repeated_changes_nothing(db: Database) -> None:
    assert import_areas(db, SYNTHETIC) == {"municipality": 6}
    first = municipalities(db)
    assert import_areas(db, SYNTHETIC) == {"municipality": 6}
    assert municipalities(db) == first
    assert [row.code for row in list_areas(db, "province")] == []


def test_imported_municipalities_when_resolved_add_their_people(db: Database) -> None:
    import_areas(db, SYNTHETIC)
    area = resolve(AreaSpec(municipalities=("GM0307", "GM0344")), country(db))
    assert (area.population, len(area.polygons), area.warnings) == (3000, 2, ())


def test_files_together_say_what_is_part_of_what_and_where_they_came_from(db: Database) -> None:
    counts = import_areas(db, POSTCODES, LARGER, SYNTHETIC, origin=Origin(date="2025"))
    assert counts == {"province": 2, "safety_region": 3, "police_unit": 1, "municipality": 6, "postcode": 7}
    known = country(db)
    assert known.members["PU03"] == ("GM0307", "GM0344", "GM0363")
    assert known.members["PV27"] == ("GM0363",)
    assert {row.kind: (row.source, row.licence, row.as_of) for row in sources(db)} == {
        "municipality": ("file gemeenten-synthetic.geojson", "not stated", "2025"),
        "police_unit": ("Made up", "CC0", "2025"),
        "postcode": ("file pc4-synthetic.csv", "not stated", "2025"),
        "province": ("Made up", "CC0", "2025"),
        "safety_region": ("Made up", "CC0", "2025"),
    }


def test_larger_areas_when_stated_in_the_file_count_before_the_map(db: Database, tmp_path: Path) -> None:
    file = tmp_path / "stated.geojson"
    town = _feature({"type": "Polygon", "coordinates": [[[5.3, 52.1], [5.4, 52.1], [5.4, 52.2], [5.3, 52.1]]]})
    town["properties"]["province"] = "PV27"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [town]}), "utf-8")
    import_areas(db, LARGER)
    import_areas(db, file)
    assert country(db).members == {"PV27": ("GM0001",), "VR09": ("GM0001",), "PU03": ("GM0001",)}


def test_two_files_when_the_second_is_bad_leave_everything_as_it_was(db: Database, tmp_path: Path) -> None:
    import_areas(db, SYNTHETIC)
    before = (_read_anew(db), last_import(db))
    (tmp_path / "bad.csv").write_text("pc4,lon,lat,population\n3811,5.3,52.1,ten\n", "utf-8")
    with pytest.raises(AreaError, match=r"bad\.csv: line 2: needs lon and lat"):
        import_areas(db, LARGER, tmp_path / "bad.csv")
    assert (_read_anew(db), last_import(db)) == before


def _read_anew(db: Database) -> Country:
    """By another process: nothing of it was read before."""
    other = Database(db.engine.url.render_as_string())
    try:
        return country(other)
    finally:
        other.close()


def test_country_when_postcodes_follow_is_read_again_whatever_the_clock_said(db: Database, tmp_path: Path) -> None:
    import_areas(db, SYNTHETIC)
    assert country(db).postcodes == ()
    (tmp_path / "pc4.csv").write_text("pc4,lon,lat,population\n3811,5.3,52.1,10\n", "utf-8")
    with db.write() as session:
        session.connection().execute(text("UPDATE area_source SET imported_at = '2099-01-01 00:00:00+00:00'"))
    known = country(db)
    import_areas(db, tmp_path / "pc4.csv")
    assert known.postcodes == ()
    assert [code for code, *_ in country(db).postcodes] == ["3811"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code,x\n1,2\n", "has no column pc4"),
        ("pc4,lon,lat,population\n", "has no postcode"),
        ("pc4,lon,lat,population\n38,5,52,1\n", "line 2: '38' is not a postcode"),
        ("pc4,lon,lat,population\n3811,5,52,1\n3811,5,52,1\n", "line 3"),
        ("pc4,lon,lat,population\n3811,155000,463000,1\n", "line 2: needs lon and lat in degrees"),
        ("pc4,lon,lat,population\n3811,nan,52,1\n", "line 2: needs lon and lat in degrees"),
        ("pc4,lon,lat,population\n3811,5\n", "line 2: needs lon and lat"),
    ],
)
def test_postcodes_that_cannot_be_used_are_named(db: Database, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text, "utf-8")
    with pytest.raises(AreaError, match=said):
        import_areas(db, tmp_path / "bad.csv")


def test_borders_that_are_not_in_degrees_are_refused(db: Database, tmp_path: Path) -> None:
    metres = {"type": "Polygon", "coordinates": [[[155000, 463000], [156000, 463000], [156000, 464000]]]}
    (tmp_path / "rd.geojson").write_text(json.dumps({"features": [_feature(metres)]}), "utf-8")
    with pytest.raises(AreaError, match="is not in degrees"):
        import_areas(db, tmp_path / "rd.geojson")


NOORD = {"lat": 52.16, "lon": 5.39, "radius_m": 30_000}


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ({"nation": "NL"}, None),
        ({"municipalities": ["GM0307", "GM0518"]}, ("GM0307", "GM0518")),
        ({"circle": {"lat": 52.9, "lon": 6.5, "radius_m": 1_000}}, ()),
        ({"circle": NOORD}, ("GM0307", "GM0344")),
        ({"polygon": [[4.9, 52.3], [5.0, 52.3], [4.9, 52.4]]}, ("GM0363",)),
    ],
)
def test_codes_of_an_area_are_the_municipalities_it_touches(
    db: Database, spec: dict[str, Any], codes: tuple[str, ...] | None
) -> None:
    import_areas(db, SYNTHETIC)
    area = resolve(AreaSpec.model_validate(spec), country(db))
    assert codes_of(db, area) == codes


def test_case_without_any_area_has_none_and_can_go_nowhere(db: Database, tmp_path: Path) -> None:
    local = programme("vermist-kind")
    case = Case.model_validate(amber_case(tmp_path, area=None, last_seen={"at": "2026-01-02T03:04:00+01:00"}))
    with pytest.raises(AreaError, match="has no default area"):
        resolve_case_area(db, case, local)
    assert resolve_case_area(db, case, programme("amber")).name["en"] == "the Netherlands"


def test_codes_of_an_area_are_none_when_nothing_was_imported(db: Database) -> None:
    assert codes_of(db, resolve(AreaSpec.model_validate({"circle": NOORD}), Country(nation=nation()))) is None


@pytest.mark.parametrize(
    "feature",
    [
        _feature(code="XX0001"),
        _feature(name=None),
        _feature(name="Vier\0kant"),
        _feature(population=-1),
        _feature(population=True),
        _feature(population="1"),
        _feature(None),
        _feature({"type": "Polygon"}),
        _feature({"type": "Polygon", "coordinates": [[[5, 52]]]}),
        _feature({"type": "Point", "coordinates": [5, 52]}),
        _feature(BOW),
        {"type": "Feature", "properties": "none"},
        "not a feature",
    ],
)
def test_bad_feature_when_imported_is_named_and_nothing_is_kept(db: Database, tmp_path: Path, feature: Any) -> None:
    file = tmp_path / "bad.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [_feature(), feature]}), "utf-8")
    with pytest.raises(AreaError, match="features/1"):
        import_areas(db, file)
    assert list_areas(db) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": []}', "\x00"])
def test_file_that_is_no_collection_is_refused_with_its_name(db: Database, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.geojson"
    file.write_text(text, "utf-8")
    with pytest.raises(AreaError, match=r"bad\.geojson"):
        import_areas(db, file)


def test_missing_file_is_refused_with_its_name(db: Database, tmp_path: Path) -> None:
    with pytest.raises(AreaError, match="there is no such file"):
        import_areas(db, tmp_path / "none.geojson")
