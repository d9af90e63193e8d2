"""One round: an alert is sent while faults happen and people change their minds, and then the books are compared."""

from __future__ import annotations

import heapq
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from activities.channels import CAPABILITIES
from activities.delivery import LOADS_AT_ONCE
from alerts.vocabulary import Action
from starter.errors import CannotReach, Problem
from store.keys import KeyStoreAway
from tests.chaos import books
from tests.chaos.books import Findings, Message, Record
from tests.chaos.faults import OF_THE_STORE, Fault, Field, draw
from tests.support.cases import amber_case
from worker import BATCHES_AT_ONCE

Story = Literal["nothing", "amend", "found", "hold"]
STORIES: tuple[Story, ...] = ("nothing", "amend", "found", "found", "hold")
POLICE = {"confirmed_by": "police"}
NEW_TEXT = {"patch": {"public": {"situation": "Gewijzigd: kijk uit naar een witte bestelbus."}}}
PATIENCE = 90.0
"""Seconds after the last fault and command in which everything must be as it should."""
AWAY = (CannotReach, OSError, SQLAlchemyError, KeyStoreAway)
"""What a person hears as "not now"."""
TRY_AGAIN = 1.0
"""Seconds after which somebody who was told that a part does not answer tries again."""
RULED_WITHIN = 15.0
"""Seconds after which somebody who does not see it gives a command again: it may have been refused since, or have been
accepted and overtaken by what somebody took away before it was in force."""
GOES_ON_WITHIN = 10.0
"""Seconds after a sender was killed in which others have taken its work over, when nothing else happens."""
LANES = BATCHES_AT_ONCE * LOADS_AT_ONCE
"""Loads that one sending process can have under way."""


@dataclass(frozen=True)
class Plan:
    """What happens in a round; all of it follows from its seed."""

    seed: int
    story: Story
    tells_at: float
    """Seconds after the approval at which somebody gives the story's command."""
    faults: tuple[Fault, ...]

    @property
    def refuses(self) -> bool:
        """Whether the counterpart refuses some for good."""
        return any(fault.what == "counterpart reject" for fault in self.faults)

    @classmethod
    def of(cls, seed: int, within: float) -> Plan:
        chance = random.Random(seed)
        story = chance.choice(STORIES)
        return cls(seed, story, round(chance.uniform(0.2, within), 2), tuple(draw(chance, within)))


@dataclass
class Result:
    """One line of the results."""

    seed: int
    story: str
    faults: list[str]
    channel: str
    recipients: int
    database: str
    errors: list[str]
    resends: int = 0
    doubt_allowed: int = 0
    unannounced: int = 0
    """Told what presumes an earlier message that did not arrive: in doubt counts as reached."""
    longest_gap_s: float = 0.0
    silence_after_kill_s: float | None = None
    """The longest in a wave from the kill of a sender on, with no other fault; None: no wave was hit."""
    after_faults_s: float = 0.0
    """From the end of the last fault or command to the last message."""
    took_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)

    def line(self) -> str:
        return json.dumps(asdict(self))

    def figures(self) -> str:
        said = ", ".join(f"{what}: {number}" for what, number in self.counts.items())
        return (
            f"{said}; resent {self.resends}, unannounced {self.unannounced}, longest gap {self.longest_gap_s} s, "
            f"after a kill {self.silence_after_kill_s} s, last message {self.after_faults_s} s after all faults, "
            f"took {self.took_s} s"
        )


class Round:
    """Plays a plan on a field; `play` gives the result and raises nothing of Baken's making."""

    def __init__(self, stage: Field, plan: Plan) -> None:
        self._stage = stage
        self._baken = stage.baken
        self._plan = plan
        self._record = Record(stage.baken.home / "demo" / "received.jsonl")
        self._findings = Findings()
        self._began = time.monotonic()
        self._timeline: list[str] = []
        self._alert = ""
        self._quiet_since = 0.0
        self._ended_at = 0.0
        self._over_at: float | None = 0.0
        """When the faults were over, on the monotonic clock; None while they go on."""

    def play(self) -> Result:
        stage, plan = self._stage, self._plan
        stage.begin_round(plan.seed, plan.faults)
        started = time.monotonic()
        try:
            self._run()
        except (AssertionError, Problem, *AWAY) as error:
            why = f" ({error.__cause__!r})" if error.__cause__ else ""
            self._findings.add(f"did not get there: {type(error).__name__}: {error}{why}"[:1500])
        messages = self._messages()
        silence = self._silence_after_kill(messages)
        if silence is not None and silence > GOES_ON_WITHIN:
            self._findings.add(f"nothing for {silence:.1f} s after a sender was killed")
        can = CAPABILITIES[stage.channel]
        allowed = can.chunk * can.together * LANES * stage.killed_senders
        doubt = self._findings.resends + self._findings.unannounced
        countable = not stage.restores and not any("counterpart" in fault.what for fault in plan.faults)
        if doubt > allowed and countable:
            self._findings.add(f"{doubt} messages in doubt, {allowed} allowed")
        return Result(
            seed=plan.seed,
            story=plan.story,
            faults=[str(fault) for fault in plan.faults],
            channel=stage.channel,
            recipients=len(self._ledger().audience),
            database=stage.store.url.split(":", 1)[0].split("+", 1)[0],
            errors=self._findings.lines(),
            resends=self._findings.resends,
            doubt_allowed=allowed,
            unannounced=self._findings.unannounced,
            longest_gap_s=round(books.longest_gap(messages), 2),
            silence_after_kill_s=silence and round(silence, 2),
            after_faults_s=round(max(0.0, messages[-1].at - self._quiet_since), 2) if messages else 0.0,
            took_s=round(time.monotonic() - started, 1),
            counts=books.counts(messages),
            timeline=self._timeline,
        )

    def _run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self._alert = self._baken.start_alert(amber_case(Path(folder)), Path(folder))
        self._baken.until(self._alert, _armed, 60, "an approvable edition")
        self._began = time.monotonic()
        self._give(Action.APPROVE, "supervisor1", until=lambda view: view["stage"] != "awaiting_approval")
        with ThreadPoolExecutor(1) as person:
            told = person.submit(self._tell)
            self._let_happen()
            told.result()
        self._stage.clear()
        self._note("no more faults")
        self._quiet_since = time.time()
        edition = 2 if self._plan.story == "amend" else 1
        if self._plan.story == "found":
            self._until_over()
        else:
            self._until_shown(edition)
            self._compare_shown(edition)
            self._ended_at = self._end()
            self._until_over()
        self._compare_ended()

    # What happens meanwhile

    def _let_happen(self) -> None:
        """The faults at their moments, each with its end; one of the store waits for the end of another."""
        order = count()
        due: list[tuple[float, int, Fault, Callable[[], None] | None]] = []
        for fault in self._plan.faults:
            heapq.heappush(due, (fault.at, next(order), fault, None))
        store_until = 0.0
        self._over_at = None
        while due:
            at, _, fault, end = heapq.heappop(due)
            time.sleep(max(0.0, self._began + at - time.monotonic()))
            now = time.monotonic() - self._began
            if end is not None:
                end()
                self._note(f"end: {fault.what}")
            elif fault.what in OF_THE_STORE and store_until > now:
                heapq.heappush(due, (store_until, next(order), fault, None))
            else:
                self._note(fault.what)
                ends = self._stage.begin(fault)
                if ends is not None:
                    until = time.monotonic() - self._began + fault.lasts
                    heapq.heappush(due, (until, next(order), fault, ends))
                    store_until = until if fault.what in OF_THE_STORE else store_until
        self._over_at = time.monotonic()

    def _tell(self) -> None:
        """What somebody on duty does in the middle."""
        time.sleep(max(0.0, self._began + self._plan.tells_at - time.monotonic()))
        story = self._plan.story
        if story == "amend":
            self._give(
                Action.AMEND, "operator1", lambda view: _pending(view) == 2 or view["edition"] == 2, content=NEW_TEXT
            )
            self._give(Action.APPROVE, "supervisor1", lambda view: view["edition"] == 2)
        elif story == "found":
            self._ended_at = self._end()
        elif story == "hold":
            self._give(Action.HOLD, "operator1", lambda view: view["stage"] == "held", reason="Klopt de plaat?")
            self._give(Action.REINSTATE, "supervisor1", lambda view: view["stage"] == "live")

    def _end(self) -> float:
        """Say found; since when the store says so, which is what senders obey."""
        watch = _Withdrawal(self._stage.store.url, self._alert)
        self._give(Action.FOUND, "operator1", lambda view: view["outcome"] == "found", content=POLICE)
        return watch.at()

    def _give(self, action: Action, who: str, until: Callable[[dict[str, Any]], bool], **more: Any) -> None:
        """Give a command as a person does: until it shows, again when told that something does not answer.

        And again after a restore, as `docs/restore.md` says.
        """
        began = time.monotonic()
        said: str | None = ""
        restores, given_at = self._stage.restores, began
        while True:
            try:
                unseen = time.monotonic() > given_at + RULED_WITHIN
                if said not in ("accepted", "recorded") or unseen or restores != self._stage.restores:
                    restores, given_at = self._stage.restores, time.monotonic()
                    ruling = self._baken.command(self._alert, action, who, **more)
                    said = "recorded" if ruling is None else "accepted" if ruling.accepted else ruling.reason
                    self._note(f"{action.value}: {said}")
                # What is recorded may be an older copy's: that an alert is live, of before the hold.
                if until(self._baken.show(self._alert)) and until(self._baken.show(self._alert, live=True)):
                    return
            except AWAY as error:
                self._note(f"{action.value}: {str(error)[:100]}")
            if self._over_at is not None and time.monotonic() > max(began, self._over_at) + PATIENCE:
                raise TimeoutError(f"{action.value} by {who} did not come through in {PATIENCE:g} s: {said}")
            time.sleep(TRY_AGAIN)

    def _note(self, what: str) -> None:
        self._timeline.append(f"{time.monotonic() - self._began:6.2f} s  {what}")

    # How it should be afterwards

    def _until_shown(self, edition: int) -> None:
        def shown(view: dict[str, Any]) -> bool:
            return bool(view["channels"]) and all(
                one["edition"] == edition and (one["state"] == "showing" or self._refused_by_all(one))
                for one in view["channels"]
            )

        self._baken.until(self._alert, shown, PATIENCE, f"every channel showing {edition}", every=0.5, live=True)
        self._note(f"every channel shows edition {edition}")

    def _refused_by_all(self, channel: dict[str, Any]) -> bool:
        """Of so short a wave the counterpart may have refused every single message for good.

        What a restored store does not know of that is in doubt in it.
        """
        nobody = channel["failed"] + channel["in_doubt"] == channel["recipients"] > 0
        return self._plan.refuses and channel["state"] == "failed" and nobody

    def _until_over(self) -> None:
        self._baken.until_channels(self._alert, "withdrawn", within=PATIENCE)
        self._note("every channel is withdrawn")

    def _messages(self) -> list[Message]:
        return self._record.messages(self._alert, self._stage.channel)

    def _ledger(self) -> books.Ledger:
        return books.read_ledger(self._stage.store.url, self._alert, self._stage.channel)

    def _silence_after_kill(self, messages: Sequence[Message]) -> float | None:
        happened = self._stage.happened
        silences = []
        for at in [at for at, what in happened if what == "kill a sender"]:
            went_on = books.wave_after(messages, at)
            if went_on and not any(other < went_on[-1] for other, what in happened if what != "kill a sender"):
                silences.append(max(after - before for before, after in pairwise([at, *went_on])))
        return max(silences, default=None)

    def _compare_shown(self, edition: int) -> None:
        messages, ledger = self._messages(), self._ledger()
        findings = Findings()
        last = self._check_order(messages, ledger, findings)
        books.check_reached(ledger, last, edition, self._findings, refuses=self._plan.refuses)
        books.check_ledger(ledger, messages, self._findings)
        arrived = {one.recipient for one in messages if one.edition == edition and one.kind in ("alert", "update")}
        (channel,) = [
            one for one in self._baken.show(self._alert)["channels"] if one["channel"] == self._stage.channel
        ]
        books.check_view(channel, ledger, len(arrived), edition, self._findings)

    def _check_order(
        self, messages: Sequence[Message], ledger: books.Ledger, findings: Findings
    ) -> dict[str, Message]:
        held = self._plan.story == "hold"
        doubt = {"end_in_doubt": ledger.end_in_doubt, "show_in_doubt": ledger.show_in_doubt}
        return books.check_order(messages, findings, held=held, **doubt)

    def _compare_ended(self) -> None:
        messages, ledger = self._messages(), self._ledger()
        last = self._check_order(messages, ledger, self._findings)
        books.check_ended(ledger, last, self._findings, refuses=self._plan.refuses)
        books.check_silence(messages, self._ended_at, self._findings, self._stage.woken)
        books.check_ledger(ledger, messages, self._findings)


class _Withdrawal:
    """Looks when the store first says that an alert is withdrawn."""

    def __init__(self, url: str, alert_id: str) -> None:
        self._engine = create_engine(url)
        self._alert = alert_id
        self._at = 0.0
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def at(self) -> float:
        self._thread.join(PATIENCE)
        self._engine.dispose()
        return self._at

    def _look(self) -> None:
        query = text("SELECT meaning FROM alert_standing WHERE alert_id = :alert")
        until = time.monotonic() + PATIENCE
        while not self._at and time.monotonic() < until:
            try:
                with self._engine.connect() as connection:
                    if connection.execute(query, {"alert": self._alert}).scalar_one() == "withdrawn":
                        self._at = time.time()
            except sqlalchemy.exc.SQLAlchemyError:
                time.sleep(0.1)
            time.sleep(0.01)


def _armed(view: dict[str, Any]) -> bool:
    pending = view["pending"]
    return bool(pending) and len(pending["arms"]) == 2


def _pending(view: dict[str, Any]) -> int | None:
    return view["pending"]["edition"] if view["pending"] else None
