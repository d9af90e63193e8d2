"""Faults on every channel at once, two minutes long, while an alert is approved, changed and found.

`make chaos-channels [ROUNDS=20] [SEED=…]`. Each counterpart gets faults of its own at random moments, all of which
follow from the seed. Then every channel must have ended right: what all of them show is looked at by the eyes of the
conformance suite, and what each recipient was told is compared with the audience, counted by queries of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from activities.channels import NAMES, PERSONAL, SUBSCRIBED
from simulators.faults import SLOW
from tests.chaos.books import Findings, Message, check_order
from tests.integration.channels.eyes import EYES
from tests.integration.channels.story import COUNTERPARTS, Story
from tests.support.running import Running

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "build" / "chaos-channels.jsonl"
RECIPIENTS = 200
PHASE = 40.0
"""Seconds of faults in each of the three: alert, update, found."""
MODES = ("down", "error", "slow", "flaky", "cut", "malformed", "denied")
"""Those that pass; what a counterpart refuses for good it does not show, whatever Baken does."""
QUIET, LASTS = (0.0, 8.0), (0.5, 10.0)
"""Seconds between two faults of a channel, and of each; from and to."""
BEFORE = 0.5
"""Seconds that the first faults are there before anybody does anything."""
PATIENCE = 90.0
"""Seconds after the faults of a phase in which every channel must be right. The issue's bar for one is 30 s."""
LANGUAGES = 2
"""In which each account posts."""
ONCE = "others"
"""Accounts through Apprise are sent what is in doubt at most once, so they may miss something."""
UNDER_WAY = SLOW + 2.0
"""Seconds after the end was given in which a counterpart may still take what was sent before."""


@dataclass
class Result:
    """One line of the results."""

    seed: int
    faults: int
    errors: list[str]
    shown_after_s: float = 0.0
    """From the end of the second phase's faults until every channel showed the newest edition."""
    gone_after_s: float = 0.0
    """From the end of the third phase's faults until nothing was shown anywhere."""
    resends: dict[str, int] = field(default_factory=dict)
    """By channel: messages that arrived again under the same id."""
    unannounced: dict[str, int] = field(default_factory=dict)


@contextmanager
def bad_luck(baken: Running, chance: random.Random) -> Iterator[list[int]]:
    """Faults of every counterpart until `PHASE` is over, and then none; how many there were.

    The first of each comes before anything is done: what is sent goes out in a second when nothing is in its way.
    """
    moments = []
    for channel in COUNTERPARTS:
        at = 0.0
        while at < PHASE:
            lasts = min(chance.uniform(*LASTS), PHASE - at)
            moments.append((at, channel, chance.choice(MODES), lasts))
            at += lasts + chance.uniform(*QUIET)
    began, number = time.monotonic(), [len(moments)]

    def strike() -> None:
        for at, channel, mode, lasts in sorted(moments):
            time.sleep(max(0.0, began + at - time.monotonic()))
            baken.fault(channel, mode, lasts)

    thread = threading.Thread(target=strike)
    thread.start()
    time.sleep(BEFORE)
    try:
        yield number
    finally:
        thread.join()
        time.sleep(max(0.0, began + PHASE - time.monotonic()))
        baken.clear_faults()


def play(baken: Running, seed: int, folder: Path) -> Result:
    """One alert through all three phases; raises nothing of Baken's making."""
    chance, result = random.Random(seed), Result(seed, 0, [])
    story = Story(baken, folder)
    try:
        with bad_luck(baken, chance) as number:
            result.faults += number[0]
            story.approve()
        with bad_luck(baken, chance) as number:
            result.faults += number[0]
            story.amend()
            story.approve()
        result.shown_after_s = _until(story, lambda one: (one["state"], one["edition"]) == ("showing", 2), "edition 2")
        _look(story, "edition 2", result)
        with bad_luck(baken, chance) as number:
            result.faults += number[0]
            story.find()
            found_at = time.time()
        result.gone_after_s = _until(story, lambda one: one["state"] == "withdrawn", "withdrawn")
        _look(story, "gone", result)
        for channel in PERSONAL:
            _compare(baken, story, channel, found_at, result)
    except AssertionError as error:
        result.errors.append(f"did not get there: {error}"[:1500])
    return result


def _until(story: Story, check: Callable[[Mapping[str, Any]], bool], what: str) -> float:
    """Seconds until it is so on every channel."""
    began = time.monotonic()
    story.baken.until(
        story.alert_id,
        lambda view: len(view["channels"]) == len(NAMES) and all(map(check, view["channels"])),
        PATIENCE,
        what,
    )
    return round(time.monotonic() - began, 1)


def _look(story: Story, expected: str, result: Result) -> None:
    for channel in NAMES:
        seen = EYES[channel](story.baken, story.alert_id)
        if seen != expected:
            result.errors.append(f"{channel} shows {seen}, not {expected}")


def _compare(baken: Running, story: Story, channel: str, found_at: float, result: Result) -> None:
    """What each recipient was told, in order, against who there is."""
    once = {one["name"] for one in _ports(baken)["social"]["accounts"] if one["service"] == ONCE}
    messages = [
        Message(
            datetime.fromisoformat(line["at"]).timestamp(),
            line["recipient"],
            line["edition"],
            line["kind"],
            line["id"],
        )
        for line in story.received(channel)
        if line["recipient"].partition("/")[0] not in once
    ]
    findings = Findings()
    last = check_order(messages, findings, held=False, end_in_doubt=())
    editions: dict[str, set[int]] = defaultdict(set)
    for one in messages:
        if one.kind != "cancel":
            editions[one.recipient].add(one.edition)
    audience = _audience(baken, channel)
    newest = sum(2 in told for told in editions.values())
    if (len(editions), newest) != (audience, audience):
        findings.add(f"{audience} are in the audience, {len(editions)} were told, {newest} of the newest edition")
    findings.add_set("never told that it ended", {name for name, one in last.items() if one.kind != "cancel"})
    late = {one.recipient for one in messages if one.kind != "cancel" and one.at > found_at + UNDER_WAY}
    findings.add_set("told after it was found", late)
    result.errors += [f"{channel}: {line}" for line in findings.lines()]
    result.resends[channel], result.unannounced[channel] = findings.resends, findings.unannounced


def _audience(baken: Running, channel: str) -> int:
    """By a query of our own: subscribers from the store, partners and accounts from what simulators said of them."""
    if channel in SUBSCRIBED:
        query = "SELECT count(*) FROM subscriber WHERE channel = ? AND NOT exercise AND left_at IS NULL"
        with closing(sqlite3.connect(baken.home / "baken.db")) as db:
            (number,) = db.execute(query, (channel,)).fetchone()
            return int(number)
    if channel == "webhook":
        return len(_ports(baken)["partners"])
    return LANGUAGES * len([one for one in _ports(baken)["social"]["accounts"] if one["service"] != ONCE])


def _ports(baken: Running) -> dict[str, Any]:
    ports: dict[str, Any] = json.loads((baken.home / "demo" / "ports.json").read_text("utf-8"))
    return ports


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6) * 100)
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.rounds} rounds, results in {RESULTS.relative_to(ROOT)}", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    failed, seen = 0, Counter[str]()
    with tempfile.TemporaryDirectory(prefix="baken-chaos-") as folder:
        baken = Running(Path(folder) / "home", "--recipients", str(RECIPIENTS)).start()
        try:
            for seed in range(given.seed, given.seed + given.rounds):
                with tempfile.TemporaryDirectory() as case:
                    result = play(baken, seed, Path(case))
                with RESULTS.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                failed += bool(result.errors)
                seen.update(result.resends)
                print(
                    f"{'FAILED' if result.errors else 'ok'} seed {seed}: {result.faults} faults, newest edition shown "
                    f"{result.shown_after_s} s after them, gone {result.gone_after_s} s after them, resent "
                    f"{sum(result.resends.values())}, unannounced {sum(result.unannounced.values())}",
                    *result.errors,
                    sep="\n    ",
                    flush=True,
                )
        finally:
            baken.stop()
    print(f"{failed} of {given.rounds} rounds failed; resent in all: {dict(seen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
