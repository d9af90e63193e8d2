"""`baken alert show`, `list`, `watch` …: looking at alerts; nothing here changes any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alerts.vocabulary import Stage
from starter.cli.common import As, AsJson, HomeOption, Id, out, with_baken

if TYPE_CHECKING:
    from starter.client import Baken

look_app = typer.Typer()
CRITERIA = ("id", "result", "why")
RULINGS = ("at", "actor", "action", "accepted", "reason")
CHANNELS = ("channel", "state", "edition", "recipients", "reached", "seen", "failed", "error")
WAVES = ("channel", "purpose", "edition", "announcement", "messages", "reached", "failed", "in_doubt", "last_at")
REMOVALS = ("partner", "told", "reminders", "removed")
POSTS = ("account", "edition", "posted_at", "gone_at", "url", "sha256")


@look_app.command()
def show(alert_id: Id, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Show one alert."""
    print_view(with_baken(home, lambda baken: baken.show(alert_id)), as_json)


@look_app.command("list")
def list_(
    stage: Annotated[Stage | None, typer.Option("--stage", help="Only those at this stage.")] = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    found = with_baken(home, lambda baken: baken.list(stage))
    if not as_json:
        names = ("alert_id", "programme", "kind", "stage", "outcome", "edition", "started_at")
        out(_columns(found, names), False, "no alerts")
        return
    out(found, True)


@look_app.command()
def watch(alert_id: Id, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Print a line at each change until the alert is closed; with --json one document a line. Ctrl-C ends it."""

    async def follow(baken: Baken) -> None:
        async for view in baken.changes(alert_id):
            states = ", ".join(
                f"{one['channel']} {one['state']} {one['reached']}/{one['recipients']}" for one in view["channels"]
            )
            print(json.dumps(view) if as_json else f"{view['stage']}: {states}", flush=True)

    with_baken(home, follow)


@look_app.command()
def clock(alert_id: Id, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """When each stage began."""
    view = with_baken(home, lambda baken: baken.show(alert_id))
    out(view["clock"], as_json)


@look_app.command()
def report(alert_id: Id, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """What happened, by whom, and who was reached."""
    found = with_baken(home, lambda baken: baken.report(alert_id))
    if as_json:
        out(found, True)
        return
    out(found["clock"], False, "nothing yet")
    out(_columns(found["rulings"], (*RULINGS, "said")), False, "no rulings")
    out(_columns(found["channels"], CHANNELS), False, "no channels yet")
    out(_columns(found["waves"], WAVES), False, "nothing was sent to recipients")
    out(_columns(found["removals"], REMOVALS), False, "no partner was told to take it down")
    out(_columns(found["posts"], POSTS), False, "no posts")


@look_app.command()
def preview(
    case: Annotated[Path, typer.Argument(metavar="CASE.json")],
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """What each channel would send for a case; starts nothing."""
    from starter.cases import read_document

    document = read_document(case)
    found = with_baken(home, lambda baken: baken.preview(document, case.parent))
    if as_json:
        out(found, True)
        return
    out(_columns(found["criteria"], CRITERIA), False)
    for channel, parts in found["channels"].items():
        for name, content in parts.items():
            print(f"--- {channel} {name}\n{content}")


@look_app.command()
def schema(home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """The JSON schema of a case file; each field says who may see it."""
    from alerts.case import Case

    print(json.dumps(Case.model_json_schema(), indent=1))


def print_view(view: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out(view, True)
        return
    names = ("alert_id", "programme", "kind", "stage", "outcome", "edition", "digest", "url")
    out({name: view.get(name) for name in names}, False)
    out(_columns(view["criteria"], CRITERIA), False, "not verified yet")
    out(_columns(view["channels"], CHANNELS), False, "no channels yet")


def _columns(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: row.get(name) for name in names} for row in rows]
