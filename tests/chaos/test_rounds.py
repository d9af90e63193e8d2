"""A few short rounds with faults of each kind that is quick; `make chaos` plays many long ones.

An older copy of the store is put back in mid-wave by `tests/integration/test_restore.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.__main__ import field, tell
from tests.chaos.faults import Fault, Field
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
        ("nothing", (Fault("kill a sender", 0.3), Fault("counterpart cut", 0.2, 2.0))),
        ("amend", (Fault("lock the store", 0.2, 2.0), Fault("counterpart flaky", 0.0, 3.0))),
        ("found", (Fault("freeze a sender", 0.3, 3.0),)),
        ("hold", (Fault("counterpart error", 0.0, 2.0), Fault("set the clock", 0.1, 3.0))),
    ],
    ids=lambda drawn: drawn if isinstance(drawn, str) else "+".join(fault.what.replace(" ", "-") for fault in drawn),
)
def test_books_agree_whatever_happens_while_sending(stage: Field, story: Story, faults: tuple[Fault, ...]) -> None:
    result = Round(stage, Plan(seed=1, story=story, tells_at=0.6, faults=faults)).play()
    tell(result)
    assert result.errors == []
    assert result.recipients == RECIPIENTS
