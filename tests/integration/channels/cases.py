"""The cases that every channel is put to, and from which declared capability it follows that one does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.channels import CAPABILITIES
from activities.channels.base import Capabilities

Need = Callable[[Capabilities], str]
"""Empty where a case applies; else the capability, as declared, from which it follows that it does not."""


def nothing(_: Capabilities) -> str:
    return ""


def counterpart(can: Capabilities) -> str:
    return "" if can.counterpart else "`counterpart` no"


def credentials(can: Capabilities) -> str:
    return "" if can.credentials else "`credentials` none"


def recall(can: Capabilities) -> str:
    return "" if can.recall else "`recall` no"


def receipts(can: Capabilities) -> str:
    return "" if can.receipts else "`receipts` no"


def joining(can: Capabilities) -> str:
    """People who join one by one: what is public has no list, and partners are named beforehand."""
    if can.audience == "public":
        return "`audience` public"
    return "`partners` yes" if can.partners else ""


@dataclass
class Case:
    """One row of the table."""

    title: str
    needs: Need = nothing
    tests: list[str] = field(default_factory=list)
    """Those that show it, by name; each runs for every channel to which the case applies."""

    def channels(self) -> tuple[str, ...]:
        return tuple(name for name, can in CAPABILITIES.items() if not self.needs(can))

    def __call__(self, test: Callable[..., Any]) -> pytest.MarkDecorator:
        """As a decorator: the test shows this case."""
        self.tests.append(test.__name__)
        decorated: pytest.MarkDecorator = pytest.mark.parametrize("channel", self.channels())(test)
        return decorated


SHOWN_ONCE = Case("shown once to all, and to nobody before the approval")
CONFIRMED = Case("all who have it say so, by receipt", receipts)
UPDATED = Case("a change reaches all")
RENEWED = Case("a refresh renews what is shown, as `renews` says")
JOINED_LATE = Case("who joins late gets it once", joining)
TAKEN_BACK = Case("a hold makes it dark", recall)
ENDED = Case("found: gone, or said to be over")
KINDS = Case("an exercise looks the same and reaches nobody else's counterparts")
DOWN = Case("counterpart down", counterpart)
MALFORMED = Case("counterpart answers nonsense", counterpart)
DENIED = Case("wrong credentials", credentials)
FLAKY = Case("counterpart flaky", counterpart)
SLOW = Case("counterpart slow", counterpart)
REFUSED = Case("counterpart refuses for good", counterpart)
KILLED = Case("killed in the middle")
FOUND_MIDWAY = Case("found in the middle")
LIMITS = Case("longest texts, 400-character name, emoji, Arabic")
PRIVATE = Case("nothing personal in logs")

CASES = tuple(one for one in list(globals().values()) if isinstance(one, Case))
"""In the order of the table."""
