"""What all commands share: options, settings, and one way to print."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from starter.errors import BadInput, CannotReach
from starter.settings import Settings, load_settings

if TYPE_CHECKING:
    from starter.client import Baken
    from starter.parts import Parts

T = TypeVar("T")
HomeOption = Annotated[Path | None, typer.Option("--home", help="The home; default $BAKEN_HOME.")]
As = Annotated[
    str | None,
    typer.Option("--as", help="Who you are, on an embedded home; elsewhere BAKEN_TOKEN says it."),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]


def user_of(settings: Settings, said: str | None, usual: str) -> str:
    """Who gives the command: `--as`, else the person of the token in BAKEN_TOKEN, else the usual demo user.

    Elsewhere than on an embedded home, whose people are made up, only the token says it.
    """
    if said and not settings.embedded:
        raise BadInput("--as", "is for a home with a server of its own; on this one BAKEN_TOKEN says who you are")
    if said:
        return said
    if not settings.token and not settings.embedded:
        raise BadInput("BAKEN_TOKEN", "is not set; on this home your token says who you are")
    if not settings.token:
        return usual
    from starter.begin import read_tokens

    user = read_tokens(settings).get(settings.token)
    if user is None:
        raise BadInput("BAKEN_TOKEN", "is not a token of this home")
    return user


def with_baken(home: Path | None, use: Callable[[Baken], Awaitable[T]]) -> T:
    """Open the home, use it, close it."""
    from starter.client import open_baken

    async def run() -> T:
        async with open_baken(settings_of(home)) as baken:
            return await use(baken)

    return asyncio.run(run())


@contextmanager
def parts_of(home: Path | None) -> Iterator[Parts]:
    """Store and keys of a home that exists; raises CannotReach for one where nothing ever ran."""
    from starter.parts import open_parts

    settings = settings_of(home)
    if not settings.paths.master_key.exists():
        raise CannotReach("Baken", f"nothing ever ran with home {settings.home}; start it with 'baken up'")
    parts = open_parts(settings)
    try:
        yield parts
    finally:
        parts.close()


def settings_of(home: Path | None, **more: Any) -> Settings:
    return load_settings(os.environ, home=home, **more)


def out(document: Any, as_json: bool, empty: str = "nothing") -> None:
    """Print a document: as JSON, or as tables people can read; moments are then on Amsterdam's clock."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    from starter.cli.tables import tables_of

    console = Console()
    rows = document if isinstance(document, list) else [document]
    if not rows:
        console.print(empty)
    for table in tables_of(document, console):
        console.print(table)
