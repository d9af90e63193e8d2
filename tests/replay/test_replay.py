"""Running alerts replay this code: recorded histories at each waiting state must still replay."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.replay.broken import BrokenAlertWorkflow
from tests.replay.fingerprints import fingerprints, kept
from tests.replay.goldens import FOLDER, STORIES, TestKeys, read_golden
from workflows.alert import AlertWorkflow
from workflows.codec import Reader
from workflows.registry import WORKFLOWS
from workflows.runtime import data_converter, sandbox_runner

HISTORIES = sorted(FOLDER.glob("*.json"))
CHANGED = """
{files} changed, and running alerts replay that code.

1. If the order of activities, timers, signals or child workflows changed: put the change behind
   `workflow.patched("…")`, so that histories recorded before still replay. `make test` tells: tests/replay.
2. Changed arguments, time-outs and results replay silently: look at those with your own eyes, and give every new
   field of a model a default.
3. A new waiting state needs a history of its own: a story in tests/replay/goldens.py, recorded by
   `python -m tests.replay.goldens`. Keep the old histories: they are what is running now.
4. Then accept: `python -m tests.replay.fingerprints`, in the same commit, and say in it why replay is safe.
"""


def _replayer(alert: type = AlertWorkflow) -> Replayer:
    return Replayer(
        workflows=[alert, *WORKFLOWS[1:]],
        workflow_runner=sandbox_runner(),
        data_converter=data_converter(TestKeys(), Reader.WORKER),
    )


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    await _replayer().replay_workflow(read_golden(path))


async def test_a_broken_workflow_fails_the_gate() -> None:
    golden = read_golden(FOLDER / "live.json")
    with pytest.raises(NondeterminismError):
        await _replayer(BrokenAlertWorkflow).replay_workflow(golden)


def test_every_waiting_state_has_a_history() -> None:
    assert {story.__name__ for story in STORIES} <= {path.stem for path in HISTORIES}


def test_code_that_alerts_replay_changes_knowingly() -> None:
    now, before = fingerprints(), kept()
    changed = [name for name in now if now[name] != before.get(name)]
    assert not changed, CHANGED.format(files=", ".join(changed))
