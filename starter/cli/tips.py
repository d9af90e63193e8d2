"""`baken tips …`: what people told about an alert, for those on duty and for other systems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.common import As, AsJson, HomeOption, Id, out, parts_of, user_of

if TYPE_CHECKING:
    from starter.tips import Tips
    from store.people import Person

tips_app = typer.Typer(help="Tips: what people told about an alert.", no_args_is_help=True)
USUAL = "operator1"
COLUMNS = ("number", "received_at", "came_by", "mark", "where", "text")


@tips_app.command("list")
def list_(
    alert_id: Id,
    unread: Annotated[bool, typer.Option("--unread", help="Only those that nobody has read.")] = False,
    before: Annotated[int | None, typer.Option(help="Those before this number, where there are more than 50.")] = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """List tips: messages of the child first, then the newest, each with those that repeat it."""
    from starter.tips import require_reader, tip_row

    with _tips(home, user) as (tips, who):
        require_reader(who)
        found = tips.newest(alert_id, unread=unread, before=before)
    rows = [tip_row(one) | {"repeats": [tip_row(again) for again in one.repeats]} for one in found]
    out(rows if as_json else [_short(row) for row in rows], as_json, "no tips")


@tips_app.command("export")
def export(
    alert_id: Id,
    file: Annotated[Path | None, typer.Argument(help="A new file, readable by you alone; without it stdout.")] = None,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Write all tips with their photos as one JSON document, and that you did so into the audit chain."""
    from starter.subscribers.exporting import private_file

    with _tips(home, user) as (tips, who), private_file(file) as to:
        document = tips.export(who, alert_id, datetime.now(UTC))
        json.dump(document, to, ensure_ascii=False, indent=1)
        to.write("\n")
    if file is not None:
        out({"alert_id": alert_id, "tips": len(document["tips"]), "file": str(file)}, as_json)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in COLUMNS} | {"again": len(row["repeats"])}


@contextmanager
def _tips(home: Path | None, user: str | None) -> Iterator[tuple[Tips, Person]]:
    from starter.duty import on_duty
    from starter.tips import Tips

    with parts_of(home) as parts:
        yield Tips(parts), on_duty(parts.db, user_of(parts.settings, user, USUAL))
