"""One alert from start to found, with a change, a hold and erring counterparts; what each channel showed at each turn.

It is played once and watched by the eyes of every channel, so a channel more costs no minute more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from activities.channels import NAMES, PERSONAL
from alerts.vocabulary import Action, Kind
from tests.support.cases import amber_case
from tests.support.running import Running

FIRST, SECOND = "Zij droeg een gele jas.", "Zij droeg een groene jas."
TURNS = ("waiting", "approved", "amended", "held", "reinstated", "found")
Eye = Callable[[Running, str], str]
"""What a channel shows of an alert: `nothing` (yet), `edition 1`, `edition 2` or `gone`."""


class Story:
    """What was seen: `seen[turn][channel]`, and what came to counterparts in all."""

    def __init__(self, baken: Running, folder: Path, eyes: dict[str, Eye], kind: Kind) -> None:
        self.kind = kind
        self.seen: dict[str, dict[str, str]] = {}
        self.final: dict[str, Any] = {}
        self._baken, self._eyes = baken, eyes
        self.alert_id = baken.start_alert(amber_case(folder, public={"situation": FIRST}), folder, kind)
        self._play()
        self.received = baken.received(self.alert_id)

    def _play(self) -> None:
        alert_id, baken = self.alert_id, self._baken
        baken.until_pending(alert_id)
        self._look("waiting")
        for channel in PERSONAL:
            baken.fault(channel, "error", 2)
        baken.accepted(alert_id, Action.APPROVE, "supervisor1")
        baken.until_channels(alert_id, "showing", 1)
        self._look("approved")
        baken.accepted(alert_id, Action.AMEND, "operator1", content={"patch": {"public": {"situation": SECOND}}})
        baken.until_pending(alert_id, 2)
        baken.accepted(alert_id, Action.APPROVE, "supervisor1")
        baken.until_channels(alert_id, "showing", 2)
        self._look("amended")
        baken.accepted(alert_id, Action.HOLD, "operator1", reason="twijfel")
        baken.until(alert_id, _all_in("withdrawn", "armed"), what="every channel dark")
        self._look("held")
        baken.accepted(alert_id, Action.REINSTATE, "supervisor1")
        baken.until_channels(alert_id, "showing", 2)
        self._look("reinstated")
        baken.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
        self.final = baken.until_channels(alert_id, "withdrawn")
        self._look("found")

    def _look(self, turn: str) -> None:
        self.seen[turn] = {channel: self._eyes[channel](self._baken, self.alert_id) for channel in NAMES}


def _all_in(*states: str) -> Callable[[dict[str, Any]], bool]:
    return lambda view: view["stage"] == "held" and all(one["state"] in states for one in view["channels"])


def at_page(baken: Running, alert_id: str) -> str:
    answer = baken.get(f"/alerts/{alert_id}")
    return "nothing" if answer.status_code == 404 else _edition_in(answer.text)


def at_cap(baken: Running, alert_id: str) -> str:
    """The newest message; every earlier one that can still be read must not say more."""
    answer = baken.get(f"/alerts/{alert_id}/cap.xml")
    if answer.status_code == 404:
        return "nothing"
    shown = "gone" if "<msgType>Cancel<" in answer.text else _edition_in(answer.text)
    if shown == "gone":
        assert baken.get(f"/alerts/{alert_id}/cap/1.xml").status_code == 410
    return shown


def at_recipients(channel: str) -> Eye:
    """What all of them have before them, by the last thing each was sent."""

    def eye(baken: Running, alert_id: str) -> str:
        newest = {line["recipient"]: line for line in baken.received(alert_id, channel)}
        shown = {"gone" if line["kind"] == "cancel" else f"edition {line['edition']}" for line in newest.values()}
        assert len(shown) <= 1, f"recipients of {channel} differ: {shown}"
        return shown.pop() if shown else "nothing"

    return eye


def _edition_in(text: str) -> str:
    found = [f"edition {number}" for number, words in ((1, FIRST), (2, SECOND)) if words in text]
    return found[0] if found else "gone"


EYES: dict[str, Eye] = {
    "web": at_page,
    "cap": at_cap,
    "email": at_recipients("email"),
    "webhook": at_recipients("webhook"),
    "app": at_recipients("app"),
    "webpush": at_recipients("webpush"),
    "sms": at_recipients("sms"),
}
