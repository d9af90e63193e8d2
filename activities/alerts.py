"""Activities about an alert as a whole: verify, prepare, declare, record, close.

Each is idempotent: what it writes is keyed by the alert and the edition's digest or the view's version, or is a
compare-and-set on the revision, so a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlmodel import Session
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.channels.base import Channel, Rendition
from alerts.area import AreaError
from alerts.compose import compose, tip_line
from alerts.criteria import Result, fits, judge_criteria
from alerts.edition import ChannelTraits, Edition, EditionPhoto, EditionRef, LanguageText
from alerts.programme import Programme
from alerts.public import PublicCase, public_view
from alerts.sign import signs
from alerts.state import Verdict
from alerts.vocabulary import Kind, Meaning
from store import audit, editions, outbox, views
from store import standing as standings
from store.areas import resolve_case_area
from store.audience import forget_audiences
from store.database import Database
from store.keys import KeyStore
from store.reach import channel_counts
from store.witness import Witness
from workflows import ports


def now() -> datetime:
    return datetime.now(UTC)


class AlertActivities:
    """Holds what they share: the store, the keys, the channels and the programmes that are offered."""

    def __init__(
        self,
        db: Database,
        keys: KeyStore,
        channels: Mapping[str, Channel],
        programmes: Callable[[], Mapping[str, Programme]],
        base_url: str,
        client: Client,
    ) -> None:
        self._db = db
        self._keys = keys
        self._witness = Witness(db, keys)
        self._channels = channels
        self._programmes = programmes
        self._base_url = base_url
        self._client = client

    @activity.defn(name=ports.VERIFY_CASE.name)
    def verify_case(self, asked: ports.VerifyCase) -> Verdict:
        case, programme, moment = asked.case, asked.programme, now()
        criteria = judge_criteria(case, programme, moment)
        if asked.kind is Kind.PUBLIC_TEST:
            criteria = ()
        warnings: tuple[str, ...] = self._same_case(asked)
        problem = None
        try:
            warnings += resolve_case_area(self._db, case, programme).warnings
        except AreaError as error:
            problem = str(error)
        fitting = None
        if any(found.result is Result.NOT_MET for found in criteria):
            offered = self._programmes()
            candidates = [offered[name] for name in programme.fits_next if name in offered]
            fitting = next((other.id for other in candidates if fits(case, other, moment)), None)
        return Verdict(criteria=criteria, fits=fitting, warnings=warnings, problem=problem)

    def _same_case(self, asked: ports.VerifyCase) -> tuple[str, ...]:
        """A warning, never a block, when an open alert looks like the same case."""
        names = [child.name for child in asked.case.children if child.name]
        with self._db.read() as session:
            same = views.open_for_same(session, self._keys.record_key, names)
        return tuple(
            f"alert {view['alert_id']} is open for a child of the same name; join it instead?"
            for view in same
            if view["alert_id"] != asked.alert_id
        )

    @activity.defn(name=ports.PREPARE_EDITION.name)
    def prepare_edition(self, asked: ports.PrepareEdition) -> EditionRef:
        display = self._keys.display_key(asked.alert_id)
        public = public_view(
            asked.case,
            release_roles=asked.programme.release.roles,
            withheld=asked.withheld,
            found=asked.found,
        )
        edition, warnings = self._compose(asked, public, display)
        renditions = {name: self._channels[name].render(edition, self._base_url) for name in edition.channels}
        for name, rendition in renditions.items():
            warnings += tuple(f"{name}: {problem}" for problem in rendition.problems)
        with self._db.write() as session:
            editions.put_edition(session, display, edition)
            for name, rendition in renditions.items():
                text = rendition.model_dump_json()
                editions.put_rendition(session, display, asked.alert_id, edition.digest, name, text)
        return EditionRef(
            number=edition.number,
            digest=edition.digest,
            approval_digest=edition.approval_digest,
            purpose=edition.purpose,
            channels={name: traits(self._channels[name]) for name in edition.channels},
            warnings=warnings,
        )

    def _compose(
        self, asked: ports.PrepareEdition, public: PublicCase, display: bytes
    ) -> tuple[Edition, tuple[str, ...]]:
        area = resolve_case_area(self._db, asked.case, asked.programme)
        texts = compose(public, asked.programme, asked.kind)
        lines = signs(public, asked.programme, asked.kind)
        purpose: Literal["alert", "outcome"] = "alert"
        photos: tuple[EditionPhoto, ...] = ()
        if asked.outcome_texts is not None:
            purpose, texts, lines = "outcome", _outcome(texts, asked.outcome_texts), {}
        elif asked.programme.photos and asked.kind is not Kind.PUBLIC_TEST:
            photos = tuple(_photos(public, display))
        edition = Edition(
            alert_id=asked.alert_id,
            number=asked.number,
            purpose=purpose,
            kind=asked.kind,
            programme=asked.programme.id,
            texts=texts,
            language=public.language,
            photos=photos,
            area=area,
            envelope=area,
            channels=asked.programme.channels,
            refresh_mode=asked.programme.refresh.mode,
            tip_line=tip_line(public, asked.programme, asked.kind),
            signs=lines,
            social=asked.programme.social,
            last_seen=public.seen_until,
        )
        return edition, area.warnings

    @activity.defn(name=ports.DECLARE.name)
    def declare(self, asked: ports.Declare) -> ports.Declared:
        self._witness.check()
        with self._db.write() as session:
            standings.require_incarnation(session, asked.incarnation)
            revision, won = standings.declare(session, asked.alert_id, asked.base, asked.desired, now())
            answer = self._declared(session, asked.alert_id, revision, won)
        self._witness.note()
        return answer

    @activity.defn(name=ports.RENEW_LEASE.name)
    def renew_lease(self, asked: ports.RenewLease) -> ports.Declared:
        self._witness.check()
        with self._db.write() as session:
            won = standings.renew_lease(session, asked.alert_id, asked.revision, asked.lease_until)
            revision = standings.standing(session, asked.alert_id).revision
            return self._declared(session, asked.alert_id, revision, won)

    def _declared(self, session: Session, alert_id: str, revision: int, won: bool) -> ports.Declared:
        return ports.Declared(
            revision=revision,
            won=won,
            meaning=Meaning(standings.standing(session, alert_id).meaning),
            open_commands=standings.open_commands(session, alert_id),
        )

    @activity.defn(name=ports.RECORD_VIEW.name)
    def record_view(self, asked: ports.RecordView) -> ports.Nothing:
        rulings: Any = asked.view.get("rulings", [])
        ruled = [str(ruling["command"]) for ruling in rulings]
        with self._db.write() as session:
            key = self._keys.record_key(asked.alert_id)
            views.put_view(session, key, asked.alert_id, asked.version, dict(asked.view))
            outbox.mark_ruled(session, ruled, now())
            self._audit_rulings(session, asked.alert_id, rulings)
        return ports.Nothing()

    def _audit_rulings(self, session: Session, alert_id: str, rulings: Sequence[dict[str, Any]]) -> None:
        known = audit.ruled_commands(session, alert_id)
        for ruling in rulings:
            if ruling["command"] in known:
                continue
            audit.append(
                session,
                self._keys,
                now(),
                alert_id=alert_id,
                actor=str(ruling["actor"]),
                action=str(ruling["action"]),
                verdict="accepted" if ruling["accepted"] else "refused",
                command_id=str(ruling["command"]),
                details={"reason": ruling["reason"], "ruled_at": ruling["at"]},
            )

    @activity.defn(name=ports.READ_STANDING.name)
    def read_standing(self, asked: ports.AlertId) -> ports.Standing:
        with self._db.read() as session:
            row = standings.standing(session, asked.alert_id)
        return ports.Standing(
            revision=row.revision,
            meaning=Meaning(row.meaning),
            lease_until=row.lease_until,
            closed=row.closed_at is not None,
        )

    @activity.defn(name=ports.CLOSE_ALERT.name)
    def close_alert(self, asked: ports.AlertId) -> ports.Nothing:
        """Close for good and destroy the display key: nothing of the child can be shown again."""
        with self._db.write() as session:
            standings.close(session, asked.alert_id, now())
            forget_audiences(session, asked.alert_id)
        self._keys.destroy(asked.alert_id, "display")
        return ports.Nothing()

    @activity.defn(name=ports.ASK_AFTER_ALERT.name)
    async def ask_after_alert(self, asked: ports.AlertId) -> ports.AlertFate:
        handle = self._client.get_workflow_handle(ports.alert_workflow_id(asked.alert_id))
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return ports.AlertFate(running=False)
            raise
        return ports.AlertFate(running=description.status is WorkflowExecutionStatus.RUNNING)

    @activity.defn(name=ports.COUNT_CHANNEL.name)
    def count_channel(self, asked: ports.CountChannel) -> ports.ChannelCounts:
        with self._db.read() as session:
            counts = channel_counts(session, asked.alert_id, asked.channel, asked.edition)
        return ports.ChannelCounts(**counts.model_dump())


def traits(channel: Channel) -> ChannelTraits:
    """What a workflow must know of a channel."""
    can = channel.capabilities
    return ChannelTraits(personal=can.audience == "personal", renews=can.renews, recalls=can.recall)


def _outcome(texts: dict[str, LanguageText], said: dict[str, str]) -> dict[str, LanguageText]:
    """An outcome message: its own words, nothing of the case."""
    return {
        language: LanguageText(
            event=text.event,
            headline=text.event,
            subject=text.event,
            body=said[language],
            ask=text.end,
            end=text.end,
        )
        for language, text in texts.items()
    }


def _photos(public: PublicCase, display: bytes) -> list[EditionPhoto]:
    shown = []
    for child in public.children:
        for photo in child.photos:
            words = photo.alt or child.name or ""
            shown.append(
                EditionPhoto(
                    token=editions.photo_token(display, photo.sha256),
                    sha256=photo.sha256,
                    child=child.position,
                    alt={"nl": words or "Foto van het kind", "en": words or "Photo of the child"},
                    width=photo.width,
                    height=photo.height,
                )
            )
    return shown


def load_rendition(session: Session, display: bytes, alert_id: str, digest: str, channel: str) -> Rendition:
    """What a channel will send for an edition, as frozen; raises LookupError."""
    return Rendition.model_validate_json(editions.get_rendition(session, display, alert_id, digest, channel))
