"""Prepared homes of which nothing runs: store, keys and people are there, Temporal's port answers nobody."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from starter.begin import prepare_home
from starter.home import write_private
from starter.parts import Parts, open_parts
from starter.settings import Settings, load_settings
from store.standing import declare, open_alert
from tests.support.stores import make_sqlite

ALERT = "test234567"
SQLITE = "sqlite:///"


def silent_home(folder: Path, database_url: str | None = None) -> Settings:
    """A home as `baken up` leaves it when everything of it is killed.

    Hundreds of tests want one, so it is a copy, keys and all; on PostgreSQL it is prepared for itself.
    """
    if database_url and not database_url.startswith(SQLITE):
        return other_home(folder, database_url)
    shutil.copytree(_pattern(), folder, dirs_exist_ok=True)
    settings = _settings(folder, database_url)
    if database_url:
        settings.paths.database.rename(database_url.removeprefix(SQLITE))
    return settings


@cache
def _pattern() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="baken-home-"))
    atexit.register(shutil.rmtree, folder)
    return other_home(folder).home


def other_home(folder: Path, database_url: str | None = None) -> Settings:
    """A silent home whose keys and store are those of no other."""
    settings = _settings(folder, database_url)
    settings.paths.prepare()
    if not database_url:
        make_sqlite(settings.paths.database)
    prepare_home(settings, 0)
    nowhere = {"web": "http://127.0.0.1:9", "temporal": "127.0.0.1:9", "temporal_ui": ""}
    write_private(settings.paths.run, {**nowhere, "namespace": "default", "pid": 1})
    return settings


def _settings(home: Path, database_url: str | None) -> Settings:
    return load_settings({"BAKEN_DATABASE_URL": database_url} if database_url else {}, home=home)


def add_alert(settings: Settings, *, shows: bool = False) -> str:
    """An alert that the store knows; with `shows` it shows its first edition."""
    parts: Parts = open_parts(settings)
    parts.keys.create(ALERT)
    now = datetime.now(UTC)
    with parts.db.write() as session:
        open_alert(session, ALERT, Kind.ACTUAL, "amber", now)
        session.flush()
        if shows:
            declare(session, ALERT, 0, Desired(meaning=Meaning.EDITION, lease_until=now + timedelta(hours=1)), now)
    parts.close()
    return ALERT
