"""The alert as people and programs see it: the JSON of `baken alert show`, made from the state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.criteria import Criterion
from alerts.state import AlertState, ChannelView, Draft
from alerts.vocabulary import ChannelState, Stage


def view(state: AlertState) -> dict[str, Any]:
    """The alert as JSON values; internal facts are in it, so it is for people on duty only.

    Addresses (`url`, `public_url`) are added by the starter, which knows its own.
    """
    material = state.shown or state.draft
    draft = state.draft
    edition = (state.shown.edition if state.shown else None) or (draft.edition if draft else None)
    programme = material.programme if material else None
    return {
        "alert_id": state.alert_id,
        "workflow_id": f"alert-{state.alert_id}",
        "programme": programme.id if programme else None,
        "kind": state.kind.value,
        "stage": state.stage.value,
        "outcome": state.ended.outcome.value if state.ended else None,
        "edition": edition.number if edition else None,
        "digest": edition.approval_digest if edition else None,
        "edition_digest": edition.digest if edition else None,
        "pending": _pending(state),
        "draft": _draft(draft),
        "child_condition": state.child_condition.value if state.child_condition else None,
        "author": state.author,
        "started_at": _time(state.started_at),
        "case": material.case.model_dump(mode="json") if material else None,
        "withheld": list(material.withheld) if material else [],
        "found_children": [position + 1 for position in state.found_positions],
        "criteria": _criteria(state),
        "rulings": [{**ruling.model_dump(mode="json"), "at": _time(ruling.at)} for ruling in state.rulings],
        "unverified": {"count": state.unverified, "last": list(state.unverified_last)},
        "clock": [{"stage": entry.stage.value, "at": _time(entry.at)} for entry in state.clock],
        "refreshes": [_refreshed(entry.n, entry.due, entry.at, entry.missed) for entry in state.refreshes],
        "lease_until": _time(state.lease_until) if state.showing else None,
        "review_due": _time(review_due(state)),
        "held": state.held.model_dump(mode="json", exclude={"person"}) if state.held else None,
        "ended": state.ended.model_dump(mode="json", exclude={"person"}) if state.ended else None,
        "escalations": [{"about": entry.about, "n": entry.n, "at": _time(entry.at)} for entry in state.escalations],
        "channels": _channels(state),
        "version": state.version,
    }


def review_due(state: AlertState) -> datetime | None:
    """When somebody must say that the alert is still needed."""
    if not state.showing or state.shown is None or state.reviewed_at is None:
        return None
    return state.reviewed_at + state.shown.programme.live.review_every


def _pending(state: AlertState) -> dict[str, Any] | None:
    if state.reinstatement:
        wanted = state.reinstatement
        return {
            "edition": wanted.edition,
            "digest": wanted.digest,
            "author": wanted.approvals[0].user,
            "purpose": "reinstatement",
            "approvals": [given.user for given in wanted.approvals],
            "needed": state.approvals_needed(state.shown) if state.shown else 1,
        }
    draft = state.draft
    ended = state.ended is not None and (draft is None or draft.outcome_texts is None)
    if draft is None or not draft.pending or draft.edition is None or ended or state.stage is Stage.CLOSED:
        return None
    return {
        "edition": draft.edition.number,
        "digest": draft.edition.approval_digest,
        "edition_digest": draft.edition.digest,
        "author": _user_of(state, draft.authors[-1]),
        "authors": [_user_of(state, person) for person in draft.authors],
        "purpose": "outcome" if draft.outcome_texts is not None else "edition",
        "approvals": [given.user for given in draft.approvals],
        "needed": state.approvals_needed(draft),
        "programme": draft.programme.id,
        "channels": list(draft.edition.channels),
        "arms": [report.model_dump(mode="json") for report in draft.arms.values()],
        "warnings": list(draft.edition.warnings),
        "waiting_since": _time(draft.waiting_since),
        "about": state.asked.about if state.asked else None,
        "escalates_at": _time(state.asked.escalates_at) if state.asked else None,
    }


def _draft(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None:
        return None
    verdict = draft.verdict
    return {
        "case": draft.case.model_dump(mode="json"),
        "programme": draft.programme.id,
        "remarks": draft.remarks,
        "verified": draft.verified,
        "problem": verdict.problem if verdict else None,
        "fits": verdict.fits if verdict else None,
        "warnings": list(verdict.warnings) if verdict else [],
        "criteria": [_criterion(found) for found in verdict.criteria] if verdict else [],
    }


def _criteria(state: AlertState) -> list[dict[str, Any]]:
    verdict = state.draft.verdict if state.draft and state.draft.verdict else state.verdict
    return [_criterion(found) for found in verdict.criteria] if verdict else []


def _criterion(found: Criterion) -> dict[str, Any]:
    return found.model_dump(mode="json")


def _channels(state: AlertState) -> list[dict[str, Any]]:
    listed = []
    arms = state.draft.arms if state.draft else {}
    for name in dict.fromkeys([*state.channels, *arms]):
        known = state.channels.get(name)
        if known:
            entry = known.model_dump(mode="json", exclude={"revision", "last_kind"})
            entry["state"] = _what_it_does(state, known).value
            for moment in ("first_dispatch", "last_dispatch", "withdrawn_at"):
                entry[moment] = _time(getattr(known, moment))
        else:
            arm = arms[name]
            entry = {
                "channel": name,
                "state": ChannelState.ARMED.value,
                "edition": None,
                "recipients": arm.recipients,
                "reached": 0,
                "failed": 0,
                "in_doubt": 0,
                "first_dispatch": None,
                "last_dispatch": None,
                "withdrawn_at": None,
                "error": "; ".join(arm.trouble) or None,
            }
        listed.append(entry)
    return listed


def _what_it_does(state: AlertState, known: ChannelView) -> ChannelState:
    """A channel reports what it has done: until then, what was declared last is on its way to it."""
    if known.revision >= state.revision:
        return known.state
    told = state.declared.edition is not None and known.channel in state.declared.edition.channels
    if told and state.showing:
        return ChannelState.SENDING
    withdrawn = known.state is ChannelState.WITHDRAWN and not (told and state.ended)
    return ChannelState.WITHDRAWN if withdrawn else ChannelState.WITHDRAWING


def _refreshed(n: int, due: datetime, at: datetime | None, missed: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"n": n, "due": _time(due), "at": _time(at)}
    return {**entry, "missed": True} if missed else entry


def _user_of(state: AlertState, person: str) -> str:
    return next((entry.user for entry in state.keyring.values() if entry.person == person), person)


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z" if moment else None
