"""Every channel in every case that applies to it: what `docs/channels/README.md` says, shown.

A channel more is a line in `activities.channels.CHANNELS`, and an eye where it is public.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from activities.channels import CAPABILITIES, NAMES
from starter.begin import EXERCISE_RECIPIENTS
from tests.integration.channels import cases
from tests.integration.channels.eyes import EYES
from tests.integration.channels.story import (
    CHILD,
    COUNTERPARTS,
    LATE,
    NAME,
    PLATE,
    QUICK,
    RECIPIENTS,
    Story,
    play_life,
    play_middle,
    play_refreshes,
)
from tests.support.programmes import write_programme
from tests.support.running import Running

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def baken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("conformance")
    quick = {"id": f'"{QUICK}"', "plan": '[{every = "5s", for = "2m"}]', "lease": '"9s"'}
    programmes = write_programme(folder / "programmes", **quick)
    running = Running(
        folder / "home", "--recipients", str(RECIPIENTS), "--programmes", str(programmes), forked=True
    ).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def life(baken: Running, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play_life(baken, tmp_path_factory.mktemp("life"))


@pytest.fixture(scope="module")
def middle(baken: Running, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play_middle(baken, tmp_path_factory.mktemp("middle"))


@pytest.fixture(scope="module")
def refreshed(baken: Running, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play_refreshes(baken, tmp_path_factory.mktemp("refreshed"))


def test_cases_when_listed_are_all_shown_by_tests_and_channels_all_have_an_eye() -> None:
    assert [case.title for case in cases.CASES if not case.tests] == []
    assert set(EYES) == set(NAMES)


@cases.SHOWN_ONCE
def test_alert_when_approved_is_shown_and_not_before(life: Story, channel: str) -> None:
    assert life.seen["waiting"][channel] == "nothing"
    assert life.seen["flaky"][channel] == "edition 1"


@cases.SHOWN_ONCE
def test_reached_are_all_there_are_and_none_is_told_twice(life: Story, channel: str) -> None:
    last = life.last(channel)
    assert (last["failed"], last["error"]) == (0, None)
    assert life.twice(channel) == []
    if CAPABILITIES[channel].audience == "personal":
        assert last["recipients"] == last["reached"] == len(life.recipients(channel)) > 0


@cases.SHOWN_ONCE
def test_ids_tell_apart_what_differs(life: Story, channel: str) -> None:
    said: dict[str, set[tuple[str, int, str]]] = {}
    for line in life.received(channel):
        said.setdefault(line["id"], set()).add((line["recipient"], line["edition"], line["kind"]))
    assert [one for one, meanings in said.items() if len(meanings) > 1] == []


@cases.CONFIRMED
def test_seen_are_all_who_were_reached(life: Story, channel: str) -> None:
    last = life.last(channel)
    assert last["seen"] == last["reached"] > 0


@cases.UPDATED
def test_change_when_approved_reaches_all(life: Story, channel: str) -> None:
    assert life.seen["slow"][channel] == "edition 2"


@cases.RENEWED
def test_refresh_renews_past_the_first_lease_and_tells_again_as_declared(refreshed: Story, channel: str) -> None:
    assert refreshed.of(channel) == ["nothing", "edition 1", "edition 1", "gone"]
    again, renews = refreshed.recipients(channel, "refresh"), CAPABILITIES[channel].renews
    assert again == refreshed.recipients(channel) or renews != "announce"
    assert again == set() or renews != "late_joiners"
    assert refreshed.twice(channel) == []


@cases.JOINED_LATE
def test_late_ones_get_the_alert_once_and_the_end(refreshed: Story, channel: str) -> None:
    alerts = [line["recipient"] for line in refreshed.received(channel, "alert")]
    assert len(alerts) == len(set(alerts)) == EXERCISE_RECIPIENTS + LATE
    assert refreshed.recipients(channel, "cancel") == set(alerts)


@cases.TAKEN_BACK
def test_hold_makes_dark_and_reinstating_shows_again(life: Story, channel: str) -> None:
    assert life.seen["held"][channel] == "gone"
    assert life.seen["reinstated"][channel] == "edition 2"


@cases.ENDED
def test_found_is_gone_or_said_to_be_over_to_all_reached(life: Story, channel: str) -> None:
    assert life.seen["found"][channel] == "gone"
    assert life.recipients(channel, "cancel") == life.recipients(channel)


@cases.KINDS
def test_exercise_looks_the_same_and_reaches_counterparts_of_exercises_only(
    life: Story, refreshed: Story, channel: str
) -> None:
    showed = [refreshed.seen[turn][channel] for turn in ("waiting", "approved", "found")]
    assert showed == [life.seen[turn][channel] for turn in ("waiting", "flaky", "found")]
    assert refreshed.recipients(channel).isdisjoint(life.recipients(channel))


@cases.DOWN
def test_counterpart_that_is_down_is_told_as_such_and_reached_once_it_is_back(life: Story, channel: str) -> None:
    assert life.seen["down"][channel] == "nothing"
    assert life.seen["flaky"][channel] == "edition 1"


def test_counterparts_that_are_down_delay_no_channel_that_has_none(life: Story) -> None:
    assert {life.seen["down"][name] for name in set(NAMES) - set(COUNTERPARTS)} == {"edition 1"}


@cases.MALFORMED
def test_nonsense_is_told_as_such_and_is_no_yes(life: Story, channel: str) -> None:
    assert life.seen["malformed"][channel] == "nothing"
    assert life.seen["flaky"][channel] == "edition 1"


@cases.DENIED
def test_refused_credentials_are_told_as_such_and_cost_nobody_the_alert(life: Story, channel: str) -> None:
    assert life.seen["denied"][channel] == "nothing"
    assert life.seen["flaky"][channel] == "edition 1"


@cases.FLAKY
def test_flaky_counterpart_gets_each_message_once(life: Story, channel: str) -> None:
    assert life.seen["flaky"][channel] == "edition 1"
    assert life.twice(channel) == []


@cases.SLOW
def test_slow_counterpart_gets_it_all_the_same(life: Story, channel: str) -> None:
    assert life.seen["slow"][channel] == "edition 2"


@cases.REFUSED
def test_refused_for_good_is_shown_as_failed_and_what_was_shown_before_is_ended(middle: Story, channel: str) -> None:
    assert middle.seen["refused"][channel] == "edition 1"
    assert middle.seen["found"][channel] == "gone"


@cases.KILLED
def test_killed_in_the_middle_shows_to_all_under_one_id_each(middle: Story, channel: str) -> None:
    assert middle.seen["killed"][channel] == "edition 1"
    if CAPABILITIES[channel].audience == "personal":
        told = {(line["recipient"], line["id"]) for line in middle.received(channel, "alert")}
        reached = middle.recipients(channel, "alert")
        assert len(told) == len(reached)
        assert len(reached) == middle.last(channel)["recipients"] or CAPABILITIES[channel].at_most_once


@cases.FOUND_MIDWAY
def test_found_in_the_middle_leaves_nobody_with_the_alert(middle: Story, channel: str) -> None:
    assert middle.seen["found"][channel] == "gone"
    assert middle.recipients(channel) == middle.recipients(channel, "cancel")


@cases.LIMITS
def test_longest_texts_of_any_characters_are_shown_and_ended(refreshed: Story, channel: str) -> None:
    assert refreshed.of(channel) == ["nothing", "edition 1", "edition 1", "gone"]
    assert refreshed.last(channel)["failed"] == 0


@cases.PRIVATE
def test_logs_when_all_is_over_name_neither_child_nor_recipient(
    baken: Running, life: Story, middle: Story, refreshed: Story, channel: str
) -> None:
    said = [*baken.home.glob("logs/*"), baken.home.with_suffix(".stderr")]
    logs = "".join(path.read_text("utf-8", "replace") for path in said)
    assert logs
    personal = CAPABILITIES[channel].audience == "personal" and not CAPABILITIES[channel].partners
    recipients = {line["recipient"] for story in (life, middle) for line in story.received(channel)}
    private = {CHILD, PLATE, "Noor", NAME[:3], *(recipients if personal else ())}
    assert [word for word in private if word in logs] == []


def test_history_and_home_when_all_is_over_hold_nothing_personal_without_the_codec(
    baken: Running, life: Story, middle: Story, refreshed: Story
) -> None:
    """Neither in histories, nor anywhere in the home: logs, databases, ports, records."""
    shown = baken.temporal("workflow", "show", "-w", f"alert-{life.alert_id}", "--output", "json")
    listed = baken.temporal("workflow", "list", "--output", "json")
    assert f"alert-{life.alert_id}" in listed
    for history in (shown, listed):
        assert CHILD not in history
        payloads = _payloads(json.loads(history))
        assert payloads
        assert [one for one in payloads if CHILD.encode() in base64.b64decode(one)] == []
    for path in (found for found in baken.home.rglob("*") if found.is_file()):
        content = path.read_bytes()
        assert CHILD.encode() not in content, path.name
        assert PLATE.encode() not in content, path.name


def _payloads(document: Any) -> list[str]:
    if isinstance(document, dict):
        here = [document["data"]] if isinstance(document.get("data"), str) and "metadata" in document else []
        return here + [found for value in document.values() for found in _payloads(value)]
    return [found for value in document for found in _payloads(value)] if isinstance(document, list) else []
