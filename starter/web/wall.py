"""What the wall tells: of each channel and alert, is it shown now or taken down? Asked of what receivers get."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import httpx

State = Literal["shown", "down", "none"]
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MOST_ALERTS = 3
TEXTS = 6


@dataclass(frozen=True)
class Page:
    """The public page of an alert; `mark` changes with its content."""

    alert_id: str
    state: State
    mark: str
    exercise: bool


@dataclass(frozen=True)
class CapMessage:
    """The newest CAP message of an alert."""

    alert_id: str
    state: State
    type: str
    headline: str
    at: str
    exercise: bool


@dataclass(frozen=True)
class Poster:
    """The posters of an alert; `mark` changes with them, and `scanned` is where the code on them leads."""

    alert_id: str
    state: State
    mark: str = ""
    scanned: str = ""


@dataclass(frozen=True)
class Receivers:
    """What those have before them who got something of this alert: mailboxes, phones, browsers."""

    alert_id: str
    state: State
    showing: int
    ended: int


@dataclass(frozen=True)
class Text:
    """A text message as phones show it, one of each sort."""

    alert_id: str
    edition: int
    kind: str
    sender: str
    text: str
    parts: int
    exercise: bool


@dataclass(frozen=True)
class Call:
    """The last call a partner accepted of one alert; the headline is known until a restart."""

    alert_id: str
    state: State
    kind: str
    headline: str
    at: str


@dataclass(frozen=True)
class Screen:
    """One partner."""

    name: str
    exercise: bool
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class OnSign:
    """What a screen or road sign has of one alert; its words are known until a restart."""

    alert_id: str
    state: State
    headline: str
    lines: tuple[str, ...]
    at: str


@dataclass(frozen=True)
class Sign:
    """One screen or road sign."""

    name: str
    exercise: bool
    shows: tuple[OnSign, ...]


@dataclass(frozen=True)
class OnPhones:
    """What phones in the area have of one alert by one network; its words are known until a restart."""

    alert_id: str
    state: State
    text: str
    short: str
    """On a phone that knows 90 characters."""
    at: str


@dataclass(frozen=True)
class OnAccount:
    """What an account has of one alert in one language; its posts are known until a restart."""

    alert_id: str
    language: str
    state: State
    kind: str
    posts: tuple[dict[str, Any], ...]
    """Text and descriptions of photos."""
    at: str


@dataclass(frozen=True)
class Network:
    """One operator's network."""

    name: str
    exercise: bool
    shows: tuple[OnPhones, ...]


@dataclass(frozen=True)
class Account:
    """One account on social media."""

    name: str
    exercise: bool
    shows: tuple[OnAccount, ...]


@dataclass(frozen=True)
class Verdict:
    """Of one alert: which channels show it, and which have taken it down."""

    alert_id: str
    shown: tuple[str, ...]
    down: tuple[str, ...]
    exercise: bool


@dataclass(frozen=True)
class Wall:
    """All of it; `reachable` is False while the simulators do not answer."""

    reachable: bool
    pages: tuple[Page, ...]
    cap: tuple[CapMessage, ...]
    mailboxes: tuple[Receivers, ...]
    phones: tuple[Receivers, ...]
    browsers: tuple[Receivers, ...]
    handsets: tuple[Receivers, ...]
    texts: tuple[Text, ...]
    mails: tuple[dict[str, Any], ...]
    screens: tuple[Screen, ...]
    networks: tuple[Network, ...]
    accounts: tuple[Account, ...]
    signs: tuple[Sign, ...]
    posters: tuple[Poster, ...]
    faults: dict[str, str | None]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The newest alert first."""
        states: dict[str, dict[str, set[State]]] = {page.alert_id: {"web": {page.state}} for page in self.pages}
        for message in self.cap:
            states[message.alert_id]["cap"] = {message.state}
        personal = {"email": self.mailboxes, "app": self.phones, "webpush": self.browsers, "sms": self.handsets}
        for channel, some in personal.items():
            for receivers in some:
                states[receivers.alert_id][channel] = {receivers.state}
        for call in (call for screen in self.screens for call in screen.calls):
            states[call.alert_id].setdefault("webhook", set()).add(call.state)
        for network in self.networks:
            for broadcast in network.shows:
                states[broadcast.alert_id].setdefault("cellbroadcast", set()).add(broadcast.state)
        for post in (post for account in self.accounts for post in account.shows):
            states[post.alert_id].setdefault("social", set()).add(post.state)
        for one in (one for sign in self.signs for one in sign.shows):
            states[one.alert_id].setdefault("signage", set()).add(one.state)
        for poster in self.posters:
            states[poster.alert_id]["poster"] = {poster.state}
        drills = {page.alert_id for page in self.pages if page.exercise}
        drills |= {message.alert_id for message in self.cap if message.exercise}
        return tuple(_verdict(alert, channels, alert in drills) for alert, channels in states.items())

    @property
    def front(self) -> Page | None:
        """The page to show as everybody sees it: the newest that is up, else the newest that was."""
        ordered = sorted(self.pages, key=lambda page: ("shown", "down", "none").index(page.state))
        return ordered[0] if ordered and ordered[0].state != "none" else None


async def look(public: httpx.AsyncClient, seen: dict[str, Any] | None, language: str) -> Wall:
    """Look at the public site, and at what the simulators have; `seen` is None while they do not answer."""
    seen = seen or {}
    alerts = await _alerts(public, seen.get("alerts", {}))
    found = [await _page(public, alert, language) for alert in alerts]
    messages = [await _cap(public, alert, language) for alert in alerts]
    posters = [await _poster(public, alert, language) for alert in alerts]
    return Wall(
        reachable=bool(seen),
        pages=tuple(found),
        cap=tuple(message for message in messages if message),
        mailboxes=_receivers(seen.get("mailboxes", ()), alerts),
        phones=_receivers(seen.get("phones", ()), alerts),
        browsers=_receivers(seen.get("browsers", ()), alerts),
        handsets=_receivers(seen.get("handsets", ()), alerts),
        texts=tuple(Text(**one) for one in seen.get("texts", ()) if one["alert_id"] in alerts)[:TEXTS],
        mails=tuple(seen.get("mails", ())),
        screens=tuple(_screen(one, alerts, language) for one in seen.get("partners", ())),
        networks=tuple(_network(one, alerts, language) for one in seen.get("networks", ())),
        accounts=tuple(_account(one, alerts) for one in seen.get("accounts", ())),
        signs=tuple(_sign(one, alerts, language) for one in seen.get("signs", ())),
        posters=tuple(poster for poster in posters if poster),
        faults=seen.get("faults", {}),
    )


async def _alerts(public: httpx.AsyncClient, known: dict[str, str]) -> list[str]:
    """The newest; the public lists have those that no mailbox or partner got. `known` has since when, by id."""
    lists = [(await public.get(path)).text for path in ("/", "/exercise")]
    listed = [pair for text in lists for pair in re.findall(r'/alerts/(\w+)\?.*datetime="([^"]+)"', text)]
    feed = (await public.get("/feeds/cap.atom")).text
    fed = re.findall(r"<updated>([^<]+)</updated>\s*<link [^>]*/alerts/(\w+)/cap/", feed)
    since = {**{alert: at for at, alert in fed}, **dict(listed), **known}
    return sorted(since, key=lambda alert: datetime.fromisoformat(since[alert]), reverse=True)[:MOST_ALERTS]


async def _page(public: httpx.AsyncClient, alert: str, language: str) -> Page:
    answer = await public.get(f"/alerts/{alert}", params={"lang": language})
    kind = re.search(r'class="kind-(\w+)"', answer.text)
    shown = answer.is_success and kind is not None and kind.group(1) != "none"
    state: State = "shown" if shown else "down" if answer.is_success else "none"
    mark = hashlib.sha256(answer.content).hexdigest()[:12]
    return Page(alert, state, mark, exercise=kind is not None and kind.group(1) == "exercise")


async def _cap(public: httpx.AsyncClient, alert: str, language: str) -> CapMessage | None:
    answer = await public.get(f"/alerts/{alert}/cap.xml")
    if answer.status_code == httpx.codes.GONE:
        return CapMessage(alert, "down", "", "", "", exercise=False)
    if not answer.is_success:
        return None
    message = ET.fromstring(answer.content)  # noqa: S314  our own
    infos = message.findall(f"{CAP}info")
    mine = [info for info in infos if info.findtext(f"{CAP}language", "").startswith(language)]
    headline = next((info.findtext(f"{CAP}headline", "") for info in [*mine, *infos]), "")
    type_ = message.findtext(f"{CAP}msgType", "")
    return CapMessage(
        alert_id=alert,
        state="down" if type_ == "Cancel" else "shown",
        type=type_,
        headline=headline,
        at=_clock(message.findtext(f"{CAP}sent", "")),
        exercise=message.findtext(f"{CAP}status") == "Exercise",
    )


async def _poster(public: httpx.AsyncClient, alert: str, language: str) -> Poster | None:
    answer = await public.head(f"/a/{alert}/poster.png", params={"lang": language})
    if answer.status_code == httpx.codes.GONE:
        return Poster(alert, "down")
    if not answer.is_success:
        return None
    return Poster(alert, "shown", answer.headers["etag"].strip('"')[:12], answer.links["describedby"]["url"])


def _receivers(said: Iterable[dict[str, Any]], alerts: list[str]) -> tuple[Receivers, ...]:
    known = (one for one in said if one["alert_id"] in alerts)
    return tuple(Receivers(**one, state="shown" if one["showing"] else "down") for one in known)


def _screen(said: dict[str, Any], alerts: list[str], language: str) -> Screen:
    calls = [
        Call(
            alert_id=call["alert_id"],
            state="down" if call["kind"] == "cancel" else "shown",
            kind=call["kind"],
            headline=call["headline"].get(language, ""),
            at=_clock(call["at"]),
        )
        for call in said["calls"]
        if call["alert_id"] in alerts
    ]
    return Screen(said["name"], said["exercise"], tuple(calls))


def _account(said: dict[str, Any], alerts: list[str]) -> Account:
    shows = [
        OnAccount(
            alert_id=one["alert_id"],
            language=one["language"],
            state="down" if one["kind"] == "cancel" else "shown",
            kind=one["kind"],
            posts=tuple(one["posts"]),
            at=_clock(one["at"]),
        )
        for one in said["shows"]
        if one["alert_id"] in alerts
    ]
    return Account(said["name"], said["exercise"], tuple(shows))


def _sign(said: dict[str, Any], alerts: list[str], language: str) -> Sign:
    shows = [
        OnSign(
            alert_id=one["alert_id"],
            state="shown" if one["up"] else "down",
            headline=one["headline"].get(language, ""),
            lines=tuple(one["lines"].get(language, ())),
            at=_clock(one["at"]),
        )
        for one in said["shows"]
        if one["alert_id"] in alerts
    ]
    return Sign(said["name"], said["exercise"], tuple(shows))


def _network(said: dict[str, Any], alerts: list[str], language: str) -> Network:
    shows = [
        OnPhones(
            alert_id=one["alert_id"],
            state="shown" if one["up"] else "down",
            text=one["texts"].get(language, ""),
            short=one["short"].get(language, ""),
            at=_clock(one["at"]),
        )
        for one in said["shows"]
        if one["alert_id"] in alerts
    ]
    return Network(said["name"], said["exercise"], tuple(shows))


def _verdict(alert: str, channels: dict[str, set[State]], exercise: bool) -> Verdict:
    shown = tuple(name for name, states in channels.items() if "shown" in states)
    down = tuple(name for name, states in channels.items() if states == {"down"})
    return Verdict(alert, shown, down, exercise)


def _clock(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(AMSTERDAM):%H:%M:%S}" if at else ""
