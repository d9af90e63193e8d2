"""What people tell, in a running Baken: from the public page into the inbox, the history, and out again."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.vocabulary import Action
from starter.demo_case import draw_portrait
from tests.integration.test_console_http import token_of, visitor
from tests.support.cases import amber_case
from tests.support.programmes import PAGE
from tests.support.running import Running

CALL_BACK, SAID = "06-98765432", "Meisje met een rode jas bij de bushalte"


@pytest.fixture(scope="module")
def alert(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("case")
    alert_id = shared_baken.start_alert(amber_case(folder, programme=PAGE), folder)
    shared_baken.until_pending(alert_id)
    shared_baken.accepted(alert_id, Action.APPROVE, "supervisor1")
    shared_baken.until_stage(alert_id, "live")
    return alert_id


def tell(running: Running, alert_id: str, photo: bytes | None = None, **fields: str) -> dict[str, Any]:
    answer = running.post(f"/tip/{alert_id}", {"when": "now", **fields}, {"photo": photo} if photo else None)
    said: dict[str, Any] = answer.json()
    return said


def tips_page(client: httpx.Client, alert_id: str, **params: str) -> str:
    answer = client.get(f"/console/alerts/{alert_id}/tips", params=params)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def order(page: str) -> list[int]:
    """Numbers of the tips, as they stand on the page."""
    return [int(number) for number in re.findall(r'<li class="tip[^"]*" id="tip-(\d+)"', page)]


def test_tip_when_told_goes_through_the_inbox_into_the_history(
    shared_baken: Running, alert: str, tmp_path: Path
) -> None:
    draw_portrait(tmp_path / "seen.jpg")
    photo = (tmp_path / "seen.jpg").read_bytes()
    assert tell(shared_baken, alert, photo, id="t1", text=SAID, call_back=CALL_BACK) == {"state": "sent"}
    assert tell(shared_baken, alert, id="t2", text=SAID.upper()) == {"state": "sent"}
    assert shared_baken.get(f"/i/{alert}").status_code == 200
    with visitor(shared_baken, "operator1") as client:
        assert client.post(f"/i/{alert}", data={"id": "c1", "text": "ik ben bij oma"}).status_code == 200
        token = token_of(tips_page(client, alert))
        phoned = {"token": token, "id": "p1", "where": "Zwolle", "when": "ago", "minutes": "5"}
        assert client.post(f"/console/alerts/{alert}/tips", data=phoned).status_code == 303
        assert client.post(f"/console/alerts/{alert}/tips", data={**phoned, "where": ""}).status_code == 422
        page = tips_page(client, alert)
        assert order(page) == [3, 4, 1]  # the child, then the newest; what repeats is folded
        assert CALL_BACK in page
        assert re.search(r'<strong id="tips-unread">4</strong>', client.get(f"/console/alerts/{alert}").text)
        pressed = [client.post(f"/console/alerts/{alert}/tips/1/pass", data={"token": token}) for _ in range(2)]
        assert [one.status_code for one in pressed] == [303, 303]
        marked = client.post(f"/console/alerts/{alert}/tips/4/mark", data={"token": token, "mark": "useful"})
        assert marked.headers["location"].endswith("/tips#tip-4")
        assert order(tips_page(client, alert, unread="1")) == [3]
        client.post(f"/console/alerts/{alert}/tips/read", data={"token": token, "numbers": "3,1"})
        assert order(tips_page(client, alert, unread="1")) == []
        shown = client.get(f"/console/alerts/{alert}/tips/1/photo")
        assert (shown.headers["content-type"], shown.headers["cache-control"]) == ("image/jpeg", "no-store")
        assert client.get(f"/console/alerts/{alert}/tips/1/copy.json").json()["call_back"] == CALL_BACK
    view = shared_baken.show(alert)
    sightings = [one for one in view["rulings"] if one["action"] == "sighting"]
    assert [one["accepted"] for one in sightings] == [True]
    assert SAID not in json.dumps(view)
    assert CALL_BACK not in shared_baken.logs()
    assert CALL_BACK not in shared_baken.get("/metrics").text


def test_inbox_when_asked_for_by_others_stays_shut(shared_baken: Running, alert: str) -> None:
    tell(shared_baken, alert, id="t9", text=SAID)
    paths = [f"/console/alerts/{alert}/tips{rest}" for rest in ("", "/1/photo", "/1/copy.json", "/events")]
    with visitor(shared_baken, "engineer1") as client:
        assert {client.get(path).status_code for path in paths} == {403}
    with visitor(shared_baken) as client:
        assert {client.get(path).status_code for path in paths} == {303}
    with visitor(shared_baken, "operator1") as client:
        assert client.post(f"/console/alerts/{alert}/tips/read", data={"numbers": "1"}).status_code == 403
        assert client.get("/console/alerts/nothere/tips").status_code == 404


def test_inbox_when_something_comes_says_so_by_itself(shared_baken: Running, alert: str) -> None:
    with visitor(shared_baken, "operator2") as client:
        since = int(re.search(r"events\?since=(\d+)", tips_page(client, alert))[1])  # type: ignore[index]
        with client.stream("GET", f"/console/alerts/{alert}/tips/events?since={since}") as stream:
            assert tell(shared_baken, alert, id="new", text="een nieuwe tip") == {"state": "sent"}
            news = next(line for line in stream.iter_lines() if line.startswith("data:"))
    assert "Nieuw sinds u deze lijst opende: 1." in news


def test_tips_when_exported_are_whole_and_in_the_audit_chain(
    shared_baken: Running, alert: str, tmp_path: Path
) -> None:
    tell(shared_baken, alert, id="exported", text="naar het zuiden", call_back=CALL_BACK)
    code, listed, _ = shared_baken.cli("tips", "list", alert)
    assert code == 0
    assert "naar het zuiden" in [one["text"] for one in listed]
    file = tmp_path / "tips.json"
    code, said, _ = shared_baken.cli("tips", "export", alert, str(file), "--as", "supervisor1")
    assert (code, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600)
    document = json.loads(file.read_text())
    assert said["tips"] == len(document["tips"]) > 0
    (tip,) = [one for one in document["tips"] if one["text"] == "naar het zuiden"]
    assert (tip["call_back"], tip["photo"]) == (CALL_BACK, None)
    assert shared_baken.cli("tips", "export", alert, str(file))[0] == 2
    assert shared_baken.cli("tips", "export", alert, "--as", "engineer1")[0] == 3
    assert shared_baken.cli("tips", "list", "nothere")[0] == 2
    done = shared_baken.cli("audit", "verify")
    assert (done[0], done[1]["broken"]) == (0, None)
