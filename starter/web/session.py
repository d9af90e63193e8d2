"""Who is signed in: a signed cookie, and the checks that a form really comes from a page of ours.

Demo only: on an embedded home people choose who they are. Elsewhere nobody can sign in here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from alerts.vocabulary import Role
from starter.client import Baken
from starter.errors import UnknownUser
from starter.web.i18n import language_of
from store.keys import load_secret

COOKIE = "baken_session"
LASTS = 12 * 3600
"""Seconds: a shift."""
KNOWN_FOR = 36 * 3600
"""Seconds for which the browser keeps the cookie: what was typed when a shift ran out is still somebody's."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page; `user` is empty for nobody."""

    user: str
    name: str
    roles: frozenset[Role]
    token: str
    language: str
    late: bool = False
    """The session ran out: what was typed may be kept for this person, and nothing be shown."""

    def may(self, *roles: str) -> bool:
        return bool(self.roles & {Role(role) for role in roles})


class NotSignedIn(Exception):
    """Go to the sign-in page first; `next` is where to go on."""

    def __init__(self, going_to: str) -> None:
        super().__init__("not signed in")
        self.next = going_to


class Forbidden(Exception):
    """Signed in, and still not allowed; the text says why."""


class Sessions:
    """Reads and writes the session cookie."""

    def __init__(self, baken: Baken) -> None:
        self._baken = baken
        key = load_secret(baken.parts.settings.paths.secrets / "session.key")
        self._signer = URLSafeTimedSerializer(key, salt="console")

    def begin(self, response: Response, user: str) -> None:
        value = self._signer.dumps({"user": user, "token": secrets.token_urlsafe(18)})
        response.set_cookie(COOKIE, value, max_age=KNOWN_FOR, httponly=True, samesite="strict", path="/")

    def end(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path="/")

    def visitor(self, request: Request, *, late: bool = False) -> Visitor:
        """Who the cookie says it is; nobody when it is missing, old or forged. `late`: it may be old."""
        language = language_of(request)
        lasts = KNOWN_FOR if late else LASTS
        try:
            session: dict[str, Any] = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=lasts)
            person = self._baken.person(str(session["user"]))
        except (BadSignature, KeyError, TypeError, UnknownUser):
            return Visitor("", "", frozenset(), "", language)
        return Visitor(person.user, person.name, person.roles, str(session["token"]), language, late)


class Needs:
    """A dependency every console route has: which roles may use it."""

    def __init__(self, sessions: Sessions, *roles: Role) -> None:
        self._sessions = sessions
        self.roles = frozenset(roles)

    def __call__(self, request: Request) -> Visitor:
        visitor = self._sessions.visitor(request)
        if not visitor.user:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise NotSignedIn(f"/console/login?next={quote(target, safe='/?=')}")
        if self.roles.isdisjoint(visitor.roles):
            needed = ", ".join(sorted(self.roles))
            raise Forbidden(f"this needs the role {needed}; {visitor.user} is {', '.join(sorted(visitor.roles))}")
        return visitor


class Late(Needs):
    """For a form that may be sent after the session ran out: its `late` visitor gets nothing to see."""

    def __call__(self, request: Request) -> Visitor:
        visitor = self._sessions.visitor(request)
        late = self._sessions.visitor(request, late=True)
        if visitor.user or self.roles.isdisjoint(late.roles):
            return super().__call__(request)
        return late


class Anybody(Needs):
    """For the pages by which one signs in."""

    def __call__(self, request: Request) -> Visitor:
        return self._sessions.visitor(request)


def check_origin(request: Request) -> None:
    """Refuse a form that another site sent; raises Forbidden.

    `Sec-Fetch-Site` decides where there is one: our own pages send no referrer, and so the origin `null`.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise Forbidden("this form was sent by another site")


def check_token(visitor: Visitor, given: str) -> None:
    """Refuse a form without this session's token; raises Forbidden."""
    if not hmac.compare_digest(visitor.token.encode(), given.encode()):
        raise Forbidden("this form is from an earlier session; go back, load the page again and repeat it")
