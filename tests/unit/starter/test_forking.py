"""What is forked is as good as started: nothing of its parent's is in there but what it imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import os, signal, sys
from pathlib import Path
from starter.forking import Program, fork, preload

sys.path.insert(0, os.getcwd())
preload("part")
signal.signal(signal.SIGTERM, lambda *_: print("the parent's handler", flush=True))
with open("log", "ab") as log, open("kept", "w"), open("handed", "w") as handed:
    child = fork(Program("part", {args}), log, {{"ONLY": "this"}}, Path("/"), [handed.fileno()], os.setsid)
{then}
"""
PART = """
import os, sys, time
from pathlib import Path

def main(args):
    if args == ("raise",):
        raise LookupError("as a bug would")
    if args == ("wait",):
        print("waiting", flush=True)
        time.sleep(60)
    paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd") if int(number) > 2]
    files = [os.path.basename(os.readlink(path)) for path in paths if os.path.exists(path)]
    print(sorted(files), os.getcwd(), sys.stdin.read(), os.environ, sys.argv, sep="|")
    print(Path("/proc/self/cmdline").read_text().rstrip(chr(0)))
    return 7
"""


def _parent(folder: Path, args: tuple[str, ...], then: str) -> tuple[list[str], str]:
    """The lines of a parent that forks one part; and the part's log."""
    (folder / "part.py").write_text(PART)
    text = PARENT.format(args=args, then=textwrap.dedent(then))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines(), (folder / "log").read_text()


def test_child_has_what_it_was_given_and_nothing_else(tmp_path: Path) -> None:
    said, log = _parent(tmp_path, ("a", "b"), "print(child.wait(20), child.returncode)")
    assert said == ["7 7"]
    assert log.splitlines() == [
        "['handed']|/||environ({'ONLY': 'this'})|['part', 'a', 'b']",
        "python -m part a b",
    ]


def test_child_that_fails_says_where_and_ends_with_one(tmp_path: Path) -> None:
    said, log = _parent(tmp_path, ("raise",), "print(child.wait(20))")
    assert said == ["1"]
    assert log.endswith("LookupError: as a bug would\n")


@pytest.mark.parametrize(("way", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_child_when_told_ends_without_its_parents_handlers(tmp_path: Path, way: str, number: signal.Signals) -> None:
    then = f"""
    import subprocess, time
    while "waiting" not in Path("log").read_text():
        time.sleep(0.01)
    try:
        child.wait(0.05)
    except subprocess.TimeoutExpired:
        print("runs", child.poll())
    child.{way}()
    print(child.wait(20), child.poll())
    child.{way}()
    """
    assert _parent(tmp_path, ("wait",), then)[0] == ["runs None", f"{-number} {-number}"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_by_a_signals_handler_while_an_end_is_looked_for_harms_nothing(tmp_path: Path, when: str) -> None:
    """As a second interrupt does that comes right before or right after the system was asked."""
    then = f"""
    import time
    while "|" not in Path("log").read_text():
        time.sleep(0.01)
    real = os.waitpid

    def interrupted(pid, options):
        os.waitpid = real
        if "{when}" == "before":
            child.kill()
        got = real(pid, options)
        if "{when}" == "after":
            child.kill()
        return got

    time.sleep(0.2)
    os.waitpid = interrupted
    print(child.wait(20), child.poll())
    """
    assert _parent(tmp_path, (), then)[0] == ["7 7"]


def test_what_up_forks_from_has_one_thread() -> None:
    """More would not be in its children, whatever locks they held."""
    preloaded = "from starter.up import OURS, SIMULATORS, preload; preload(SIMULATORS.module, *OURS)"
    text = f"{preloaded}; import os; print(len(os.listdir('/proc/self/task')))"
    environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "1\n"
