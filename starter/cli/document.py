"""The reference of the command line as Markdown, made from the commands themselves.

`python -m starter.cli.document > docs/cli.md`; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from starter.cli.app import app

SHARED = ("--home", "--as", "--json")
"""Told once, above."""
INTRODUCTION = """\
# The command line

Made from the commands themselves by `python -m starter.cli.document > docs/cli.md`; do not edit by hand.

`baken` speaks to one home: `--home`, else `$BAKEN_HOME`, else `~/.local/share/baken`. Start it with
[`baken up`](#baken-up); everything under [`baken alert`](#baken-alert-start) then works from any other terminal.

- **Who you are.** On an embedded home `--as USER` names one of its made-up people: `operator1`, `operator2`,
  `supervisor1`, `supervisor2`, `engineer1`. Elsewhere the token in `BAKEN_TOKEN` says it.
- **For programs.** With `--json` there is exactly one JSON document on stdout; messages go to stderr.
- **What takes away never waits**: `found`, `cancel`, `hold` and `retract` are in force at once, also while Temporal
  is down. What adds or changes what the public sees needs approval.

| exit code | means | what to do |
| --- | --- | --- |
| 0 | done; or recorded and not judged yet (`"accepted": null`, and a line on stderr) | |
| 2 | bad input | stderr names the field and says what is expected |
| 3 | refused by a rule | stderr says which rule and what to do |
| 4 | a part cannot be reached | stderr says which |
"""


def document() -> str:
    """The whole page."""
    sections = ["\n".join(_section(name, one)) for name, one in commands("baken", get_command(app))]
    return "\n".join([INTRODUCTION, *sections])


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, in the order of the help."""
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    for inner, one in command.commands.items():
        yield from commands(f"{name} {inner}", one)


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    options = [one for one in command.params if isinstance(one, TyperOption)]
    usage = [_argument(one) for one in arguments]
    usage += [f"{one.opts[0]} {one.opts[0].strip('-').upper()}" for one in options if one.required]
    shared = [one.opts[0] for one in options if one.opts[0] in SHARED]
    yield f"## {name}"
    yield ""
    yield f"    {' '.join([name, *usage])}"
    yield ""
    yield (command.help or "").strip()
    explained = [(_argument(one), one.help) for one in arguments if one.help]
    explained += [(_usage(one), _meaning(one)) for one in options if one.opts[0] not in SHARED]
    if explained:
        yield ""
        yield "| | |"
        yield "| --- | --- |"
        for said, meaning in explained:
            yield f"| `{said}` | {meaning} |"
    if shared:
        yield ""
        yield f"Also: {', '.join(f'`{name}`' for name in shared)}."
    yield ""


def _argument(argument: TyperArgument) -> str:
    name = argument.metavar or str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _usage(option: TyperOption) -> str:
    name, annotation = option.opts[0], option.type_descriptor.annotation
    if option.is_flag:
        return name
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"{name} {', '.join(member.value for member in annotation)}"
    return f"{name} {name.strip('-').upper()}"


def _meaning(option: TyperOption) -> str:
    said = option.help or ""
    usual = getattr(option.default, "value", option.default)
    if option.required:
        return f"{said} Required.".strip()
    return f"{said} Default `{usual}`.".strip() if usual not in (None, False, ()) else said


if __name__ == "__main__":
    sys.stdout.write(document())
