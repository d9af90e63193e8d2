"""`baken duty …`: who can approve now, and taking, handing over and ending a shift."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.common import As, AsJson, HomeOption, out, parts_of, user_of

if TYPE_CHECKING:
    from pathlib import Path

    from starter.roster import Roster
    from store.people import Person

duty_app = typer.Typer(help="The duty roster: who can approve.", no_args_is_help=True)


class Language(StrEnum):
    NL = "nl"
    EN = "en"


USUAL = "supervisor1"
Until = Annotated[
    str | None, typer.Option(help="A time such as 07:00, or a whole moment; without it 8 hours from now.")
]


@duty_app.command("list")
def list_(home: HomeOption = None, as_json: AsJson = False) -> None:
    """List who is on duty, and whose shift is announced."""
    from starter.roster import Roster

    with parts_of(home) as parts:
        out(Roster(parts).list(), as_json, "nobody is on duty: nobody is called when an alert waits")


@duty_app.command("begin")
def begin(until: Until = None, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Acknowledge a shift: you are on duty from now on, and whoever handed over to you no longer is."""
    from starter.roster import end_of_shift

    ends = end_of_shift(until)
    _change(home, user, as_json, lambda roster, who: roster.begin(who, ends))


@duty_app.command("hand-over")
def hand_over(
    to: Annotated[str, typer.Argument(metavar="USER", help="Who takes over.")],
    until: Until = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Hand your shift over; you stay on duty until the other one begins."""
    from starter.roster import end_of_shift

    ends = end_of_shift(until)
    _change(home, user, as_json, lambda roster, who: roster.hand_over(who, to, ends))


@duty_app.command("end")
def end(home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """End your shift, whether or not somebody comes after you."""
    _change(home, user, as_json, lambda roster, who: roster.end(who))


@duty_app.command("mail")
def mail(
    address: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="Where you are called; without it no more.")
    ] = "",
    language: Annotated[Language, typer.Option(help="In which you are called.")] = Language.NL,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Say at which mail address you are called when an alert waits for approval."""
    _change(home, user, as_json, lambda roster, who: roster.set_mail(who, address, language.value))


def _change(home: Path | None, user: str | None, as_json: bool, change: Callable[[Roster, Person], None]) -> None:
    """Change it as this person and show what it is then."""
    from starter.duty import on_duty
    from starter.roster import Roster

    with parts_of(home) as parts:
        roster = Roster(parts)
        change(roster, on_duty(parts.db, user_of(parts.settings, user, USUAL)))
        out(roster.list(), as_json, "nobody is on duty: nobody is called when an alert waits")
