"""`baken up` as CONTRACT describes it: one home, one tree, clean stops, plain refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from starter.ports import DEFAULT_PORT, LENT, listen_for_web, quiet_port
from tests.support.forked import run_baken
from tests.support.homes import other_home, silent_home
from tests.support.running import Running, _alive
from tests.support.waiting import eventually


def _up(home: Path, *options: str) -> tuple[int, str]:
    """Exit code and stderr of a start that is to fail."""
    done = run_baken("up", "--home", str(home), *options)
    return done.returncode, done.stderr.decode()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "home", "--recipients", "1", forked=True).start()
    yield running
    running.stop()


@pytest.mark.quiet
def test_up_is_ready_within_fifteen_seconds_says_where_it_is_and_stops_clean_within_ten(tmp_path: Path) -> None:
    began = time.monotonic()
    running = Running(tmp_path / "home").start()
    took = time.monotonic() - began
    print(f"ready after {took:.1f} s")
    try:
        run = json.loads((running.home / "run.json").read_text())
        assert run["web"] == running.web
        assert {"web", "temporal", "temporal_ui", "namespace", "pid"} <= run.keys()
        pids = running.pids()
        assert len(pids) == 5  # counterparts, Temporal, workers for alerts and for sending, web
        code, said = _up(running.home)
        assert code == 4
        assert str(run["pid"]) in said
        for path in running.home.rglob("*"):
            if path.is_file():
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    finally:
        began = time.monotonic()
        code = running.stop()
    assert code == 0
    assert time.monotonic() - began < 10
    assert not any(_alive(pid) for pid in pids)
    assert took < 15


def test_explicit_port_that_is_taken_ends_with_four(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_baken("up", "--home", str(tmp_path / "home"), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 4
    assert b"something else listens there" in done.stderr
    assert done.stdout == b""


def test_default_port_that_is_taken_gives_the_next_and_says_so() -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # when somebody else has it, that serves as well
            taken.bind(("127.0.0.1", DEFAULT_PORT))
            taken.listen()
        with listen_for_web(None, said.append) as given:
            port = given.getsockname()[1]
    assert port != DEFAULT_PORT
    assert said == [f"port {DEFAULT_PORT} is taken; using {port}"]


def test_ports_of_the_server_lie_where_the_kernel_lends_none() -> None:
    lowest, highest = map(int, LENT.read_text().split())
    ports = {quiet_port() for _ in range(50)}
    assert len(ports) > 1
    assert not [port for port in ports if lowest <= port <= highest]


def test_channel_endpoint_off_this_machine_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "channels.toml"
    config.write_text('[channels.email]\nhost = "mail.example.org"\nport = 25\n')
    code, said = _up(tmp_path / "home", "--config", str(config))
    assert code == 3
    assert "channels.email points to mail.example.org" in said


def test_programme_with_an_unknown_channel_is_bad_input(tmp_path: Path) -> None:
    folder = tmp_path / "programmes"
    folder.mkdir()
    (folder / "amber.toml").write_text('id = "amber"\nchannels = ["pigeon"]\n[refresh]\nplan = [{every = "15m"}]\n')
    code, said = _up(tmp_path / "home", "--programmes", str(folder))
    assert code == 2
    assert "pigeon" in said


def test_store_that_is_not_there_is_waited_for_and_never_made_anew(tmp_path: Path) -> None:
    home = silent_home(tmp_path / "home").home
    for file in home.glob("baken.db*"):
        file.unlink()
    code, said = _up(home)
    assert code == 4
    assert f"{home / 'baken.db'}" in said
    assert not list(home.glob("baken.db*"))


def test_store_of_another_home_is_refused(tmp_path: Path) -> None:
    home, other = silent_home(tmp_path / "home").home, other_home(tmp_path / "other").home
    for file in home.glob("baken.db*"):
        file.unlink()
    shutil.copy(other / "baken.db", home)
    code, said = _up(home)
    assert code == 3
    assert "restored from a copy" in said


def test_killed_children_are_started_again_and_one_that_keeps_ending_stops_everything_with_four(
    running: Running,
) -> None:
    killed = running.pids("starter.serve") + running.pids("start-dev")
    assert len(killed) == 2
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(running.pids()) == 5 and not set(killed) & set(running.pids()), 15, what="all five again")

    def healthy() -> bool:
        try:
            return running.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    eventually(healthy, 15, what="the web process is back")
    parent = json.loads((running.home / "run.json").read_text())["pid"]
    pids = running.pids()

    def stopped() -> bool:
        if not _alive(parent):
            return True
        for pid in running.pids("starter.serve"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return False

    eventually(stopped, 40, what="the end of the tree")
    assert running.stop() == 4
    assert not any(_alive(pid) for pid in pids)
    said = running.home.with_suffix(".stderr").read_text()
    assert f"cannot reach web: it ended 5 times in a minute; see {running.home / 'logs' / 'web.log'}" in said


def test_second_interrupt_kills_at_once(running: Running) -> None:
    parent = json.loads((running.home / "run.json").read_text())["pid"]
    pids = running.pids()
    for pid in running.pids("--role send"):  # it cannot end by itself, so only the second one helps
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    os.kill(parent, signal.SIGINT)
    eventually(lambda: not running.pids("starter.serve"), what="the end of the web process")
    os.kill(parent, signal.SIGINT)
    assert running.stop() == 0
    assert time.monotonic() - began < 6
    assert not any(_alive(pid) for pid in pids)
