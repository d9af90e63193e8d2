"""The parts every process of a home opens: its store, its keys, its programmes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client

from alerts.programme import Programme, ProgrammeError
from starter.errors import BadInput, CannotReach
from starter.settings import Settings
from store.database import Database
from store.keys import KeyStore, KeyStoreAway, load_master_key
from store.programmes import load_programmes
from store.schema import WrongSchema, migrate, require_schema
from store.witness import INCARNATION
from workflows.codec import Reader
from workflows.runtime import data_converter


@dataclass(frozen=True)
class Parts:
    settings: Settings
    db: Database
    keys: KeyStore

    def programmes(self) -> Mapping[str, Programme]:
        """Read afresh, so that a corrected file counts for the next alert; raises BadInput."""
        from activities.channels import NAMES, PERSONAL  # noqa: PLC0415  heavy, and most commands need none

        try:
            return load_programmes(self.settings.programmes, channels=NAMES, personal=PERSONAL)
        except ProgrammeError as error:
            raise BadInput("--programmes", str(error)) from error

    def close(self) -> None:
        self.db.close()
        self.keys.close()


def open_parts(settings: Settings, *, upgrade: bool = False) -> Parts:
    """Open store and keys of a home; raises CannotReach when its keys or its tables are not the right ones.

    `upgrade` brings older tables to this version, which `baken up` alone does: before any other process of it runs.
    """
    home = settings.paths
    try:
        keys = KeyStore(home.keys, load_master_key(home.master_key, home.keys))
    except KeyStoreAway as error:
        raise CannotReach("the key store", str(error)) from error
    known = keys.recall(INCARNATION) is not None
    return Parts(settings, _open_store(settings.database_url, upgrade=upgrade, make=not known), keys)


def _open_store(address: str, *, upgrade: bool, make: bool) -> Database:
    db = Database(address, make=make)
    try:
        if upgrade:
            migrate(db)
        else:
            require_schema(db, make=make)
    except WrongSchema as error:
        db.close()
        raise CannotReach("the database", str(error)) from error
    except SQLAlchemyError as error:
        db.close()
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CannotReach("the database", f"{db.name}; is BAKEN_DATABASE_URL right? It says: {said}") from error
    return db


async def connect(parts: Parts, reader: Reader, *, patience: float = 10.0) -> Client:
    """A client of this home's Temporal; raises CannotReach after `patience` seconds."""
    settings = parts.settings
    address = settings.temporal_address or settings.run_info().temporal
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await asyncio.wait_for(
                Client.connect(
                    address, namespace=settings.namespace, data_converter=data_converter(parts.keys, reader)
                ),
                max(0.5, deadline - asyncio.get_running_loop().time()),
            )
        except (RuntimeError, TimeoutError) as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise CannotReach("Temporal", f"no answer at {address}; is 'baken up' running?") from error
            await asyncio.sleep(0.2)
