"""The commands of no other file: up, web, programmes, audit, bench, doctor, screen."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from starter.cli.alert import alert_app
from starter.cli.areas import areas_app
from starter.cli.common import AsJson, HomeOption, out, parts_of, settings_of
from starter.cli.duty import duty_app
from starter.cli.partners import partners_app
from starter.cli.subscribers import subscribers_app
from starter.cli.tips import tips_app
from starter.errors import BadInput, CannotReach


class Spoken(StrEnum):
    """Languages of the command line where it speaks to those who are not engineers."""

    NL = "nl"
    EN = "en"


app = typer.Typer(
    name="baken",
    help="Alerts a country when a child is missing, and keeps the promise until the child is found.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
programmes_app = typer.Typer(help="Programmes: the rules of each kind of alert.", no_args_is_help=True)
audit_app = typer.Typer(help="The chain of who did what.", no_args_is_help=True)
app.add_typer(alert_app, name="alert")
app.add_typer(areas_app, name="areas")
app.add_typer(programmes_app, name="programmes")
app.add_typer(subscribers_app, name="subscribers")
app.add_typer(partners_app, name="partners")
app.add_typer(duty_app, name="duty")
app.add_typer(tips_app, name="tips")
app.add_typer(audit_app, name="audit")


@app.command()
def up(
    home: HomeOption = None,
    port: Annotated[int | None, typer.Option(help="Web port; 0 for any free one. Default 8080.")] = None,
    programmes: Annotated[Path | None, typer.Option(help="Folder with programme files of your own.")] = None,
    config: Annotated[Path | None, typer.Option(help="Channel endpoints (TOML).")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="With simulators and one fictitious case.")] = False,
    recipients: Annotated[int, typer.Option(min=0, help="Demo: subscribers per personal channel.")] = 500,
    auto: Annotated[bool, typer.Option("--auto", help="Demo: play the case without a person.")] = False,
    exit_: Annotated[bool, typer.Option("--exit", help="Demo: stop when the play is over.")] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="After the store was restored: take from Temporal what it forgot.")
    ] = False,
) -> None:
    """Start all of Baken under one parent."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy, imported below, starts no threads then: this one forks
    from starter.begin import prepare_home
    from starter.ports import listen_for_web
    from starter.up import Tree, hold_lock

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    os.umask(0o077)
    settings = settings_of(
        home,
        port=port,
        programmes=programmes and programmes.absolute(),
        config=config and config.absolute(),
        follow=False,
    )
    settings.paths.prepare()
    lock = hold_lock(settings.paths)
    web = listen_for_web(settings.port, say)
    alerts_open = prepare_home(settings, recipients if demo else 0, demo=demo, reconcile=reconcile)

    def when_ready() -> list[str] | None:
        print(f"Baken is ready: http://127.0.0.1:{web.getsockname()[1]}", flush=True)
        if not demo or (not auto and "BAKEN_NO_DEMO_CASE" in os.environ):
            return None
        return [sys.executable, "-m", "starter.demo_play", *(["--auto"] if auto else [])]

    tree = Tree(settings, say, demo=demo, alerts_open=alerts_open, reconcile=reconcile)
    code = tree.run(web, when_ready, ends_with_it=auto and exit_)
    web.close()
    lock.close()
    raise typer.Exit(code)


@app.command()
def web(home: HomeOption = None) -> None:
    """Run the web server alone, beside parts that run elsewhere."""
    from starter.serve import serve

    raise typer.Exit(asyncio.run(serve(settings_of(home))))


@programmes_app.command("check")
def programmes_check(
    file: Annotated[Path | None, typer.Argument(help="One file; without it all that are loaded.")] = None,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Check programme files."""
    from activities.channels import NAMES, PERSONAL
    from alerts.programme import ProgrammeError
    from store.programmes import load_programme, load_programmes

    try:
        if file:
            found = [load_programme(file, channels=NAMES, personal=PERSONAL)]
        else:
            found = list(load_programmes(settings_of(home).programmes, channels=NAMES, personal=PERSONAL).values())
    except ProgrammeError as error:
        raise BadInput("FILE", str(error)) from error
    out([{"id": one.id, "channels": list(one.channels), "ok": True} for one in found], as_json)


@audit_app.command("verify")
def audit_verify(home: HomeOption = None, as_json: AsJson = False) -> None:
    """Walk the audit chain; exit 3 when an entry was changed or is gone."""
    from store.audit import verify

    with parts_of(home) as parts:
        verdict = verify(parts.db, parts.keys)
    out(verdict.model_dump(), as_json)
    if verdict.whole:
        return
    if verdict.broken is not None:
        print(f"entry {verdict.broken} is not as it was written; compare with an earlier export", file=sys.stderr)
    else:
        print(f"entries after {verdict.missing_after} were written and are gone", file=sys.stderr)
    raise typer.Exit(3)


@audit_app.command("export")
def audit_export(
    file: Annotated[Path | None, typer.Argument(help="JSON Lines, one entry a line; without it to stdout.")] = None,
    home: HomeOption = None,
) -> None:
    """Write the chain so that others can check it; exit 2 when the file is there already."""
    import json

    from store.audit import export

    try:
        with parts_of(home) as parts, _new_file(file) as to:
            for entry in export(parts.db, parts.keys):
                to.write(json.dumps(entry, ensure_ascii=False) + "\n")
    except OSError as error:
        raise BadInput("FILE", f"{file} cannot be written anew ({error.strerror}); name another one") from error


def _new_file(path: Path | None) -> AbstractContextManager[TextIO]:
    """A file of its owner only that was not there, or stdout; raises OSError."""
    if path is None:
        return nullcontext(sys.stdout)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


@app.command()
def bench(
    channel: Annotated[str, typer.Option(help="app or webpush.")] = "app",
    recipients: Annotated[int, typer.Option(min=1, help="So many made-up ones.")] = 10_000,
    processes: Annotated[int | None, typer.Option(min=1, help="That send; default: one a core.")] = None,
    database_url: Annotated[str | None, typer.Option(help="Of a PostgreSQL database made for this.")] = None,
    as_json: AsJson = False,
) -> None:
    """The same recipients through a bare sender and through all of Baken, against the simulator."""
    from starter.children import HERE

    if not (HERE / "benchmarks").is_dir():
        raise CannotReach("the benchmarks", "they are not installed; run this in a checkout of Baken")
    command = [sys.executable, "-m", "benchmarks.fan_out", "--channel", channel, "--recipients", str(recipients)]
    command += ["--processes", str(processes)] if processes else []
    command += ["--database-url", database_url] if database_url else []
    command += ["--json"] if as_json else []
    raise typer.Exit(subprocess.run(command, cwd=HERE, check=False).returncode)  # noqa: S603  our own command


@app.command()
def doctor(
    language: Annotated[Spoken, typer.Option(help="In which what is wrong and what to do is said.")] = Spoken.EN,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """Try every channel's connection and credentials, sending nothing; exit 4 when one needs somebody."""
    from starter.doctor import examine

    with parts_of(home) as parts:
        found = asyncio.run(examine(parts, language.value))
    columns = ("label", "for", "verdict", "trouble", "remedy")
    out(found if as_json else [{name: row[name] for name in columns} for row in found], as_json)
    wrong = [f"{row['channel']} ({row['for']})" for row in found if not row["ok"]]
    if wrong:
        raise CannotReach(", ".join(wrong), "see above what each says and what to do")


@app.command()
def screen(
    name: Annotated[str, typer.Argument(help="Of the screen, as colleagues know it.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="It shows exercises, and nothing else.")] = False,
    home: HomeOption = None,
    as_json: AsJson = False,
) -> None:
    """The address at which a screen opens the player and vouches for what it shows; keep it to that screen."""
    from starter.screens import SCREEN_NAME, screen_address

    if not re.match(SCREEN_NAME, name):
        raise BadInput("NAME", "give it a name of letters, digits, spaces and . , -")
    with parts_of(home) as parts:
        address = screen_address(parts.keys, parts.settings.run_info().web, name, exercise=exercise)
    if as_json:
        out({"address": address}, as_json)
    else:
        typer.echo(address)  # whole, to be copied: a table would cut it
