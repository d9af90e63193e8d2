"""What is read out of a change: what matters, in a sentence, and never a figure."""

from __future__ import annotations

from typing import Any

import pytest

from starter.web.news import news, what_matters


def view(stage: str = "live", states: tuple[str, ...] = ("showing", "showing"), **more: Any) -> dict[str, Any]:
    channels = [
        {"channel": name, "state": state, "reached": 40} for name, state in zip(("email", "web"), states, strict=True)
    ]
    said = {"stage": stage, "channels": channels, "pending": None, "withheld": [], "found_children": []}
    return {**said, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (view(), view(channels=[{**one, "reached": 41} for one in view()["channels"]]), ""),
        (view(), view(version=2), ""),
        (view(), view("held"), "The stage is now: Held, everything dark."),
        (view(), view(states=("retrying", "showing")), "Trouble: E-mail."),
        (view(states=("retrying", "showing")), view(), "Going on again: E-mail. Every channel shows it."),
        (view(states=("sending", "showing")), view(), "Every channel shows it."),
        (
            view("live"),
            view("closing", ("withdrawn", "withdrawn")),
            "The stage is now: Closing. Every channel has taken it back.",
        ),
        (view(), view(withheld=["vehicles/0"]), "Something was taken off."),
        (view(), view(pending={"purpose": "edition", "digest": "x"}), "Something awaits approval."),
        (view(pending={"purpose": "edition", "digest": "x"}), view(), ""),
    ],
)
def test_news_when_something_matters_says_it_and_else_nothing(
    before: dict[str, Any], after: dict[str, Any], expected: str
) -> None:
    assert news(what_matters(before), what_matters(after), "en") == expected


def test_news_when_the_page_is_dutch_is_dutch() -> None:
    said = news(what_matters(view()), what_matters(view("held", ("withdrawn", "withdrawn"))), "nl")
    assert said == "De fase is nu: Stilgezet, alles op zwart. Elk kanaal heeft het teruggehaald."
