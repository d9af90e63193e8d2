"""The API's answers that need no running Temporal: who asks, one shape of errors, its description."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from starter.api import MOST_BYTES, api_router
from starter.begin import read_tokens
from starter.client import open_baken
from starter.settings import Settings
from tests.support.cases import amber_case
from tests.support.homes import add_alert, silent_home

Api = httpx.AsyncClient


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return silent_home(tmp_path / "home")


@pytest.fixture
async def anyone(settings: Settings) -> AsyncIterator[Api]:
    """Somebody without a token."""
    async with open_baken(settings, patience=0.2) as baken:
        app = FastAPI(openapi_url=None)
        app.include_router(api_router(baken, settings))
        async with Api(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
            yield client


@pytest.fixture
def operator(anyone: Api, settings: Settings) -> Api:
    token = next(token for token, user in read_tokens(settings).items() if user == "operator1")
    anyone.headers["authorization"] = f"Bearer {token}"
    return anyone


@pytest.fixture
def alert(settings: Settings) -> str:
    return add_alert(settings)


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer, which has their whole shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert set(said) == {"type", "title", "status", "detail", "errors"}
    assert said["status"] == status
    return said


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", "Basic b3BlcmF0b3Ix", "Bearer ünïcode"])
async def test_asking_without_a_right_token_is_refused(anyone: Api, header: str | None) -> None:
    headers = {b"authorization": header.encode()} if header else {}
    answer = await anyone.get("/api/v1/alerts", headers=headers)
    _problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_listing_when_nothing_was_started_is_empty(operator: Api) -> None:
    answer = await operator.get("/api/v1/alerts")
    assert (answer.status_code, answer.json()) == (200, [])


async def test_listing_a_stage_that_does_not_exist_names_the_field(operator: Api) -> None:
    said = _problem(await operator.get("/api/v1/alerts", params={"stage": "gone"}), 422)
    assert said["errors"][0]["field"] == "stage"


async def test_an_alert_that_nobody_recorded_yet_shows_as_verifying(operator: Api, alert: str) -> None:
    shown = (await operator.get(f"/api/v1/alerts/{alert}")).json()
    assert (shown["stage"], shown["workflow_id"], shown["channels"]) == ("verifying", f"alert-{alert}", [])
    assert (await operator.get("/api/v1/alerts")).json() == [shown]


async def test_an_unknown_alert_is_not_found(operator: Api) -> None:
    assert "no alert 'nope'" in _problem(await operator.get("/api/v1/alerts/nope"), 404)["detail"]
    _problem(await operator.post("/api/v1/alerts/nope/commands/hold", json={"reason": "x"}), 404)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_address_is_not_found(operator: Api, method: str) -> None:
    _problem(await operator.request(method, "/api/v1/nothing/here"), 404)


async def test_starting_a_wrong_case_names_every_field(operator: Api, tmp_path: Path) -> None:
    case = amber_case(tmp_path, colour="red")
    case["children"][0]["age"] = "seven"
    said = _problem(await operator.post("/api/v1/alerts", json={"case": case}), 422)
    assert {wrong["field"] for wrong in said["errors"]} == {"children/0/age", "colour"}


async def test_starting_without_the_photo_names_it(operator: Api, tmp_path: Path) -> None:
    said = _problem(await operator.post("/api/v1/alerts", json={"case": amber_case(tmp_path)}), 422)
    assert said["errors"][0]["field"] == "children/0/photos/0/file"


async def test_starting_while_temporal_is_away_says_so_and_starts_nothing(operator: Api, tmp_path: Path) -> None:
    case = amber_case(tmp_path)
    case["children"][0]["photos"] = []
    assert "Temporal" in _problem(await operator.post("/api/v1/alerts", json={"case": case}), 503)["detail"]
    assert (await operator.get("/api/v1/alerts")).json() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"case"', b"\xff\xfe", b'{"case": 1}', b'{"case": {}, "x": 1}'])
async def test_a_body_that_is_no_case_is_bad_input(operator: Api, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    _problem(await operator.post("/api/v1/alerts", content=body, headers=headers), 422)


async def test_a_body_that_is_too_large_is_refused(operator: Api) -> None:
    _problem(await operator.post("/api/v1/alerts", content=bytes(MOST_BYTES + 1)), 413)


@pytest.mark.parametrize("action", ["start", "explode", "view"])
async def test_a_command_that_does_not_exist_is_bad_input(operator: Api, alert: str, action: str) -> None:
    said = _problem(await operator.post(f"/api/v1/alerts/{alert}/commands/{action}", json={}), 422)
    assert said["errors"][0]["field"] == "action"


@pytest.mark.parametrize(
    ("action", "said", "field"),
    [
        ("hold", {}, "--reason"),
        ("hold", {"reason": " "}, "--reason"),
        ("hold", {"reason": "x" * 2001}, "--reason"),
        ("hold", {"reason": "x", "what": "suspect"}, "what"),
        ("retract", {"reason": "x"}, "--what"),
        ("cancel", {"reason": "x"}, "--why"),
        ("cancel", {"reason": "x", "why": "bored"}, "why"),
        ("found", {"child": 0}, "child"),
        ("amend", {}, "patch"),
        ("change-programme", {"programme": "ambre"}, "programme"),
    ],
)
async def test_a_command_that_says_too_little_names_the_field(
    operator: Api, alert: str, action: str, said: dict[str, Any], field: str
) -> None:
    answer = await operator.post(f"/api/v1/alerts/{alert}/commands/{action}", json=said)
    assert _problem(answer, 422)["errors"][0]["field"] == field


async def test_what_takes_away_is_recorded_while_temporal_is_away(operator: Api, alert: str) -> None:
    said = {"id": "once", "reason": "wrong child"}
    for _ in range(2):
        answer = await operator.post(f"/api/v1/alerts/{alert}/commands/hold", json=said)
        assert answer.status_code == 202
        assert answer.json()["accepted"] is None


async def test_what_adds_while_temporal_is_away_is_not_given(operator: Api, alert: str) -> None:
    answer = await operator.post(f"/api/v1/alerts/{alert}/commands/keep", json={})
    assert "Temporal" in _problem(answer, 503)["detail"]


async def test_the_description_is_open_and_names_every_address(anyone: Api) -> None:
    described = (await anyone.get("/api/v1/openapi.json")).json()
    assert set(described["paths"]) == {
        "/api/v1/alerts",
        "/api/v1/alerts/{alert_id}",
        "/api/v1/alerts/{alert_id}/commands/{action}",
    }
    assert "application/problem+json" in json.dumps(described)
