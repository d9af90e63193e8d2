"""What somebody who does not look at the page must hear of it: a stage, trouble, something to decide. No figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from starter.web.i18n import N_, translator
from starter.web.trouble import TROUBLED
from starter.web.views import channel_label
from starter.web.words import STAGES


class Matters(NamedTuple):
    stage: str
    pending: str | None
    """Digest and purpose of what waits for approval."""
    troubled: frozenset[str]
    everywhere: str | None
    """What every channel does, where they all do the same."""
    withheld: int


def what_matters(view: Mapping[str, Any]) -> Matters:
    states = {channel["state"] for channel in view["channels"]}
    pending = view["pending"]
    return Matters(
        stage=view["stage"],
        pending=f"{pending['purpose']} {pending['digest']}" if pending else None,
        troubled=frozenset(one["channel"] for one in view["channels"] if one["state"] in TROUBLED),
        everywhere=states.pop() if len(states) == 1 else None,
        withheld=len(view["withheld"]) + len(view["found_children"]),
    )


def news(before: Matters, after: Matters, language: str) -> str:
    """What changed of it, in a few sentences to be read out; empty when nothing did."""
    _ = translator(language)
    said = []
    if after.stage != before.stage:
        said.append(_(N_("The stage is now: {stage}.")).format(stage=_(STAGES[after.stage])))
    if after.withheld > before.withheld:
        said.append(_(N_("Something was taken off.")))
    if after.pending and after.pending != before.pending:
        said.append(_(N_("Something awaits approval.")))
    for text, channels in (
        (N_("Trouble: {channels}."), after.troubled - before.troubled),
        (N_("Going on again: {channels}."), before.troubled - after.troubled),
    ):
        if channels:
            labels = ", ".join(channel_label(name, language) for name in sorted(channels))
            said.append(_(text).format(channels=labels))
    if after.everywhere != before.everywhere and after.everywhere in EVERYWHERE:
        said.append(_(EVERYWHERE[after.everywhere]))
    return " ".join(said)


EVERYWHERE = {
    "showing": N_("Every channel shows it."),
    "withdrawn": N_("Every channel has taken it back."),
}
