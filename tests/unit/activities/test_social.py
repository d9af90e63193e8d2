"""Accounts as they are configured, what servers answer, keys, and pictures that are small enough."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from activities.bluesky import LARGEST, smaller
from activities.channels.base import Busy, ChannelError, Denied, Rejected, Unreachable
from activities.endpoints import ChannelsFile, MastodonAccount, NotOnLoopback, SocialEndpoint, require_loopback
from activities.social_http import AT_MOST, BRIEFLY, patience
from activities.through_apprise import meaning
from activities.tid import moment_of, new_key

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()
HERE = {"name": "Here", "url": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:09 GMT"}, 9),
        ({"x-ratelimit-reset": "2026-11-24T12:01:00.000Z"}, 60),
        ({"ratelimit-reset": str(int(NOW) + 30)}, 30),
        ({"x-ratelimit-reset": "2026-11-24T12:30:00.000Z"}, AT_MOST),
        ({"ratelimit-reset": str(int(NOW) - 30)}, BRIEFLY),
        ({"retry-after": "soon"}, BRIEFLY),
        ({}, BRIEFLY),
    ],
)
def test_patience_when_a_server_names_a_time_is_that_long(headers: dict[str, str], seconds: float) -> None:
    assert patience(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("log", "kind", "in_doubt"),
    [
        ("Failed to send JSON POST notification: Verification Failed., error=401.", Denied, False),
        ("Failed to send Discord message: error=429.", Busy, False),
        ("Failed to send JSON POST notification: Servers are overloaded., error=503.", Busy, False),
        ("Failed to send JSON POST notification: Bad Gateway, error=502.", Unreachable, True),
        ("Failed to send JSON POST notification: Gateway Timeout, error=504.", Unreachable, True),
        ("Failed to send X: Bad request., error=400.", Rejected, False),
        ('Socket Exception: Max retries exceeded (Caused by NewConnectionError("refused"))', Unreachable, False),
        ("Socket Exception: ('Connection aborted.', BadStatusLine('x'))", Unreachable, False),
        ("Socket Exception: HTTPConnectionPool: Read timed out. (read timeout=8)", Unreachable, True),
        ("Socket Exception: ('Connection aborted.', RemoteDisconnected('closed'))", Unreachable, True),
        ("", Rejected, False),
    ],
)
def test_failure_through_apprise_tells_whether_it_may_have_arrived(
    log: str, kind: type[ChannelError], in_doubt: bool
) -> None:
    error = meaning("Here", log)
    assert type(error) is kind
    assert getattr(error, "in_doubt", False) is in_doubt


def test_key_when_made_tells_its_moment_and_sorts_by_it() -> None:
    early, late = (datetime(2026, 11, 24, 12, 0, second, 123456, tzinfo=UTC) for second in (1, 2))
    assert moment_of(new_key(early)) == early
    assert new_key(early) < new_key(late)
    assert len({new_key(early) for _ in range(20)}) > 1


def test_picture_when_too_large_is_made_smaller_and_else_left_alone() -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (1600, 1200), os.urandom(1600 * 1200 * 3)).save(out, "JPEG", quality=95)
    assert len(out.getvalue()) > LARGEST
    made = smaller(out.getvalue())
    assert len(made) <= LARGEST
    assert Image.open(io.BytesIO(made)).format == "JPEG"
    assert smaller(b"small") == b"small"


@pytest.mark.parametrize(
    ("service", "account", "host"),
    [
        ("mastodon", {"url": "https://mastodon.example", "token": "t"}, "mastodon.example"),
        ("bluesky", {"url": "https://pds.example", "handle": "h", "password": "p"}, "pds.example"),
        ("others", {"url": "jsons://hooks.example/x"}, "hooks.example"),
        ("others", {"url": "tgram://123:abc/localhost"}, "the service tgram of Apprise"),
    ],
)
def test_account_when_elsewhere_is_refused_in_a_home_with_the_keys(
    service: str, account: dict[str, str], host: str
) -> None:
    for group in ("channels", "exercise"):
        config = ChannelsFile.model_validate({group: {"social": {service: [{"name": "There", **account}]}}})
        with pytest.raises(NotOnLoopback, match=rf"{group}\.social There points to {host}"):
            require_loopback(config)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"mastodon": [{**HERE, "token": "t"}], "others": [HERE]}, "two accounts have the same name"),
        ({"mastodon": [{**HERE, "url": "http://mastodon.example", "token": "t"}]}, "write https"),
        ({"others": [{**HERE, "languages": ["fr"]}]}, "'nl' or 'en'"),
        ({"others": [{**HERE, "languages": []}]}, "at least 1 item"),
    ],
)
def test_accounts_when_wrong_say_what_is(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        SocialEndpoint.model_validate(said)


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("social", {"others": [{"name": "noord", "url": "json://127.0.0.1:1"}]}),
        ("cellbroadcast", [{"name": "noord", "a": "https://127.0.0.1:1/cap", "certificate": "c", "key": "k"}]),
    ],
)
def test_name_when_the_public_and_exercises_share_it_is_refused(channel: str, said: Any) -> None:
    config = {"channels": {channel: said}, "exercise": {channel: said}}
    with pytest.raises(ValidationError, match=f"exercise.{channel}: .* named 'noord'; rename one"):
        ChannelsFile.model_validate(config)


def test_account_when_printed_keeps_its_token() -> None:
    assert "geheim" not in repr(MastodonAccount(**HERE, token="geheim"))
