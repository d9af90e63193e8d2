"""Who is on duty, and the keyring an alert is started with."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import select

from alerts.command import Keyring, KeyringEntry
from alerts.values import Value
from alerts.vocabulary import Role
from store.database import Database
from store.rows import put
from store.tables.person import PersonRow


class Person(Value):
    """An account; `person` is the human behind it."""

    user: str
    person: str
    name: str
    roles: frozenset[Role]
    public_key: str


def add_person(db: Database, person: Person) -> None:
    """Add or replace an account."""
    with db.write() as session:
        put(
            session,
            PersonRow(
                user=person.user,
                person=person.person,
                name=person.name,
                roles=",".join(sorted(person.roles)),
                public_key=person.public_key,
            ),
        )


def people(db: Database) -> list[Person]:
    with db.read() as session:
        rows = session.exec(select(PersonRow).order_by(PersonRow.user)).all()
    return [
        Person(
            user=row.user,
            person=row.person,
            name=row.name,
            roles=frozenset(Role(role) for role in row.roles.split(",") if role),
            public_key=row.public_key,
        )
        for row in rows
    ]


def keyring(everybody: Iterable[Person]) -> Keyring:
    """What an alert knows of who may command it."""
    return {
        person.user: KeyringEntry(
            user=person.user, person=person.person, roles=person.roles, public_key=person.public_key
        )
        for person in everybody
    }
