"""The report says the same as a page and as PDF, in either language, and nothing of the child."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import pypdfium2
import pytest

from starter.web.pages import environment
from starter.web.report_page import as_pdf
from starter.web.report_words import LOOKS, PURPOSES, WIDE, report_page
from starter.web.words import STAGES
from store.due import ENDS_WHAT

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def clock(*entries: tuple[str, str]) -> list[dict[str, str]]:
    return [{"stage": stage, "at": f"2026-11-24T{at}Z"} for stage, at in entries]


def report(**changes: Any) -> dict[str, Any]:
    ruling = {
        "command": "c",
        "action": "hold",
        "actor": "supervisor1",
        "accepted": True,
        "reason": None,
        "said": "Klopt dit? \U0001f600",
    }
    channel = {"channel": "sms", "state": "withdrawn", "recipients": 40, "reached": 39, "failed": 1, "in_doubt": 0}
    wave = {"channel": "sms", "purpose": "show", "edition": 1, "announcement": 0, "messages": 40, "reached": 39}
    moments = {"first_dispatch": "2026-11-24T13:00:05Z", "last_dispatch": "2026-11-24T13:00:06Z"}
    return {
        "alert_id": "abcdefghij",
        "programme": "amber",
        "kind": "actual",
        "stage": "closed",
        "outcome": "found",
        "why": None,
        "started_at": "2026-11-24T12:59:00Z",
        "shown_at": "2026-11-24T13:00:04Z",
        "closed_at": "2026-11-24T15:00:00Z",
        "readable": False,
        "clock": clock(("verifying", "12:59:00"), ("live", "13:00:00"), ("held", "14:00:00"), ("closed", "15:00:00")),
        "rulings": [{**ruling, "at": "2026-11-24T14:00:00Z"}],
        "refreshes": [{"n": 1, "due": "2026-11-24T13:15:00Z", "at": None, "missed": True}],
        "escalations": [],
        "channels": [{**channel, **moments, "seen": 30, "withdrawn_at": "2026-11-24T14:00:01Z"}],
        "editions": [{"number": 1, "digest": "d" * 64, "shown": True}],
        "waves": [{**wave, "failed": 1, "in_doubt": 0, "first_at": None, "last_at": None}],
        "networks": {"deltanet": True},
        "removals": [{"partner": "newsroom", "told": "2026-11-24T14:00:01Z", "reminders": 2, "removed": None}],
        "posts": [],
        **changes,
    }


def cells(language: str = "nl", **changes: Any) -> list[str]:
    return [
        cell for table in report_page(report(**changes), language, NOW).tables for row in table.rows for cell in row
    ]


def test_report_when_a_key_was_destroyed_keeps_its_figures_and_says_what_is_gone() -> None:
    assert "zijn vernietigd" in report_page(report(), "nl", NOW).note
    assert "leesbaar tot het sluit" in report_page(report(readable=True), "nl", NOW).note
    assert {"39 / 40", "d" * 64, "newsroom", "niet bevestigd", "bevestigd"} <= set(cells())


def test_timeline_when_told_is_in_order_and_names_person_and_reason() -> None:
    (table,) = [one for one in report_page(report(), "en", NOW).tables if one.title == "What happened, in order"]
    assert [row[1:] for row in table.rows] == [
        ("Baken", "Stage: Being verified"),
        ("Baken", "Stage: Live"),
        ("Baken", "Refresh 1: missed"),
        ("supervisor1", "Held: Klopt dit? \U0001f600"),
        ("Baken", "Stage: Held, everything dark"),
        ("Baken", "Stage: Closed"),
    ]


@pytest.mark.parametrize("entries", [(("live", "13:00:00"),), tuple((stage, "13:00:00") for stage in STAGES)])
def test_picture_of_the_clock_has_a_bar_for_each_stage_within_its_frame(entries: tuple[tuple[str, str], ...]) -> None:
    page = report_page(report(clock=clock(*entries)), "nl", NOW)
    svg = ET.fromstring(environment.get_template("report_clock.svg").render(bars=page.bars, about=page.about))
    assert len(svg.findall("{*}rect")) == len([1 for stage, _ in entries if stage != "closed"])
    assert sum(bar.width for bar in page.bars) <= WIDE + 1
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == page.about
    assert set(LOOKS) == set(STAGES)


def test_sendings_have_a_word_for_each_purpose_of_the_ledger() -> None:
    assert set(PURPOSES) == {"show", "outcome", *ENDS_WHAT}


@pytest.mark.parametrize("language", ["nl", "en"])
def test_pdf_when_made_says_what_the_page_says(language: str) -> None:
    page = report_page(report(), language, NOW)
    document = pypdfium2.PdfDocument(as_pdf(page, NOW))
    text = " ".join(" ".join(one.get_textpage().get_text_bounded().split()) for one in document)
    document.close()
    for said in (page.title, page.note, *(table.title for table in page.tables)):
        assert said in text
    assert "supervisor1" in text
    assert "Klopt dit?" in text
