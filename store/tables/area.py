"""Imported areas of the country: municipalities, provinces, safety regions, police units."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class AreaRow(SQLModel, table=True):
    __tablename__ = "area"
    code: str = Field(primary_key=True)
    kind: str = Field(index=True)
    name: str
    population: int
    polygons: str
    """JSON: rings of [lon, lat]."""
