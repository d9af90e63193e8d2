"""Faults a counterpart can be given, for some seconds: down, error, slow, flaky, reject, cut, malformed, denied."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

Mode = Literal["down", "error", "slow", "flaky", "reject", "cut", "malformed", "denied"]
"""`malformed`: the answers are none of its protocol; `denied`: it accepts nobody's credentials."""
MODES: tuple[str, ...] = get_args(Mode)
SLOW = 3.0
"""Seconds."""


@dataclass
class Faults:
    """The present fault of each channel."""

    _modes: dict[str, tuple[str, float]] = field(default_factory=dict)
    _turns: dict[str, int] = field(default_factory=dict)

    def set(self, channel: str, mode: str, seconds: float) -> None:
        self._modes[channel] = (mode, time.monotonic() + seconds)
        self._turns.pop(channel, None)

    def clear(self) -> None:
        self._modes.clear()

    def mode(self, channel: str) -> str | None:
        """The mode that holds now."""
        mode, until = self._modes.get(channel, ("", 0.0))
        return mode if mode and time.monotonic() < until else None

    def on(self, channel: str) -> Callable[[], str | None]:
        """Asks for the mode of the channel that holds now."""
        return lambda: self.mode(channel)

    def fails(self, channel: str) -> str | None:
        """Of this one request: `error`, `reject` or `denied`, or None; every second one of `flaky`."""
        mode = self.mode(channel)
        if mode == "flaky":
            self._turns[channel] = self._turns.get(channel, 0) + 1
            return "error" if self._turns[channel] % 2 else None
        return mode if mode in ("error", "reject", "denied") else None
