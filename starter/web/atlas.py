"""The country as the console's form needs it: names to search, borders for the map. Read again after each import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import shapely
from shapely.geometry import Polygon

from alerts.area import Ring
from alerts.geometry import Country
from starter.web.area_values import NATION
from store.area_files import KINDS
from store.areas import country
from store.database import Database

MOST_FOUND = 12
COARSER = 0.003
"""Degrees: borders on a map of the whole country lose what is smaller than the square of it, some 200 by 330 m."""


@dataclass(frozen=True)
class Named:
    """An area that can be chosen by name."""

    code: str
    name: str
    kind: str
    people: int


class Atlas:
    """The country as it was imported last, read again after each import."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: Known | None = None

    def known(self) -> Known:
        whole, known = country(self._db), self._known
        if known is None or known.country is not whole:
            known = self._known = Known(whole)
        return known


class Known:
    """The country, and what the pages need of it, worked out once."""

    def __init__(self, whole: Country) -> None:
        self.country = whole
        towns, nation = whole.municipalities, whole.nation
        self.named = {NATION: Named(NATION, nation.name["nl"], "nation", nation.population)}
        for code, name in sorted(whole.larger.items()):
            inside = whole.members.get(code, ())
            people = sum(towns[town].population for town in inside)
            if inside:  # without its municipalities nobody could be shown anything there
                self.named[code] = Named(code, name, KINDS[code[:2]], people)
        self.named |= {code: Named(code, one.name, "municipality", one.population) for code, one in towns.items()}

    def name(self, code: str) -> Named:
        """An area by its code; one that was taken out by an import has no name and nobody in it."""
        return self.named.get(code) or Named(code, code, KINDS.get(code[:2], "municipality"), 0)

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
        towns = _coarse({code: one.polygons for code, one in self.country.municipalities.items()})
        return json.dumps({"nation": self.country.nation.polygons, "towns": towns}, separators=(",", ":"))


def _coarse(areas: Mapping[str, tuple[Ring, ...]]) -> dict[str, list[list[tuple[float, float]]]]:
    """Borders with fewer corners, those between neighbours still the same for both."""
    shapes = [shapely.union_all([Polygon(ring) for ring in rings]) for rings in areas.values()]
    return {
        code: [[(round(x, 4), round(y, 4)) for x, y in part.exterior.coords] for part in getattr(one, "geoms", [one])]
        for code, one in zip(areas, shapely.coverage_simplify(shapes, COARSER), strict=True)
    }
