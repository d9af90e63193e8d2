"""Stories that all channels of one Baken go through together, so that a channel more costs no minute more.

Each is played once, by `play_…`; tests then look at what was seen of one channel.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from activities.channels import CAPABILITIES, NAMES, PERSONAL, SUBSCRIBED
from alerts.vocabulary import Action, Kind
from starter.begin import EXERCISE_RECIPIENTS, fill_subscribers
from starter.parts import open_parts
from starter.settings import load_settings
from tests.integration.channels.eyes import EYES, coat
from tests.support.cases import amber_case
from tests.support.running import Running
from tests.support.waiting import eventually

RECIPIENTS = 40
LATE = 3
"""Join each channel that people can subscribe to, in the middle."""
QUICK = "quick"
"""A programme like AMBER that refreshes every five seconds, with a lease of nine."""
COUNTERPARTS = tuple(name for name, can in CAPABILITIES.items() if can.counterpart)
LOOK = 0.5
"""Seconds between two looks at an alert: they cost more than what they wait for."""
LONG = 600
"""Seconds of a fault that is taken away again."""
SAYS = {"down": "does not answer", "malformed": "makes no sense", "denied": "does not accept our"}
"""What an operator reads at a fault, of every channel, so that the three can be told apart."""
CHILD, PLATE = "Quirinaverzonnen", "ZZ-777-Q"
"""Of the alert that lives longest; nobody may read them where it was not shown."""
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NAME = (f'\u0646\u0648\u0631\u064f {FAMILY} O\'Brien-\u00c5 <b>&amp;"%s" ' * 20)[:400].strip()
"""Arabic with a vowel mark, a character of five signs, and what HTML, XML, JSON and formats take for their own."""
View = dict[str, Any]


class Story:
    """One alert: what is done, and what was seen of each channel at each turn: `seen[turn][channel]`."""

    def __init__(self, baken: Running, folder: Path, kind: Kind = Kind.ACTUAL, **case: Any) -> None:
        self.baken = baken
        self.seen: dict[str, dict[str, str]] = {}
        self.final: View = {}
        self._editions = 1
        document = amber_case(folder, **{"public": {"situation": coat(1)}, **case})
        self.alert_id = baken.start_alert(document, folder, kind)
        baken.until_pending(self.alert_id)

    # What people do

    def approve(self) -> None:
        self.baken.accepted(self.alert_id, Action.APPROVE, "supervisor1")

    def amend(self) -> None:
        """The next edition; it waits for its approval."""
        self._editions += 1
        patch = {"public": {"situation": coat(self._editions)}}
        self.baken.accepted(self.alert_id, Action.AMEND, "operator1", content={"patch": patch})
        self.baken.until_pending(self.alert_id, self._editions)

    def find(self) -> None:
        self.baken.accepted(self.alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})

    # What is waited for

    def until_shown(self, turn: str) -> None:
        edition = self._editions
        self.until_all(lambda one: (one["state"], one["edition"]) == ("showing", edition), f"edition {edition}")
        self.look(turn)

    def until_gone(self, turn: str) -> None:
        self.final = self.until_all(lambda one: one["state"] == "withdrawn", "every channel withdrawn")
        self.look(turn)

    def until_all(self, check: Callable[[View], bool], what: str, channels: Iterable[str] = NAMES) -> View:
        """Until it is so for each of these channels."""
        names = frozenset(channels)

        def so(view: View) -> bool:
            mine = [one for one in view["channels"] if one["channel"] in names]
            return len(mine) == len(names) and all(map(check, mine))

        return self.baken.until(self.alert_id, so, 40, what, LOOK)

    def until_sending(self) -> None:
        """All who send to recipients have begun and none has heard what became of it, by a query of our own."""
        begun = "SELECT DISTINCT channel FROM ledger WHERE alert_id = ? AND edition = ? AND outcomes IS NULL"

        def channels() -> set[str]:
            with closing(sqlite3.connect(self.baken.home / "baken.db")) as db:
                return {name for (name,) in db.execute(begun, (self.alert_id, self._editions))}

        eventually(lambda: channels() == set(PERSONAL), 20, every=0.02, what="every channel in the middle of sending")

    # What was seen

    def look(self, turn: str) -> None:
        self.seen[turn] = {channel: EYES[channel](self.baken, self.alert_id) for channel in NAMES}

    def of(self, channel: str) -> list[str]:
        """What a channel showed, turn by turn."""
        return [seen[channel] for seen in self.seen.values()]

    def received(self, channel: str, kind: str | None = None) -> list[dict[str, Any]]:
        return self.baken.received(self.alert_id, channel, kind)

    def recipients(self, channel: str, kind: str | None = None) -> set[str]:
        return {line["recipient"] for line in self.received(channel, kind)}

    def twice(self, channel: str) -> list[tuple[str, str]]:
        """Recipient and id of what came more than once."""
        told = Counter((line["recipient"], line["id"]) for line in self.received(channel))
        return [said for said, times in told.items() if times > 1]

    def last(self, channel: str) -> View:
        """How the channel stood at the end."""
        return next(one for one in self.final["channels"] if one["channel"] == channel)

    # Faults of all counterparts at once

    def fault(self, mode: str) -> None:
        """Until `baken.clear_faults`, or another one."""
        for channel in COUNTERPARTS:
            self.baken.fault(channel, mode, LONG)

    def until_troubled(self, mode: str) -> None:
        """Every counterpart was tried and failed so, and the operator can read it."""
        self.until_all(lambda one: SAYS[mode] in (one["error"] or ""), f"{mode} told", COUNTERPARTS)
        self.look(mode)


def play_life(baken: Running, folder: Path) -> Story:
    """Shown through every fault that passes, changed slowly, held, shown again, found."""
    document = amber_case(folder)
    child, vehicle = {**document["children"][0], "name": CHILD}, {**document["vehicles"][0], "plate": PLATE}
    story = Story(baken, folder, children=[child], vehicles=[vehicle])
    story.look("waiting")
    story.fault("down")
    story.approve()
    story.until_troubled("down")
    for mode in ("malformed", "denied"):
        story.fault(mode)
        story.until_troubled(mode)
    story.fault("flaky")
    story.until_shown("flaky")
    story.amend()
    story.fault("slow")
    story.approve()
    story.until_sending()
    baken.clear_faults()  # those under way are answered slowly, and one such second tells as much as all
    story.until_shown("slow")
    baken.accepted(story.alert_id, Action.HOLD, "operator1", reason="twijfel")
    story.until_all(lambda one: one["state"] in ("withdrawn", "armed"), "every channel dark")
    story.look("held")
    baken.accepted(story.alert_id, Action.REINSTATE, "supervisor1")
    story.until_shown("reinstated")
    story.find()
    story.until_gone("found")
    return story


def play_middle(baken: Running, folder: Path) -> Story:
    """`kill -9` of all that works while counterparts have messages; a change they refuse; found during the next."""
    story = Story(baken, folder)
    story.fault("slow")
    story.approve()
    story.until_sending()
    workers = baken.pids("-m worker")
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    baken.clear_faults()
    story.until_shown("killed")
    story.amend()
    story.fault("reject")
    story.approve()
    story.until_all(_refused, "refused for good", COUNTERPARTS)
    story.look("refused")
    story.amend()
    story.fault("slow")
    story.approve()
    story.until_sending()
    story.find()
    baken.clear_faults()
    story.until_gone("found")
    return story


def _refused(one: View) -> bool:
    """Recipients are given up one by one; what shows one thing to all is tried again, and says why it fails."""
    personal = CAPABILITIES[one["channel"]].audience == "personal"
    return bool(one["state"] == "failed" if personal else one["error"])


def play_refreshes(baken: Running, folder: Path) -> Story:
    """An exercise with the longest texts there can be, until the first lease would be over; meanwhile some join who
    were not there."""
    document = amber_case(folder)
    child = {**document["children"][0], "name": NAME, "clothing": NAME, "marks": NAME}
    seen = {**document["last_seen"], "place": NAME}
    public = {"situation": f"{coat(1)} {NAME} {FAMILY * 800}"[:4000]}
    story = Story(baken, folder, Kind.EXERCISE, programme=QUICK, children=[child], last_seen=seen, public=public)
    story.look("waiting")
    story.approve()
    story.until_shown("approved")
    with closing(open_parts(load_settings({}, home=baken.home))) as parts:
        fill_subscribers(parts, RECIPIENTS, NAMES, exercise=EXERCISE_RECIPIENTS + LATE)
    baken.until(story.alert_id, lambda view: len(view["refreshes"]) >= 2, 40, "2 refreshes", LOOK)
    everybody = EXERCISE_RECIPIENTS + LATE
    eventually(lambda: {len(story.recipients(name)) for name in SUBSCRIBED} == {everybody}, what="late ones told")
    story.look("refreshed")
    story.find()
    story.until_gone("found")
    return story
