"""What counterparts accepted: one line of JSON each, on disk before the counterpart answers."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIELDS = ("channel", "recipient", "alert_id", "edition", "kind", "at", "id")


class Record:
    """Appends; a line is with the operating system when `add` returns, so it survives a kill of this process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._path = path

    def add(self, *, channel: str, recipient: str, alert_id: str, edition: int, kind: str, id: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = (channel, recipient, alert_id, edition, kind, at, id)
        line = json.dumps(dict(zip(FIELDS, said, strict=True)))
        os.write(self._file, f"{line}\n".encode())

    def read(self, channel: str | None = None, alert: str | None = None) -> list[dict[str, Any]]:
        found = read_received(self._path)
        return [
            line
            for line in found
            if (not channel or line["channel"] == channel) and (not alert or line["alert_id"] == alert)
        ]


def read_received(path: Path) -> list[dict[str, Any]]:
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
