"""What Temporal is told of an error of a counterpart: what is wrong, and how long to wait before it is tried again."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels.base import Busy, ChannelError, Rejected

REFUSED_AT_MOST = 60.0
"""Seconds between two tries of what takes away and was refused: soon after somebody mended it, it is gone."""


def failure(error: ChannelError, attempt: int, *, takes_away: bool) -> ApplicationError:
    """`attempt` counts from 1. Who refuses what takes away will do so again, so the waits grow; nobody gives up."""
    delay = None
    if isinstance(error, Busy):
        delay = timedelta(seconds=error.retry_after)
    elif takes_away and isinstance(error, Rejected):
        delay = timedelta(seconds=min(2.0 ** min(attempt - 1, 10), REFUSED_AT_MOST))
    return ApplicationError(str(error), type=type(error).__name__, next_retry_delay=delay)


def until_next_try(asked: timedelta | None) -> float | None:
    """Seconds until this activity is tried again, should it fail now: what its counterpart asked for, else by its
    policy; None where nobody knows."""
    if asked is not None:
        return asked.total_seconds()
    info = activity.info() if activity.in_activity() else None
    if info is None or info.retry_policy is None:
        return None
    policy = info.retry_policy
    first, most = policy.initial_interval.total_seconds(), policy.maximum_interval
    waits = first * policy.backoff_coefficient ** min(info.attempt - 1, 30)
    return min(waits, most.total_seconds()) if most else waits
