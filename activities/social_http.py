"""Calls to the servers of social media: what they answer, in the words that every channel has for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol

import httpx

from activities.channels.base import Busy, Denied, PhotoBytes, Rejected, Unreachable
from activities.leaving import leaving

TIMEOUT = httpx.Timeout(8.0, connect=3.0)
AT_MOST = 300.0
"""Seconds that a server can make us wait before we ask again."""
BRIEFLY = 0.5
"""Seconds, after an error that names no time."""
DENIED = frozenset({401, 403})
AFTER = ("retry-after",)
RESETS = ("x-ratelimit-reset", "ratelimit-reset")
"""When a quota ends, on Mastodon and on Bluesky; they stand in answers of every kind."""


class Photo(NamedTuple):
    """A picture with its description."""

    bytes: PhotoBytes
    alt: str


class Saying(NamedTuple):
    """One post, as far as its words and pictures go."""

    text: str
    link: str
    """To the page of the alert, whole."""
    language: str
    photos: tuple[Photo, ...] = ()


class Posted(NamedTuple):
    """What a service made of it."""

    post_id: str
    url: str
    """Where everybody reads it."""


class Service(Protocol):
    """One account on a service of which we speak the protocol.

    Every call is idempotent and raises a `ChannelError`; `may_go` is called right before words or pictures leave, and
    what it raises keeps them here.
    """

    edits: bool
    """Whether a post can say something else under the same address."""

    async def check(self) -> None:
        """Whether it lets us in; nothing is posted."""
        ...

    async def post(self, saying: Saying, key: str, may_go: Callable[[], None]) -> Posted:
        """Say it once, however often it is asked to under the same key."""
        ...

    async def edit(self, post_id: str, saying: Saying, may_go: Callable[[], None]) -> Posted | None:
        """Let a post say this; None when it is not there any more."""
        ...

    async def delete(self, post_id: str) -> None:
        """Also right when it is gone already."""
        ...

    async def find(self, mark: str) -> Collection[str]:
        """Which of the account's last posts have a link with this in it."""
        ...

    async def read(self, post_id: str, mark: str) -> bool:
        """Whether anybody can read the post, and it has such a link."""
        ...


async def ask(
    client: httpx.AsyncClient,
    who: str,
    method: str,
    url: str,
    *,
    expect: Collection[int] = (),
    proof: str = "login",
    may_go: Callable[[], None] = lambda: None,
    **more: Any,
) -> httpx.Response:
    """The answer, if it is a success or one of those expected; else raises what it means.

    `proof`: what we show to be let in, such as a token. `may_go` is called right before it leaves, and what it raises
    keeps it here.
    """
    try:
        answer = await client.request(method, url, extensions=leaving(may_go), **more)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unreachable(f"{who} does not answer") from error
    except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
        raise Unreachable(f"{who}'s answer breaks off or makes no sense", in_doubt=True) from error
    except httpx.HTTPError as error:
        raise Unreachable(f"{who} went silent ({type(error).__name__})", in_doubt=True) from error
    status = answer.status_code
    if answer.is_success or status in expect:
        return answer
    if status in DENIED:
        raise denied(who, proof, status)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Busy(f"{who} allows no more for now (429)", retry_after=patience(answer.headers, time.time()))
    if answer.is_server_error:
        # What it was asked it may have done all the same; and when its quota ends has nothing to do with its error.
        wait = patience(answer.headers, time.time(), AFTER)
        raise Busy(f"{who} asks for patience ({status})", retry_after=wait, in_doubt=True)
    raise Rejected(f"{who} refused it ({status})")


def denied(who: str, proof: str, status: int) -> Denied:
    """401, or 400 of a session: it knows no such proof (any more); 403: it does, and it may not do this."""
    why = "may not do this" if status == httpx.codes.FORBIDDEN else "is not right, or was taken back"
    return Denied(f"{who} does not accept our {proof}, which {why} ({status})")


def said(who: str, answer: httpx.Response) -> dict[str, Any]:
    """The object in an answer."""
    found = _json(answer)
    if not isinstance(found, dict):
        raise Unreachable(f"{who}'s answer makes no sense", in_doubt=True)
    return found


def listed(who: str, answer: httpx.Response) -> list[dict[str, Any]]:
    """The objects in an answer that is a list."""
    found = _json(answer)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreachable(f"{who}'s answer makes no sense")
    return found


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def of(who: str, found: Mapping[str, Any], name: str) -> str:
    """A text that an answer must have."""
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Unreachable(f"{who}'s answer makes no sense: it has no {name}", in_doubt=True)
    return value


def patience(headers: Mapping[str, str], now: float, names: Sequence[str] = (*AFTER, *RESETS)) -> float:
    """Seconds to wait, as the first of these headers has them.

    A reset is a moment in both, of Mastodon in words, of Bluesky in seconds since 1970.
    """
    for name in names:
        seconds = _seconds(name, headers.get(name, ""), now)
        if seconds is not None:
            return min(max(seconds, BRIEFLY), AT_MOST)
    return BRIEFLY


def _seconds(name: str, text: str, now: float) -> float | None:
    if text.isdecimal():
        return float(text) - (0 if name == "retry-after" else now)
    try:
        moment = parsedate_to_datetime(text) if name == "retry-after" else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() - now if moment.tzinfo else None
