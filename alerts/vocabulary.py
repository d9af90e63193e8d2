"""The words everything else is written in: one name for one thing, as in CAP 1.2 and Temporal."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an alert is for; fixed at start and part of every digest (CAP `status`: Actual, Exercise, Test)."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    PUBLIC_TEST = "public_test"


class Stage(StrEnum):
    """Where an alert stands, as its stage clock shows it."""

    VERIFYING = "verifying"
    NEEDS_INFORMATION = "needs_information"
    INELIGIBLE = "ineligible"
    AWAITING_APPROVAL = "awaiting_approval"
    RETURNED = "returned"
    LIVE = "live"
    HELD = "held"
    CLOSING = "closing"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How an alert ended."""

    FOUND = "found"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Action(StrEnum):
    """What a person can command; also the name of the Temporal signal that carries it."""

    START = "start"
    APPROVE = "approve"
    REJECT = "reject"
    RETURN_FOR_EDIT = "return_for_edit"
    AMEND = "amend"
    RETRACT = "retract"
    HOLD = "hold"
    REINSTATE = "reinstate"
    FOUND = "found"
    CANCEL = "cancel"
    CHANGE_PROGRAMME = "change_programme"
    PROPOSE_OUTCOME = "propose_outcome"
    KEEP = "keep"
    SIGHTING = "sighting"


TAKES_AWAY = frozenset({Action.RETRACT, Action.HOLD, Action.FOUND, Action.CANCEL})
"""What takes away never waits and needs one person."""


class Role(StrEnum):
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ENGINEER = "engineer"


class Meaning(StrEnum):
    """What a revision says the public should see."""

    NOTHING = "nothing"
    """Nothing was shown yet."""
    EDITION = "edition"
    HELD = "held"
    """Dark at once; the alert stays open."""
    WITHDRAWN = "withdrawn"


class CancelReason(StrEnum):
    ERROR = "error"
    HOAX = "hoax"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    SUPERSEDED = "superseded"
    STILL_MISSING = "still_missing"


class ConfirmedBy(StrEnum):
    POLICE = "police"
    FAMILY = "family"
    PARTNER = "partner"
    PHONE = "phone"
    """Nobody vouches for it: the alert is only held."""


class ChildCondition(StrEnum):
    """Internal: in no edition, mail, feed or page."""

    SAFE = "safe"
    INJURED = "injured"
    DECEASED = "deceased"
    UNKNOWN = "unknown"


class ChannelState(StrEnum):
    ARMED = "armed"
    SENDING = "sending"
    SHOWING = "showing"
    RETRYING = "retrying"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class MessageKind(StrEnum):
    """What one message is to its recipient."""

    ALERT = "alert"
    UPDATE = "update"
    REFRESH = "refresh"
    CANCEL = "cancel"


LANGUAGES = ("nl", "en")
