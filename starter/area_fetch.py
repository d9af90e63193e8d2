"""The areas of the Netherlands from the national open-data service (PDOK): borders and people, by WFS 2.0 as GeoJSON.

The service gives at most a thousand features at once and says nothing of the rest, so pages are asked for until one is
empty. Its borders have no people and its people have borders of 100 MB, so both come from where they are small. Police
units have no layer: each is made of whole safety regions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from alerts.area import AreaError
from starter.errors import BadInput, CannotReach
from store.area_files import POSTCODE, Found, Origin, Say, middle_of
from store.tables.area import PostcodeRow

SERVICE = "https://service.pdok.nl/cbs"
YEAR = 2024
"""The newest of which the service has all layers (September 2026)."""
WHO = "the national open-data service"
LICENCE = "CC BY 4.0"
PATIENCE = httpx.Timeout(120.0, connect=10.0)
MOST_BYTES = 100_000_000
"""Of one page."""
UNITS = {
    "PU01": ("Noord-Nederland", ("VR01", "VR02", "VR03")),
    "PU02": ("Oost-Nederland", ("VR04", "VR05", "VR06", "VR07", "VR08")),
    "PU03": ("Midden-Nederland", ("VR09", "VR14", "VR25")),
    "PU04": ("Noord-Holland", ("VR10", "VR11", "VR12")),
    "PU05": ("Amsterdam", ("VR13",)),
    "PU06": ("Den Haag", ("VR15", "VR16")),
    "PU07": ("Rotterdam", ("VR17", "VR18")),
    "PU08": ("Zeeland-West-Brabant", ("VR19", "VR20")),
    "PU09": ("Oost-Brabant", ("VR21", "VR22")),
    "PU10": ("Limburg", ("VR23", "VR24")),
}
"""The ten regional units of the police (Politiewet 2012, article 25) as safety regions; the numbers are ours."""

Feature = dict[str, Any]


def fetch_netherlands(service: str, year: int, say: Say) -> Found:
    """All areas and postcodes of a year; raises CannotReach, BadInput or AreaError, and nothing was kept then."""
    with httpx.Client(timeout=PATIENCE, follow_redirects=True) as client:
        wfs = _Service(client, service.rstrip("/"), year, say)
        towns = list(wfs.features("gebiedsindelingen", "gemeente_gegeneraliseerd", 200))
        provinces = list(wfs.features("gebiedsindelingen", "provincie_gegeneraliseerd", 200))
        regions = list(wfs.features("gebiedsindelingen", "veiligheidsregio_gegeneraliseerd", 200))
        people = _people(wfs.features("wijkenbuurten", "gemeenten", 50))
        postcodes = list(_postcodes(wfs.features("postcode4", "postcode4", 250)))
    found = Found()
    features = _with_people(towns, provinces, regions, people)
    found.add_features(features, f"{WHO}: ", Origin(source="CBS, Kadaster", licence=LICENCE, date=str(year)))
    found.postcodes = {row.code: row for row in postcodes}
    found.origins[POSTCODE] = Origin(source="CBS", licence=LICENCE, date=str(year))
    return found


class _Service:
    """One year of the service."""

    def __init__(self, client: httpx.Client, address: str, year: int, say: Say) -> None:
        self._client = client
        self._address = address
        self._year = year
        self._say = say

    def features(self, theme: str, layer: str, count: int) -> Iterator[Feature]:
        """All features of a layer, page by page."""
        seen = 0
        first: Any = None
        while True:
            page = self._page(theme, layer, count, seen)
            if not page:
                break
            if seen and page[0] == first:
                raise CannotReach(
                    WHO, f"it gives the first page of {layer} again and again; take 'baken areas import'"
                )
            first = first or page[0]
            seen += len(page)
            self._say(f"{layer}: {seen}")
            yield from page
        if not seen:
            raise CannotReach(WHO, f"it has nothing in {layer} of {self._year}; try another --year")

    def _page(self, theme: str, layer: str, count: int, start: int) -> list[Feature]:
        asked = {
            "service": "WFS",
            "version": "2.0.0",
            "request": "GetFeature",
            "typeNames": f"{theme}:{layer}",
            "outputFormat": "application/json",
            "srsName": "urn:ogc:def:crs:EPSG::4326",
            "count": str(count),
            "startIndex": str(start),
        }
        text = self._get(f"{self._address}/{theme}/{self._year}/wfs/v1_0", asked)
        try:
            features = json.loads(text)["features"]
        except (ValueError, LookupError, TypeError) as error:
            raise CannotReach(WHO, f"its answer for {layer} is not GeoJSON: {text[:80]!r}") from error
        if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
            raise CannotReach(WHO, f"its answer for {layer} is not GeoJSON: {text[:80]!r}")
        return features

    def _get(self, address: str, asked: dict[str, str]) -> bytes:
        body = bytearray()
        try:
            with self._client.stream("GET", address, params=asked) as answer:
                if answer.status_code != 200:
                    raise CannotReach(WHO, f"{address} answers {answer.status_code}; try another --year, or later")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise CannotReach(WHO, f"its answer is larger than {MOST_BYTES // 1_000_000} MB")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise BadInput("--service", f"{self._address[:200]!r} is no address that begins with https://") from error
        except httpx.HTTPError as error:
            raise CannotReach(
                WHO,
                f"{self._address} does not answer ({type(error).__name__}); is this machine on line? "
                "'baken areas import FILE' takes files",
            ) from error
        return bytes(body)


def _said(feature: Feature, *names: str) -> Any:
    """The first of these properties it has: their spelling changed over the years."""
    properties = feature.get("properties") or {}
    return next((properties[name] for name in names if properties.get(name) is not None), None)


def _number(feature: Feature) -> int:
    """People; 0 where the figure is withheld, which the source says by a negative one."""
    value = _said(feature, "aantalInwoners", "aantal_inwoners")
    return max(int(value), 0) if isinstance(value, int | float) else 0


def _people(features: Iterator[Feature]) -> dict[str, int]:
    """By municipality; its waters are features of their own."""
    found: dict[str, int] = {}
    for feature in features:
        if _said(feature, "water") in (None, "NEE"):
            found[str(_said(feature, "gemeentecode"))] = _number(feature)
    return found


def _postcodes(features: Iterator[Feature]) -> Iterator[PostcodeRow]:
    for position, feature in enumerate(features):
        code = str(_said(feature, "postcode", "postcode4") or "")
        if len(code) != 4 or not code.isdecimal():
            raise AreaError(f"{WHO}: postcode4, feature {position}", "has no postcode of 4 digits")
        middle = middle_of(feature.get("geometry"), f"{WHO}: postcode {code}")
        yield PostcodeRow(code=code, lon=round(middle.x, 5), lat=round(middle.y, 5), population=_number(feature))


def _with_people(
    towns: list[Feature], provinces: list[Feature], regions: list[Feature], people: dict[str, int]
) -> list[Feature]:
    """Features of the national format: every municipality with its people and what it is part of, then the rest."""
    unit_of = {region: unit for unit, (_, members) in UNITS.items() for region in members}
    shapes = {code: shape for code, (_, shape) in _named(regions).items()}
    larger = [("province", _named(provinces)), ("safety_region", _named(regions))]
    found, sums = [], dict.fromkeys((code for _, areas in larger for code in areas), 0)
    for code, (name, border) in _named(towns).items():
        if code not in people:
            raise AreaError(f"{WHO}: {code}", "has no figure of its people in the same year; try another --year")
        part_of: dict[str, str] = {}
        middle = border.representative_point()
        for kind, areas in larger:
            inside = [area for area, (_, around) in areas.items() if around.contains(middle)]
            if inside:
                part_of[kind] = inside[0]
                sums[inside[0]] += people[code]
        if unit := unit_of.get(part_of.get("safety_region", "")):
            part_of["police_unit"] = unit
        found.append(_feature(code, name, people[code], border, **part_of))
    for _, areas in larger:
        found += [_feature(code, name, sums[code], border) for code, (name, border) in areas.items()]
    for unit, (name, members) in UNITS.items():
        if there := [member for member in members if member in shapes]:
            border = shapely.union_all([shapes[member] for member in there])
            found.append(_feature(unit, name, sum(sums[member] for member in there), border))
    return found


def _named(features: list[Feature]) -> dict[str, tuple[str, BaseGeometry]]:
    """Name and border by code; a border that touches itself is taken apart where it does."""
    found = {}
    for position, feature in enumerate(features):
        code, name = _said(feature, "statcode"), _said(feature, "statnaam")
        if not isinstance(code, str) or not isinstance(name, str):
            raise AreaError(f"{WHO}: feature {position}", "has no statcode and statnaam")
        try:
            border = shape(feature["geometry"])
        except (TypeError, ValueError, LookupError, AttributeError, shapely.errors.ShapelyError) as error:
            raise AreaError(f"{WHO}: {code}", "has no geometry that can be read") from error
        found[code] = (name, border if border.is_valid else border.buffer(0))
    return found


def _feature(code: str, name: str, population: int, border: BaseGeometry, **part_of: str) -> Feature:
    return {
        "type": "Feature",
        "properties": {"code": code, "name": name, "population": population, **part_of},
        "geometry": mapping(border),
    }
