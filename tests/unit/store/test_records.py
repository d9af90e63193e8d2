"""Records after the authority's term: unreadable for everybody, with a trace, and no day earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.tip import CameBy, Told
from alerts.vocabulary import Kind
from store import audit, standing, tips, views
from store.database import Database
from store.keys import KeyDestroyed, KeyStore
from store.records import end_records

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TERM = timedelta(days=30)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.db", bytes(32))


def begin(db: Database, keys: KeyStore, alert_id: str, closed: datetime | None) -> None:
    """An alert with a decision and a tip in its record."""
    keys.create(alert_id)
    with db.write() as session:
        standing.open_alert(session, alert_id, Kind.ACTUAL, "amber", NOW - timedelta(days=90))
        if closed:
            standing.close(session, alert_id, closed)
        said = {"alert_id": alert_id, "actor": "operator1", "action": "found", "verdict": "accepted"}
        audit.append(session, keys, NOW, **said, command_id=f"c-{alert_id}", details={"said": "Noor is thuis"})
        told = Told(came_by=CameBy.PAGE, language="nl", text="Rode jas")
        tips.put_tip(session, keys.record_key(alert_id), alert_id, "k", told, None, NOW)
        view = {"stage": "closed", "kind": "actual", "programme": "amber", "started_at": NOW.isoformat()}
        views.put_view(session, keys.record_key(alert_id), alert_id, 1, view)


def test_record_when_its_term_is_over_is_unreadable_and_leaves_a_trace(db: Database, keys: KeyStore) -> None:
    begin(db, keys, "old", NOW - TERM - timedelta(seconds=1))
    begin(db, keys, "young", NOW - TERM + timedelta(seconds=1))
    begin(db, keys, "open", None)
    assert end_records(db, keys, NOW - TERM, NOW) == ["old"]
    assert end_records(db, keys, NOW - TERM, NOW) == []
    with pytest.raises(KeyDestroyed):
        keys.record_key("old")
    with db.read() as session:
        assert len(views.list_views(session, keys.record_key)) == 2
        assert tips.counts(session, "old")[0] == 1
    chain = list(audit.export(db, keys))
    assert [(one["alert_id"], one["action"], one["details"] is None) for one in chain] == [
        ("old", "found", True),
        ("young", "found", False),
        ("open", "found", False),
        ("old", "end_record", True),
    ]
    assert audit.verify(db, keys).whole
