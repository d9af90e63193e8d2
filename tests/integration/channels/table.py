"""What each channel can do and which cases it passes, as tables: `python -m tests.integration.channels.table`.

Made from the declared capabilities and from the suite, so that neither can say something else than the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from activities.channels import CAPABILITIES
from activities.channels.base import Capabilities
from tests.integration.channels import cases, test_conformance
from tests.structure.files import ROOT

PATH = ROOT / "docs" / "channels" / "README.md"
SUITE = Path(test_conformance.__file__).relative_to(ROOT)
LEFT_OUT = {"chunk"}
"""Of no interest to whoever chooses a channel."""


def written() -> str:
    """The whole document."""
    names = [f"[`{name}`]({name}.md)" for name in CAPABILITIES]
    capabilities = ([f"`{name}`", *map(_said, values)] for name, values in _capabilities())
    conformance = ([case.title, *(_stands(case, can) for can in CAPABILITIES.values())] for case in cases.CASES)
    return f"""# Channels

Written by `make channels` from what each channel declares and from the conformance suite; not by hand.

## What each can do
The words are those of `Capabilities` in `activities/channels/base.py`.

{_table(["", *names], capabilities)}

## What each was put to
All channels of one running Baken go through the same stories together, against counterparts that speak the real
protocols: `{SUITE}`. `make test` plays them; a case that does not
apply names the capability from which that follows.

{_table(["case", *names], conformance)}
"""


def _capabilities() -> Iterable[tuple[str, list[Any]]]:
    for one in fields(Capabilities):
        if one.name not in LEFT_OUT:
            yield one.name, [getattr(can, one.name) for can in CAPABILITIES.values()]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return str(value["en"])
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value or "-").replace("_", " ")


def _stands(case: cases.Case, can: Capabilities) -> str:
    why_not = case.needs(can)
    assert why_not or case.tests, f"{case.title}: no test shows it"
    return f"does not apply: {why_not}" if why_not else "passes"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PATH.write_text(written(), "utf-8")
    print(f"{PATH.relative_to(ROOT)}: {len(cases.CASES)} cases, {len(CAPABILITIES)} channels")
