"""What the audit chain keeps of an import or export: who, which channel, how many. Never an address."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from store import audit
from store.database import Database
from store.keys import KeyStore

NO_ALERT = ""


class Trace:
    """Two entries: `given` with the first rows that move, `accepted` with the counts. One alone was cut off."""

    def __init__(self, db: Database, keys: KeyStore, actor: str, action: str, channel: str, *, exercise: bool) -> None:
        self._db = db
        self._keys = keys
        self._said = {"alert_id": NO_ALERT, "actor": actor, "action": action, "command_id": uuid.uuid4().hex}
        self._about = {"channel": channel, "exercise": exercise}
        self._begun = False

    def begin(self, session: Session) -> None:
        """At the end of the caller's transaction, the first time only."""
        if not self._begun:
            self._append(session, "given", {})
            self._begun = True

    def end(self, **counts: int) -> None:
        """In a transaction of its own; nothing when nothing began."""
        if not self._begun:
            return
        with self._db.write() as session:
            self._append(session, "accepted", counts)
        audit.remember_head(self._db, self._keys)

    def _append(self, session: Session, verdict: str, counts: dict[str, Any]) -> None:
        details = {**self._about, **counts}
        audit.append(session, self._keys, datetime.now(UTC), verdict=verdict, details=details, **self._said)
