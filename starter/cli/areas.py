"""`baken areas`: what is known of the country, from files or from the national open-data service."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starter.area_fetch import SERVICE, YEAR
from starter.cli.common import AsJson, HomeOption, out, parts_of, settings_of
from starter.errors import BadInput

if TYPE_CHECKING:
    from store.database import Database

areas_app = typer.Typer(help="Areas of the country.", no_args_is_help=True)


@areas_app.command("list")
def areas_list(
    kind: Annotated[str | None, typer.Option(help="municipality, province, safety_region, police_unit")] = None,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """List the areas that were imported, and say where they came from."""
    from store.areas import list_areas, sources

    with parts_of(home) as parts:
        rows = [
            {"code": row.code, "kind": row.kind, "name": row.name, "population": row.population}
            for row in list_areas(parts.db, kind)
        ]
        origins = [row for row in sources(parts.db) if kind in (None, row.kind)]
    out(rows, as_json, "nothing imported yet; 'baken areas fetch nl', or 'baken areas import FILE'")
    for one in origins:
        _say(f"{one.kind.replace('_', ' ')}: {one.source}, licence {one.licence}, of {one.as_of}")


@areas_app.command("show")
def areas_show(code: str, home: HomeOption = None, as_json: AsJson = False) -> None:
    """Show one area."""
    from store.areas import list_areas

    with parts_of(home) as parts:
        rows = [row for row in list_areas(parts.db) if row.code == code]
    if not rows:
        raise BadInput("CODE", f"{code!r} is not an area that was imported; see 'baken areas list'")
    row = rows[0]
    shown = {"code": row.code, "kind": row.kind, "name": row.name, "population": row.population}
    out({**shown, "polygons": json.loads(row.polygons)} if as_json else shown, as_json)


@areas_app.command("import")
def areas_import(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="GeoJSON in the national format, or a .csv of postcodes; together."),
    ],
    source: Annotated[str | None, typer.Option(help="Who made them; else as the file says.")] = None,
    licence: Annotated[str | None, typer.Option(help="Under which they may be used.")] = None,
    date: Annotated[str | None, typer.Option(help="The day or year of the figures.")] = None,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Import areas (code, name, population) and postcodes (pc4, lon, lat, population) from files.

    They take the place of all that was there of their kind. When one is wrong, nothing changes.
    """
    from store.area_files import Origin, import_areas

    with _store(home) as db:
        counts = import_areas(
            db, *files, origin=Origin(source=source or "", licence=licence or "", date=date or ""), say=_say
        )
    out({"imported": counts}, as_json)


@areas_app.command("fetch")
def areas_fetch(
    country: Annotated[str, typer.Argument(help="nl, the only one there is.")],
    year: Annotated[int, typer.Option(help="Of borders and figures.")] = YEAR,
    service: Annotated[str, typer.Option(help="Where the service is, or a mirror of it.")] = SERVICE,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Fetch all areas and postcodes from the national open-data service (PDOK, WFS); takes some minutes.

    When a part of it does not come, nothing changes.
    """
    from starter.area_fetch import fetch_netherlands
    from store.area_files import keep

    if country != "nl":
        raise BadInput("COUNTRY", f"{country!r} is not known here; only nl is")
    with _store(home) as db:
        found = fetch_netherlands(service, year, _say)
        keep(db, found, _say)
    out({"imported": found.counts()}, as_json)


@contextmanager
def _store(home: Path | None) -> Iterator[Database]:
    """The store of a home, made where there is none yet; what is wrong with areas is bad input."""
    from alerts.area import AreaError
    from starter.parts import open_parts

    settings = settings_of(home)
    settings.paths.prepare()
    parts = open_parts(settings)
    try:
        yield parts.db
    except AreaError as error:
        raise BadInput(error.field, error.expected) from error
    finally:
        parts.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
