"""Editions made from cases, and an alert shown in a store without Temporal, for tests of channels and public pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from activities.channels import NAMES, PERSONAL, build_channels
from activities.channels.base import Channel, PhotoBytes, PublicChannel, PublishJob, Rendition
from activities.endpoints import ChannelsConfig
from activities.publishing import load_photos
from alerts.area import AreaSpec
from alerts.case import Case
from alerts.compose import compose, tip_line
from alerts.edition import ChannelTraits, Edition, EditionPhoto, EditionRef
from alerts.geometry import Country, resolve
from alerts.programme import Programme
from alerts.public import PublicCase, public_view
from alerts.sign import signs
from alerts.state import Desired
from alerts.vocabulary import LANGUAGES, CancelReason, Kind, Meaning
from store import editions
from store.areas import nation
from store.database import Database
from store.programmes import load_programmes
from store.standing import declare, open_alert, standing, take_away

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
BASE_URL = "https://alert.example"
JPEG = b"\xff\xd8 a drawn portrait \xff\xd9"
LEASE = timedelta(hours=2)


@cache
def amber() -> Programme:
    return load_programmes(None, channels=NAMES, personal=PERSONAL)["amber"]


def case_document(**changes: Any) -> dict[str, Any]:
    """A small case as it stands after its photo was taken in."""
    photo = {"file": "noor.jpg", "alt": "Getekend portret", "sha256": "ab" * 32, "width": 600, "height": 720}
    document: dict[str, Any] = {
        "programme": "amber",
        "children": [{"name": "Noor Voorbeeld", "age": 7, "gender": "girl", "photos": [photo]}],
        "last_seen": {"at": "2026-11-24T11:00:00Z", "place": "Amersfoort"},
        "circumstances": "Verzonnen.",
        "public": {"situation": "Een meisje is meegenomen bij een speeltuin."},
        "area": {"nation": "NL"},
    }
    return {**document, **changes}


def make_edition(
    document: dict[str, Any],
    *,
    alert_id: str = "a1",
    number: int = 1,
    kind: Kind = Kind.ACTUAL,
    key: bytes = KEY,
    **view: Any,
) -> Edition:
    """The edition of a case document, made as `activities.alerts` makes it."""
    case, programme = Case.model_validate(document), amber()
    public = public_view(case, release_roles=programme.release.roles, **view)
    area = resolve(case.area or AreaSpec(nation="NL"), Country(nation=nation()))
    return Edition(
        alert_id=alert_id,
        number=number,
        kind=kind,
        programme=programme.id,
        texts=compose(public, programme, kind),
        language=public.language,
        photos=() if kind is Kind.PUBLIC_TEST else tuple(_photos(public, key)),
        area=area,
        envelope=area,
        channels=programme.channels,
        refresh_mode="renew",
        tip_line=tip_line(public, programme, kind),
        signs=signs(public, programme, kind),
        social=programme.social,
        last_seen=public.seen_until,
    )


def _photos(public: PublicCase, key: bytes) -> Sequence[EditionPhoto]:
    return [
        EditionPhoto(
            token=editions.photo_token(key, photo.sha256),
            sha256=photo.sha256,
            child=child.position,
            alt=dict.fromkeys(LANGUAGES, photo.alt or child.name or ""),
            width=photo.width,
            height=photo.height,
        )
        for child in public.children
        for photo in child.photos
    ]


class ShownAlert:
    """One alert in a store of its own; each call does what its workflows would have done by activity."""

    def __init__(
        self,
        db: Database,
        *,
        alert_id: str = "a1",
        kind: Kind = Kind.ACTUAL,
        key: bytes = KEY,
        channels: Mapping[str, Channel] | None = None,
    ) -> None:
        """`channels` are all of them, unless some are given: a test with hundreds of alerts makes them once."""
        self.alert_id, self.kind, self.now, self.key = alert_id, kind, NOW, key
        self.db = db
        self.desired = Desired()
        self.edition = self.make(case_document())
        self.channels = channels or build_channels(
            self.db, lambda _: key, lambda: self.now, BASE_URL, ChannelsConfig(), lambda _: key
        )
        self._renditions: dict[tuple[str, int, str], Rendition] = {}
        with self.db.write() as session:
            open_alert(session, alert_id, kind, "amber", NOW)

    def make(self, document: dict[str, Any], *, number: int = 1, **view: Any) -> Edition:
        """An edition of this alert."""
        return make_edition(document, alert_id=self.alert_id, number=number, kind=self.kind, key=self.key, **view)

    def pass_time(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def show(self, edition: Edition | None = None, *, lease: timedelta = LEASE) -> Desired:
        """Declare an edition: the standing statement from now on."""
        self.edition = edition or self.edition
        self._keep(self.edition)
        return self._declare(Meaning.EDITION, lease_until=self.now + lease)

    def renew(self, *, lease: timedelta = LEASE) -> Desired:
        """The next refresh: the same statement, announced again with a longer lease."""
        announced = {"announcement": self.desired.announcement + 1, "lease_until": self.now + lease}
        self.desired = self.desired.model_copy(update=announced)
        with self.db.write() as session:
            row = standing(session, self.alert_id)
            row.lease_until = self.desired.lease_until
            session.add(row)
        return self.desired

    def dark_at_once(self, meaning: Meaning) -> None:
        """What the starter does for `hold`, `retract` and `found`, before any workflow hears of it."""
        with self.db.write() as session:
            take_away(session, self.alert_id, meaning, self.now)

    def end(self, meaning: Meaning, why: CancelReason | None = None, outcome: Edition | None = None) -> Desired:
        if outcome is not None:
            self._keep(outcome)
        return self._declare(meaning, why=why, outcome_edition=_ref(outcome) if outcome else None)

    def publish(self, channel: str, desired: Desired | None = None) -> None:
        self._public(channel).publish(self.job(channel, desired or self.desired))

    def take_down(self, channel: str, desired: Desired | None = None, *, lapsed: bool = False) -> None:
        self._public(channel).take_down(self.job(channel, desired or self.desired, lapsed=lapsed))

    def job(self, channel: str, desired: Desired, *, lapsed: bool = False) -> PublishJob:
        with self.db.read() as session:
            photos: tuple[PhotoBytes, ...] = load_photos(session, self.key, self.edition)
        suffix = f"{desired.revision}.{desired.announcement}" + (".lapsed" if lapsed else "")
        return PublishJob(
            alert_id=self.alert_id,
            kind=self.kind,
            desired=desired,
            identifier=f"{self.alert_id}.{channel}.{suffix}",
            sent=self.now,
            edition=self.edition,
            rendition=self._rendition(channel),
            photos=photos,
            lapsed=lapsed,
        )

    def _rendition(self, channel: str) -> Rendition:
        """Frozen when the edition is prepared, as in `activities.alerts`; of an edition alike, anew."""
        frozen = (channel, self.edition.number, self.edition.digest)
        if frozen not in self._renditions:
            self._renditions[frozen] = self.channels[channel].render(self.edition, BASE_URL)
        return self._renditions[frozen]

    def _public(self, name: str) -> PublicChannel:
        channel = self.channels[name]
        assert channel.capabilities.audience == "public"
        return channel  # type: ignore[return-value]

    def _declare(self, meaning: Meaning, **said: Any) -> Desired:
        with self.db.write() as session:
            base = standing(session, self.alert_id).revision
            desired = Desired(meaning=meaning, edition=_ref(self.edition), **said)
            revision, won = declare(session, self.alert_id, base, desired, self.now)
        assert won
        self.desired = desired.model_copy(update={"revision": revision})
        return self.desired

    def _keep(self, edition: Edition) -> None:
        with self.db.write() as session:
            for photo in edition.photos:
                editions.put_photo(session, self.key, self.alert_id, photo.sha256, JPEG)
            editions.put_edition(session, self.key, edition)


def _ref(edition: Edition) -> EditionRef:
    traits = ChannelTraits(personal=False, renews="renew", recalls=True)
    return EditionRef(
        number=edition.number,
        digest=edition.digest,
        approval_digest=edition.approval_digest,
        purpose=edition.purpose,
        channels=dict.fromkeys(edition.channels, traits),
    )
