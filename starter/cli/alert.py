"""`baken alert …`: start, command and look at alerts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from alerts.vocabulary import Action, CancelReason, ChildCondition, ConfirmedBy, Kind
from starter.cli.common import AsJson, HomeOption, out, settings_of
from starter.errors import BadInput, RefusedByRule

if TYPE_CHECKING:
    from starter.client import Baken

T = TypeVar("T")
alert_app = typer.Typer(help="Alerts: start, approve, amend, take down, look.", no_args_is_help=True)

As = Annotated[str, typer.Option("--as", help="Who you are (embedded home).")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the ruling.")]
Digest = Annotated[str | None, typer.Option("--digest", help="Of what you read; default: what waits now.")]
OPERATOR, SUPERVISOR = "operator1", "supervisor1"


def _with_baken(home: Path | None, use: Callable[[Baken], Awaitable[T]]) -> T:
    from starter.client import open_baken

    async def run() -> T:
        async with open_baken(settings_of(home)) as baken:
            return await use(baken)

    return asyncio.run(run())


def _give(
    home: Path | None,
    alert_id: str,
    action: Action,
    user: str,
    as_json: bool,
    **more: Any,
) -> None:
    """Give a command, print its ruling; exit 3 when refused."""

    async def command(baken: Baken) -> tuple[Any, dict[str, Any]]:
        ruling = await baken.command(alert_id, action, user, **more)
        return ruling, await baken.show(alert_id)

    ruling, view = _with_baken(home, command)
    said = {
        "alert_id": alert_id,
        "command": ruling.command if ruling else None,
        "action": action.value,
        "accepted": ruling.accepted if ruling else None,
        "reason": ruling.reason if ruling else None,
        "stage": view["stage"],
    }
    if ruling is None:
        print("recorded; it will be judged as soon as a worker is there", file=sys.stderr)
    out(said, as_json)
    if ruling is not None and not ruling.accepted:
        raise RefusedByRule(f"{action.value} refused: {ruling.reason}")


@alert_app.command()
def start(
    case: Annotated[Path, typer.Argument(metavar="CASE.json")],
    kind: Annotated[Kind, typer.Option(help="It never changes.")] = Kind.ACTUAL,
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Start an alert from a case file; waits for its verification."""
    from starter.cases import read_document

    document = read_document(case)
    view = _with_baken(home, lambda baken: baken.start(document, case.parent, user, kind))
    _print_view(view, as_json)


@alert_app.command()
def approve(
    alert_id: Id,
    digest: Digest = None,
    note: Annotated[str | None, typer.Option("--note")] = None,
    home: HomeOption = None,
    user: As = SUPERVISOR,
    as_json: AsJson = False,
) -> None:
    """Approve what waits: an edition, an outcome message, a reinstatement."""
    _give(home, alert_id, Action.APPROVE, user, as_json, digest=digest, reason=note)


@alert_app.command()
def reject(
    alert_id: Id,
    reason: Reason,
    digest: Digest = None,
    home: HomeOption = None,
    user: As = SUPERVISOR,
    as_json: AsJson = False,
) -> None:
    """Reject what waits."""
    _give(home, alert_id, Action.REJECT, user, as_json, digest=digest, reason=reason)


@alert_app.command("return")
def return_(
    alert_id: Id,
    reason: Reason,
    digest: Digest = None,
    home: HomeOption = None,
    user: As = SUPERVISOR,
    as_json: AsJson = False,
) -> None:
    """Return what waits to the operator, with remarks."""
    _give(home, alert_id, Action.RETURN_FOR_EDIT, user, as_json, digest=digest, reason=reason)


@alert_app.command()
def amend(
    alert_id: Id,
    changes: Annotated[Path, typer.Argument(metavar="CHANGES.json", help="JSON merge patch on the case.")],
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Amend the case; what adds or changes needs approval."""
    from starter.cases import read_document

    content = {"patch": read_document(changes)}
    _give(home, alert_id, Action.AMEND, user, as_json, content=content, folder=changes.parent)


@alert_app.command()
def retract(
    alert_id: Id,
    what: Annotated[str, typer.Option("--what", help="Such as vehicles/0 or children/1/photos; counts from 0.")],
    reason: Reason,
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Take a part off everywhere at once."""
    _give(home, alert_id, Action.RETRACT, user, as_json, reason=reason, content={"what": what.lstrip("/")})


@alert_app.command()
def hold(alert_id: Id, reason: Reason, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """Everything dark at once; the alert stays open."""
    _give(home, alert_id, Action.HOLD, user, as_json, reason=reason)


@alert_app.command()
def reinstate(
    alert_id: Id,
    note: Annotated[str | None, typer.Option("--note")] = None,
    home: HomeOption = None,
    user: As = SUPERVISOR,
    as_json: AsJson = False,
) -> None:
    """Back to the last approved edition; by a supervisor who did not take it down."""
    _give(home, alert_id, Action.REINSTATE, user, as_json, reason=note)


@alert_app.command()
def found(
    alert_id: Id,
    child: Annotated[int | None, typer.Option("--child", help="One of several, from 1.")] = None,
    confirmed_by: Annotated[ConfirmedBy, typer.Option("--confirmed-by")] = ConfirmedBy.POLICE,
    outcome: Annotated[ChildCondition, typer.Option("--outcome", help="Internal.")] = ChildCondition.UNKNOWN,
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """The child is found: withdraw everything (`--confirmed-by phone` only holds)."""
    content: dict[str, Any] = {"confirmed_by": confirmed_by.value, "outcome": outcome.value}
    if child is not None:
        content["child"] = child
    _give(home, alert_id, Action.FOUND, user, as_json, content=content)


@alert_app.command()
def cancel(
    alert_id: Id,
    why: Annotated[CancelReason, typer.Option("--why")],
    reason: Reason,
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Withdraw everything with the ready public text of that reason."""
    _give(home, alert_id, Action.CANCEL, user, as_json, reason=reason, content={"why": why.value})


@alert_app.command("change-programme")
def change_programme(
    alert_id: Id,
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME")],
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Same alert, another programme: new criteria, digest and approval; the old tier stays up meanwhile."""
    from starter.parts import open_parts

    parts = open_parts(settings_of(home))
    known = parts.programmes()
    if programme not in known:
        raise BadInput("PROGRAMME", f"{programme!r} does not exist; known: {', '.join(sorted(known))}")
    content = {"programme": known[programme].model_dump(mode="json")}
    _give(home, alert_id, Action.CHANGE_PROGRAMME, user, as_json, content=content)


@alert_app.command()
def outcome(
    alert_id: Id,
    nl: Annotated[str, typer.Option("--nl", help="The message in Dutch.")],
    en: Annotated[str, typer.Option("--en", help="The message in English.")],
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Propose an outcome message to those reached, after the family knows; it needs an approval of its own."""
    content = {"texts": {"nl": nl, "en": en}}
    _give(home, alert_id, Action.PROPOSE_OUTCOME, user, as_json, content=content)


@alert_app.command()
def keep(alert_id: Id, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """Say that a live alert is still needed."""
    _give(home, alert_id, Action.KEEP, user, as_json)


@alert_app.command()
def show(alert_id: Id, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """Show one alert."""
    _print_view(_with_baken(home, lambda baken: baken.show(alert_id)), as_json)


@alert_app.command("list")
def list_(
    stage: Annotated[str | None, typer.Option("--stage")] = None,
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    found = _with_baken(home, lambda baken: baken.list(stage))
    if not as_json:
        names = ("alert_id", "programme", "kind", "stage", "outcome", "edition", "started_at")
        out([{name: view.get(name) for name in names} for view in found], False, "no alerts")
        return
    out(found, True)


@alert_app.command()
def watch(alert_id: Id, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """Print a line at each change until the alert is closed (Ctrl-C ends it)."""

    async def follow(baken: Baken) -> None:
        async for view in baken.changes(alert_id):
            states = ", ".join(
                f"{one['channel']} {one['state']} {one['reached']}/{one['recipients']}" for one in view["channels"]
            )
            print(json.dumps(view) if as_json else f"{view['stage']}: {states}", flush=True)

    _with_baken(home, follow)


@alert_app.command()
def clock(alert_id: Id, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """When each stage began."""
    view = _with_baken(home, lambda baken: baken.show(alert_id))
    out(view["clock"], as_json)


@alert_app.command()
def report(alert_id: Id, home: HomeOption = None, user: As = OPERATOR, as_json: AsJson = False) -> None:
    """What happened, by whom, and who was reached."""
    view = _with_baken(home, lambda baken: baken.show(alert_id))
    names = ("alert_id", "programme", "kind", "outcome", "clock", "rulings", "refreshes", "channels")
    if as_json:
        out({name: view[name] for name in names}, True)
        return
    for name in ("clock", "rulings", "channels"):
        out(view[name], False, f"no {name}")


@alert_app.command()
def preview(
    case: Annotated[Path, typer.Argument(metavar="CASE.json")],
    home: HomeOption = None,
    user: As = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """What each channel would send for a case; starts nothing."""
    from starter.cases import read_document

    document = read_document(case)
    found = _with_baken(home, lambda baken: baken.preview(document, case.parent))
    if as_json:
        out(found, True)
        return
    out(found["criteria"], False)
    for channel, parts in found["channels"].items():
        for name, content in parts.items():
            print(f"--- {channel} {name}\n{content}")


@alert_app.command()
def schema() -> None:
    """The JSON schema of a case file; each field says who may see it."""
    from alerts.case import Case

    print(json.dumps(Case.model_json_schema(), indent=1))


def _print_view(view: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out(view, True)
        return
    names = ("alert_id", "programme", "kind", "stage", "outcome", "edition", "digest", "url")
    out({name: view.get(name) for name in names}, False)
    out(view["criteria"], False, "not verified yet")
    if view["channels"]:
        out(view["channels"], False)
