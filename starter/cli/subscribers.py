"""`baken subscribers …`: those who hear of alerts on a channel, from a file and into one."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.common import As, AsJson, HomeOption, out, parts_of, user_of
from starter.errors import BadInput, RefusedByRule
from starter.subscribers.rows import Format, Source, format_of

if TYPE_CHECKING:
    from activities.channels.base import SubscribedChannel
    from starter.parts import Parts
    from starter.subscribers.trace import Trace
    from store.subscribers import Subscribers

subscribers_app = typer.Typer(
    help="Subscribers of channels: from a file, into a file, how many.", no_args_is_help=True
)

USUAL = "operator1"
STDIN = Path("-")
STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""
Channel = Annotated[str, typer.Option("--channel", help="One that people subscribe to, such as email or app.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Default: as the name of FILE ends (.jsonl, .ndjson), else csv.")
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Those of exercises, who are never mixed with the public.")]


@subscribers_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON Lines; - for stdin.")],
    channel: Channel,
    form: FormatOption = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where bad rows go. Default: FILE with .rejects.csv or .jsonl.")
    ] = None,
    exercise: Exercise = False,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Import subscribers; good rows go in, bad ones into a reject file with the reason (then exit 2)."""
    from starter.subscribers.importing import Import
    from starter.subscribers.rejects import Rejects
    from starter.subscribers.rules import Rules
    from store.areas import municipality_codes

    rules_of = _subscribed(channel)
    form = format_of(file, form)
    to = rejects or (Path("stdin") if file == STDIN else file).with_suffix(f".rejects.{form.value}")
    with parts_of(home) as parts, _opened(file) as opened:
        subscribers = _subscribers(parts, channel, exercise=exercise)
        trace = _trace(parts, user, "import_subscribers", subscribers)
        rules = Rules(rules_of, municipality_codes(parts.db))
        with Rejects(to, form, None if file == STDIN else file) as bad, _progress(quiet=as_json) as went_on:
            work = Import(parts.db, subscribers, rules, bad, trace)
            try:
                with ctrl_c() as whole:
                    counts = work.run(_source(opened, form), went_on, whole)
            except KeyboardInterrupt:
                print(
                    f"baken: stopped after {work.counts.rows} rows; what is in stays in, run it again", file=sys.stderr
                )
                raise typer.Exit(STOPPED) from None
            finally:
                trace.end(**dataclasses.asdict(work.counts))
    rejected_in = str(to) if counts.rejected else None
    out({"channel": channel, "exercise": exercise, **dataclasses.asdict(counts), "rejects": rejected_in}, as_json)
    if counts.rejected:
        more = ["..."] if counts.rejected > len(bad.first) else []
        print(*(f"  {one}" for one in (*bad.first, *more)), sep="\n", file=sys.stderr)
        went_in = f"{counts.rows - counts.rejected} of {counts.rows} rows went in, {counts.rejected} did not"
        raise BadInput(str(file), f"{went_in}; those are in {to} with the reason, to be corrected and imported")
    if not counts.rows:
        print(f"baken: {file} has no rows", file=sys.stderr)


@subscribers_app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Must not be there yet; - for stdout.")],
    channel: Channel,
    form: FormatOption = None,
    exercise: Exercise = False,
    home: HomeOption = None,
    user: As = None,
    as_json: AsJson = False,
) -> None:
    """Export those who did not leave, with their addresses in the clear, to a file of mode 0600."""
    from starter.subscribers.exporting import SINKS, export, private_file

    _subscribed(channel)
    if as_json and file == STDIN:
        raise BadInput("--json", "stdout is taken by the export; name a FILE")
    with parts_of(home) as parts:
        subscribers = _subscribers(parts, channel, exercise=exercise)
        trace = _trace(parts, user, "export_subscribers", subscribers)
        to = None if file == STDIN else file
        with _progress(quiet=as_json) as went_on, private_file(to) as opened:
            count = export(parts.db, subscribers, SINKS[format_of(file, form)](opened), trace, went_on)
    print(f"baken: {count} addresses in the clear; keep them as long as you need them and no longer", file=sys.stderr)
    if to:
        said = {"channel": channel, "exercise": exercise, "exported": count, "file": str(file), "mode": "0600"}
        out(said, as_json)


@subscribers_app.command("count")
def count_(exercise: Exercise = False, home: HomeOption = None, as_json: AsJson = False) -> None:
    """Count who is active, paused or gone, for each personal channel."""
    from activities.channels import PERSONAL
    from store.subscribers import Tally, tallies

    with parts_of(home) as parts, parts.db.read() as session:
        found = tallies(session, exercise=exercise)
    out([{"channel": name, **found.get(name, Tally())._asdict()} for name in PERSONAL], as_json)


def _subscribed(channel: str) -> type[SubscribedChannel]:
    """The channel, if people subscribe to it; raises BadInput saying what to do instead."""
    from activities.channels import CAPABILITIES, SUBSCRIBED

    if channel in SUBSCRIBED:
        return SUBSCRIBED[channel]
    known = f"people subscribe to {', '.join(SUBSCRIBED)}"
    if channel not in CAPABILITIES:
        raise BadInput("--channel", f"{channel!r} does not exist; {known}")
    if CAPABILITIES[channel].partners:
        raise BadInput("--channel", f"{channel} has partners; see 'baken partners list'")
    raise BadInput("--channel", f"{channel} shows alerts to everybody and has no subscribers; {known}")


def _subscribers(parts: Parts, channel: str, *, exercise: bool) -> Subscribers:
    from store.subscribers import Subscribers

    return Subscribers(parts.keys.system_key("subscribers"), channel, exercise=exercise)


def _trace(parts: Parts, user: str | None, action: str, subscribers: Subscribers) -> Trace:
    """What the audit chain will say; raises UnknownUser, and RefusedByRule for one whose work it is not."""
    from alerts.vocabulary import Role
    from starter.duty import on_duty
    from starter.subscribers.trace import Trace

    person = on_duty(parts.db, user_of(parts.settings, user, USUAL))
    if not person.roles & {Role.OPERATOR, Role.ENGINEER}:
        raise RefusedByRule(f"addresses are for operators and engineers; {person.user} is {', '.join(person.roles)}")
    return Trace(parts.db, parts.keys, person.user, action, subscribers.channel, exercise=subscribers.exercise)


def _source(opened: BufferedReader, form: Format) -> Source:
    from starter.subscribers.csv_file import CsvSource
    from starter.subscribers.json_lines import JsonSource
    from starter.subscribers.lines import read_lines

    return CsvSource(read_lines(opened)) if form is Format.CSV else JsonSource(read_lines(opened))


@contextmanager
def ctrl_c() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A Ctrl-C raises KeyboardInterrupt, within what it gives at the end of that only.

    There also one that Python dropped, as it does with those that fall into a finalizer.
    """
    heard, held = False, False

    def hear(number: int, _: FrameType | None) -> None:
        nonlocal heard
        heard = True
        if not held:
            raise KeyboardInterrupt

    @contextmanager
    def whole() -> Iterator[None]:
        nonlocal held
        held = True
        try:
            yield
        finally:
            held = False
        if heard:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield whole
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _opened(file: Path) -> Iterator[BufferedReader]:
    if file == STDIN:
        stdin = sys.stdin.buffer
        assert isinstance(stdin, BufferedReader)
        yield stdin
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise BadInput(str(file), f"cannot be read ({error.strerror})") from error
    with opened:
        yield opened


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int], object]]:
    """Rows and rows a second on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task
    from rich.text import Text

    class Rows(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.completed:,.0f} rows, {task.speed or 0:,.0f} a second")

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with Progress(SpinnerColumn(), Rows(), console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda rows: progress.update(task, completed=rows)
