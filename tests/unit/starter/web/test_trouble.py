"""A channel in trouble is told of in plain words: what is wrong, what Baken does, and that others go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.channels import CAPABILITIES
from activities.channels.base import FAULTS as WORDS
from starter.web.trouble import COUNTERPARTS, FAULTS, sentences

NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)


def channel(name: str, error: str | None = None, waits: float | None = 8.0, **more: Any) -> dict[str, Any]:
    trouble = {"tried_at": NOW.isoformat(), "waits": waits} if error else None
    return {"channel": name, "state": "retrying", "error": error, "trouble": trouble, **more}


def said(*channels: dict[str, Any], stage: str = "live", language: str = "en", now: datetime = NOW) -> list[str]:
    return list(sentences({"stage": stage, "channels": channels}, language, now).values())


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            (
                "The mail server does not answer. Baken tries again in 8 s and then brings what holds at that moment. "
                "The other channels are not delayed."
            ),
        ),
        (
            "nl",
            (
                "De mailserver antwoordt niet. Baken probeert het over 8 s weer en brengt dan wat op dat moment "
                "geldt. De andere kanalen lopen geen vertraging op."
            ),
        ),
    ],
)
def test_trouble_when_told_says_what_is_wrong_what_is_done_and_that_others_go_on(language: str, expected: str) -> None:
    mail = channel("email", "the mail server does not answer (ConnectionRefusedError)")
    assert said(mail, channel("web", state="showing"), language=language) == [expected]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("the SMS centre asks for patience (RX_T_APPN)", "The SMS centre asks us to go slower."),
        ("the SMS centre is slow", "The SMS centre asks us to go slower."),
        ("the SMS centre does not accept our login (0x0e)", "The SMS centre does not accept our credentials."),
        ("the SMS centre's answer makes no sense", "The SMS centre gives answers that make no sense."),
        ("the SMS centre went silent (TimeoutError)", "The SMS centre broke off before it answered."),
        ("no SMS centre is configured", "The SMS centre is not in the settings."),
        ("the SMS centre refused it for good (0x0b)", "The SMS centre refuses the message."),
        ("the broker's certificate is not trusted (expired)", "There is no safe connection with the SMS centre."),
        ("the store could not be read, so nothing was sent", "Baken cannot reach its own store."),
        ("something that no channel said before", "The SMS centre did not take it."),
    ],
)
def test_fault_when_a_channel_names_it_becomes_a_plain_sentence(error: str, expected: str) -> None:
    assert said(channel("sms", error))[0].startswith(expected)


def test_faults_of_all_channels_have_a_sentence_and_each_counterpart_a_name() -> None:
    for words in WORDS.values():
        assert "did not take it" not in said(channel("app", f"no app gateway is {words}, or {words} x"))[0]
    others = {name for name, can in CAPABILITIES.items() if can.counterpart}
    assert others == set(COUNTERPARTS)
    assert len(FAULTS) == len({text for _, text in FAULTS})


def test_trouble_when_something_is_taken_back_says_that_it_is_not_gone_yet() -> None:
    (sentence,) = said(channel("social", "Police does not answer", 2.0), stage="closing")
    assert "It is not gone there yet. Baken tries again in 2 s, until it is." in sentence
    assert "other channels" not in sentence  # there is none


def test_trouble_when_nobody_knows_the_next_try_says_that_it_goes_on() -> None:
    assert "Baken keeps trying" in said(channel("email", "the mail server does not answer", None))[0]


def test_trouble_when_the_next_try_did_not_come_says_so() -> None:
    late = NOW + timedelta(minutes=1)
    (sentence,) = said(channel("email", "the mail server does not answer"), now=late)
    assert "should have tried again at 15:10:08 and did not" in sentence


def test_trouble_when_only_people_can_mend_it_says_who() -> None:
    assert "An engineer must put this right" in said(channel("app", "the app gateway does not accept our x (401)"))[0]
    assert said(channel("webhook", state="failed")) == [
        "A partner did not take it. That is for good: tell them by phone."
    ]


def test_channel_without_trouble_is_not_told_of() -> None:
    assert said(channel("web", state="showing"), channel("cap", "CAP partners that do not fetch", state="armed")) == []
