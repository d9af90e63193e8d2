"""What receipts prove: a message once all its parts are on the phone, whatever order things come in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import smpp34

from activities.sms_receipts import EARLY, Proves, Receipts

ONE = Proves("a1", 1, 7)
TEXT = "id:{name} sub:001 dlvrd:001 submit date:2611241200 done date:2611241200 stat:{state} err:000 text:Vermist"


def receipt(name: str, state: str = "DELIVRD", tlvs: tuple[smpp34.Tlv, ...] = ()) -> Any:
    """As smpp34 hands it over, which makes its events itself."""
    return SimpleNamespace(short_message=TEXT.format(name=name, state=state).encode(), tlvs=list(tlvs))


def test_message_when_its_last_part_is_there_counts_and_no_sooner() -> None:
    receipts = Receipts()
    receipts.sent("x", ONE, 0, 2)
    receipts.sent("y", ONE, 1, 2)
    receipts.heard(receipt("y"))
    receipts.heard(receipt("y"))
    assert receipts.take() == set()
    receipts.heard(receipt("x"))
    assert receipts.take() == {ONE}
    assert receipts.take() == set()


@pytest.mark.parametrize("state", ["UNDELIV", "EXPIRED", "ENROUTE"])
def test_receipt_that_says_it_is_not_there_proves_nothing(state: str) -> None:
    receipts = Receipts()
    receipts.sent("x", ONE, 0, 1)
    receipts.heard(receipt("x", state))
    assert receipts.take() == set()
    receipts.heard(receipt("x"))
    assert receipts.take() == {ONE}


def test_receipt_when_it_overtakes_the_answer_counts() -> None:
    receipts = Receipts()
    receipts.heard(receipt("x"))
    receipts.sent("x", ONE, 0, 1)
    assert receipts.take() == {ONE}


def test_receipts_of_others_are_forgotten_in_time() -> None:
    receipts = Receipts()
    for number in range(EARLY + 1):
        receipts.heard(receipt(f"x{number}"))
    receipts.sent("x0", ONE, 0, 1)
    assert receipts.take() == set()


def test_parameters_when_there_are_some_go_before_the_text() -> None:
    receipts = Receipts()
    receipts.sent("x", ONE, 0, 1)
    state, name = smpp34.Tlv(0x0427, b"\2"), smpp34.Tlv(0x001E, b"x\0")
    receipts.heard(receipt("other", "UNKNOWN", (state, name)))
    assert receipts.take() == {ONE}
