"""`baken alert …`: start an alert and command it; looking is in `starter.cli.look`."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alerts.vocabulary import TAKES_AWAY, Action, CancelReason, ChildCondition, ConfirmedBy, Kind
from starter.cli.common import As, AsJson, HomeOption, Id, out, parts_of, settings_of, user_of, with_baken
from starter.cli.look import look_app, print_view
from starter.errors import BadInput, RefusedByRule

if TYPE_CHECKING:
    from starter.client import Baken

alert_app = typer.Typer(help="Alerts: start, approve, amend, take down, look.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the ruling.")]
Digest = Annotated[str | None, typer.Option("--digest", help="Of what you read; default: what waits now.")]
OPERATOR, SUPERVISOR = "operator1", "supervisor1"
"""Who gives a command when nobody is named: on an embedded home all are made up."""
JUDGES = frozenset({Action.APPROVE, Action.REJECT, Action.RETURN_FOR_EDIT, Action.REINSTATE})


def _give(
    home: Path | None,
    alert_id: str,
    action: Action,
    user: str | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Give a command, print its ruling; exit 3 when refused."""
    actor = user_of(settings_of(home), user, SUPERVISOR if action in JUDGES else OPERATOR)
    command_id = uuid.uuid4().hex

    async def command(baken: Baken) -> tuple[Any, dict[str, Any]]:
        ruling = await baken.command(alert_id, action, actor, command_id=command_id, **more)
        return ruling, await baken.show(alert_id, live=ruling is not None)

    ruling, view = with_baken(home, command)
    said = {
        "alert_id": alert_id,
        "command": command_id,
        "action": action.value,
        "accepted": ruling.accepted if ruling else None,
        "reason": ruling.reason if ruling else None,
        "stage": view["stage"],
    }
    if ruling is None:
        dark = " and in force" if action in TAKES_AWAY else ""
        print(f"recorded{dark}; it will be judged as soon as Temporal and a worker answer", file=sys.stderr)
    out(said, as_json)
    if ruling is not None and not ruling.accepted:
        raise RefusedByRule(f"{action.value} refused: {ruling.reason}")


@alert_app.command()
def start(
    case: Annotated[Path, typer.Argument(metavar="CASE.json")],
    kind: Annotated[Kind, typer.Option(help="It never changes.")] = Kind.ACTUAL,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Start an alert from a case file; waits for its verification."""
    from starter.cases import read_document

    document = read_document(case)
    actor = user_of(settings_of(home), user, OPERATOR)
    view = with_baken(home, lambda baken: baken.start(document, case.parent, actor, kind))
    print_view(view, as_json)


@alert_app.command()
def approve(
    alert_id: Id,
    digest: Digest = None,
    note: Annotated[str | None, typer.Option("--note", help="Kept with the ruling.")] = None,
    home: HomeOption = None,
    user: As = None,
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
    user: As = None,
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
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Return what waits to the operator, with remarks."""
    _give(home, alert_id, Action.RETURN_FOR_EDIT, user, as_json, digest=digest, reason=reason)


@alert_app.command()
def amend(
    alert_id: Id,
    changes: Annotated[Path, typer.Argument(metavar="CHANGES.json", help="JSON merge patch on the case.")],
    home: HomeOption = None,
    user: As = None,
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
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Take a part off everywhere at once."""
    _give(home, alert_id, Action.RETRACT, user, as_json, reason=reason, content={"what": what.lstrip("/")})


@alert_app.command()
def hold(alert_id: Id, reason: Reason, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Everything dark at once; the alert stays open."""
    _give(home, alert_id, Action.HOLD, user, as_json, reason=reason)


@alert_app.command()
def reinstate(
    alert_id: Id,
    note: Annotated[str | None, typer.Option("--note", help="Kept with the ruling.")] = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Back to the last approved edition; by a supervisor who did not take it down."""
    _give(home, alert_id, Action.REINSTATE, user, as_json, reason=note)


@alert_app.command()
def found(
    alert_id: Id,
    child: Annotated[int | None, typer.Option("--child", min=1, help="One of several, from 1.")] = None,
    confirmed_by: Annotated[
        ConfirmedBy, typer.Option("--confirmed-by", help="Who vouches for it.")
    ] = ConfirmedBy.POLICE,
    outcome: Annotated[
        ChildCondition, typer.Option("--outcome", help="Internal; never published.")
    ] = ChildCondition.UNKNOWN,
    home: HomeOption = None,
    user: As = None,
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
    why: Annotated[CancelReason, typer.Option("--why", help="Decides the public's last words.")],
    reason: Reason,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw everything with the ready public text of that reason."""
    _give(home, alert_id, Action.CANCEL, user, as_json, reason=reason, content={"why": why.value})


@alert_app.command("change-programme")
def change_programme(
    alert_id: Id,
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME")],
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Same alert, another programme: new criteria, digest and approval; the old tier stays up meanwhile."""
    with parts_of(home) as parts:
        known = parts.programmes()
    if programme not in known:
        raise BadInput("PROGRAMME", f"{programme!r} does not exist; known: {', '.join(sorted(known))}")
    content = {"programme": known[programme].model_dump(mode="json")}
    _give(home, alert_id, Action.CHANGE_PROGRAMME, user, as_json, content=content)


@alert_app.command()
def outcome(
    alert_id: Id,
    texts: Annotated[Path, typer.Argument(metavar="TEXTS.json", help='{"nl": "…", "en": "…"}')],
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Propose an outcome message to those reached, after the family knows; it needs an approval of its own."""
    from starter.cases import read_document

    content = {"texts": read_document(texts)}
    _give(home, alert_id, Action.PROPOSE_OUTCOME, user, as_json, content=content)


@alert_app.command()
def keep(alert_id: Id, home: HomeOption = None, user: As = None, as_json: AsJson = False) -> None:
    """Say that a live alert is still needed."""
    _give(home, alert_id, Action.KEEP, user, as_json)


alert_app.add_typer(look_app)
