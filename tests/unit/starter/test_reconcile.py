"""What the batches that a restored store forgot are taken for: never for more than is sure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from starter.histories import Deed
from starter.reconcile import _said_again, _status
from store.ledger import Status
from workflows import ports

NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)
DUE = 100


@pytest.mark.parametrize(
    ("purpose", "answer", "attempts", "expected"),
    [
        ("show", None, 1, Status.DOUBT),
        ("show", ports.Delivered(reached=DUE), 1, Status.REACHED),
        ("show", ports.Delivered(reached=DUE), 2, Status.REACHED),  # nobody was settled by the first attempt
        ("show", ports.Delivered(), 1, Status.ASSUMED),  # an earlier wave reached them, or they were refused in it
        (
            "show",
            ports.Delivered(reached=40),
            2,
            Status.ASSUMED,
        ),  # the first attempt reached the others, or it did not
        ("show", ports.Delivered(reached=98, failed=2), 1, Status.ASSUMED),  # who failed is not known
        ("show", ports.Delivered(failed=DUE), 1, Status.REJECTED),
        ("show", ports.Delivered(failed=DUE), 2, Status.ASSUMED),  # the first attempt may have arrived all the same
        ("show", ports.Delivered(reached=40, superseded=True), 1, Status.DOUBT),
        ("show", ports.Delivered(reached=DUE - 1, left=1), 1, Status.DOUBT),  # which one it was is not known
        ("show", ports.Delivered(superseded=True), 1, None),
        ("show", ports.Delivered(superseded=True, in_doubt=3), 1, Status.DOUBT),  # connections broke off
        ("show", ports.Delivered(superseded=True), 2, Status.DOUBT),
        ("end", None, 1, Status.DOUBT),
        ("end", ports.Delivered(reached=DUE), 1, Status.REACHED),
        ("end", ports.Delivered(reached=40), 1, Status.ASSUMED),  # it went to those who had the alert then
        ("end", ports.Delivered(), 1, None),
        ("end", ports.Delivered(reached=DUE), 2, Status.REACHED),
    ],
)
def test_batch_is_taken_for_what_is_sure(
    purpose: ports.Purpose, answer: ports.Delivered | None, attempts: int, expected: Status | None
) -> None:
    assert _status(_deed(purpose, answer, attempts), DUE) is expected


def test_edition_that_is_announced_anew_is_known_as_said_again_to_that_channel_alone() -> None:
    first, other, again = _deed("show"), _deed("show", channel="email"), _deed("show", announcement=1)
    amended, ended = _deed("show", edition=2), _deed("end", announcement=2)
    said_again = _said_again([first, other, amended, again, ended])
    assert [said_again(deed) for deed in (first, other, amended, again)] == [True, False, False, False]


def _deed(
    purpose: ports.Purpose,
    answer: ports.Delivered | None = None,
    attempts: int | None = None,
    *,
    channel: str = "app",
    edition: int = 1,
    announcement: int = 0,
) -> Deed:
    ref = EditionRef(number=edition, digest="d", approval_digest="a", channels={})
    desired = Desired(meaning=Meaning.EDITION, edition=ref, revision=1, announcement=announcement)
    asked = ports.Deliver(
        alert_id="a", channel=channel, kind=Kind.ACTUAL, purpose=purpose, desired=desired, start=0, count=DUE
    )
    return Deed(NOW, ports.DELIVER.name, asked, answer, attempts)
