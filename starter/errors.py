"""What can go wrong for a person at the starter, each with its exit code.

Problem
|- BadInput      2  the input names something wrong; says which field and what is expected
|- RefusedByRule 3  a rule refuses it; says which and what to do
|- CannotReach   4  a part does not answer; says which
"""

from __future__ import annotations


class Problem(Exception):
    """Root; `str()` is for the person in front of it."""

    exit_code = 1


class BadInput(Problem):
    exit_code = 2

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


class RefusedByRule(Problem):
    exit_code = 3


class CannotReach(Problem):
    exit_code = 4

    def __init__(self, part: str, advice: str) -> None:
        super().__init__(f"cannot reach {part}: {advice}")
        self.part = part
