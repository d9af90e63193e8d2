"""Imported areas of the country: municipalities, provinces, safety regions, police units; where people live."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class AreaRow(SQLModel, table=True):
    __tablename__ = "area"
    code: str = Field(primary_key=True)
    kind: str = Field(index=True)
    name: str
    population: int
    polygons: str
    """JSON: rings of [lon, lat]."""


class AreaMemberRow(SQLModel, table=True):
    """That a municipality is part of a province, safety region or police unit."""

    __tablename__ = "area_member"
    area: str = Field(primary_key=True)
    municipality: str = Field(primary_key=True)


class PostcodeRow(SQLModel, table=True):
    """The middle of a 4-digit postcode and who lives there, to count the people of a drawn area."""

    __tablename__ = "postcode"
    code: str = Field(primary_key=True)
    lon: float
    lat: float
    population: int


class AreaSourceRow(SQLModel, table=True):
    """Where the areas of a kind came from."""

    __tablename__ = "area_source"
    kind: str = Field(primary_key=True)
    source: str
    licence: str
    as_of: str
    """The date the figures are of, as the source says it."""
    imported_at: datetime = Field(sa_type=UtcDateTime)
