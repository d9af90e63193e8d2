"""Areas as people name them, and as they come out: resolved to shapes, with an estimate of who lives there.

Shapes are worked out in `alerts.geometry`, which needs shapely; workflows only carry the values of this file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from alerts.values import Value

Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Point = tuple[Lon, Lat]
Ring = tuple[tuple[float, float], ...]
KINDS = ("nation", "municipalities", "circle", "polygon")
LARGER = {
    "PV": {"nl": "provincie {}", "en": "province of {}"},
    "VR": {"nl": "veiligheidsregio {}", "en": "safety region {}"},
    "PU": {"nl": "politie-eenheid {}", "en": "police unit {}"},
}
"""Areas made of whole municipalities, by the letters their codes begin with; of two that are the same, the first."""


class Circle(Value):
    lat: Lat
    lon: Lon
    radius_m: Annotated[float, Field(ge=50, le=300_000, allow_inf_nan=False)]


class AreaSpec(Value):
    """Exactly one of nation, municipalities, circle or polygon, as in a case file."""

    nation: Literal["NL"] | None = None
    municipalities: tuple[Annotated[str, Field(pattern=r"^GM\d{4}$")], ...] | None = None
    circle: Circle | None = None
    polygon: Annotated[tuple[Point, ...], Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}; it has {' and '.join(given) or 'none'}")
        if self.municipalities is not None and not self.municipalities:
            raise ValueError("municipalities is empty; name at least one code such as GM0307")
        if self.polygon is not None and len(set(self.polygon)) < 3:
            raise ValueError("a polygon needs at least three different points [lon, lat]")
        return self


class AreaError(ValueError):
    """An area that cannot be used: `field` names where, the text says what is expected."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


class ResolvedArea(Value):
    """An area as shapes (rings of [lon, lat], clipped to the country), small enough to travel in a payload."""

    name: dict[str, str]
    codes: tuple[str, ...] = ()
    polygons: Annotated[tuple[Ring, ...], Field(min_length=1)]
    """Never none: nothing can be sent to no area."""
    circle: Circle | None = None
    population: int | None = None
    population_source: str = ""
    coarse: bool = True
    """Whether the estimate is only the nation's figure by share of area."""
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        shape = {"codes": self.codes, "polygons": self.polygons}
        return hashlib.sha256(json.dumps(shape, separators=(",", ":")).encode()).hexdigest()


def folded(codes: Collection[str], members: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The same municipalities in as few names: larger areas that are all in `codes`, then those left, each sorted.

    `members` has the municipalities of each larger area; one of a single municipality goes by that one's name.
    """
    left, whole = set(codes), []
    order = list(LARGER)
    for code in sorted(members, key=lambda code: (-len(members[code]), order.index(code[:2]), code)):
        if len(members[code]) > 1 and left.issuperset(members[code]):
            whole.append(code)
            left.difference_update(members[code])
    return (*sorted(whole), *sorted(left))
