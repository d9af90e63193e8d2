"""What all commands share: options, settings, and one way to print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from starter.settings import Settings, load_settings

HomeOption = Annotated[Path | None, typer.Option("--home", help="The home; default $BAKEN_HOME.")]
AsJson = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]


def settings_of(home: Path | None, **more: Any) -> Settings:
    return load_settings(os.environ, home=home, **more)


def out(document: Any, as_json: bool, empty: str = "nothing") -> None:
    """Print a document: as JSON, or as a table people can read."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    console = Console()
    rows = document if isinstance(document, list) else [document]
    if not rows:
        console.print(empty)
        return
    table = Table()
    for name in rows[0]:
        table.add_column(str(name).replace("_", " "))
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
