"""A few short rounds, whose seeds draw each kind of fault that is quick; `make chaos` plays many long ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.__main__ import field, tell
from tests.chaos.faults import RESTORE, Fault, Field
from tests.chaos.rounds import Plan, Round, Story

RECIPIENTS = 3_000


@pytest.fixture(scope="module")
def stage() -> Iterator[Field]:
    with field("app", RECIPIENTS) as stage:
        yield stage


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("story", "faults"),
    [
        ("amend", (Fault("lock the store", 0.2, 2.0), Fault("counterpart flaky", 0.0, 3.0))),
        (
            "found",
            (Fault("counterpart cut", 0.2, 2.0), Fault("kill a sender", 0.3), Fault("freeze a sender", 0.3, 3.0)),
        ),
        ("hold", (Fault("counterpart error", 0.0, 2.0), Fault("set the clock", 0.1, 3.0))),
        ("nothing", (Fault("counterpart slow", 0.0, 4.0), Fault(RESTORE, 0.1, 4.0))),
    ],
    ids=lambda drawn: drawn if isinstance(drawn, str) else "+".join(fault.what.replace(" ", "-") for fault in drawn),
)
def test_books_agree_whatever_happens_while_sending(stage: Field, story: Story, faults: tuple[Fault, ...]) -> None:
    result = Round(stage, Plan(seed=1, story=story, tells_at=0.6, faults=faults)).play()
    tell(result)
    assert result.errors == []
    assert result.recipients == RECIPIENTS
