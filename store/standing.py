"""What the public should see, by one monotone revision an alert (DESIGN, rules 1, 2 and 10).

Whoever takes away raises the revision at once; an edition is only declared on top of the revision its workflow
knows. Senders and the read path obey this table alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, col, select

from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store.database import Database
from store.rows import insert_new, of, put
from store.tables.alert import AlertStanding, Meta, OutboxCommand
from store.tables.person import PersonRow
from store.tables.sending import Subscriber

SHORTEST_CODE = 8
"""Characters of an alert's id that tell it apart, for those who read it out or type it over."""


STANDS = sqlalchemy.select(col(AlertStanding.revision), col(AlertStanding.lease_until)).where(
    *of(AlertStanding, "alert_id")
)
"""Under which revision an alert stands, and until when: made once, as a sender asks it twenty times a second."""
FORMERLY = "incarnation before: "
"""With an identity that the store had until it was reconciled: the name of a row in `meta`."""


class Superseded(Exception):
    """The store knows a higher revision than the one this work was for: stop, something newer holds."""


class UnknownAlert(LookupError):
    """No alert of that id in this store."""


class WrongIncarnation(RuntimeError):
    """The store is not the one this alert was started on (restored from a copy?); nothing may be sent."""


def incarnation_of(db: Database) -> str:
    """The store's identity, made at first use."""
    with db.write() as session:
        insert_new(session, Meta(name="incarnation", value=uuid.uuid4().hex))
        return session.get_one(Meta, "incarnation").value


def renew_incarnation(session: Session, identity: str) -> None:
    """Give the store another identity; alerts that were started under the one it had go on."""
    before = session.get_one(Meta, "incarnation", with_for_update=True)
    if before.value != identity:
        put(session, Meta(name=f"{FORMERLY}{before.value}", value=identity))
        put(session, Meta(name="incarnation", value=identity))


def require_incarnation(session: Session, known: str) -> None:
    """Refuse to go on with a store that is not the one the alert was started on; raises WrongIncarnation."""
    row = session.get(Meta, "incarnation")
    here = row.value if row else "none"
    if here != known and session.get(Meta, f"{FORMERLY}{known}") is None:
        raise WrongIncarnation(f"this store is {here[:8]}, the alert was started on {known[:8]}: reconcile first")


def open_alert(session: Session, alert_id: str, kind: Kind, programme: str, now: datetime) -> bool:
    """Whether it is new; of two who open the same one, only the first is told so."""
    row = AlertStanding(alert_id=alert_id, kind=kind, programme=programme, started_at=now, changed_at=now)
    return insert_new(session, row)


def close(session: Session, alert_id: str, now: datetime) -> None:
    """Nothing can be declared for this alert any more."""
    row = locked(session, alert_id)
    row.closed_at = row.closed_at or now
    session.add(row)


def standing(session: Session, alert_id: str) -> AlertStanding:
    """The row of an alert; raises UnknownAlert."""
    row = session.get(AlertStanding, alert_id)
    if row is None:
        raise UnknownAlert(f"no alert {alert_id!r} here; 'baken alert list' shows them all")
    return row


def locked(session: Session, alert_id: str) -> AlertStanding:
    """The row of an alert, this transaction's alone until it ends: whoever decides by it reads it so."""
    row = session.get(AlertStanding, alert_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownAlert(f"no alert {alert_id!r} here; 'baken alert list' shows them all")
    return row


def by_code(session: Session, code: str) -> AlertStanding | None:
    """The row of the alert that people mean: its id, or the first eight or more characters of just one."""
    row = session.get(AlertStanding, code)
    if row is not None or len(code) < SHORTEST_CODE:
        return row
    begins = select(AlertStanding).where(col(AlertStanding.alert_id).startswith(code, autoescape=True)).limit(2)
    found = session.exec(begins).all()
    return found[0] if len(found) == 1 else None


def visible(row: AlertStanding, now: datetime) -> bool:
    """Whether the public should see an edition now: declared, not taken away, lease not run out."""
    return row.meaning == Meaning.EDITION and row.lease_until is not None and now < row.lease_until


def may_serve(row: AlertStanding, revision: int, now: datetime) -> bool:
    """Whether what was published under a revision may still be read: nothing was taken away since.

    An amended edition leaves the old one readable until its own is published; a retraction does not.
    """
    return visible(row, now) and revision > row.dark_revision


def ended_since(session: Session, moment: datetime) -> Sequence[AlertStanding]:
    """Of the alerts that were shown, those that were withdrawn for good since then, the newest first."""
    query = select(AlertStanding).where(
        AlertStanding.meaning == Meaning.WITHDRAWN,
        col(AlertStanding.shown_at).is_not(None),
        col(AlertStanding.changed_at) > moment,
    )
    return session.exec(query.order_by(col(AlertStanding.changed_at).desc())).all()


def any_open(session: Session) -> bool:
    """Whether an alert is not closed yet."""
    return (
        session.exec(select(AlertStanding).where(col(AlertStanding.closed_at).is_(None)).limit(1)).first() is not None
    )


def has_history(session: Session) -> bool:
    """Whether a home ran with this store: it has its identity, and people, subscribers or alerts are in it."""
    return session.get(Meta, "incarnation") is not None and any(
        session.exec(select(column).limit(1)).first() is not None
        for column in (PersonRow.user, Subscriber.id, AlertStanding.alert_id)
    )


def take_away(session: Session, alert_id: str, meaning: Meaning, now: datetime) -> int | None:
    """Raise the revision with `held` or `withdrawn`; None when all is withdrawn already.

    It rises also where nothing shows yet: an edition may be on its way, to be declared on top of the old one.
    """
    row = locked(session, alert_id)
    if row.meaning == Meaning.WITHDRAWN:
        return None
    if row.meaning == Meaning.EDITION or (row.meaning == Meaning.HELD and meaning is Meaning.WITHDRAWN):
        row.meaning, row.changed_at = meaning, now
    row.revision += 1
    row.dark_revision = row.revision
    session.add(row)
    return row.revision


def declare(session: Session, alert_id: str, base: int, desired: Desired, now: datetime) -> tuple[int, bool]:
    """Make `desired` the standing statement; the new revision, and whether it won.

    What takes away always wins. What shows more than stands wins only on top of `base`, else somebody took away
    meanwhile: an edition, and a hold where all was withdrawn.
    """
    row = locked(session, alert_id)
    adds = desired.meaning is Meaning.EDITION
    shows_more = adds or (desired.meaning is Meaning.HELD and row.meaning == Meaning.WITHDRAWN)
    if row.closed_at is not None or (shows_more and row.revision != base):
        return row.revision, False
    if not adds and row.meaning == desired.meaning and desired.outcome_edition is None:
        row.why = desired.why  # whoever took away first may not have known the reason's text
        session.add(row)
        return row.revision, True
    row.revision += 1
    _stand(row, desired, now)
    session.add(row)
    return row.revision, True


def catch_up(session: Session, alert_id: str, revision: int, desired: Desired, at: datetime) -> bool:
    """Of a store that was restored from a copy: what was declared under a revision that it does not know.

    Never lowers; whether it was behind. What was published before that revision stays dark until it is published
    again: what was taken away in between is not known here.
    """
    row = locked(session, alert_id)
    if revision <= row.revision:
        return False
    row.revision, row.dark_revision = revision, revision - 1
    _stand(row, desired, at)
    session.add(row)
    return True


def _stand(row: AlertStanding, desired: Desired, now: datetime) -> None:
    """Let that be the meaning of the row's revision."""
    row.meaning, row.changed_at = desired.meaning, now
    row.why = desired.why
    row.outcome_digest = desired.outcome_edition.digest if desired.outcome_edition else None
    if desired.edition is not None:
        row.edition, row.digest = desired.edition.number, desired.edition.digest
    if desired.meaning is Meaning.EDITION:
        row.lease_until = desired.lease_until
        row.shown_at = row.shown_at or now
    else:
        row.dark_revision = row.revision


def renew_lease(session: Session, alert_id: str, revision: int, lease_until: datetime) -> bool:
    """Lengthen the lease of what stands; False when another revision stands by now."""
    row = locked(session, alert_id)
    if row.revision != revision or row.meaning != Meaning.EDITION:
        return False
    row.lease_until = max(lease_until, row.lease_until) if row.lease_until else lease_until
    session.add(row)
    return True


def leased_until(session: Session, alert_id: str, desired: Desired) -> datetime | None:
    """The lease under which `desired` stands: as it was renewed since, for a counterpart may have been away long."""
    row = session.connection().execute(STANDS, {"of_alert_id": alert_id}).first()
    if row is None or row.revision != desired.revision or desired.lease_until is None:
        return desired.lease_until
    return max(row.lease_until or desired.lease_until, desired.lease_until)


def require_revision(session: Session, alert_id: str, revision: int) -> AlertStanding:
    """The row, if it still is at that revision, and so it stays in this transaction; raises Superseded."""
    row = locked(session, alert_id)
    if row.revision != revision:
        raise Superseded(f"revision {revision} of alert {alert_id} was overtaken by {row.revision}")
    return row


def open_commands(session: Session, alert_id: str) -> tuple[str, ...]:
    """Commands in the outbox that no workflow has ruled on."""
    rows = session.exec(
        select(OutboxCommand.command_id).where(
            OutboxCommand.alert_id == alert_id, col(OutboxCommand.ruled_at).is_(None)
        )
    )
    return tuple(rows)


def require_not_overtaken(session: Session, alert_id: str, revision: int) -> AlertStanding:
    """The row, unless a newer edition stands; for taking down. Raises Superseded."""
    row = locked(session, alert_id)
    if row.revision > revision and row.meaning == Meaning.EDITION:
        raise Superseded(f"revision {revision} of alert {alert_id} was overtaken by edition at {row.revision}")
    return row
