"""Who is on duty in a home, by the name they work under."""

from __future__ import annotations

from starter.errors import UnknownUser
from store.database import Database
from store.people import Person, people


def on_duty(db: Database, user: str) -> Person:
    """Raises UnknownUser, naming those who are."""
    found = {person.user: person for person in people(db)}
    if user not in found:
        known = ", ".join(found) or "nobody yet; run 'baken up' first"
        raise UnknownUser("--as", f"{user!r} is not a user of this home; known: {known}")
    return found[user]
