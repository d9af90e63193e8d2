"""The wall `/demo/` of a running Baken: one glance tells what is shown now and what is taken down."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from activities.channels import NAMES
from alerts.vocabulary import Action
from starter.web.wall_words import WORDS
from tests.support.cases import amber_case
from tests.support.programmes import FEW, PAGE
from tests.support.running import Running
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def live(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Ids of four that are shown, one more than the wall has room for: two pages, then one on few channels, then one
    on all."""
    folder = tmp_path_factory.mktemp("live")
    return [_shown(shared_baken, folder, programme) for programme in (PAGE, PAGE, FEW, "amber")]


def _shown(baken: Running, folder: Path, programme: str) -> str:
    alert_id = baken.start_alert(amber_case(folder, programme=programme), folder)
    baken.until_pending(alert_id)
    baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    baken.until_channels(alert_id, "showing", 1)
    return alert_id


def test_the_newest_alert_comes_first_however_many_are_live(shared_baken: Running, live: list[str]) -> None:
    wall = shared_baken.get("/demo/", lang="en").text
    assert re.findall(r"<strong>Alert (\w+)", wall) == live[:0:-1]


def test_a_mail_opens_as_its_receiver_sees_it(shared_baken: Running, live: list[str]) -> None:
    number = re.findall(r"/demo/mails/(\d+)", shared_baken.get("/demo/").text)[0]
    opened, body = shared_baken.get(f"/demo/mails/{number}"), shared_baken.get(f"/demo/mails/{number}/body")
    assert f'src="/demo/mails/{number}/body" sandbox' in opened.text
    assert "Noor" in opened.text
    assert 'src="data:image/jpeg;base64,' in body.text
    assert "sandbox" in body.headers["content-security-policy"]
    assert "script-src" not in body.headers["content-security-policy"]


def test_wall_shows_an_alert_on_every_channel_then_nothing_of_it_though_the_simulators_were_killed(
    shared_baken: Running, live: list[str]
) -> None:
    alert_id = live[-1]
    wall = shared_baken.get("/demo/", lang="en").text
    assert (
        f"Alert {alert_id}</strong>\nis now on: Website, CAP feed, E-mail, App, Browsers, Text messages, "
        "Partners (webhook), Cell broadcast, Social media, Screens and road signs, Posters" in wall
    )
    assert "<strong>40</strong> mailboxes with the alert on top" in wall
    assert "<strong>40</strong> phones show the alert" in wall
    assert "<strong>40</strong> browsers show the alert" in wall
    assert "<strong>40</strong> phones with the alert as the last" in wall
    assert re.search(rf'class="bubble">AMBER Alert: [^<]*0800-6070\n[^<]*/a/{alert_id}</p>', wall)
    (pid,) = shared_baken.pids("-m simulators")
    os.kill(pid, signal.SIGKILL)
    shared_baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
    shared_baken.until_channels(alert_id, "withdrawn", within=40)
    assert len({line["recipient"] for line in shared_baken.received(alert_id, "email", "cancel")}) == 40
    wall = shared_baken.get("/demo/", lang="en").text
    assert f"Alert {alert_id}</strong>\nis not shown anywhere any more" in wall
    assert "<strong>40</strong> mailboxes with the end message" in wall
    assert "<strong>40</strong> phones show the end" in wall
    assert "<strong>40</strong> browsers show the end" in wall
    assert "<strong>40</strong> phones with the end message" in wall


def test_a_phone_that_answers_stop_hears_no_more(shared_baken: Running, tmp_path: Path) -> None:
    number, file = "+31690999999", tmp_path / "phones.csv"
    file.write_text(f"address\n{number}\n")
    assert shared_baken.cli("subscribers", "import", str(file), "--channel", "sms")[0] == 0
    said = {"sender": number, "text": "Stop"}
    httpx.post(f"{shared_baken.web}/demo/texts", json=said, trust_env=False, verify=False).raise_for_status()

    def left() -> bool:
        (sms,) = [one for one in shared_baken.cli("subscribers", "count")[1] if one["channel"] == "sms"]
        return (sms["active"], sms["left"]) == (40, 1)

    eventually(left, what="an end of the subscription")


def test_a_mail_that_is_not_kept_is_not_found(shared_baken: Running) -> None:
    assert shared_baken.get("/demo/mails/999999").status_code == 404
    assert shared_baken.get("/demo/mails/999999/body").status_code == 404


def test_only_what_changed_is_sent_again(shared_baken: Running) -> None:
    wall = shared_baken.get("/demo/", lang="nl").text
    found = re.search(r"seen=([0-9a-f.]+)", wall)
    assert found is not None
    assert shared_baken.get("/demo/panels", lang="nl", seen=found.group(1)).status_code == 204
    shared_baken.fault("webhook", "slow", 60)
    changed = shared_baken.get("/demo/panels", lang="nl", seen=found.group(1)).text
    httpx.delete(f"{shared_baken.web}/demo/faults", trust_env=False, verify=False).raise_for_status()
    assert re.findall(r"innerHTML:#(\w+)", changed) == ["webhook"]
    assert "antwoordt traag" in changed


def test_a_paused_wall_does_not_refresh_by_itself(shared_baken: Running) -> None:
    assert "hx-get" in shared_baken.get("/demo/").text
    assert "hx-get" not in shared_baken.get("/demo/", live="0").text


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_word_is_in_both_languages_and_on_the_page(shared_baken: Running, language: str) -> None:
    wall = shared_baken.get("/demo/", lang=language)
    assert wall.status_code == httpx.codes.OK
    assert f'<html lang="{language}">' in wall.text
    assert all(WORDS[name][language] in wall.text for name in (*NAMES, "title", "demo"))
    assert all(set(word) == {"nl", "en"} and all(word.values()) for word in WORDS.values())
