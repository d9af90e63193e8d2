"""All webhook partners: those of the settings file, and those of the register, which change while Baken runs.

The settings file wins where both name one, whichever side of the wall each is on. Exercise partners are of a type of
their own here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from activities.endpoints import ChannelsConfig, ExercisePartner, Partner, WebhookPartner, host_of, is_loopback
from alerts.vocabulary import Kind
from store import partners
from store.database import Database
from store.partners import Register, Registered

NOTED_EACH = timedelta(seconds=30)
"""How often it is written down that a partner answers, by each process."""


class Known(NamedTuple):
    """A partner, and whether calls go to it now."""

    partner: Partner
    paused: bool = False
    registered: Registered | None = None
    """None: it stands in the settings file, and is changed there."""


class PartnerBook:
    """Reads the register at each look, so that a pause holds at once."""

    def __init__(
        self, config: ChannelsConfig, db: Database, key: Callable[[], bytes], clock: Callable[[], datetime]
    ) -> None:
        """`key` is the installation's, which opens the register."""
        self._config = config
        self._db = db
        self._key = key
        self._clock = clock
        self._noted: dict[tuple[str, bool], datetime] = {}
        self._in_file = {partner.name for partner in config.partners}

    def all(self, *, exercise: bool) -> Sequence[Known]:
        with self._db.read() as session:
            registered = Register(self._key()).all(session)
        ours = [one for one in registered if one.exercise == exercise and one.name not in self._in_file]
        return [*map(self._known, ours), *self._of_file(exercise=exercise).values()]

    def find(self, name: str, *, exercise: bool) -> Known | None:
        in_file = self._of_file(exercise=exercise).get(name)
        if in_file is not None or name in self._in_file:
            return in_file
        with self._db.read() as session:
            one = Register(self._key()).find(session, name)
        return self._known(one) if one and one.exercise == exercise else None

    def forbids(self, url: str) -> str | None:
        """Why no call goes to this address, whoever wrote it down, in words that follow the partner's name.

        A home that holds the approvers' keys reaches this machine only; another never does, where what listens
        trusts whoever calls from here.
        """
        here = is_loopback(host_of(url))
        if self._config.loopback == "only" and not here:
            return "is not on this machine, and this home reaches no other"
        if self._config.loopback == "never" and here:
            return "is on this machine, where no partner is"
        return None

    def note_answer(self, name: str, *, exercise: bool) -> None:
        """It answered now; that this cannot be written down is no reason to stop."""
        now = self._clock()
        if self._noted.get((name, exercise), now - NOTED_EACH) <= now - NOTED_EACH:
            self._noted[name, exercise] = now
            with suppress(SQLAlchemyError), self._db.write() as session:
                partners.note_answer(session, name, now, exercise=exercise)

    def _of_file(self, *, exercise: bool) -> dict[str, Known]:
        endpoints = self._config.endpoints_for(Kind.EXERCISE if exercise else Kind.ACTUAL)
        return {partner.name: Known(partner) for partner in endpoints.webhook}

    def _known(self, one: Registered) -> Known:
        kind = ExercisePartner if one.exercise else WebhookPartner
        said: dict[str, Any] = {"name": one.name, "url": one.url, "secret": one.secret, "mail": one.mail}
        # Looked at when it was added: one that does not suit any more must not hide all others.
        return Known(kind.model_construct(**said, former_secret=one.former(self._clock())), one.paused, one)
