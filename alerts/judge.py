"""Judging commands: who may do what, when, and what it changes. Pure; the workflow calls it for every command.

The rule behind all of it: what takes away never waits and needs one person; what adds or changes what the public
sees needs approval. A refusal is a sentence that says which rule and what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from alerts.case import Case, CaseProblem, check_times, merge_patch
from alerts.clockwork import skip_overdue
from alerts.command import Command, KeyringEntry, Ruling
from alerts.programme import Programme
from alerts.public import can_retract, still_withheld
from alerts.state import (
    AlertState,
    Approval,
    Draft,
    FoundChild,
    Hold,
    Material,
    Reinstatement,
    Shown,
)
from alerts.values import clean
from alerts.vocabulary import (
    LANGUAGES,
    TAKES_AWAY,
    Action,
    CancelReason,
    ChildCondition,
    ConfirmedBy,
    Outcome,
    Role,
    Stage,
)

ADDING_EXPIRES = timedelta(hours=24)
"""A command that adds is not carried out a day after it was typed; one that takes away never expires."""

OPEN = frozenset(set(Stage) - {Stage.CLOSED})
BEFORE_END = OPEN - {Stage.CLOSING}
ON_DUTY = frozenset({Role.OPERATOR, Role.SUPERVISOR})
MOST_OF_OUTCOME = 1_000
"""Characters of an outcome message in one language."""


class Refused(Exception):
    """A command that a rule refuses; the text is for the person who gave it."""


@dataclass(frozen=True)
class _Asked:
    """One command with all its judgement needs."""

    state: AlertState
    command: Command
    who: KeyringEntry
    now: datetime

    @property
    def approval(self) -> Approval:
        return Approval(user=self.who.user, person=self.who.person, at=self.now)


@dataclass(frozen=True)
class Rule:
    """Who may give a command, in which stages, and what it does; `act` raises Refused."""

    roles: frozenset[Role]
    stages: frozenset[Stage]
    act: Callable[[_Asked], None]


def judge(state: AlertState, command: Command, who: KeyringEntry, fingerprint: str, now: datetime) -> Ruling | None:
    """Rule on a verified command and change the state by it; None when the same command was ruled on before."""
    if command.id in state.seen:
        return None
    refusal = None
    try:
        _check(state, command, who, now)
        RULES[command.action].act(_Asked(state, command, who, now))
    except Refused as refused:
        refusal = str(refused)
    ruling = Ruling(
        command=command.id,
        action=command.action,
        actor=command.actor,
        accepted=refusal is None,
        reason=refusal,
        at=now,
    )
    state.seen[command.id] = fingerprint
    state.rulings.append(ruling)
    state.touch(now)
    return ruling


def _check(state: AlertState, command: Command, who: KeyringEntry, now: datetime) -> None:
    rule = RULES.get(command.action)
    if rule is None:
        raise Refused(f"{command.action} is not a command for a running alert")
    if command.alert_id != state.alert_id:
        raise Refused("the command is about another alert")
    if who.roles.isdisjoint(rule.roles):
        allowed = " or ".join(sorted(rule.roles))
        raise Refused(f"{command.action} needs the role {allowed}; {who.user} is {', '.join(sorted(who.roles))}")
    if state.stage not in rule.stages:
        raise Refused(_wrong_stage(state, command.action))
    if command.action not in TAKES_AWAY and abs(now - command.at) > ADDING_EXPIRES:
        raise Refused(f"it was given at {command.at.isoformat()}, more than a day from now; give it again")


def _wrong_stage(state: AlertState, action: Action) -> str:
    if state.stage is Stage.CLOSED:
        return "the alert is closed; start a new one"
    if state.ended:
        verb = {Outcome.FOUND: "the child was reported found", Outcome.CANCELLED: "it was cancelled"}
        what = verb.get(state.ended.outcome, f"it ended as {state.ended.outcome}")
        return (
            f"{action} comes after the end: {what} by {state.ended.user}; a supervisor can reinstate until "
            f"{state.ended.undo_until.isoformat()}"
        )
    return f"{action} does not fit the stage {state.stage}"


# What adds or changes


def _approve(asked: _Asked) -> None:
    state, digest = asked.state, asked.command.digest
    if state.reinstatement and digest in (None, state.reinstatement.digest):
        _approve_reinstatement(asked, state.reinstatement)
        return
    draft = _pending(asked)
    assert draft.edition is not None
    if asked.who.person in draft.authors:
        raise Refused(f"{asked.who.user} wrote or changed this edition; somebody else must approve it (four eyes)")
    if state.held and state.held.person == asked.who.person:
        raise Refused(f"{asked.who.user} held this alert; another supervisor must bring it back")
    if any(given.person == asked.who.person for given in draft.approvals):
        raise Refused(f"{asked.who.user} approved it already; another supervisor must approve too")
    draft.approvals += (asked.approval,)
    if len(draft.approvals) >= state.approvals_needed(draft):
        _take_effect(state, draft, asked.now)


def _pending(asked: _Asked) -> Draft:
    draft, digest = asked.state.draft, asked.command.digest
    if asked.state.ended and (draft is None or draft.outcome_texts is None):
        raise Refused(_wrong_stage(asked.state, asked.command.action))
    if draft is None or not draft.pending or draft.edition is None:
        raise Refused("nothing waits for approval")
    if digest is None:
        raise Refused("the command does not say which digest it is about; look at what is pending and name it")
    if digest != draft.edition.approval_digest:
        raise Refused(
            f"what waits now is digest {draft.edition.approval_digest[:12]}, not {digest[:12]}: it was changed "
            "since; read it again"
        )
    return draft


def _take_effect(state: AlertState, draft: Draft, now: datetime) -> None:
    """The deciding approval: what waited is what stands."""
    if draft.outcome_texts is not None:
        state.outcome_edition, state.draft = draft.edition, None
        return
    new_plan = state.shown is None or state.shown.programme.refresh != draft.programme.refresh
    state.shown = Shown(
        version=draft.version,
        case=draft.case,
        programme=draft.programme,
        withheld=draft.withheld,
        edition=draft.edition,
        prepared=draft.prepared,
        approved_at=now,
    )
    state.verdict = draft.verdict
    state.draft, state.held, state.reinstatement = None, None, None
    if new_plan:
        state.live_at, state.refreshes = now, []
    else:
        skip_overdue(state, now)
    state.reviewed_at = now
    state.renew(now)


def _approve_reinstatement(asked: _Asked, wanted: Reinstatement) -> None:
    _not_the_one_who_darkened(asked)
    if any(given.person == asked.who.person for given in wanted.approvals):
        raise Refused(f"{asked.who.user} asked for it already; another supervisor must approve too")
    _reinstate_with(asked, (*wanted.approvals, asked.approval))


def _reject(asked: _Asked) -> None:
    state = asked.state
    if state.reinstatement and asked.command.digest in (None, state.reinstatement.digest):
        state.reinstatement = None
        return
    _needs_reason(asked)
    _pending(asked)
    state.draft = state.draft if state.shown is None and not state.ended else None
    if state.shown is None:
        _end(asked, Outcome.REJECTED)


def _return_for_edit(asked: _Asked) -> None:
    reason = _needs_reason(asked)
    draft = _pending(asked)
    draft.remarks, draft.approvals, draft.waiting_since = reason, (), None


def _amend(asked: _Asked) -> None:
    state = asked.state
    source: Material | None = state.draft or state.shown
    if source is None or (state.draft and state.draft.outcome_texts is not None):
        raise Refused("there is no case to amend")
    case = _patched(source.case, asked)
    _replace_draft(asked, case, source.programme, still_withheld(source.case, case, source.withheld))


def _patched(case: Case, asked: _Asked) -> Case:
    patch = asked.command.content.get("patch")
    if not isinstance(patch, dict) or not patch:
        raise Refused("an amendment is a JSON object with the fields to change")
    if "programme" in patch:
        raise Refused("the programme is changed by change-programme, not by an amendment")
    try:
        amended = Case.model_validate(_keep_photos(merge_patch(case.model_dump(mode="json"), patch), case))
        check_times(amended, asked.now)
    except ValidationError as error:
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        raise Refused(f"after this amendment {field or 'the case'} would be wrong: {first['msg']}") from error
    except CaseProblem as problem:
        raise Refused(str(problem)) from problem
    if amended == case:
        raise Refused("it changes nothing")
    return amended


def _keep_photos(document: object, before: Case) -> object:
    """Photos named by a file that is known already keep what Baken stored of them."""
    known = {photo.file: photo for child in before.children for photo in child.photos}
    children = document.get("children") if isinstance(document, dict) else None
    for child in children if isinstance(children, list) else []:
        photos = child.get("photos") if isinstance(child, dict) else None
        for photo in photos if isinstance(photos, list) else []:
            stored = known.get(str(photo.get("file"))) if isinstance(photo, dict) else None
            if stored and not photo.get("sha256"):
                photo.update(sha256=stored.sha256, width=stored.width, height=stored.height)
    return document


def _change_programme(asked: _Asked) -> None:
    state = asked.state
    source: Material | None = state.draft or state.shown
    if source is None or (state.draft and state.draft.outcome_texts is not None):
        raise Refused("there is no case to bring under another programme")
    try:
        programme = Programme.model_validate(asked.command.content.get("programme"))
    except ValidationError as error:
        raise Refused("the command does not carry a programme that can be read") from error
    if programme.id == source.programme.id:
        raise Refused(f"the alert is under {programme.id} already")
    case = source.case.model_copy(update={"programme": programme.id})
    _replace_draft(asked, case, programme, source.withheld)


def _replace_draft(asked: _Asked, case: Case, programme: Programme, withheld: tuple[str, ...]) -> None:
    """A newer draft replaces the older one; who wrote at either is an author."""
    state, old = asked.state, asked.state.draft
    authors = (*old.authors, asked.who.person) if old else (asked.who.person,)
    state.draft = Draft(
        version=(old.version if old else state.shown.version if state.shown else 0) + 1,
        case=case,
        programme=programme,
        withheld=withheld,
        authors=tuple(dict.fromkeys(authors)),
    )


def _propose_outcome(asked: _Asked) -> None:
    """What became of the child is never sent by itself: an edition of its own, with its own approval."""
    state = asked.state
    texts = asked.command.content.get("texts")
    said = {code: clean(str(texts.get(code) or "")) for code in LANGUAGES} if isinstance(texts, dict) else {}
    if not isinstance(texts, dict) or set(texts) - set(LANGUAGES) or not all(said.values()):
        raise Refused("an outcome message needs a text in each language, and in no other: {'nl': '…', 'en': '…'}")
    if any(len(text) > MOST_OF_OUTCOME for text in said.values()):
        raise Refused(f"an outcome message has at most {MOST_OF_OUTCOME} characters in each language")
    if state.shown is None:
        raise Refused("nobody saw this alert; there is nobody to tell")
    state.draft = Draft(
        version=state.shown.version + 1 + (state.draft.version if state.draft else 0),
        case=state.shown.case,
        programme=state.shown.programme,
        authors=(asked.who.person,),
        outcome_texts=said,
    )


def _reinstate(asked: _Asked) -> None:
    state = asked.state
    if not state.held and not state.ended:
        _reinstate_child(asked)
        return
    _not_the_one_who_darkened(asked)
    _reinstate_with(asked, (asked.approval,))


def _reinstate_child(asked: _Asked) -> None:
    """Bring back the child last reported found, while `undo` lasts: the edition with it was approved before."""
    state = asked.state
    assert state.shown is not None
    if not state.found_children:
        raise Refused("nothing was held or ended; there is nothing to reinstate")
    last = state.found_children[-1]
    if asked.now > last.at + state.shown.programme.closing.undo:
        raise Refused("the time to take it back ran out; amend the alert and have it approved")
    if last.person == asked.who.person:
        raise Refused(f"{asked.who.user} reported this child found; another supervisor must bring it back")
    state.found_children = state.found_children[:-1]
    _change_all(state)


def _change_all(state: AlertState) -> None:
    for part in (state.shown, state.draft):
        if part is not None:
            part.changed()


def _not_the_one_who_darkened(asked: _Asked) -> None:
    darkened = asked.state.ended or asked.state.held
    if darkened and darkened.person == asked.who.person:
        raise Refused(f"{asked.who.user} took it down; another supervisor must bring it back")


def _reinstate_with(asked: _Asked, approvals: tuple[Approval, ...]) -> None:
    state, shown = asked.state, asked.state.shown
    if state.ended and asked.now > state.ended.undo_until:
        raise Refused(f"the time to take the end back ran out at {state.ended.undo_until.isoformat()}")
    if shown and shown.edition and len(approvals) < state.approvals_needed(shown):
        state.reinstatement = Reinstatement(
            digest=shown.edition.approval_digest,
            edition=shown.edition.number,
            approvals=approvals,
            at=asked.now,
        )
        return
    if state.draft and state.draft.outcome_texts is not None:
        state.draft = None
    after_end = state.ended is not None
    state.held, state.ended, state.reinstatement = None, None, None
    state.child_condition = None
    if shown:
        skip_overdue(state, asked.now)
        state.announcement += 1
        if after_end:
            state.after_end = state.announcement
        state.renew(asked.now)
        state.reviewed_at = asked.now


# What takes away


def _retract(asked: _Asked) -> None:
    state = asked.state
    what = asked.command.content.get("what")
    if not isinstance(what, str) or not what:
        raise Refused("it does not say what to retract, such as 'vehicles/0' or 'children/1/photos'")
    _needs_reason(asked)
    targets: list[Material] = [part for part in (state.shown, state.draft) if part is not None]
    problems = [can_retract(target.case, what) for target in targets]
    if all(problem is not None for problem in problems):
        raise Refused(problems[0] or "there is no case")
    for target, problem in zip(targets, problems, strict=True):
        if problem is None and what not in target.withheld:
            target.withheld += (what,)
            target.changed()
    if state.draft:
        state.draft.authors = tuple(dict.fromkeys((*state.draft.authors, asked.who.person)))


def _hold(asked: _Asked) -> None:
    reason = _needs_reason(asked)
    _darken(asked, reason)


def _darken(asked: _Asked, reason: str) -> None:
    asked.state.held = Hold(user=asked.who.user, person=asked.who.person, at=asked.now, reason=reason)
    asked.state.reinstatement = None


def _found(asked: _Asked) -> None:
    state, content = asked.state, asked.command.content
    try:
        confirmed = ConfirmedBy(str(content.get("confirmed_by", ConfirmedBy.POLICE)))
        condition = ChildCondition(str(content.get("outcome", ChildCondition.UNKNOWN)))
    except ValueError as error:
        raise Refused(f"{error}; see 'baken alert found --help'") from error
    if confirmed is ConfirmedBy.PHONE:
        _darken(asked, "reported found by phone, confirmed by nobody yet")
        return
    child = content.get("child")
    if child is not None and _one_child_found(asked, child):
        return
    state.child_condition = condition
    _end(asked, Outcome.FOUND)


def _one_child_found(asked: _Asked, child: object) -> bool:
    """Take one child off (from 1, as people count); False when it was the last one."""
    state = asked.state
    material: Material | None = state.shown or state.draft
    assert material is not None
    total = len(material.case.children)
    if not isinstance(child, int) or not 1 <= child <= total:
        raise Refused(f"there is no child {child}; the alert is about {total}, counted from 1")
    if child - 1 in state.found_positions:
        raise Refused(f"child {child} was reported found already")
    if len(state.found_children) + 1 >= total:
        return False
    state.found_children += (FoundChild(position=child - 1, person=asked.who.person, at=asked.now),)
    _change_all(state)
    return True


def _cancel(asked: _Asked) -> None:
    _needs_reason(asked)
    try:
        why = CancelReason(str(asked.command.content.get("why")))
    except ValueError as error:
        allowed = ", ".join(reason.value for reason in CancelReason)
        raise Refused(f"a cancellation says why: one of {allowed}") from error
    _end(asked, Outcome.CANCELLED, why)


def _end(asked: _Asked, outcome: Outcome, why: CancelReason | None = None) -> None:
    asked.state.end(outcome, asked.now, user=asked.who.user, person=asked.who.person, why=why)


def _keep(asked: _Asked) -> None:
    asked.state.reviewed_at = asked.now


def _sighting(asked: _Asked) -> None:
    asked.state.sightings += 1


def _needs_reason(asked: _Asked) -> str:
    if not asked.command.reason:
        raise Refused(f"{asked.command.action} needs a reason")
    return asked.command.reason


_WAITING = frozenset({Stage.AWAITING_APPROVAL, Stage.LIVE, Stage.HELD, Stage.CLOSING})
_SUPERVISOR = frozenset({Role.SUPERVISOR})
_OPERATOR = frozenset({Role.OPERATOR})

RULES: dict[Action, Rule] = {
    Action.APPROVE: Rule(_SUPERVISOR, BEFORE_END | _WAITING, _approve),
    Action.REJECT: Rule(_SUPERVISOR, BEFORE_END | _WAITING, _reject),
    Action.RETURN_FOR_EDIT: Rule(_SUPERVISOR, BEFORE_END | _WAITING, _return_for_edit),
    Action.AMEND: Rule(_OPERATOR, BEFORE_END, _amend),
    Action.CHANGE_PROGRAMME: Rule(_OPERATOR, BEFORE_END, _change_programme),
    Action.PROPOSE_OUTCOME: Rule(_OPERATOR, frozenset({Stage.CLOSING}), _propose_outcome),
    Action.REINSTATE: Rule(_SUPERVISOR, frozenset({Stage.LIVE, Stage.HELD, Stage.CLOSING}), _reinstate),
    Action.RETRACT: Rule(ON_DUTY, BEFORE_END, _retract),
    Action.HOLD: Rule(ON_DUTY, BEFORE_END, _hold),
    Action.FOUND: Rule(ON_DUTY, BEFORE_END, _found),
    Action.CANCEL: Rule(ON_DUTY, BEFORE_END, _cancel),
    Action.KEEP: Rule(ON_DUTY, BEFORE_END, _keep),
    Action.SIGHTING: Rule(ON_DUTY, OPEN, _sighting),
}
