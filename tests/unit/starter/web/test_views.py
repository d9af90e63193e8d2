"""What pages tell of an alert: which channels have not been proved to show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from starter.web.views import PROVED_WITHIN, unproved

NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)
LATE, LATER = NOW - PROVED_WITHIN, NOW - PROVED_WITHIN - timedelta(minutes=1)


def channel(name: str, last: datetime | None = LATE, **more: Any) -> dict[str, Any]:
    said = {"state": "showing", "recipients": 40, "reached": 40, "seen": 40}
    return {"channel": name, "last_dispatch": last and last.isoformat(), **said, **more}


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ([channel("sms")], {}),
        ([channel("sms", seen=37)], {"sms": 3}),
        ([channel("sms", LATE + timedelta(seconds=1), seen=37)], {}),
        ([channel("sms", None, seen=0)], {}),
        ([channel("sms", state="withdrawn", seen=0)], {}),
        ([channel("email", seen=0)], {}),
        ([channel("signage", recipients=0, reached=0, seen=0)], {"signage": 0}),
        ([channel("signage", recipients=0, reached=0, seen=1)], {}),
        (
            [channel("sms", seen=39), channel("social", LATER, recipients=6, reached=6, seen=4)],
            {"social": 2, "sms": 1},
        ),
    ],
)
def test_channel_is_unproved_when_its_receivers_should_have_confirmed_by_now(
    channels: list[dict[str, Any]], expected: dict[str, int]
) -> None:
    found = unproved({"channels": channels}, NOW)
    assert list(found.items()) == list(expected.items())
