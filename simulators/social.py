"""Servers of social media on loopback: accounts and what everybody reads of them, and a receiver for Apprise.

What each service speaks is in `simulators.mastodon` and `simulators.bluesky`. Posts are in memory only; after a
restart the record still knows which there were, so that they can be deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import regex
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from simulators.faults import SLOW, Faults
from simulators.received import Line, Record

CHANNEL = "social"
LIVE = (("Politie op Mastodon", "mastodon"), ("Politie op Bluesky", "bluesky"), ("Kanaal Waterrijk", "others"))
"""Fictitious, each with the service it is on."""
EXERCISE = (("Oefening op Mastodon", "mastodon"), ("Oefening op Bluesky", "bluesky"), ("Oefenkanaal", "others"))
LANGUAGES = ("nl", "en")
REFUSED = {"error": 503, "reject": 400, "denied": 401}
"""Statuses by fault."""
SAYS = {400: "InvalidRequest", 401: "AuthenticationRequired", 404: "NotFound", 422: "Validation failed"}
_LINK = re.compile(r"/alerts/([\w-]+)\?lang=(\w+)&(edition|ended)=(\d+)")
_CLUSTER = regex.compile(r"\X")


class Refused(Exception):
    """The answer is an error of this status."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.why = why or SAYS.get(status, "Unavailable")


class Link(NamedTuple):
    """What the address of a page of an alert says of a post that has it."""

    alert_id: str
    language: str
    ends: bool
    edition: int


def link_in(text: str) -> Link:
    """Raises Refused where there is none: every post is to lead to the page."""
    found = _LINK.search(text)
    if found is None:
        raise Refused(422, "Validation failed: this account only posts alerts, with their link")
    return Link(found[1], found[2], found[3] == "ended", int(found[4]))


def characters(text: str) -> int:
    """As people see them."""
    return len(_CLUSTER.findall(text))


@dataclass
class Post:
    """One that everybody reads."""

    id: str
    link: Link
    text: str
    alts: tuple[str, ...]
    value: Any
    """As the service has it."""


class Account:
    """One account, and what it shows."""

    def __init__(self, record: Record, name: str, service: str, secret: str, *, exercise: bool) -> None:
        self.name = name
        self.service = service
        self.secret = secret
        self.exercise = exercise
        self.id = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.handle = f"{''.join(sign if sign.isalnum() else '-' for sign in name.lower())}.social.example"
        self.posts: dict[str, Post] = {}
        self._record = record

    def put(self, post: Post) -> None:
        """A new post, or what an old one says from now on; recorded if it changes what is shown."""
        before = self.posts.get(post.id)
        self.posts[post.id] = post
        if before is None or before.text != post.text:
            self._note(post.link, post.id)

    def remove(self, post_id: str) -> bool:
        """Whether it was there; one of before a restart is known by the record."""
        post = self.posts.pop(post_id, None)
        link = post.link if post else self._recorded(post_id)
        if link is not None and not any(
            other.link[:2] == link[:2] and not other.link.ends for other in self.posts.values()
        ):
            self._note(link._replace(ends=True), post_id)
        return link is not None

    def seen(self, alerts: Sequence[str]) -> dict[str, Any]:
        """What those who follow it have before them; texts are known until a restart."""
        shown = [one for alert in alerts for language in LANGUAGES if (one := self._one(alert, language))]
        return {"name": self.name, "service": self.service, "exercise": self.exercise, "shows": shown}

    def _one(self, alert: str, language: str) -> dict[str, Any] | None:
        line = self._newest(alert, language)
        if line is None:
            return None
        mine = [post for post in self.posts.values() if post.link[:2] == (alert, language)]
        said = [
            {"text": post.text, "alts": post.alts, "edition": post.link.edition, "ends": post.link.ends}
            for post in mine
        ]
        return {"alert_id": alert, "language": language, "kind": line["kind"], "at": line["at"], "posts": said}

    def _note(self, link: Link, post_id: str) -> None:
        before = self._newest(link.alert_id, link.language)
        if link.ends and (before is None or before["kind"] == "cancel"):
            return
        kind = "cancel" if link.ends else _kind(before, link.edition)
        self._record.add(
            channel=CHANNEL,
            recipient=self._recipient(link.language),
            alert_id=link.alert_id,
            edition=link.edition,
            kind=kind,
            id=f"{post_id}/{link.edition}/{kind}",
        )

    def _newest(self, alert: str, language: str) -> Line | None:
        return self._record.newest(CHANNEL, alert).get(self._recipient(language))

    def _recorded(self, post_id: str) -> Link | None:
        mine = {self._recipient(language): language for language in LANGUAGES}
        for line in reversed(self._record.read(CHANNEL)):
            if line["recipient"] in mine and line["id"].startswith(f"{post_id}/"):
                ends = line["kind"] == "cancel"
                return None if ends else Link(line["alert_id"], mine[line["recipient"]], ends, line["edition"])
        return None

    def _recipient(self, language: str) -> str:
        return f"{self.name}/{language}"


class Accounts:
    """Of one server: those of the public, or those of exercises."""

    def __init__(self, record: Record, secret_of: dict[str, str], *, exercise: bool) -> None:
        known = EXERCISE if exercise else LIVE
        self.all = [
            Account(record, name, service, secret_of.get(name) or secrets.token_urlsafe(24), exercise=exercise)
            for name, service in known
        ]

    def endpoint(self, url: str) -> dict[str, Any]:
        """Where it is, and with what each account lets somebody in."""
        told = [
            {"name": one.name, "service": one.service, "handle": one.handle, "secret": one.secret} for one in self.all
        ]
        return {"url": url, "accounts": told}

    def on(self, service: str) -> list[Account]:
        return [account for account in self.all if account.service == service]

    def by_bearer(self, request: Request, service: str) -> Account:
        """Whose token came with the request."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        for account in self.on(service):
            if secrets.compare_digest(token.encode(), account.secret.encode()):
                return account
        raise Refused(401)


def social_app(accounts: Accounts, faults: Faults) -> FastAPI:
    """All services on one port: their paths differ."""
    from simulators.bluesky import bluesky_router  # noqa: PLC0415  they build on this module
    from simulators.mastodon import mastodon_router  # noqa: PLC0415  as above

    async def behave(request: Request) -> None:
        """As the fault says. A request that came whole is worked off, also when its client has gone."""
        await request.body()
        if faults.mode(CHANNEL) == "slow":
            await asyncio.sleep(SLOW)
        failure = faults.fails(CHANNEL)
        if failure:
            raise Refused(REFUSED[failure])

    app = FastAPI(openapi_url=None, dependencies=[Depends(behave)])

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        said = {"error": error.why, "message": error.why}
        return JSONResponse(said, error.status, _quota(request.url.path, datetime.now(UTC)))

    @app.post("/notify/{handle}/{secret}")
    async def notify(handle: str, secret: str, request: Request) -> JSONResponse:
        """What Apprise sends to `json://`: a service that keeps all, and can delete nothing."""
        account = next((one for one in accounts.on("others") if one.handle == handle), None)
        if account is None or not secrets.compare_digest(secret.encode(), account.secret.encode()):
            raise Refused(401)
        text = str((await request.json())["message"])
        same = hashlib.sha256(text.encode()).hexdigest()[:16]
        account.put(Post(f"{same}-{time.monotonic_ns()}", link_in(text), text, (), text))
        return JSONResponse({"status": "ok"})

    app.include_router(mastodon_router(accounts))
    app.include_router(bluesky_router(accounts))
    return app


def _quota(path: str, now: datetime) -> dict[str, str]:
    """When the quota of calls begins anew, as each service says in every answer."""
    ends = now.replace(second=0, microsecond=0) + timedelta(minutes=5)
    if path.startswith("/xrpc"):
        return {"ratelimit-reset": str(int(ends.timestamp()))}
    return {"x-ratelimit-reset": ends.isoformat()}


def _kind(before: Line | None, edition: int) -> str:
    """What a post is to those who follow the account, by what they have before them."""
    if before is None or before["kind"] == "cancel":
        return "alert"
    return "refresh" if before["edition"] == edition else "update"
