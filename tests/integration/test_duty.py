"""The duty roster of a home: nobody at first, then by the command line and the console; who may not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from starter.client import Baken
from starter.doctor import _roster
from starter.errors import BadInput, RefusedByRule
from starter.parts import Parts, open_parts
from starter.roster import AMSTERDAM, Roster, end_of_shift
from starter.serve import build_app
from store.audit import export
from tests.support.forked import run_baken
from tests.support.homes import silent_home
from tests.support.running import Running


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with closing(open_parts(silent_home(tmp_path / "home"))) as opened:
        yield opened


def baken(parts: Parts, *args: str) -> tuple[int, Any, str]:
    done = run_baken("duty", *args, "--home", str(parts.settings.home), "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr.decode()


def users(said: list[dict[str, Any]], state: str = "on_duty") -> list[str]:
    return [row["user"] for row in said if row["state"] == state]


def test_roster_when_kept_by_commands_goes_from_nobody_to_one_and_to_the_next(parts: Parts) -> None:
    assert baken(parts, "list")[:2] == (0, [])
    assert users(baken(parts, "begin", "--until", "07:00", "--as", "supervisor1")[1]) == ["supervisor1"]
    _, said, _ = baken(parts, "hand-over", "supervisor2", "--as", "supervisor1")
    assert (users(said), users(said, "announced")) == (["supervisor1"], ["supervisor2"])
    _, said, _ = baken(parts, "begin", "--as", "supervisor2")
    assert (users(said), users(said, "announced")) == (["supervisor2"], [])
    assert baken(parts, "end", "--as", "supervisor2")[:2] == (0, [])
    assert [entry["action"] for entry in export(parts.db, parts.keys)] == [
        "begin_duty",
        "hand_over_duty",
        "begin_duty",
        "end_duty",
    ]


def test_roster_when_a_command_makes_no_sense_says_why(parts: Parts) -> None:
    assert baken(parts, "begin", "--as", "operator1")[0] == 3
    assert baken(parts, "end", "--as", "supervisor1")[0] == 3
    assert baken(parts, "begin", "--until", "late", "--as", "supervisor1")[0] == 2
    roster, who = Roster(parts), Baken(parts).person("supervisor1")
    with pytest.raises(RefusedByRule, match="nothing to hand over"):
        roster.hand_over(who, "supervisor2", end_of_shift(None))
    with pytest.raises(BadInput, match="no other supervisor"):
        roster.hand_over(who, "operator1", end_of_shift(None))
    with pytest.raises(BadInput, match="within 24 hours"):
        roster.begin(who, datetime.now(UTC) + timedelta(hours=25))


def test_end_of_a_shift_when_given_as_a_time_is_the_next_one_on_our_clock() -> None:
    ends = end_of_shift("07:00")
    assert timedelta(0) < ends - datetime.now(UTC) <= timedelta(days=1)
    assert re.search(r"T07:00:00", ends.astimezone(AMSTERDAM).isoformat())


def test_doctor_when_nobody_is_on_duty_warns_where_people_only_choose_who_they_are(parts: Parts) -> None:
    row = _roster(parts, "nl")
    assert (row["ok"], row["fault"], row["verdict"]) == (True, "nobody", "niemand heeft dienst")
    elsewhere = parts.settings.model_copy(update={"temporal_address": "127.0.0.1:7233"})
    assert not _roster(Parts(elsewhere, parts.db, parts.keys), "nl")["ok"]
    Roster(parts).begin(Baken(parts).person("supervisor1"), end_of_shift(None))
    assert _roster(parts, "nl")["fault"] is None


def test_console_when_nobody_is_on_duty_is_red_until_a_supervisor_begins(parts: Parts) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(build_app(Baken(parts), parts.settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://baken") as client:
            await client.post("/console/login", data={"user": "supervisor1"})
            for address in ("/console/", "/console/duty"):
                page = (await client.get(address, params={"lang": "en"})).text
                assert "duty--nobody" in page
            assert "Nobody can approve now" in page
            token = re.search(r'name="token" value="([^"]+)"', page)
            assert token
            said = {"token": token[1], "until": "07:00"}
            assert (await client.post("/console/duty/begin", data=said)).status_code == 303
            page = (await client.get("/console/duty", params={"lang": "en"})).text
            assert "duty--nobody" not in page
            assert "Chris van Dam" in page
            await client.post("/console/login", data={"user": "operator1"})
            page = (await client.get("/console/duty")).text
            assert "/console/duty/begin" not in page

    asyncio.run(run())


def test_demo_when_it_starts_has_both_supervisors_on_duty(shared_baken: Running) -> None:
    _, said, _ = shared_baken.cli("duty", "list")
    assert users(said) == ["supervisor1", "supervisor2"]
    assert "baken_on_duty 2" in shared_baken.get("/metrics").text
