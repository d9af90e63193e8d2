"""Importing areas: the national format, again without harm, and a bad file changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.area import AreaError, AreaSpec
from alerts.geometry import resolve
from store.areas import codes_of, import_areas, list_areas, municipalities, nation
from store.database import Database

SYNTHETIC = Path(__file__).parents[2] / "fixtures/areas/gemeenten-synthetic.geojson"
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
    area = resolve(AreaSpec(municipalities=("GM0307", "GM0344")), nation(), municipalities(db))
    assert (area.population, len(area.polygons), area.warnings) == (3000, 2, ())


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
    area = resolve(AreaSpec.model_validate(spec), nation(), municipalities(db))
    assert codes_of(db, area) == codes


def test_codes_of_an_area_are_none_when_nothing_was_imported(db: Database) -> None:
    assert codes_of(db, resolve(AreaSpec.model_validate({"circle": NOORD}), nation(), {})) is None


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
