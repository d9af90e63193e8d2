"""An edition: one frozen statement of what the public sees, with the digests people approve and channels carry.

The *approval digest* covers texts, renderer, photos, channels, refresh mode, kind and the area envelope; the
*edition digest* adds the area as it is now. So an area may grow inside the approved envelope without a new
approval, and nothing else can (DESIGN, rule 5).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from alerts.area import ResolvedArea
from alerts.programme import SocialRule
from alerts.values import Instant, Value
from alerts.vocabulary import Kind

RENDERER = "2026.11"
"""Version of the texts and templates; a change of it changes every digest."""


class Fact(Value):
    """One line of a description: `label` is in the language of the text it belongs to."""

    label: str
    value: str


class ChildFacts(Value):
    title: str
    facts: tuple[Fact, ...]


class LanguageText(Value):
    """All words of an edition in one language."""

    event: str
    """The programme's name, with TEST or EXERCISE first where it is one."""
    headline: str
    subject: str = ""
    """Event and headline in one line, for media that have no other."""
    body: str
    children: tuple[ChildFacts, ...] = ()
    more: tuple[Fact, ...] = ()
    """Last seen, vehicle, possible abductor."""
    ask: str
    warning: str | None = None
    end: str
    """The neutral sentence that replaces everything when the alert ends."""


class EditionPhoto(Value):
    token: str
    """Unguessable; the address is /media/{token}."""
    sha256: str
    child: int
    alt: dict[str, str]
    width: int
    height: int


class Edition(Value):
    alert_id: str
    number: int = Field(ge=1)
    purpose: Literal["alert", "outcome"] = "alert"
    kind: Kind
    programme: str
    texts: dict[str, LanguageText]
    language: str
    """The one shown first."""
    photos: tuple[EditionPhoto, ...] = ()
    area: ResolvedArea
    envelope: ResolvedArea
    """The largest area this approval covers."""
    channels: tuple[str, ...]
    refresh_mode: Literal["renew", "repeat"]
    tip_line: str
    signs: dict[str, tuple[str, str, str]] = {}
    """Three lines for road signs, by language."""
    social: SocialRule = SocialRule()
    """What becomes of posts at the end, and which may go out at all."""
    last_seen: Instant | None = None
    renderer: str = RENDERER
    approval_digest: str = ""
    digest: str = ""

    @model_validator(mode="after")
    def _digests(self) -> Self:
        approval = _sha256(self._approved())
        object.__setattr__(self, "approval_digest", approval)
        object.__setattr__(self, "digest", _sha256({"approval": approval, "area": self.area.digest}))
        return self

    def _approved(self) -> dict[str, Any]:
        names = {"alert_id", "purpose", "kind", "programme", "texts", "language", "channels", "refresh_mode"}
        said = self.model_dump(mode="json", include={*names, "tip_line", "renderer"})
        if self.signs:  # editions of before there were signs keep the digest people approved
            said["signs"] = self.signs
        if self.social != SocialRule():  # the same
            said["social"] = self.social.model_dump(mode="json")
        photos = [photo.model_dump(mode="json", exclude={"token"}) for photo in self.photos]
        return {**said, "photos": photos, "envelope": self.envelope.digest}


class ChannelTraits(Value):
    """What a workflow must know of a channel, taken from its declared capabilities."""

    personal: bool
    renews: Literal["announce", "renew", "late_joiners"]
    recalls: bool


class EditionRef(Value):
    """An edition as workflows carry it: small; the edition itself lies sealed in the store under its digest."""

    number: int
    digest: str
    approval_digest: str
    purpose: Literal["alert", "outcome"] = "alert"
    channels: dict[str, ChannelTraits]
    warnings: tuple[str, ...] = ()


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
