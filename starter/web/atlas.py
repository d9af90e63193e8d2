"""The country as the console's form needs it: names to search, borders for the map. Read again after each import."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import shapely
from shapely.geometry import Polygon

from alerts.area import Ring
from alerts.geometry import Country
from starter.web.area_values import NATION
from store.area_files import KINDS
from store.areas import country, last_import
from store.database import Database

MOST_FOUND = 12
COARSER = 0.002
"""Degrees, some 200 m: borders on a map of the whole country."""


@dataclass(frozen=True)
class Named:
    """An area that can be chosen by name."""

    code: str
    name: str
    kind: str
    people: int
    towns: int = 0
    """How many municipalities it is made of."""


class Atlas:
    """The country as it was imported last, read again after each import."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._read: tuple[str, Known] | None = None

    def known(self) -> Known:
        newest = last_import(self._db)
        if self._read is None or self._read[0] != newest:
            self._read = (newest, Known(country(self._db)))
        return self._read[1]


class Known:
    """The country, and what the pages need of it, worked out once."""

    def __init__(self, whole: Country) -> None:
        self.country = whole
        towns, nation = whole.municipalities, whole.nation
        self.named = {NATION: Named(NATION, nation.name["nl"], "nation", nation.population, len(towns))}
        for code, name in sorted(whole.larger.items()):
            inside = whole.members.get(code, ())
            people = sum(towns[town].population for town in inside)
            if inside:  # without its municipalities nobody could be shown anything there
                self.named[code] = Named(code, name, KINDS[code[:2]], people, len(inside))
        self.named |= {code: Named(code, one.name, "municipality", one.population) for code, one in towns.items()}

    def search(self, word: str) -> tuple[Named, ...]:
        """Names and codes that hold the word, those that begin with it first, larger areas before smaller."""
        word = word.strip().casefold()
        if not word:
            return ()
        names = {code: f"{one.name} {code}".casefold() for code, one in self.named.items()}
        found = sorted(
            (one for code, one in self.named.items() if word in names[code]),
            key=lambda one: (not names[one.code].startswith(word), -one.people),
        )
        return tuple(found[:MOST_FOUND])

    @cached_property
    def borders(self) -> str:
        """Outline and municipalities for the map, as JSON."""
        towns = {code: _coarse(one.polygons) for code, one in self.country.municipalities.items()}
        return json.dumps({"nation": self.country.nation.polygons, "towns": towns}, separators=(",", ":"))


def _coarse(polygons: tuple[Ring, ...]) -> list[list[tuple[float, float]]]:
    shape = shapely.union_all([Polygon(ring) for ring in polygons]).simplify(COARSER)
    parts = [part for part in getattr(shape, "geoms", [shape]) if part.area > COARSER**2]
    return [[(round(x, 4), round(y, 4)) for x, y in part.exterior.coords] for part in parts]
