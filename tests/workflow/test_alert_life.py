"""Long stories on the time-skipping server, with the real workflows, activities and store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from alerts.vocabulary import Action
from store import duty
from store.duty import Addresses
from tests.support.cases import amber_case
from tests.support.environment import Alert, skip, world
from tests.support.mail import MailServer, serving
from tests.support.programmes import programme
from tests.support.waiting import eventually_async


def _case(folder: Path, **changes: Any) -> dict[str, Any]:
    """Without photos: no starter is there to take them in."""
    case = amber_case(folder, **changes)
    case["children"][0].pop("photos")
    return case


async def test_real_plan_gives_twelve_refreshes_on_the_grid(tmp_path: Path, database_url: str) -> None:
    async with world(tmp_path / "home", skipping=True, database_url=database_url) as here:
        alert = await here.start(_case(tmp_path), programme())
        await alert.approve()
        await alert.until_channels("showing")
        for _ in range(12):
            await skip(here, timedelta(minutes=15))
        await skip(here, timedelta(seconds=30))
        view = await alert.until(lambda view: len(view["refreshes"]) >= 12, "12 refreshes")
        due = [_at(one["due"]) for one in view["refreshes"]]
        drifts = [_at(one["at"]) - at for one, at in zip(view["refreshes"], due, strict=True)]
        assert [one["n"] for one in view["refreshes"]] == list(range(1, 13))
        assert {later - before for before, later in pairwise(due)} == {timedelta(minutes=15)}
        assert timedelta(0) <= min(drifts) <= max(drifts) <= timedelta(seconds=0.5)
        assert not any(one.get("missed") for one in view["refreshes"])
        await alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police"})
        await alert.until_channels("withdrawn")
        await skip(here, timedelta(minutes=5))
        assert len((await alert.view())["refreshes"]) == 12


async def test_found_taken_back_during_undo_shows_again_and_undo_over_closes_and_destroys_the_display_key(
    tmp_path: Path,
) -> None:
    """Found once more, with an outcome message, which is an edition of its own."""
    async with world(tmp_path / "home", skipping=True) as here:
        alert = await here.start(_case(tmp_path), programme())
        await alert.approve()
        await alert.until_channels("showing")
        await alert.give(Action.FOUND, "supervisor1", content={"confirmed_by": "police"})
        await alert.until_channels("withdrawn")
        refused = await alert.give(Action.REINSTATE, "supervisor1")
        assert not refused["accepted"]
        assert (await alert.give(Action.REINSTATE, "supervisor2"))["accepted"]
        await alert.until_channels("showing")
        assert (await alert.view())["stage"] == "live"
        await alert.give(Action.FOUND, "operator1", content={"confirmed_by": "police", "outcome": "safe"})
        await alert.until_stage("closing")
        await alert.until_channels("withdrawn")
        await _tell_outcome(alert)
        assert not here.parts.keys.destroyed(alert.alert_id, "display")
        await skip(here, timedelta(minutes=11))
        assert await alert.handle.result() == "found"
        assert here.parts.keys.destroyed(alert.alert_id, "display")


async def _tell_outcome(alert: Alert) -> None:
    texts = {"nl": "Het kind is veilig thuis.", "en": "The child is safe at home."}
    for wrong in (
        {"nl": texts["nl"]},
        {**texts, "en": " "},
        {**texts, "fr": "Bien."},
        {**texts, "en": "x" * 1001},
    ):
        refused = await alert.give(Action.PROPOSE_OUTCOME, "operator1", content={"texts": wrong})
        assert "in each language" in refused["reason"]
    assert (await alert.give(Action.PROPOSE_OUTCOME, "operator1", content={"texts": texts}))["accepted"]
    pending = await alert.until(lambda view: view["pending"], "the outcome message pending")
    assert pending["pending"]["purpose"] == "outcome"
    assert (await alert.approve())["accepted"]
    await alert.until(lambda view: not view["pending"], "approved")


async def test_burgernet_closes_by_itself_within_the_hour(tmp_path: Path) -> None:
    async with world(tmp_path / "home", skipping=True) as here:
        local = {"circle": {"lat": 52.15, "lon": 5.38, "radius_m": 3000}}
        case = _case(tmp_path, programme="burgernet", area=local)
        alert = await here.start(case, programme("burgernet"))
        await alert.approve()
        await alert.until_channels("showing")
        await skip(here, timedelta(minutes=62))
        view = await alert.until(lambda view: view["ended"], "the end")
        assert view["outcome"] == "expired"


async def test_returned_amended_and_approved_goes_live(tmp_path: Path) -> None:
    async with world(tmp_path / "home", skipping=True) as here:
        alert = await here.start(_case(tmp_path), programme())
        first = await alert.until(lambda view: view["pending"], "pending")
        digest = first["pending"]["digest"]
        assert (await alert.give(Action.RETURN_FOR_EDIT, "supervisor1", digest=digest, reason="plaats?"))["accepted"]
        await alert.until_stage("returned")
        patch = {"public": {"situation": "Een meisje is meegenomen in Amersfoort."}}
        assert (await alert.give(Action.AMEND, "operator2", content={"patch": patch}))["accepted"]
        again = await alert.until(lambda view: view["pending"], "pending again")
        assert again["pending"]["digest"] != digest
        old = await alert.give(Action.APPROVE, "supervisor1", digest=digest)
        assert "changed since" in old["reason"]
        assert (await alert.approve())["accepted"]
        await alert.until_channels("showing")


async def test_unfit_case_says_what_and_waits(tmp_path: Path) -> None:
    unfit: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"publicity": {"basis": "unknown"}}, "needs_information", "publicity"),
        ({"children": [{"name": "Al 18", "age": 18, "hair": "rood"}]}, "ineligible", "minor"),
        (
            {"assessment": {"life_in_danger": "yes", "relation": "parent", "sheltered_checked": "no"}},
            "needs_information",
            "sheltered",
        ),
    )
    async with world(tmp_path / "home", skipping=True) as here:
        for changes, stage, criterion in unfit:
            alert = await here.start({**_case(tmp_path), **changes}, programme())
            view = await alert.until_stage(stage)
            judged = {one["id"]: one for one in view["criteria"]}
            assert judged[criterion]["result"] in ("unknown", "not_met"), criterion
            assert judged[criterion]["why"], criterion
            cancel = await alert.give(Action.CANCEL, "operator1", reason="toch niet", content={"why": "error"})
            assert cancel["accepted"]
            assert await alert.handle.result() == "cancelled"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_nobody_answers_calls_who_is_on_duty_then_every_supervisor_and_escalates_again_and_again(
    tmp_path: Path,
) -> None:
    async with serving() as mails:
        (tmp_path / "home").mkdir()
        settings = f'[channels.email]\nhost = "127.0.0.1"\nport = {mails.port}\n'
        (tmp_path / "home" / "config.toml").write_text(settings)
        async with world(tmp_path / "home", skipping=True) as here:
            now = await here.env.get_current_time()
            with here.parts.db.write() as session:
                for user in ("supervisor1", "supervisor2"):
                    addresses = Addresses(here.parts.keys.system_key("duty"))
                    addresses.put(session, user, "email", f"{user}@baken.example", "nl")
                duty.begin(session, "supervisor1", datetime.now(UTC) + timedelta(hours=8), now)
            alert = await here.start(_case(tmp_path), here.programme)
            await alert.until(lambda view: view["pending"], "pending")
            await eventually_async(lambda: _called(mails, 1), what="the call to who is on duty")
            assert mails.taken[0].rcpt_tos == ["supervisor1@baken.example"]
            await skip(here, timedelta(minutes=6))
            await eventually_async(lambda: _called(mails, 3), what="the calls to all")
            view = await alert.view()
            assert view["pending"]["about"] == view["escalations"][0]["about"]
            assert view["pending"]["escalates_at"] > view["escalations"][0]["at"]
            assert sorted(to for mail in mails.taken[1:] for to in mail.rcpt_tos) == [
                "supervisor1@baken.example",
                "supervisor2@baken.example",
            ]
            for _ in range(2):
                await skip(here, timedelta(minutes=5, seconds=5))
            view = await alert.until(lambda view: len(view["escalations"]) >= 3, "3 escalations")
            assert view["stage"] == "awaiting_approval"
            assert (await alert.approve("supervisor2"))["accepted"]


async def _called(mails: MailServer, number: int) -> bool:
    return len(mails.taken) >= number
