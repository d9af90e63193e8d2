"""Commands without Temporal: what takes away is in force at once, the rest says what is missing (DESIGN, rule 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.vocabulary import Action, Meaning
from starter.client import Baken, open_baken
from starter.errors import BadInput, CannotReach, UnknownAlert, UnknownUser
from store import audit, outbox
from store.standing import close, standing
from store.views import put_view
from tests.support.homes import ALERT, add_alert, silent_home


@pytest.fixture
async def baken(tmp_path: Path, database_url: str) -> AsyncIterator[Baken]:
    """An alert shows its first edition, and Temporal does not answer."""
    settings = silent_home(tmp_path / "home", database_url)
    add_alert(settings, shows=True)
    async with open_baken(settings, patience=0.2) as client:
        yield client


def _meaning(baken: Baken) -> str:
    with baken.parts.db.read() as session:
        return standing(session, ALERT).meaning


def _audited(baken: Baken) -> list[tuple[str, str, str]]:
    entries = audit.export(baken.parts.db, baken.parts.keys)
    return [(entry["actor"], entry["action"], entry["verdict"]) for entry in entries]


def _waiting(baken: Baken) -> list[str]:
    with baken.parts.db.read() as session:
        return [one.action for one in outbox.unsignalled(session)]


@pytest.mark.parametrize(
    ("action", "content", "meaning"),
    [
        (Action.FOUND, {"confirmed_by": "police"}, Meaning.WITHDRAWN),
        (Action.FOUND, {"confirmed_by": "phone"}, Meaning.HELD),
        (Action.FOUND, {"child": 1}, Meaning.HELD),
        (Action.CANCEL, {"why": "error"}, Meaning.WITHDRAWN),
        (Action.HOLD, {}, Meaning.HELD),
        (Action.RETRACT, {"what": "vehicles/0"}, Meaning.HELD),
    ],
)
@pytest.mark.parametrize("user", ["operator1", "supervisor2"])
async def test_what_takes_away_while_temporal_is_away_is_in_force_at_once(
    baken: Baken, action: Action, content: dict[str, Any], meaning: Meaning, user: str
) -> None:
    assert await baken.command(ALERT, action, user, reason="wrong", content=content) is None
    assert _meaning(baken) == meaning
    assert _waiting(baken) == [action.value]
    assert _audited(baken) == [(user, action.value, "given")]
    assert (await baken.show(ALERT))["standing"] == meaning


async def test_found_after_hold_withdraws_what_was_held(baken: Baken) -> None:
    await baken.command(ALERT, Action.HOLD, "operator1", reason="doubt")
    await baken.command(ALERT, Action.FOUND, "operator2")
    assert _meaning(baken) == Meaning.WITHDRAWN
    assert _waiting(baken) == ["hold", "found"]


async def test_what_takes_away_by_somebody_not_on_duty_takes_nothing(baken: Baken) -> None:
    with pytest.raises(CannotReach):
        await baken.command(ALERT, Action.FOUND, "engineer1")
    assert _meaning(baken) == Meaning.EDITION
    assert _waiting(baken) == []


async def test_a_command_that_seems_to_miss_takes_away_when_nobody_can_be_asked(baken: Baken) -> None:
    key = baken.parts.keys.record_key(ALERT)
    view = {**await baken.show(ALERT), "case": {"children": [{}]}, "found_children": [1]}
    with baken.parts.db.write() as session:
        put_view(session, key, ALERT, 1, view)
    await baken.command(ALERT, Action.FOUND, "operator1", content={"child": 1})
    assert _meaning(baken) == Meaning.HELD


@pytest.mark.parametrize("action", [Action.APPROVE, Action.REINSTATE, Action.KEEP])
async def test_what_adds_while_temporal_is_away_cannot_be_given(baken: Baken, action: Action) -> None:
    with pytest.raises(CannotReach, match="Temporal"):
        await baken.command(ALERT, action, "supervisor1")
    assert _audited(baken) == []


async def test_a_command_on_a_closed_alert_is_refused_here_and_audited(baken: Baken) -> None:
    with baken.parts.db.write() as session:
        close(session, ALERT, datetime.now(UTC))
    for action in (Action.FOUND, Action.APPROVE):
        ruling = await baken.command(ALERT, action, "supervisor1")
        assert ruling is not None
        assert not ruling.accepted
        assert "start a new one" in str(ruling.reason)
    assert _audited(baken) == [("supervisor1", "found", "refused"), ("supervisor1", "approve", "refused")]
    assert _waiting(baken) == []


async def test_a_command_on_an_unknown_alert_is_audited_too(baken: Baken) -> None:
    with pytest.raises(UnknownAlert):
        await baken.command("nope", Action.FOUND, "operator1")
    assert _audited(baken) == [("operator1", "found", "refused")]


async def test_a_command_by_an_unknown_user_has_no_effect(baken: Baken) -> None:
    for user in ("nobody", "../operator1", ""):
        with pytest.raises(UnknownUser):
            await baken.command(ALERT, Action.HOLD, user, reason="x")
    assert _meaning(baken) == Meaning.EDITION


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action.START, {}),
        (Action.HOLD, {"reason": " \n"}),
        (Action.RETRACT, {"reason": "x"}),
        (Action.CANCEL, {"reason": "x", "content": {"why": "bored"}}),
        (Action.FOUND, {"content": {"confirmed_by": "nobody"}}),
        (Action.FOUND, {"content": {"outcome": "happy"}}),
        (Action.AMEND, {"content": {"patch": []}}),
        (Action.HOLD, {"reason": "x", "command_id": "i" * 65}),
    ],
)
async def test_a_command_nobody_could_understand_has_no_effect(
    baken: Baken, action: Action, said: dict[str, Any]
) -> None:
    with pytest.raises(BadInput):
        await baken.command(ALERT, action, "operator1", **said)
    assert _meaning(baken) == Meaning.EDITION
    assert _audited(baken) == []


async def test_pump_while_temporal_is_away_keeps_everything(baken: Baken) -> None:
    await baken.command(ALERT, Action.HOLD, "operator1", reason="doubt")
    assert await baken.pump() == 0
    assert _waiting(baken) == ["hold"]


async def test_pump_rules_on_what_a_closed_alert_never_judged(baken: Baken) -> None:
    await baken.command(ALERT, Action.FOUND, "operator1", command_id="late")
    with baken.parts.db.write() as session:
        outbox.mark_signalled(session, "late", datetime.now(UTC))
        close(session, ALERT, datetime.now(UTC))
    await baken.pump()
    with baken.parts.db.read() as session:
        assert outbox.oldest_unruled(session) is None
    assert _audited(baken)[-1] == ("baken", "found", "accepted")
    assert audit.verify(baken.parts.db, baken.parts.keys).whole


async def test_pump_after_the_record_was_destroyed_rules_and_goes_on(baken: Baken) -> None:
    await baken.command(ALERT, Action.FOUND, "operator1")
    baken.parts.keys.destroy(ALERT, "record")
    await baken.pump()
    assert _waiting(baken) == []
