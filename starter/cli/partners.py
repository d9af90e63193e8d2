"""`baken partners …`: newsrooms, screens and apps of others that take alerts by webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.common import As, AsJson, HomeOption, out, parts_of, user_of

if TYPE_CHECKING:
    from pathlib import Path

    from starter.partners import Partners
    from store.partners import Registered
    from store.people import Person

partners_app = typer.Typer(help="Partners that take alerts by webhook.", no_args_is_help=True)

USUAL = "supervisor1"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The partner's name.")]


@partners_app.command("list")
def list_(home: HomeOption = None, as_json: AsJson = False) -> None:
    """List partners: where each stands, when it last answered, how many removals it has not confirmed."""
    from starter.partners import Partners

    with parts_of(home) as parts:
        rows = Partners(parts).list()
    if not as_json:
        for row in rows:
            row["for"] = "exercises" if row.pop("exercise") else "the public"
            row["from"] = "settings file" if row["from"] == "file" else row["from"]
            row["last_heartbeat"] = row["last_heartbeat"] or "never"
    out(rows, as_json, "no partner yet; 'baken partners add NAME URL' adds one")


@partners_app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where its calls go; begins with https://.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="It gets exercises, and nothing else.")] = False,
    mail: Annotated[
        str | None, typer.Option(help="Of people there, to confirm removals where its software does not.")
    ] = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Add a partner and show its secret, once; another supervisor lets alerts go to it ('resume')."""
    with _register(home, user) as (partners, who):
        one = partners.add(who, name, url, exercise=exercise, mail=mail)
    _secret(one, as_json)


@partners_app.command("test")
def try_(name: Name, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Send an exercise and its end to this one partner; exit 4 when it does not take it."""
    with _register(home, user) as (partners, who):
        out(asyncio.run(partners.test(who, name)), as_json)


@partners_app.command("pause")
def pause(name: Name, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Send it nothing more, save the end of what it has; one person is enough."""
    _changed(home, user, as_json, lambda partners, who: partners.pause(who, name))


@partners_app.command("resume")
def resume(name: Name, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Let alerts go to it: a supervisor who did not add or pause it."""
    _changed(home, user, as_json, lambda partners, who: partners.resume(who, name))


@partners_app.command("rotate")
def rotate(
    name: Name,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The old secret is in wrong hands: it ends now, not in 24 hours.")
    ] = False,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Give it a new secret and show that once; calls are signed with the old one too for 24 hours."""
    with _register(home, user) as (partners, who):
        one = partners.rotate(who, name, at_once=at_once)
    _secret(one, as_json)


@partners_app.command("removals")
def removals_(
    alert_id: Annotated[str | None, typer.Option("--alert", help="Of this alert only.")] = None,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """List who was told that an alert is over and has not said that it is gone there."""
    from starter.partners import Partners, removal_row

    with parts_of(home) as parts:
        found = [removal_row(one) for one in Partners(parts).removals(alert_id)]
    out(found, as_json, "every partner confirmed what it had to take down")


def _changed(
    home: Path | None, user: str | None, as_json: bool, change: Callable[[Partners, Person], Registered]
) -> None:
    with _register(home, user) as (partners, who):
        one = change(partners, who)
    out({"name": one.name, "exercise": one.exercise, "paused": one.paused}, as_json)


def _secret(one: Registered, as_json: bool) -> None:
    said: dict[str, Any] = {"name": one.name, "exercise": one.exercise, "paused": one.paused, "secret": one.secret}
    if as_json:
        out(said, as_json)
        return
    out({key: value for key, value in said.items() if key != "secret"}, as_json)
    typer.echo(f"secret, shown this once: {one.secret}")  # whole, to be copied: a table would cut it
    if one.paused:
        typer.echo(f"nothing goes to it until another supervisor says: baken partners resume '{one.name}'")


@contextmanager
def _register(home: Path | None, user: str | None) -> Iterator[tuple[Partners, Person]]:
    from starter.duty import on_duty
    from starter.partners import Partners

    with parts_of(home) as parts:
        yield Partners(parts), on_duty(parts.db, user_of(parts.settings, user, USUAL))
