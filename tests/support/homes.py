"""Prepared homes of which nothing runs: store, keys and people are there, Temporal's port answers nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


def silent_home(folder: Path, database_url: str | None = None) -> Settings:
    """A home as `baken up` leaves it when everything of it is killed."""
    settings = load_settings({"BAKEN_DATABASE_URL": database_url} if database_url else {}, home=folder)
    settings.paths.prepare()
    if not database_url:
        make_sqlite(settings.home / "baken.db")
    prepare_home(settings, 0)
    nowhere = {"web": "http://127.0.0.1:9", "temporal": "127.0.0.1:9", "temporal_ui": ""}
    write_private(settings.paths.run, {**nowhere, "namespace": "default", "pid": 1})
    return settings


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
