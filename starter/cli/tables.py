"""Documents as tables on a terminal, in which no word is cut."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from starter.web.times import local_words

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""What Baken writes for a moment (RFC 3339); nobody types one into a field that is listed."""


def tables_of(document: Any, console: Console) -> Iterator[Table]:
    """A list as one table without the columns that say nothing; where a word would be cut, a table for each of it."""
    if not isinstance(document, list):
        yield _upright({name: _cell(value) for name, value in document.items()})
        return
    rows = [{name: _cell(value) for name, value in row.items()} for row in document]
    if not rows:
        return
    told = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(*(_title(name) for name in told))
    for row in rows:
        table.add_row(*(row[name] for name in told))
    unbounded = console.options.update(max_width=sys.maxsize)
    if Measurement.get(console, unbounded, table).minimum <= console.width:
        yield table
        return
    for row in rows:
        yield _upright({name: row[name] for name in told})


def _upright(row: dict[str, str]) -> Table:
    table = Table(show_header=False)
    for name, value in row.items():
        table.add_row(_title(name), value)
    return table


def _title(name: Any) -> str:
    return str(name).replace("_", " ")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if MOMENT.fullmatch(text):
        text = local_words(text, "en", now=datetime.now(UTC), seconds=True)
    return escape(text)
