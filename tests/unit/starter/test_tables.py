"""How the commands show lists to people: nothing cut, nothing empty, Amsterdam's clock."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from starter.cli.tables import tables_of

ROW = {
    "name": "Spoor & Stations",
    "last_heartbeat": "2026-01-24T14:10:00.123+00:00",
    "old_secret": None,
    "active": True,
}


def shown(document: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in tables_of(document, console):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_list_is_one_table_with_moments_on_amsterdams_clock() -> None:
    text = shown([ROW, ROW], 80)
    assert text.count("last heartbeat") == 1
    assert "24 Jan 2026 15:10:00" in text
    assert "yes" in text


def test_a_column_that_says_nothing_is_left_out_unless_one_row_needs_it() -> None:
    assert "old secret" not in shown([ROW], 80)
    assert "old secret" in shown([ROW, {**ROW, "old_secret": "2026-01-24"}], 120)


def test_where_a_word_would_be_cut_each_row_has_a_table_of_its_own() -> None:
    rows = [{**ROW, "digest": letter * 64} for letter in "ab"]
    text = shown(rows, 90)
    assert text.count("last heartbeat") == 2
    assert "a" * 64 in text
    assert "b" * 64 in text
    assert "\u2026" not in text


def test_a_list_of_names_reads_as_one_and_markup_is_text() -> None:
    text = shown([{"channels": ["web", "cap"], "why": "[red]this[/red]"}], 80)
    assert "web, cap" in text
    assert "[red]this[/red]" in text
