"""On an embedded home Baken keeps each person's signing key; elsewhere people hold their own."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.vocabulary import Role
from starter.errors import BadInput
from starter.home import Home
from store.database import Database
from store.people import Person, add_person, people

DEMO_PEOPLE = (
    ("operator1", "Anouk de Wit", Role.OPERATOR),
    ("operator2", "Bilal Haddad", Role.OPERATOR),
    ("supervisor1", "Chris van Dam", Role.SUPERVISOR),
    ("supervisor2", "Demi Jansen", Role.SUPERVISOR),
    ("engineer1", "Emre Kaya", Role.ENGINEER),
)
"""Fictitious; each is a person of their own."""


def ensure_demo_people(db: Database, home: Home) -> None:
    """Make the demo's people once, each with a key of their own."""
    known = {person.user: person.public_key for person in people(db)}
    for user, name, role in DEMO_PEOPLE:
        key = _private_key(home, user)
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        if known.get(user) != public:  # new here, or the key was lost: alerts from now on know the new one
            add_person(
                db,
                Person(user=user, person=f"person-{user}", name=name, roles=frozenset({role}), public_key=public),
            )


def signer_for(home: Home, user: str) -> Callable[[bytes], bytes]:
    """Signs as that user; raises BadInput for one this home does not know."""
    path = home.people / f"{user}.key"
    if "/" in user or not path.is_file():
        known = ", ".join(sorted(key.stem for key in home.people.glob("*.key"))) or "nobody yet"
        raise BadInput("--as", f"{user!r} is not a user of this home; known: {known}")
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign


def _private_key(home: Home, user: str) -> Ed25519PrivateKey:
    path = home.people / f"{user}.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    key = Ed25519PrivateKey.generate()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes_raw())
    return key
