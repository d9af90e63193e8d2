"""What every channel will send for an edition that waits, exactly as it was frozen when it was prepared."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from activities.channels import CAPABILITIES
from activities.channels.base import Part, Rendition
from activities.channels.poster import kept_sheets, sheets_of
from activities.endpoints import ChannelsConfig, hosts
from activities.sms_text import encode
from alerts.edition import Edition
from alerts.geometry import grown
from alerts.vocabulary import Kind
from starter.parts import Parts
from starter.web.differences import differences
from starter.web.i18n import N_, Translate, translator
from starter.web.session import Visitor
from starter.web.views import Cost, Pending, Piece, Planned, View, changes, channel_label
from store import duty, editions
from store.areas import country
from store.people import people

PHOTO = re.compile(r'(src=")(?:cid:|/media/)(\w+)(")')
NAMES = {
    "page": N_("Page"),
    "banner": N_("Banner on other sites"),
    "widget": N_("Block with photo on other sites"),
    "item": N_("Line in lists and feeds"),
    "subject": N_("Subject"),
    "text": N_("Plain text"),
    "html": N_("Mail as most people see it"),
    "event": N_("Name of the alert"),
    "sms": N_("Text message"),
    "changed": N_("Text message to those who had an earlier one"),
    "cost": N_("Parts and cost"),
    "xml": N_("CAP message"),
    "payload": N_("Call to the partner"),
    "notification": N_("Notification"),
    "phone": N_("On a phone"),
    "phone360": N_("On a phone, 360 characters"),
    "phone90": N_("On an old phone, 90 characters"),
    "mastodon": N_("Post on Mastodon"),
    "bluesky": N_("Post on Bluesky"),
    "others": N_("Post elsewhere"),
    "others_changed": N_("Post elsewhere, after an earlier one"),
    "alt": N_("Description of the photos"),
    "afterwards": N_("What becomes of the posts"),
    "along": N_("What goes with the posts"),
    "screen": N_("On a screen"),
    "sign": N_("On a road sign"),
    "message": N_("Message to screens"),
    "topics": N_("Message to topics"),
    "poster": N_("Words on the poster"),
}


def pending_of(parts: Parts, view: View, visitor: Visitor) -> Pending | None:
    """What waits; None when nothing does."""
    pending = view["pending"]
    if pending is None:
        return None
    digest = pending.get("edition_digest") or view["edition_digest"]
    before = view["edition_digest"] if view["edition_digest"] != digest else None
    config = parts.settings.channels()
    with parts.db.read() as session:
        try:
            key = parts.keys.display_key(view["alert_id"])
            edition = editions.get_edition(session, key, view["alert_id"], digest)
            live = editions.get_edition(session, key, view["alert_id"], before) if before else None
        except LookupError:
            return Pending(edition=None, planned=())
        arms = {arm["channel"]: arm for arm in pending.get("arms", ())}
        planned = tuple(
            _planned(session, key, edition, name, arms.get(name), before, visitor.language, config)
            for name in pending.get("channels", edition.channels)
        )
        called = tuple(duty.calls(session, view["alert_id"], pending.get("about") or ""))
    draft = (view["draft"] or {}).get("case")
    person = _person_of(parts, visitor.user)
    return Pending(
        edition=edition,
        planned=planned,
        changes=tuple(changes(view["case"] if before else None, draft, visitor.language)),
        programme=parts.programmes().get(edition.programme),
        called=called,
        more=grown(edition.area, live.area, country(parts.db)) if live else None,
        mine=person in {_person_of(parts, user) for user in pending.get("authors", ())},
    )


def _person_of(parts: Parts, user: str) -> str:
    return next((one.person for one in people(parts.db) if one.user == user), user)


def _planned(
    session: Session,
    key: bytes,
    edition: Edition,
    name: str,
    arm: dict[str, Any] | None,
    before: str | None,
    language: str,
    config: ChannelsConfig,
) -> Planned:
    now, old = (_rendition(session, key, edition.alert_id, one, name) for one in (edition.digest, before))
    known = {part.name: part.content for part in old.parts} if old else {}
    translate = translator(language)
    trouble = (*(arm["trouble"] if arm else ()), *(now.problems if now else ()))
    pieces = tuple(
        _piece(part, piece_label(part.name, translate), known.get(part.name), anew=old is not None)
        for part in (now.parts if now else ())
    )
    return Planned(
        name=name,
        label=channel_label(name, language),
        personal=CAPABILITIES[name].audience == "personal",
        recipients=arm["recipients"] if arm else 0,
        trouble=tuple(dict.fromkeys(trouble)),  # arming tells of the rendition's problems as well
        pieces=pieces,
        sheets=sheets_of(session, edition) if name == "poster" else (),
        armed=arm is not None,
        cost=_cost(now, config, edition.kind, arm["recipients"]) if name == "sms" and arm and now else None,
        counterparts=_exercise_counterparts(config, name) if edition.kind is Kind.EXERCISE else (),
    )


def _piece(part: Part, label: str, before: str | None, *, anew: bool) -> Piece:
    """`anew`: there was an edition before, perhaps without this part."""
    changed = anew if before is None else part.content != before
    bits = differences(before, part.content) if changed and before is not None and part.media == "text" else ()
    return Piece(part.name, label, part.media, part.content, changed, bits)


def _cost(now: Rendition, config: ChannelsConfig, kind: Kind, phones: int) -> Cost | None:
    """Of all text messages; as many parts as the longest of them has."""
    server = config.endpoints_for(kind).sms
    texts = [part.content for part in now.parts if part.name.startswith(("sms.", "changed."))]
    if server is None or server.price is None or not texts:
        return None
    return Cost(phones=phones, parts=max(len(encode(text).parts) for text in texts), price=server.price)


def _exercise_counterparts(config: ChannelsConfig, channel: str) -> tuple[str, ...]:
    """What is named in the settings for exercises of that channel."""
    prefix = f"exercise.{channel}"
    named = ((name.removeprefix(prefix).strip(), host) for name, host in hosts(config) if name.startswith(prefix))
    return tuple(dict.fromkeys(name or host for name, host in named))


def piece_label(name: str, translate: Translate) -> str:
    """`html.nl` as people say it.

    A `message` in one language is what app and browsers show; that to screens has all languages in one.
    """
    kind, _, language = name.partition(".")
    if language and kind == "message":
        kind = "notification"
    label = translate(NAMES[kind]) if kind in NAMES else kind
    return f"{label} ({language})" if language else label


def _rendition(session: Session, key: bytes, alert_id: str, digest: str | None, channel: str) -> Rendition | None:
    if digest is None:
        return None
    try:
        return Rendition.model_validate_json(editions.get_rendition(session, key, alert_id, digest, channel))
    except LookupError:
        return None


def html_piece(parts: Parts, alert_id: str, digest: str, channel: str, name: str) -> str:
    """A page or mail as it will be, with its photos inside it, for a frame that may load nothing else.

    Raises LookupError when there is no such piece, or its display key is gone.
    """
    key = parts.keys.display_key(alert_id)
    with parts.db.read() as session:
        rendition = _rendition(session, key, alert_id, digest, channel)
        piece = next((part for part in (rendition.parts if rendition else ()) if part.name == name), None)
        if piece is None or piece.media != "html":
            raise LookupError(f"no page {name} of {channel}")

        return with_photos(piece.content, lambda token: _photo(session, key, alert_id, token))


def with_photos(html: str, jpeg_of: Callable[[str], bytes | None]) -> str:
    """A page with its photos inside it."""

    def inside(found: re.Match[str]) -> str:
        return f"{found[1]}data:image/jpeg;base64,{base64.b64encode(jpeg_of(found[2]) or b'').decode()}{found[3]}"

    return PHOTO.sub(inside, html)


def sheet(parts: Parts, alert_id: str, digest: str, name: str) -> bytes | None:
    """A poster as it was made for an edition; None when it is not there (yet)."""
    key = parts.keys.display_key(alert_id)
    with parts.db.read() as session:
        return kept_sheets(session, key, alert_id, digest).get(name)


def photo(parts: Parts, alert_id: str, token: str) -> bytes | None:
    """A photo of an alert for people on duty, whether the public sees it or not."""
    key = parts.keys.display_key(alert_id)
    with parts.db.read() as session:
        return _photo(session, key, alert_id, token)


def _photo(session: Session, key: bytes, alert_id: str, token: str) -> bytes | None:
    media = editions.media_by_token(session, token)
    if media is None or media.alert_id != alert_id:
        return None
    return editions.get_photo(session, key, alert_id, media.sha256)


def photo_tokens(parts: Parts, view: View) -> dict[str, str]:
    """Token by SHA-256 of every photo of the alert; empty once its display key is gone."""
    try:
        key = parts.keys.display_key(view["alert_id"])
    except LookupError:
        return {}
    cases = [case for case in (view["case"], (view["draft"] or {}).get("case")) if case]
    known = {one["sha256"] for case in cases for child in case["children"] for one in child["photos"] if one["sha256"]}
    return {sha: editions.photo_token(key, sha) for sha in known}
