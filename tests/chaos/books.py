"""The books of one alert on one channel: the counterpart's own record, the ledger, and the audience, compared.

Nothing here uses the code under test: the record is a file that only the counterpart writes, ledger and audience are
read by plain SQL, and the bytes of the ledger are taken apart once more.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text

NAMES = {"app": "recipient{:07d}:demo", "email": "recipient{:07d}@demo.baken.example"}
"""Addresses of the demo's subscribers, in the order in which they subscribed, but for the first of the app."""
TOPIC = "/topics/nl"
REACHED, GONE, REJECTED, RETRY, DOUBT, ASSUMED = range(1, 7)
"""What a byte of the ledger's outcomes says; 0: nothing was due."""
FAILED = frozenset({GONE, REJECTED})
GRACE = 2.0
"""Seconds after the end was given in which messages that were under way may still arrive."""
TWICE = "alerts to those who have one"
CHANGED_TWICE = "changes told twice"
ENDED_TWICE = "ends told twice"
SAID = 5
"""Examples of each sort of difference."""


class Message(NamedTuple):
    """One line of the counterpart's record."""

    at: float
    recipient: str
    edition: int
    kind: str
    id: str


class Record:
    """What the counterpart took in, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0
        self._messages: dict[tuple[str, str], list[Message]] = defaultdict(list)

    def messages(self, alert_id: str, channel: str) -> list[Message]:
        """In the order in which they arrived; a line still being written waits for the next look."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in map(json.loads, whole.splitlines()):
                at = datetime.fromisoformat(line["at"]).timestamp()
                message = Message(at, line["recipient"], line["edition"], line["kind"], line["id"])
                self._messages[line["alert_id"], line["channel"]].append(message)
        return self._messages[alert_id, channel]


@dataclass
class Ledger:
    """What the store says of each recipient, and who there is."""

    audience: list[str]
    statuses: dict[tuple[str, int], dict[str, int]]
    """By purpose and edition: the last status of each recipient that it names."""
    end_in_doubt: set[str] = field(default_factory=set)
    """Who may have been told that it is held, at any time: shown again, they get the alert again, and they are told
    again when it ends."""
    show_in_doubt: set[str] = field(default_factory=set)
    """Who may have had an edition: the next one is a change for them, also where it came to them as an alert before
    the store was lost."""

    def of(self, purpose: str, edition: int, *statuses: int) -> set[str]:
        return {name for name, status in self.statuses.get((purpose, edition), {}).items() if status in statuses}

    def ever(self, purpose: str, *statuses: int) -> set[str]:
        """Over all editions."""
        found: set[str] = set()
        for said, edition in self.statuses:
            found |= self.of(said, edition, *statuses) if said == purpose else set()
        return found


def read_ledger(url: str, alert_id: str, channel: str) -> Ledger:
    """By plain SQL from the store; positions are those of the subscribers in order of joining."""
    engine = create_engine(url)
    with engine.connect() as connection:
        subscribed = connection.execute(
            text("SELECT count(*) FROM subscriber WHERE channel = :channel AND NOT exercise AND left_at IS NULL"),
            {"channel": channel},
        ).scalar_one()
        rows = connection.execute(
            text(
                "SELECT purpose, edition, start, intended, outcomes FROM ledger "
                "WHERE alert_id = :alert AND channel = :channel ORDER BY id"
            ),
            {"alert": alert_id, "channel": channel},
        ).all()
    engine.dispose()
    audience = [NAMES[channel].format(number) for number in range(subscribed)]
    if channel == "app":
        audience[:1] = [TOPIC]
    statuses: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    in_doubt: dict[str, set[str]] = defaultdict(set)
    for purpose, edition, start, intended, outcomes in rows:
        for place, due in enumerate(bytes(intended)):
            if due:
                status = bytes(outcomes)[place] if outcomes is not None else DOUBT
                statuses[purpose, edition][audience[start + place]] = status
                if status in (DOUBT, ASSUMED):
                    in_doubt[purpose].add(audience[start + place])
    return Ledger(audience, dict(statuses), in_doubt["end"], in_doubt["show"])


@dataclass
class Findings:
    """What the comparison came to. No errors: the promises were kept."""

    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    resends: int = 0
    """Messages that arrived again under the same id."""
    unannounced: int = 0
    """What presumes an earlier message that did not arrive: in doubt counts as reached."""

    def add(self, what: str, *examples: str) -> None:
        self.errors[what].extend(examples)

    def add_set(self, what: str, found: set[str]) -> None:
        if found:
            self.add(what, *sorted(found))

    def lines(self) -> list[str]:
        return [
            f"{what}: {len(found)}, such as {', '.join(found[:SAID])}" if found else what
            for what, found in self.errors.items()
        ]


def check_order(
    messages: Iterable[Message],
    findings: Findings,
    *,
    held: bool,
    end_in_doubt: Collection[str],
    show_in_doubt: Collection[str] = (),
) -> dict[str, Message]:
    """What each recipient has before it at last, after checking that each got the next thing only.

    `held`: the alert was held and reinstated, so an alert may come once more after its end, or where that is in doubt.
    """
    last: dict[str, Message] = {}
    known: set[str] = set()
    for message in messages:
        before = last.get(message.recipient)
        if message.id in known:
            findings.resends += 1
            if before is None or before.id != message.id:
                findings.add("old messages after newer ones", _words(message))
            continue
        known.add(message.id)
        problem = _problem(before, message, held=held)
        again = problem == TWICE and held and message.recipient in end_in_doubt
        alerted = before is not None and before.kind == "alert"
        again |= problem == CHANGED_TWICE and alerted and message.recipient in show_in_doubt
        again |= problem == ENDED_TWICE and held and message.recipient in end_in_doubt
        if problem and not again:
            findings.add(problem, _words(message))
        findings.unannounced += again or (before is None and message.kind != "alert")
        last[message.recipient] = message
    return last


def _problem(before: Message | None, message: Message, *, held: bool) -> str | None:
    """What is wrong with getting this after that; a first change or end is told to those in doubt."""
    if before is None:
        return None
    ended = before.kind == "cancel"
    if message.kind == "cancel":
        return ENDED_TWICE if ended else None
    if message.edition < before.edition:
        return "older editions after newer ones"
    if ended:
        return None if held and message.kind == "alert" else "told after the end"
    if message.kind == "alert":
        return TWICE
    return CHANGED_TWICE if message.edition == before.edition else None


def check_reached(
    ledger: Ledger, last: Mapping[str, Message], edition: int, findings: Findings, *, refuses: bool
) -> None:
    """Without an end: everybody has the newest edition, save whom a counterpart that `refuses` did refuse for good.

    `ASSUMED`: refused, after an attempt of which nobody knows whether it arrived.
    """
    refused = ledger.of("show", edition, *FAILED, ASSUMED) if refuses else set()
    have = {name for name, message in last.items() if message.edition == edition and message.kind != "cancel"}
    findings.add_set("lost", set(ledger.audience) - have - refused)
    findings.add_set("strangers", set(last) - set(ledger.audience))


def check_ended(ledger: Ledger, last: Mapping[str, Message], findings: Findings, *, refuses: bool) -> None:
    """After the end: everybody who has anything has the end, save whom a counterpart that `refuses` did not let."""
    refused = ledger.ever("end", *FAILED, ASSUMED) if refuses else set()
    untold = {name for name, message in last.items() if message.kind != "cancel"}
    findings.add_set("reached and never told that it ended", untold - refused)
    findings.add_set("strangers", set(last) - set(ledger.audience))


def check_silence(messages: Sequence[Message], ended_at: float, findings: Findings, woken: Sequence[float]) -> None:
    """Nothing that shows the alert arrives once its end is given and what was under way is through.

    A sender that is frozen between its last look and its write lets go of that one message when it wakes: no sender
    can do better, and who gets it hears the end after it.
    """
    late = [one for one in messages if one.kind != "cancel" and one.at > ended_at + GRACE]
    for at in woken:
        caught = next((one for one in late if 0 <= one.at - at <= GRACE), None)
        if caught is not None:
            late.remove(caught)
    for one in late:
        findings.add("alerts after the end was given", f"{_words(one)} {one.at - ended_at:+.2f} s")


def check_ledger(ledger: Ledger, messages: Sequence[Message], findings: Findings) -> None:
    """What the ledger says was reached did arrive, and what arrived is reached or in doubt there."""
    arrived: dict[tuple[str, int], set[str]] = defaultdict(set)
    for message in messages:
        arrived["end" if message.kind == "cancel" else "show", message.edition].add(message.recipient)
    for key in {*arrived, *ledger.statuses}:
        findings.add_set(f"reached by the ledger alone ({key[0]} {key[1]})", ledger.of(*key, REACHED) - arrived[key])
        unknown = arrived[key] - ledger.of(*key, REACHED, DOUBT, ASSUMED)
        findings.add_set(f"arrived and unknown to the ledger ({key[0]} {key[1]})", unknown)


def check_view(channel: Mapping[str, Any], ledger: Ledger, arrived: int, edition: int, findings: Findings) -> None:
    """What people are shown of a channel equals the counterpart's record of that edition."""
    said = channel["reached"], channel["failed"]
    doubt = len(ledger.of("show", edition, DOUBT, ASSUMED))
    failed = len(ledger.of("show", edition, *FAILED))
    if not arrived <= said[0] <= arrived + doubt or said[1] != failed:
        findings.add(f"shown as reached and failed: {said}; arrived {arrived}, failed {failed}, in doubt {doubt}")


def longest_gap(messages: Sequence[Message]) -> float:
    """Seconds between two messages that follow each other, at most."""
    times = [message.at for message in messages]
    return max((after - before for before, after in pairwise(times)), default=0.0)


def wave_after(messages: Sequence[Message], at: float) -> list[float]:
    """When the wave that was under way at a moment went on; empty where it did not have to."""
    before = [message for message in messages if message.at <= at]
    if not before:
        return []
    wave = before[-1].edition, before[-1].kind
    return [message.at for message in messages if message.at > at and (message.edition, message.kind) == wave]


def counts(messages: Iterable[Message]) -> dict[str, int]:
    return dict(Counter(f"{message.kind} {message.edition}" for message in messages))


def _words(message: Message) -> str:
    return f"{message.recipient} {message.kind} {message.edition}"
