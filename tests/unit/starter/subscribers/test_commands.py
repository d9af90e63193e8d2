"""`baken subscribers` as its user meets it: what goes in, what does not, what is said, and what is left behind."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from starter.parts import Parts, open_parts
from starter.settings import load_settings
from store import audit
from store.area_files import import_areas
from store.subscribers import Entry, Subscribers
from tests.support.forked import run_baken
from tests.support.homes import other_home, silent_home
from tests.support.waiting import eventually

BAKEN = str(Path(sys.executable).parent / "baken")
AREAS = Path(__file__).parents[3] / "fixtures/areas/gemeenten-synthetic.geojson"
BAD_ROWS = b"""\
address;language;areas;paused;since
first@example.org;nl;GM0307,GM0344;no;2025-01-01T00:00:00Z
secret;nl;;;
"secret@example.org;nl;;;
secr\xe9t@example.org;nl;;;
FIRST@example.org;nl;;;
second@EXAMPLE.org;en;;yes;
second@example.org;en;;yes;
secret@example.org;nl
secret@example.org;nl;Amersfoort;no;
last@example.org;;;;
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return silent_home(tmp_path / "home").home


def _env(home: Path) -> dict[str, str]:
    return {"BAKEN_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home)}


def _run(home: Path, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return run_baken("subscribers", *args, environ=_env(home), stdin=stdin)


def _import(home: Path, raw: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    file = home.parent / "people.csv"
    file.write_bytes(raw)
    return _run(home, "import", str(file), "--channel", "email", *args)


@contextmanager
def _opened(home: Path) -> Iterator[Parts]:
    parts = open_parts(load_settings({}, home=home))
    yield parts
    parts.close()


def _entries(home: Path, channel: str = "email", *, exercise: bool = False) -> list[Entry]:
    with _opened(home) as parts:
        return list(_subscribers(parts, channel, exercise=exercise).everybody(parts.db))


def _leave(home: Path, *addresses: str, ago: timedelta = timedelta(0)) -> None:
    with _opened(home) as parts, parts.db.write() as session:
        for address in addresses:
            assert _subscribers(parts, "email").unsubscribe(session, address, datetime.now(UTC) - ago)


def _subscribers(parts: Parts, channel: str, *, exercise: bool = False) -> Subscribers:
    return Subscribers(parts.keys.system_key("subscribers"), channel, exercise=exercise)


def _chain(home: Path) -> list[dict[str, Any]]:
    with _opened(home) as parts:
        assert audit.verify(parts.db, parts.keys).whole
        return list(audit.export(parts.db, parts.keys))


def test_import_when_all_rows_are_good_is_exit_0_and_leaves_no_reject_file(home: Path) -> None:
    done = _import(home, b"address,language\na@example.org,nl\nb@example.org,en\n", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    said = {"rows": 2, "new": 2, "already": 0, "rejected": 0, "rejects": None}
    assert json.loads(done.stdout) == {"channel": "email", "exercise": False, **said}
    assert [one.address for one in _entries(home)] == ["a@example.org", "b@example.org"]
    assert not (home.parent / "people.rejects.csv").exists()


def test_import_when_rows_are_bad_takes_the_good_and_keeps_the_others_with_reasons(home: Path) -> None:
    done = _import(home, BAD_ROWS, "--json")
    assert done.returncode == 2
    said = json.loads(done.stdout)
    assert [said[name] for name in ("rows", "new", "already", "rejected")] == [10, 4, 0, 6]
    since = datetime(2025, 1, 1, tzinfo=UTC)
    first, *others = _entries(home)
    assert first == Entry("first@example.org", "nl", ("GM0307", "GM0344"), paused=False, since=since)
    assert [(one.address, one.paused) for one in others] == [
        ("FIRST@example.org", False),
        ("second@example.org", True),
        ("last@example.org", False),
    ]
    rejects = home.parent / "people.rejects.csv"
    assert rejects.stat().st_mode & 0o777 == 0o600
    text = rejects.read_bytes().decode(errors="surrogateescape")
    header, *rows = csv.reader(text.splitlines(keepends=True), delimiter=";")
    assert header == ["row", "reason", "address", "language", "areas", "paused", "since"]
    assert [(row[0], row[1].split(";")[0].split(":")[0], row[2]) for row in rows] == [
        ("3", "address", "secret"),
        ("4", "has a quote that is not closed (line 4)", '"secret@example.org'),
        ("5", "is not UTF-8", "secr\udce9t@example.org"),
        ("8", "has the same address as row 7", "second@example.org"),
        ("9", "has 2 cells where the header has 5", "secret@example.org"),
        ("10", "areas must be codes of municipalities such as GM0307", "secret@example.org"),
    ]
    assert b"4 of 10 rows went in, 6 did not; those are in" in done.stderr
    assert b"people.rejects.csv" in done.stderr
    assert b"secr" not in done.stderr


def test_import_when_rejects_are_corrected_and_imported_takes_them(home: Path) -> None:
    _import(home, b"address,areas\na@example.org\nb@example.org,GM0307\n")
    rejects = home.parent / "people.rejects.csv"
    rejects.write_bytes(rejects.read_bytes().replace(b"a@example.org", b"a@example.org,GM0344"))
    done = _run(home, "import", str(rejects), "--channel", "email")
    assert done.returncode == 0
    assert {one.address: one.areas for one in _entries(home)} == {
        "a@example.org": ("GM0344",),
        "b@example.org": ("GM0307",),
    }


def test_import_when_run_again_counts_those_who_are_there_and_changes_them(home: Path) -> None:
    _import(home, b"address,language\na@example.org,nl\nb@example.org,nl\n")
    done = _import(home, b"address,language,areas\na@example.org,en,GM0307\nc@example.org,,\n", "--json")
    assert (done.returncode, json.loads(done.stdout)["new"], json.loads(done.stdout)["already"]) == (0, 1, 1)
    assert {one.address: (one.language, one.areas) for one in _entries(home)} == {
        "a@example.org": ("en", ("GM0307",)),
        "b@example.org": ("nl", ()),
        "c@example.org": ("nl", ()),
    }


def test_import_when_somebody_left_leaves_them_out_unless_the_list_is_newer(home: Path) -> None:
    _import(home, b"address\na@example.org\nb@example.org\n")
    _leave(home, "a@example.org", "b@example.org", ago=timedelta(days=1))
    now = datetime.now(UTC).isoformat()
    done = _import(home, f"address,since\na@example.org,\nb@example.org,{now}\n".encode(), "--json")
    assert (done.returncode, json.loads(done.stdout)["rejected"]) == (2, 1)
    assert b"row 2: left since" in done.stderr
    assert [one.address for one in _entries(home)] == ["b@example.org"]


def test_import_when_of_json_lines_keeps_rejects_as_json_lines(home: Path) -> None:
    file = home.parent / "phones.jsonl"
    file.write_bytes(b'{"address": "token:123", "areas": ["GM0307"], "paused": true}\n{"address": "t"}\nno\xebl\n')
    done = _run(home, "import", str(file), "--channel", "app", "--exercise")
    assert done.returncode == 2
    assert _entries(home, "app") == []
    assert [(one.address, one.areas, one.paused) for one in _entries(home, "app", exercise=True)] == [
        ("token:123", ("GM0307",), True)
    ]
    rejects = [json.loads(line) for line in (home.parent / "phones.rejects.jsonl").read_text().splitlines()]
    assert [(one.pop("row"), one.pop("reason")[:12]) for one in rejects] == [(2, "address: is "), (3, "is not UTF-8")]
    assert rejects == [{"address": "t"}, {"given": "no\udcebl"}]


def test_import_when_areas_are_known_refuses_a_code_that_is_none(home: Path) -> None:
    with _opened(home) as parts:
        import_areas(parts.db, AREAS)
    done = _import(home, b"address,areas\na@example.org,GM9999\n")
    assert (done.returncode, _entries(home)) == (2, [])
    assert b"row 2: areas names GM9999, which is no municipality" in done.stderr


def test_import_when_rows_repeat_over_many_thousands_finds_each_again(home: Path) -> None:
    rows = [f"n{number}@example.org" for number in range(2_500)]
    done = _import(home, "\n".join(["address", *rows, rows[0], rows[-1].upper()]).encode(), "--json")
    said = json.loads(done.stdout)
    assert (said["new"], said["rejected"]) == (2_501, 1)
    assert b"row 2502: has the same address as row 2\n" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--channel", "webhook"], b"--channel: webhook has partners; see 'baken partners list'"),
        (["--channel", "web"], b"--channel: web shows alerts to everybody"),
        (["--channel", "pigeon"], b"--channel: 'pigeon' does not exist; people subscribe to email, app, webpush, sms"),
        (["--channel", "email", "--as", "nobody"], b"--as: 'nobody' is not a user"),
        (["--channel", "email", "--rejects", "{file}"], b"--rejects: is the file that is imported"),
        (["--channel", "email", "--rejects", "{folder}/precious"], b"is there and is no reject file"),
        (["--channel", "email", "--rejects", "{folder}/nowhere/x"], b"nowhere is not a folder"),
    ],
)
def test_import_when_asked_for_what_cannot_be_changes_nothing(home: Path, args: list[str], said: bytes) -> None:
    (home.parent / "precious").write_text("thesis")
    places = {"file": home.parent / "people.csv", "folder": home.parent}
    file = home.parent / "people.csv"
    file.write_text("address\na@example.org\nb\n")
    done = _run(home, "import", str(file), *(arg.format(**places) for arg in args), "--json")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert said in done.stderr
    assert (_entries(home), _chain(home), (home.parent / "precious").read_text()) == ([], [], "thesis")


def test_import_when_the_reject_file_cannot_be_written_says_so_and_what_to_do(home: Path) -> None:
    done = _import(home, b"address\na@example.org\nbad\n", "--rejects", "/dev/full", "--json")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert b"/dev/full cannot be written (No space left on device); what is in stays in" in done.stderr
    assert [one.address for one in _entries(home)] == ["a@example.org"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", b"FILE: is empty"),
        (b"address,phone\na@example.org,1\n", b"FILE: the column 'phone' is unknown; known are address, language"),
        (b"secret@example.org,nl\n", b"FILE: the first line names no column"),
    ],
)
def test_import_when_nothing_can_be_read_changes_nothing(home: Path, raw: bytes, said: bytes) -> None:
    done = _import(home, raw, "--json")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert said in done.stderr
    assert b"secret" not in done.stderr
    assert (_entries(home), _chain(home)) == ([], [])


def test_import_when_there_is_a_header_and_no_row_is_done_and_says_so(home: Path) -> None:
    done = _import(home, b"address\r\n", "--json")
    assert (done.returncode, json.loads(done.stdout)["rows"], _chain(home)) == (0, 0, [])
    assert b"has no rows" in done.stderr


def test_addresses_when_handled_are_for_operators_and_engineers(home: Path) -> None:
    refused = _import(home, b"address\na@example.org\n", "--as", "supervisor1")
    assert (refused.returncode, _entries(home)) == (3, [])
    assert b"addresses are for operators and engineers; supervisor1 is supervisor" in refused.stderr
    assert _import(home, b"address\na@example.org\n", "--as", "engineer1").returncode == 0


def test_chain_when_subscribers_moved_says_who_and_how_many_and_no_address(home: Path) -> None:
    _import(home, b"address\nsecret@example.org\nbad\n", "--as", "operator2")
    _run(home, "export", str(home.parent / "out.csv"), "--channel", "email")
    said = [(one["actor"], one["action"], one["verdict"], one["details"]) for one in _chain(home)]
    about = {"channel": "email", "exercise": False}
    assert said == [
        ("operator2", "import_subscribers", "given", about),
        ("operator2", "import_subscribers", "accepted", {**about, "rows": 2, "new": 1, "already": 0, "rejected": 1}),
        ("operator1", "export_subscribers", "given", about),
        ("operator1", "export_subscribers", "accepted", {**about, "exported": 1}),
    ]


def test_export_when_piped_into_an_import_brings_everybody_over(home: Path, tmp_path: Path) -> None:
    _import(home, b"address,language,areas,paused\na@example.org,en,GM0307 GM0344,yes\nb@example.org,nl,,no\n")
    other = other_home(tmp_path / "other").home
    exported = _run(home, "export", "-", "--channel", "email", "--format", "jsonl")
    assert (exported.returncode, exported.stdout.count(b"\n")) == (0, 2)
    args = ("import", "-", "--channel", "email", "--format", "jsonl")
    assert _run(other, *args, stdin=exported.stdout).returncode == 0
    assert _entries(other) == _entries(home)


def test_export_when_written_is_its_owners_and_replaces_nothing(home: Path) -> None:
    _import(home, b"address,since\na@example.org,2025-01-01T12:00:00Z\n")
    file = home.parent / "out.csv"
    done = _run(home, "export", str(file), "--channel", "email", "--json")
    said = {"channel": "email", "exercise": False, "exported": 1, "file": str(file), "mode": "0600"}
    assert (done.returncode, json.loads(done.stdout)) == (0, said)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == (
        b"address,language,areas,paused,since\r\na@example.org,nl,,no,2025-01-01T12:00:00+00:00\r\n"
    )
    again = _run(home, "export", str(file), "--channel", "email", "--json")
    assert (again.returncode, again.stdout) == (2, b"")
    assert b"cannot be written anew" in again.stderr
    taken = _run(home, "export", "-", "--channel", "email", "--json")
    assert (taken.returncode, taken.stdout) == (2, b"")


def test_count_when_asked_tells_active_paused_and_left_of_each_channel(home: Path) -> None:
    _import(home, b"address,paused\na@example.org,no\nb@example.org,yes\nc@example.org,no\n")
    _leave(home, "c@example.org")
    counted = {one.pop("channel"): one for one in json.loads(_run(home, "count", "--json").stdout)}
    assert counted["email"] == {"active": 1, "paused": 1, "left": 1}
    assert counted["app"] == counted["webhook"] == {"active": 0, "paused": 0, "left": 0}


def test_import_when_interrupted_keeps_what_is_in_and_is_finished_by_another(home: Path) -> None:
    command = [BAKEN, "subscribers", "import", "-", "--channel", "email", "--json"]
    rows = [f"n{number}@example.org\n".encode() for number in range(1_500)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_env(home),
        cwd=home.parent,
    ) as running:
        assert running.stdin is not None
        running.stdin.write(b"address\n" + b"".join(rows))
        running.stdin.flush()
        eventually(lambda: _in_store(home) == 1_000)
        running.send_signal(signal.SIGINT)
        said, told = running.communicate(timeout=20)
    assert (running.returncode, said) == (130, b"")
    assert b"stopped after 1000 rows; what is in stays in, run it again" in told
    done = _import(home, b"address\n" + b"".join(rows), "--json")
    assert (json.loads(done.stdout)["new"], json.loads(done.stdout)["already"]) == (500, 1_000)
    assert [one["verdict"] for one in _chain(home)] == ["given", "accepted", "given", "accepted"]


def _in_store(home: Path) -> int:
    with sqlite3.connect(home / "baken.db") as database:
        count: int = database.execute("SELECT count(*) FROM subscriber").fetchone()[0]
    database.close()
    return count


def test_files_when_opened_by_others_stay_closed_to_them(home: Path) -> None:
    old = os.umask(0)
    try:
        _import(home, b"address\nbad\n")
        _run(home, "export", str(home.parent / "out.csv"), "--channel", "email")
    finally:
        os.umask(old)
    modes = {(home.parent / name).stat().st_mode & 0o777 for name in ("people.rejects.csv", "out.csv")}
    assert modes == {0o600}
