"""What one operator's network is to be told now, from what it was told before; and what its answer makes of that.

A row is written before a message leaves, so that what a process had under way when it ended is in doubt and not lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from activities.cap_message import written
from activities.cell_network import Refused
from activities.channels.base import ChannelError, PublishJob, Unreachable
from activities.endpoints import CellNetwork
from store import network_messages
from store.network_messages import State
from store.standing import Superseded
from store.tables.alert import NetworkMessage

CANCEL_LASTS = timedelta(hours=24)
"""How long a Cancel stays in force."""
Outcome = tuple[NetworkMessage, ...] | ChannelError | Superseded
"""What a network says it had when it acknowledged; or why it was not told."""


@dataclass(frozen=True)
class Step:
    """What one network is to be told now: a row of its own, written before it leaves."""

    network: CellNetwork
    row: NetworkMessage
    before: str
    """The row's state of before: one in doubt stays so until the network says more."""
    references: tuple[tuple[NetworkMessage, ...], ...]
    """What it may have, surest last: the next one is tried when the network refuses one, for it knows what it has."""

    @property
    def may_have_nothing(self) -> bool:
        """Whether a network that refuses to end it has, for all we know, nothing to end."""
        return self.row.cancels and all(one.state == State.DOUBT for one in self.references[-1])


def to_show(session: Session, job: PublishJob, network: CellNetwork, lease: datetime, now: datetime) -> Step | None:
    """An Update of what it has, or an Alert; None where it acknowledged this already."""
    told = network_messages.messages(session, job.alert_id, network.name)
    mine = _mine(told, job, network)
    if mine is not None and mine.state == State.ACKNOWLEDGED:
        return None
    others = [one for one in told if one is not mine]
    holds = [one for one in network_messages.since_cancel(others) if one.expires > now]
    sure = [one for one in holds if one.state == State.ACKNOWLEDGED]
    tries = [holds]
    if len(sure) < len(holds) or network_messages.cancel_in_doubt(others):
        tries += [sure, []]
    return _step(session, job, network, told, tries, lease, cancels=False)


def to_cancel(
    session: Session, job: PublishJob, network: CellNetwork, told: Sequence[NetworkMessage], now: datetime
) -> Step:
    """A Cancel of what it has, which is something.

    Where the last Cancel is in doubt it is sent once more: if that came there is nothing left for another one to name,
    and the network knows it again by its identifier.
    """
    has = network_messages.since_cancel(told)
    # What is over there shows no more, but a phone keeps its newest until it is told of the end.
    holds = [one for one in has if one.expires > now] or has[-1:]
    sure = [one for one in holds if one.state == State.ACKNOWLEDGED]
    tries = [some for some in (holds, sure) if some]
    return _step(session, job, network, told, tries, job.sent + CANCEL_LASTS, cancels=True)


def note(session: Session, step: Step, outcome: Outcome) -> None:
    """Keep what the network said of a step, or did not say.

    A sender that was frozen in between may come late: what has become known of a message meanwhile stays.
    """
    row = _now(session, step.row)
    if isinstance(outcome, tuple):
        row.state = State.ACKNOWLEDGED
        had = {one.n for one in outcome}
        for old in {one.n: one for some in step.references for one in some}.values():
            now = _now(session, old)
            if old.n not in had and now.state == old.state:
                now.state = State.MISSED
    elif row.state == State.ACKNOWLEDGED:
        return
    elif isinstance(outcome, Refused):
        row.state = State.MISSED
    elif isinstance(outcome, Unreachable) and outcome.in_doubt:
        row.state = State.DOUBT
    elif isinstance(outcome, ChannelError):
        row.state = step.before
    # Else something newer holds: it may have reached one of the two addresses, so it stays in doubt.


def _now(session: Session, row: NetworkMessage) -> NetworkMessage:
    """The same row as it is now, and for nobody else until the transaction ends."""
    key = (row.alert_id, row.network, row.n)
    return session.get_one(NetworkMessage, key, with_for_update=True, populate_existing=True)


def _step(
    session: Session,
    job: PublishJob,
    network: CellNetwork,
    told: Sequence[NetworkMessage],
    tries: Sequence[Sequence[NetworkMessage]],
    expires: datetime,
    *,
    cancels: bool,
) -> Step:
    mine = _mine(told, job, network) or (_cancel_in_doubt(told) if cancels else None)
    before = mine.state if mine is not None else State.MISSED
    row = mine or NetworkMessage(
        alert_id=job.alert_id,
        network=network.name,
        n=told[-1].n + 1 if told else 1,
        identifier=_identifier(job, network),
        sent=written(job.sent),
        edition=job.edition.number,
        cancels=cancels,
        expires=expires,
        state=State.DOUBT,
    )
    row.sent, row.expires, row.state = written(job.sent), expires, State.DOUBT
    session.add(row)
    different = {tuple(one.n for one in some): tuple(some) for some in tries}
    return Step(network, row, before, tuple(different.values()))


def _mine(told: Sequence[NetworkMessage], job: PublishJob, network: CellNetwork) -> NetworkMessage | None:
    """The row of an earlier attempt at the same."""
    return next((one for one in told if one.identifier == _identifier(job, network)), None)


def _cancel_in_doubt(told: Sequence[NetworkMessage]) -> NetworkMessage | None:
    """The last message, if it is a Cancel that may have come."""
    last = told[-1] if told else None
    return last if last is not None and last.cancels and last.state == State.DOUBT else None


def _identifier(job: PublishJob, network: CellNetwork) -> str:
    return f"{job.identifier}.{network.name}"
