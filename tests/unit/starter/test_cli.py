"""The command line as a whole: every promised command is there and documented, and bad input ends as promised."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from starter.cli.app import app
from starter.cli.common import user_of
from starter.cli.document import commands, document
from starter.errors import BadInput, CannotReach, RefusedByRule, UnknownAlert, as_problem
from starter.home import write_private
from starter.parts import open_parts
from starter.settings import load_settings
from store import audit
from store.tables.audit import AuditEntry
from tests.support.forked import run_baken
from tests.support.homes import silent_home

DOCS = Path(__file__).parents[3] / "docs/cli.md"
BAKEN = str(Path(sys.executable).parent / "baken")
PROMISED = {
    "": "up web doctor",
    "alert ": "start approve reject return amend retract hold reinstate found cancel change-programme outcome keep",
    "alert  ": "show list watch clock report preview schema",
    "areas ": "list show import fetch",
    "programmes ": "check",
    "audit ": "verify export",
}
COMMANDS: dict[str, Any] = {name.strip(): one for name, one in commands("", get_command(app))}


def _environ(home: Path) -> dict[str, str]:
    return {"BAKEN_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home)}


def _run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A command, forked; `test_programmes_check` types one."""
    done = run_baken(*args, environ=_environ(home))
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("group", PROMISED)
def test_every_promised_command_exists(group: str) -> None:
    for name in PROMISED[group].split():
        assert f"{group.strip()} {name}".strip() in COMMANDS


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.startswith("alert ")])
def test_every_alert_command_takes_home_as_and_json(name: str) -> None:
    options = {option for one in COMMANDS[name].params for option in one.opts}
    assert {"--home", "--as", "--json"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help.endswith((".", ")."))


def test_the_reference_is_what_the_commands_say() -> None:
    told = "make it with: python -m starter.cli.document > docs/cli.md"
    assert DOCS.read_text("utf-8") == document(), told


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["alert", "start", "nowhere.json"], "nowhere.json: there is no such file"),
        (["alert", "list", "--home", "{file}"], "--home: "),
        (["programmes", "check", "{file}"], "file: not TOML"),
        (["areas", "import", "{file}"], "is not GeoJSON"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_2(args: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("what?")
    done = _run(tmp_path / "home", *(arg.replace("{file}", str(tmp_path / "file")) for arg in args), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize("command", ["alert list", "alert found x", "areas list", "audit verify", "doctor"])
def test_a_home_where_nothing_ever_ran_cannot_be_reached(command: str, tmp_path: Path) -> None:
    done = _run(tmp_path / "home", *command.split(), "--json")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("baken: cannot reach Baken: nothing ever ran with home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["alert", "found", "x", "--child", "0"],
        ["alert", "cancel", "x", "--why", "bored", "--reason", "y"],
        ["alert", "hold", "x"],
        ["alert", "list", "--stage", "gone"],
        ["alert", "explode", "x"],
        ["up", "--port", "eight"],
    ],
)
def test_wrong_usage_is_exit_2_with_nothing_on_stdout(args: list[str], tmp_path: Path) -> None:
    done = _run(tmp_path / "home", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_audit_export_and_verify_show_what_was_cut_off(tmp_path: Path) -> None:
    parts = open_parts(silent_home(tmp_path / "home"))
    for n in range(2):
        with parts.db.write() as session:
            said = {"alert_id": "a", "actor": "s", "action": "hold", "verdict": "refused", "command_id": str(n)}
            audit.append(session, parts.keys, datetime.now(UTC), details={"reason": "unknown"}, **said)
    audit.remember_head(parts.db, parts.keys)
    assert _run(tmp_path / "home", "audit", "verify").returncode == 0
    file = tmp_path / "audit.jsonl"
    assert [_run(tmp_path / "home", "audit", "export", str(file)).returncode for _ in range(2)] == [0, 2]
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(entry["id"], entry["details"]) for entry in exported] == [(n, {"reason": "unknown"}) for n in (1, 2)]
    assert file.stat().st_mode & 0o077 == 0
    with parts.db.write() as session:
        session.delete(session.get_one(AuditEntry, 2))
    parts.close()
    done = _run(tmp_path / "home", "audit", "verify", "--json")
    assert (done.returncode, json.loads(done.stdout)["missing_after"]) == (3, 1)
    assert "entries after 1 were written and are gone" in done.stderr


def test_schema_says_of_each_field_who_may_see_it(tmp_path: Path) -> None:
    schema = json.loads(_run(tmp_path, "alert", "schema").stdout)
    fields = [field for kind in schema["$defs"].values() for field in kind.get("properties", {}).values()]
    assert {field.get("audience") for field in schema["properties"].values()} == {"public", "internal"}
    assert sum("audience" in field for field in fields) > 40


def test_programmes_check_lists_the_packaged_ones(tmp_path: Path) -> None:
    command = [BAKEN, "programmes", "check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=_environ(tmp_path))
    assert {one["id"] for one in json.loads(done.stdout)} == {"amber", "vermist-kind", "burgernet"}


def test_user_is_whom_as_names_else_the_token_else_the_usual(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path)
    settings.paths.prepare()
    write_private(settings.paths.tokens, {"secret": "supervisor2"})
    with_token = settings.model_copy(update={"token": "secret"})
    assert user_of(with_token, "operator2", "operator1") == "operator2"
    assert user_of(with_token, None, "operator1") == "supervisor2"
    assert user_of(settings, None, "operator1") == "operator1"
    with pytest.raises(BadInput, match=r"^BAKEN_TOKEN: "):
        user_of(settings.model_copy(update={"token": "guess"}), None, "operator1")


def test_user_elsewhere_than_on_an_embedded_home_is_whose_token_it_is(tmp_path: Path) -> None:
    settings = load_settings({"BAKEN_TEMPORAL_ADDRESS": "temporal.example:7233"}, home=tmp_path)
    settings.paths.prepare()
    write_private(settings.paths.tokens, {"secret": "supervisor2"})
    with_token = settings.model_copy(update={"token": "secret"})
    assert user_of(with_token, None, "operator1") == "supervisor2"
    with pytest.raises(BadInput, match=r"^--as: is for a home with a server of its own"):
        user_of(with_token, "operator2", "operator1")
    with pytest.raises(BadInput, match=r"^BAKEN_TOKEN: is not set"):
        user_of(settings, None, "operator1")


def test_partners_when_kept_on_a_cluster_obey_no_name_that_anybody_may_type(tmp_path: Path) -> None:
    silent_home(tmp_path)
    environ = {**_environ(tmp_path), "BAKEN_TEMPORAL_ADDRESS": "127.0.0.1:9"}
    done = run_baken("partners", "pause", "Krant", "--as", "operator1", environ=environ)
    assert done.returncode == 2
    assert b"--as: is for a home with a server of its own" in done.stderr


def test_problems_have_the_promised_exit_codes() -> None:
    assert BadInput("age", "must be a number").exit_code == UnknownAlert("x").exit_code == 2
    assert RefusedByRule("no").exit_code == 3
    assert CannotReach("Temporal", "start it").exit_code == 4
    assert as_problem(ZeroDivisionError()) is None


def test_bad_input_of_many_names_ten_and_counts_the_rest() -> None:
    bad = BadInput.of([(f"field{n}", "is wrong") for n in range(12)])
    assert bad.field == "field0"
    assert str(bad).startswith("field0: is wrong; field1: is wrong; ")
    assert str(bad).endswith("; and 2 more")
    assert len(bad.problems) == 12
