"""What every peer has to do: the same message to so many browsers. Runs without any of Baken, beside the peers."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Work:
    """As the bench wrote it to a file."""

    subscriptions: list[dict[str, Any]]
    """As browsers hand them over."""
    said: str
    """A message that Baken sent."""
    key_file: str
    """Our VAPID key (PEM)."""
    contact: str
    ttl: int
    topic: str

    @classmethod
    def read(cls, path: str) -> Work:
        return cls(**json.loads(Path(path).read_text("utf-8")))

    def message(self, at: int) -> str:
        """The message to a recipient: each has an id of its own."""
        return f'{{"id":"{at:032d}",{self._rest}'

    @cached_property
    def _rest(self) -> str:
        return self.said.split(",", 1)[1]

    @property
    def headers(self) -> dict[str, str]:
        return {"topic": self.topic, "urgency": "high"}


def wait_for_the_start() -> None:
    """Everything is prepared: say so, and wait until the bench says go."""
    print("ready", flush=True)
    sys.stdin.readline()


def stay_to_be_measured() -> None:
    """Everything is done: stay until the bench has read what this process used."""
    sys.stdin.readline()
