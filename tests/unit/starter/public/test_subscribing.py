"""Subscribing a browser: where it may be reached is looked at before it is kept, and only its secret ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from activities.web_push import Vapid, vapid_key
from simulators.browsers import Browsers
from starter.parts import Parts, open_parts
from starter.public.site import public_router
from store.area_files import import_areas
from store.subscribers import Entry, Subscribers
from tests.structure.files import ROOT
from tests.support.asking import Asking
from tests.support.editions import BASE_URL
from tests.support.homes import silent_home

AREAS = ROOT / "tests" / "fixtures" / "areas" / "gemeenten-synthetic.geojson"
CONTACT = "mailto:push@baken.example"
HERE = Browsers(9, bytes(32)).subscription("me")


def opened(folder: Path, **more: Any) -> Parts:
    settings = silent_home(folder / "home")
    (settings.home / "config.toml").write_text(f'[channels.webpush]\ncontact = "{CONTACT}"\n')
    parts = open_parts(settings.model_copy(update=more))
    import_areas(parts.db, AREAS)
    return parts


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = opened(tmp_path)
    yield parts
    parts.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Parts]:
    """A home that sends to the world."""
    parts = opened(tmp_path, temporal_address="127.0.0.1:9")
    yield parts
    parts.close()


def site(parts: Parts) -> Asking:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: datetime.now(UTC)))
    return Asking(app)


def begin(parts: Parts, subscription: str = HERE, **more: str) -> int:
    said = {"subscription": subscription, "language": "en", **more}
    return site(parts).post("/subscribe", json=said).status_code


def end(parts: Parts, subscription: str = HERE) -> int:
    return site(parts).post("/subscribe/end", json={"subscription": subscription}).status_code


def at(endpoint: str) -> str:
    return json.dumps({**json.loads(HERE), "endpoint": endpoint})


def kept(parts: Parts) -> list[Entry]:
    subscribers = Subscribers(parts.keys.system_key("subscribers"), "webpush")
    return [entry._replace(since=None) for entry in subscribers.everybody(parts.db)]


def test_page_when_opened_has_the_key_of_our_messages_and_every_municipality(parts: Parts) -> None:
    page = site(parts).get("/subscribe").text
    key = Vapid(vapid_key(parts.keys.system_key("vapid")), CONTACT).public_key
    assert f'data-key="{key}"' in page
    names = [one["properties"]["name"] for one in json.loads(AREAS.read_text())["features"]]
    assert page.count("<option") == 1 + len(names)


def test_page_when_web_push_is_not_configured_says_so(tmp_path: Path) -> None:
    parts = open_parts(silent_home(tmp_path / "home"))
    assert "Meldingen zijn hier niet mogelijk" in site(parts).get("/subscribe").text
    assert begin(parts) == 404
    parts.close()


def test_browser_when_it_subscribes_is_kept_once_and_its_last_place_counts(parts: Parts) -> None:
    place = json.loads(AREAS.read_text())["features"][0]["properties"]["code"]
    assert [begin(parts), begin(parts), begin(parts, municipality=place)] == [204] * 3
    assert kept(parts) == [Entry(HERE, "en", (place,))]


def test_subscription_when_ended_takes_its_secret_and_tells_nobody_who_is_there(parts: Parts) -> None:
    begin(parts)
    guessed = json.loads(HERE)
    guessed["keys"]["auth"] = "A" * 22
    assert end(parts, json.dumps(guessed)) == 204
    assert len(kept(parts)) == 1
    assert [end(parts), end(parts)] == [204, 204]
    assert kept(parts) == []


def test_browser_when_its_push_service_is_known_is_kept(cluster: Parts) -> None:
    for endpoint in ("https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/x"):
        assert begin(cluster, at(endpoint)) == 204
    assert len(kept(cluster)) == 2


def test_endpoint_when_it_is_no_push_service_is_refused(cluster: Parts) -> None:
    for endpoint in (
        "https://victim.example/x",
        "https://notfcm.googleapis.com/x",
        "https://fcm.googleapis.com.victim.example/x",
        "https://127.0.0.1/x",
        "http://fcm.googleapis.com/x",
    ):
        assert begin(cluster, at(endpoint)) == 400, endpoint
    assert kept(cluster) == []


def test_endpoint_when_the_home_reaches_only_itself_must_be_here(parts: Parts) -> None:
    assert begin(parts, at("https://fcm.googleapis.com/fcm/send/x")) == 400


def test_request_when_it_makes_no_sense_is_refused(parts: Parts) -> None:
    for said, status in (
        ({"subscription": "{}", "language": "nl"}, 400),
        ({"subscription": HERE, "language": "nl", "municipality": "GM9999"}, 400),
        ({"subscription": HERE, "language": "xx"}, 422),
        ({"subscription": "x" * 5_000, "language": "nl"}, 422),
        ({"language": "nl"}, 422),
    ):
        assert site(parts).post("/subscribe", json=said).status_code == status, said
    assert kept(parts) == []


def test_service_worker_when_asked_for_is_at_the_root_and_never_stale(parts: Parts) -> None:
    answer = site(parts).get("/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
