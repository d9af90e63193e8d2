"""What can go wrong for a person at the starter, each with its exit code.

Problem
|- BadInput      2  the input names something wrong; says which field and what is expected
|  |- UnknownAlert
|  |- UnknownUser
|- RefusedByRule 3  a rule refuses it; says which and what to do
|- CannotReach   4  a part does not answer; says which
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

MOST_SAID = 9
"""Problems after the first that one line names."""


class Problem(Exception):
    """Root; `str()` is for the person in front of it."""

    exit_code = 1


class BadInput(Problem):
    exit_code = 2

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected
        self.problems: tuple[tuple[str, str], ...] = ((field, expected),)

    @classmethod
    def of(cls, problems: Iterable[tuple[str, str]]) -> Self:
        """All that is wrong, the first field in front."""
        found = tuple(problems)
        (field, expected), *others = found
        more = "".join(f"; {other}: {said}" for other, said in others[:MOST_SAID])
        rest = f"; and {len(others) - MOST_SAID} more" if len(others) > MOST_SAID else ""
        bad = cls(field, expected + more + rest)
        bad.problems = found
        return bad


class UnknownAlert(BadInput):
    """No alert of that id in this home."""

    def __init__(self, alert_id: str) -> None:
        super().__init__("ID", f"no alert {alert_id!r} here; 'baken alert list' shows them all")


class UnknownUser(BadInput):
    """Nobody of that name on duty here."""


class RefusedByRule(Problem):
    exit_code = 3


class CannotReach(Problem):
    exit_code = 4

    def __init__(self, part: str, advice: str) -> None:
        super().__init__(f"cannot reach {part}: {advice}")
        self.part = part


def as_problem(error: Exception) -> Problem | None:
    """What went wrong, for the person in front; None for a fault of ours."""
    if isinstance(error, Problem):
        return error
    from store.database import STORE_AWAY  # noqa: PLC0415  heavy, and rarely needed
    from store.keys import KeyStoreAway  # noqa: PLC0415  as above
    from store.witness import StoreRestored  # noqa: PLC0415  as above

    if isinstance(error, StoreRestored):
        return RefusedByRule(str(error))
    if isinstance(error, KeyStoreAway):
        return CannotReach("the key store", "is its disk there and writable?")
    if isinstance(error, STORE_AWAY):
        return CannotReach("the database", "it did not answer in time; is its server up, its disk there and writable?")
    return None
