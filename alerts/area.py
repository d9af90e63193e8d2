"""Areas as people name them, and as they come out: resolved to shapes, with an estimate of who lives there.

Shapes are worked out in `alerts.geometry`, which needs shapely; workflows only carry the values of this file.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from alerts.values import Value

Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Point = tuple[Lon, Lat]
Ring = tuple[tuple[float, float], ...]
KINDS = ("nation", "municipalities", "circle", "polygon")


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
    polygons: tuple[Ring, ...]
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
