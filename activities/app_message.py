"""The pure part of `app`: what a phone is told, in the words of FCM HTTP v1, and what of it fits.

A message to one phone (a token) is shown by the phone itself. One to a topic is for everybody who subscribed to it: it
carries the area and both languages, and the app decides on the phone whether to show it, so nobody hears where it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from alerts.area import ResolvedArea
from alerts.edition import Edition, LanguageText
from alerts.fitting import cut
from alerts.geometry import covering
from alerts.vocabulary import MessageKind

BODY_MAX: Final = 1_000
"""Characters of the text; fewer where they take many bytes."""
MESSAGE_MAX: Final = 4_096
"""Bytes of a message to a token."""
TOPIC_MESSAGE_MAX: Final = 2_048
"""Bytes of one to a topic (Firebase, Admin FCM API errors, `payload-size-limit-exceeded`)."""
END_LIVES: Final = timedelta(weeks=4)
"""How long the end waits for a phone that is off: it may still show the alert. FCM's longest."""
TOPICS: Final = "topics"
"""Name of what is rendered for them; `message.nl` and such are for tokens."""
TITLE_ROOM: Final = 240
"""Bytes of a headline to topics, which is in there three times."""
CORNERS: Final = 28
"""Of all shapes of an area together: some 450 bytes."""
_LONGEST_TOKEN: Final = 512
_LONGEST_TOPIC: Final = 100
_ID_LENGTH: Final = 32
BETWEEN: Final = b'","data":{"id":"'
Json = dict[str, Any]


class Told(NamedTuple):
    """What a message says of itself."""

    alert_id: str
    edition: int
    kind: MessageKind
    lives: timedelta
    now: datetime
    until: datetime | None
    """End of the lease, when the app takes it down by itself."""


class Mould(NamedTuple):
    """A message as bytes with gaps: head, token or topic, `BETWEEN`, id, rest."""

    head: bytes
    rest: bytes


def token_mould(shown: Json, told: Told, end: str | None) -> Mould:
    """To one phone; `end` is the neutral sentence where it ended."""
    image = shown["image"] if end is None else None
    about = _about(told) | _only({"event": shown["event"], "url": shown["url"]})
    android, apns = _android(told), _apns(told, {"mutable-content": 1})
    android["notification"] = {"tag": told.alert_id}  # what replaces on the phone; the collapse key only on its way
    if image:
        android["notification"]["image"] = image
        apns["fcm_options"] = {"image": image}
    said = {"title": shown["title"], "body": shown["body"]} if end is None else {"title": shown["event"], "body": end}
    return _mould("token", about, {"notification": said, "android": android, "apns": apns})


def topic_mould(shown: Json, told: Told, ends: Mapping[str, str] | None) -> Mould:
    """To a topic: Android gets data alone, which wakes the app; iOS a notification that its extension looks at first.

    `shown` is what `topics_shown` made; the end goes without area and picture.
    """
    about = _about(told) | {"url": shown["url"]}
    if ends is None:
        titles, bodies = shown["titles"], shown["bodies"]
        about |= _only({"image": shown["image"], **shown["area"]})
    else:
        titles, bodies = shown["events"], ends
    for language in bodies:
        about |= {f"title_{language}": titles[language], f"body_{language}": bodies[language]}
    first = next(iter(bodies))
    alert = {"title": shown["events"][first], "body": titles[first] if ends is None else ends[first]}
    apns = _apns(told, {"alert": alert, "mutable-content": 1})
    return _mould("topic", about, {"android": _android(told), "apns": apns})


def token_shown(edition: Edition, text: LanguageText, base_url: str) -> Json:
    """What a phone shows in one language, cut to what fits."""
    shown = {
        "event": text.event,
        "title": text.headline,
        "body": "",
        "url": _page(edition, base_url),
        "image": _image(edition, base_url),
    }
    around = _size(token_mould(shown, _widest(edition), None)) + _LONGEST_TOKEN
    return {**shown, "body": cut(text.body, BODY_MAX, MESSAGE_MAX - around)}


def topics_shown(edition: Edition, base_url: str, *, everywhere: bool) -> Json:
    """What topics are told, in all languages; the first is the edition's. `everywhere`: the area is the country."""
    order = sorted(edition.texts, key=lambda language: language != edition.language)
    texts = {language: edition.texts[language] for language in order}
    shown: Json = {
        "events": {language: text.event for language, text in texts.items()},
        "titles": {language: cut(text.headline, BODY_MAX, TITLE_ROOM) for language, text in texts.items()},
        "bodies": dict.fromkeys(texts, ""),
        "url": _page(edition, base_url),
        "image": _image(edition, base_url),
        "area": {} if everywhere else _area(edition.area),
    }
    room = TOPIC_MESSAGE_MAX - _size(topic_mould(shown, _widest(edition), None)) - _LONGEST_TOPIC
    for left, (language, text) in zip(range(len(texts), 0, -1), texts.items(), strict=True):
        body = cut(text.body, BODY_MAX, room // left)
        shown["bodies"][language] = body
        room -= len(json.dumps(body, ensure_ascii=False).encode()) - 2
    return shown


def _area(area: ResolvedArea) -> Json:
    """As CAP writes areas: latitude before longitude, kilometres; a phone inside it is inside what is sent."""
    if area.circle is not None:
        return {"circle": f"{area.circle.lat:.5f},{area.circle.lon:.5f} {area.circle.radius_m / 1000:g}"}
    rings = covering(area.polygons, CORNERS)
    return {"polygons": ";".join(" ".join(f"{lat:.4f},{lon:.4f}" for lon, lat in ring) for ring in rings)}


def _about(told: Told) -> Json:
    until = told.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if told.until else None
    said = {"alert_id": told.alert_id, "edition": str(told.edition), "kind": told.kind.value, "until": until}
    return _only(said)


def _android(told: Told) -> Json:
    return {"priority": "high", "collapse_key": told.alert_id, "ttl": f"{int(told.lives.total_seconds())}s"}


def _apns(told: Told, aps: Json) -> Json:
    headers = {
        "apns-priority": "10",
        "apns-collapse-id": told.alert_id,
        "apns-expiration": str(int((told.now + told.lives).timestamp())),
    }
    sound = {} if told.kind is MessageKind.CANCEL else {"sound": "default"}
    return {"headers": headers, "payload": {"aps": {**aps, **sound}}}


def _mould(target: str, about: Json, more: Json) -> Mould:
    """The id comes first in `data`: it alone differs from message to message."""
    rest = f'",{_json(about)[1:]},{_json(more)[1:]}}}'
    return Mould(f'{{"message":{{"{target}":"'.encode(), rest.encode())


def _size(mould: Mould) -> int:
    """Of the whole message but token or topic."""
    return len(mould.head) + len(BETWEEN) + _ID_LENGTH + len(mould.rest)


def _widest(edition: Edition) -> Told:
    """With nothing in it that takes fewer bytes than another."""
    now = datetime(9999, 12, 1, tzinfo=UTC)
    return Told(edition.alert_id, edition.number, max(MessageKind, key=len), END_LIVES, now, now)


def _page(edition: Edition, base_url: str) -> str:
    return f"{base_url}/alerts/{edition.alert_id}"


def _image(edition: Edition, base_url: str) -> str | None:
    return f"{base_url}/media/{edition.photos[0].token}" if edition.photos else None


def _only(said: Json) -> Json:
    return {name: value for name, value in said.items() if value}


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
