"""The store is lost and an older copy is put back: nothing starts, then nobody is told twice and all hear the end."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.vocabulary import Action
from starter.parts import open_parts
from starter.settings import load_settings
from store.database import Database
from store.trouble import note_trouble
from store.witness import MARKS
from tests.support.cases import amber_case
from tests.support.programmes import write_programme
from tests.support.running import Running
from tests.support.waiting import eventually

RECIPIENTS = 7_900
"""Sixteen batches of five hundred: some through, some under way and some not begun when everything ends."""
PERSONAL = ("email", "webhook", "app")
POLICE = {"confirmed_by": "police"}


@pytest.fixture
def baken(tmp_path: Path) -> Iterator[Running]:
    programmes = write_programme(tmp_path / "programmes", channels=json.dumps(["web", "cap", "app"]))
    options = ("--recipients", str(RECIPIENTS), "--programmes", str(programmes))
    running = Running(tmp_path / "home", *options, environ={"BAKEN_SENDERS": "2"}, forked=True).start()
    yield running
    running.stop()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Running]:
    """With people at home, partners and phones to tell, two hundred of each at most."""
    programmes = write_programme(tmp_path / "programmes", channels=json.dumps(["web", *PERSONAL]))
    running = Running(tmp_path / "home", "--recipients", "200", "--programmes", str(programmes), forked=True).start()
    yield running
    running.stop()


def _copy(baken: Running, to: Path) -> Path:
    """As a backup makes it, while Baken writes."""
    with sqlite3.connect(baken.home / "baken.db") as live, sqlite3.connect(to) as copy:
        live.backup(copy)
    live.close()
    copy.close()
    return to


def _put_back(baken: Running, copy: Path) -> None:
    for file in baken.home.glob("baken.db*"):
        file.unlink()
    shutil.copy(copy, baken.home / "baken.db")


def _approved(baken: Running, folder: Path) -> str:
    alert_id = baken.start_alert(amber_case(folder), folder)
    baken.until_pending(alert_id)
    baken.until(
        alert_id,
        lambda view: len(view["pending"]["arms"]) == len(view["pending"]["channels"]),
        what="every channel armed",
    )
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    return alert_id


def _said(baken: Running) -> str:
    return baken.home.with_suffix(".stderr").read_text()


@pytest.mark.timeout(180)
def test_copy_from_the_middle_of_a_wave_all_are_told_and_all_hear_the_end(baken: Running, tmp_path: Path) -> None:
    baken.fault("app", "slow", 120)
    alert_id = _approved(baken, tmp_path)
    baken.until(alert_id, lambda view: view["stage"] == "live")
    copy = _copy(baken, tmp_path / "copy.db")
    eventually(lambda: len(baken.received(alert_id, "app")) >= 3_000, 30, what="the first batches")
    time.sleep(1.5)
    baken.kill()
    before = {line["recipient"] for line in baken.received(alert_id, "app", "alert")}
    assert 3_000 <= len(before) < RECIPIENTS
    _put_back(baken, copy)
    code, said = baken.refused()
    assert code == 3
    assert "restored from an older copy" in said
    assert "baken up --reconcile" in said
    baken.start("--reconcile")
    said = _said(baken)
    assert f"alert {alert_id}: edition 1 at revision 1" in said
    assert "were under way and are sent again under the same ids" in said
    assert "who subscribed after the copy was made" in said
    view = baken.until_channels(alert_id, "showing", 1, 60)
    lines = baken.received(alert_id, "app", "alert")
    got = {line["recipient"] for line in lines}
    assert len(got) == RECIPIENTS
    assert len({line["id"] for line in lines}) == RECIPIENTS
    (app,) = [one for one in view["channels"] if one["channel"] == "app"]
    assert (app["reached"], app["in_doubt"]) == (RECIPIENTS, 0)
    print(f"arrived {len(before)} before and {len(got) - len(before)} after; {len(lines) - RECIPIENTS} once more")
    _put_back_a_copy_that_says_what_is_over(baken, alert_id, tmp_path / "later.db")
    assert "Noor" in baken.get(f"/alerts/{alert_id}").text
    assert baken.get("/readyz").status_code == 200
    baken.accepted(alert_id, Action.FOUND, "operator1", content=POLICE)
    baken.until_channels(alert_id, "withdrawn", within=60)
    ends = Counter(line["recipient"] for line in baken.received(alert_id, "app", "cancel"))
    assert max(ends.values()) == 1
    assert ends.keys() == got
    assert baken.cli("audit", "verify")[0] == 0


def _put_back_a_copy_that_says_what_is_over(baken: Running, alert_id: str, copy: Path) -> None:
    """Its trouble ended before everything did, so nobody comes to take it back."""
    with closing(Database.at(_copy(baken, copy))) as then, then.write() as session:
        note_trouble(session, alert_id, "app", "was away when the copy was made", datetime.now(UTC))
    baken.start_alert(amber_case(copy.parent), copy.parent)  # which the copy does not know
    baken.kill()
    _put_back(baken, copy)
    baken.start("--reconcile")
    view = baken.until_channels(alert_id, "showing", 1, 20)
    assert [one["trouble"] for one in view["channels"]] == [None] * len(view["channels"])


@pytest.mark.timeout(240)
def test_copy_from_before_an_end_and_before_an_alert_what_ended_stays_dark_and_the_other_goes_on(
    small: Running, tmp_path: Path
) -> None:
    """Put in the place of the store while Baken runs, and then with everything killed."""
    baken = small
    ended = _nothing_is_sent_or_shown_by_an_exchanged_store(baken, tmp_path)
    copy = _copy(baken, tmp_path / "copy.db")
    begun = _approved(baken, tmp_path)
    baken.until_channels(begun, "showing", 1, 40)
    baken.accepted(ended, Action.FOUND, "operator1", content=POLICE)
    baken.kill()  # at once: no channel may have taken anything down
    _put_back(baken, copy)
    assert baken.refused()[0] == 3
    baken.start("--reconcile")
    assert "Noor" not in baken.get(f"/alerts/{ended}").text
    assert "Noor" in baken.get(f"/alerts/{begun}").text
    said = _said(baken)
    assert f"alert {ended}: withdrawn" in said
    assert f"alert {begun}: edition 1 at revision 1 (the copy: the copy does not know it)" in said
    baken.accepted(begun, Action.FOUND, "operator1", content=POLICE)
    for alert_id in (ended, begun):
        baken.until_channels(alert_id, "withdrawn", within=60)
        for channel in PERSONAL:
            told = Counter((line["recipient"], line["kind"]) for line in baken.received(alert_id, channel))
            assert set(told.values()) == {1}
            assert Counter(kind for _, kind in told) == dict.fromkeys(("alert", "cancel"), len(told) // 2)
        assert "Noor" not in baken.get(f"/alerts/{alert_id}").text


def _nothing_is_sent_or_shown_by_an_exchanged_store(baken: Running, folder: Path) -> str:
    """The keys are told of sendings that this store does not know: so an older one looks to all who are running.

    The alert that was approved then, and shows after `--reconcile`.
    """
    alert_id = baken.start_alert(amber_case(folder), folder)
    baken.until_pending(alert_id)
    settings = load_settings({}, home=baken.home)
    with closing(open_parts(settings)) as parts:
        parts.keys.raise_numbers(MARKS, {"sendings": 1_000_000})
    baken.command(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: baken.get(f"/alerts/{alert_id}").status_code == 503, what="the site goes dark")
    eventually(lambda: "older copy" in baken.get("/readyz").text, what="the watchdog says so")
    eventually(lambda: "StoreRestored" in _pending_activities(baken, alert_id), what="the declaring is refused")
    assert baken.received(alert_id) == []
    assert baken.stop() == 0
    assert baken.refused()[0] == 3
    baken.start("--reconcile")
    baken.until_channels(alert_id, "showing", 1, 60)
    assert "Noor" in baken.get(f"/alerts/{alert_id}").text
    for channel in PERSONAL:
        told = Counter(line["recipient"] for line in baken.received(alert_id, channel, "alert"))
        assert set(told.values()) == {1}
    return alert_id


def _pending_activities(baken: Running, alert_id: str) -> str:
    return baken.temporal("workflow", "describe", "--workflow-id", f"alert-{alert_id}", "--output", "json")
