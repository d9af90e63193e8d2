"""What counterparts accepted: one line of JSON each, on disk before the counterpart answers."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIELDS = ("channel", "recipient", "alert_id", "edition", "kind", "at", "id")
Line = dict[str, Any]


class Record:
    """Appends; a line is with the operating system when `add` returns, so it survives a kill of this process.

    The lines are in memory as well, for answers without reading the file again. One thread uses it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lines: list[Line] = []
        self._of_alert: dict[str, list[Line]] = {}
        self._newest: dict[tuple[str, str], dict[str, Line]] = {}
        self._since: dict[str, str] = {}
        for line in read_received(path):
            self._remember(line)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        _end_torn_line(self._file)

    def add(self, *, channel: str, recipient: str, alert_id: str, edition: int, kind: str, id: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = (channel, recipient, alert_id, edition, kind, at, id)
        line = dict(zip(FIELDS, said, strict=True))
        os.write(self._file, f"{json.dumps(line)}\n".encode())
        self._remember(line)

    def read(self, channel: str | None = None, alert: str | None = None) -> list[Line]:
        lines = self._of_alert.get(alert, []) if alert else self._lines
        return [line for line in lines if not channel or line["channel"] == channel]

    def newest(self, channel: str, alert: str) -> dict[str, Line]:
        """The last line of each recipient: what that one has before it now."""
        return self._newest.get((channel, alert), {})

    def alerts(self) -> dict[str, str]:
        """When each alert was first seen by any counterpart."""
        return dict(self._since)

    def _remember(self, line: Line) -> None:
        self._lines.append(line)
        self._of_alert.setdefault(line["alert_id"], []).append(line)
        self._since.setdefault(line["alert_id"], line["at"])
        self._newest.setdefault((line["channel"], line["alert_id"]), {})[line["recipient"]] = line


def read_received(path: Path) -> list[Line]:
    """All lines in order; a torn last line (the machine went away in the middle) is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text("utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return lines


def _end_torn_line(file: int) -> None:
    """Else the next line would be glued to it, and both be lost."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
