"""Web Push on the wire: what a real HTTP/2 server is sent, opened by independent code, and what its answers mean."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Gone,
    NotSent,
    Outgoing,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.channels.webpush import WebPushChannel
from activities.endpoints import ChannelsConfig, ExerciseChannels, ExerciseWebPushEndpoint, LiveChannels, Loopback
from activities.endpoints import WebPushEndpoint as Endpoint
from activities.pacing import Limit
from activities.web_push import Vapid, vapid_key
from alerts.compose import end_text
from alerts.vocabulary import Kind, MessageKind
from simulators.browsers import Browsers
from simulators.http2 import Handler, Reply
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.support.push import CONTACT, ID, NOW, SECRET, Push, columns, job

DESCRIPTION = "\U0001f9f8 Zij droeg een gele jas met 100% katoen. "
Open = Callable[[Handler], Push]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Open]:
    opened: list[Push] = []

    def serve(handler: Handler) -> Push:
        opened.append(Push(tmp_path, handler))
        return opened[-1]

    yield serve
    for push in opened:
        push.close()


@pytest.fixture
def push(serve: Open) -> Push:
    return serve(lambda _: Reply(201))


async def test_alert_when_opened_by_its_browser_says_what_the_service_worker_needs(push: Push) -> None:
    assert await push.send(push.to("r1"), push.to("r2", language="en"), revision=7, announcement=3) == [None, None]
    dutch, english = sorted(push.opened(), key=lambda said: str(said["lang"]), reverse=True)
    image = dutch.pop("image")
    assert image.startswith(f"{BASE_URL}/media/")
    assert dutch == {
        "id": ID,
        "alert_id": "a1",
        "edition": 1,
        "order": [7, 3, 1, 0],
        "kind": "alert",
        "tag": "a1",
        "title": "Vermist: Noor Voorbeeld (7), Amersfoort",
        "body": "Een meisje is meegenomen bij een speeltuin. Laatst gezien: 24 november 2026, 12:00, Amersfoort.",
        "url": f"{BASE_URL}/alerts/a1",
        "lang": "nl",
    }
    assert english["title"] == "Missing: Noor Voorbeeld (7), Amersfoort"


async def test_cancel_when_opened_says_the_neutral_sentence_and_nothing_of_the_child(push: Push) -> None:
    texts = {language: end_text(language, None) for language in ("nl", "en")}
    await push.send(push.to("r1", MessageKind.CANCEL), end_texts=texts)
    assert push.opened() == [
        {
            "id": ID,
            "alert_id": "a1",
            "edition": 1,
            "order": [0, 0, 1, 1],
            "kind": "cancel",
            "tag": "a1",
            "title": "AMBER Alert",
            "body": texts["nl"],
            "url": f"{BASE_URL}/alerts/a1",
            "lang": "nl",
        }
    ]


@pytest.mark.parametrize(
    ("kind", "end_texts", "ttl", "urgency"),
    [
        (MessageKind.ALERT, None, "5400", "high"),
        (MessageKind.UPDATE, None, "5400", "high"),
        (MessageKind.REFRESH, None, "5400", "normal"),
        (MessageKind.CANCEL, {"nl": "Voorbij."}, "2419200", "high"),
    ],
)
async def test_push_service_when_asked_is_told_how_long_it_holds_and_who_sends(
    push: Push, kind: MessageKind, end_texts: dict[str, str] | None, ttl: str, urgency: str
) -> None:
    await push.send(push.to("r1", kind), end_texts=end_texts)
    (asked,) = push.asked
    told = {
        name: asked.headers[name] for name in (":method", ":path", "ttl", "urgency", "content-encoding", "user-agent")
    }
    assert told == {
        ":method": "POST",
        ":path": "/push/r1",
        "ttl": ttl,
        "urgency": urgency,
        "content-encoding": "aes128gcm",
        "user-agent": "Baken",
    }
    key = Vapid(vapid_key(SECRET), CONTACT).public_key
    assert asked.headers["authorization"].startswith("vapid t=eyJ")
    assert asked.headers["authorization"].endswith(f", k={key}")


async def test_topic_when_of_one_alert_is_the_same_whatever_is_said(push: Push) -> None:
    await push.send(push.to("r1"))
    await push.send(push.to("r1", MessageKind.CANCEL), end_texts={"nl": "Voorbij."})
    await push.send(push.to("r1"), alert_id="a2")
    first, end, other = (asked.headers["topic"] for asked in push.asked)
    assert first == end != other
    assert len(first) == 32


async def test_token_when_five_hundred_are_sent_is_one_and_no_two_bodies_share_a_key(push: Push) -> None:
    assert set(await push.send(*(push.to(f"r{n}") for n in range(500)))) == {None}
    assert len({asked.headers["authorization"] for asked in push.asked}) == 1
    assert len({asked.body[:86] for asked in push.asked}) == len(push.asked) == 500


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("body", [DESCRIPTION * 90, "\U0001f9f8" * 4_000, '"\\' * 2_000, "\u0645\u064f" * 2_000])
async def test_longest_alert_when_sent_fits_and_is_cut_on_a_character(push: Push, kind: Kind, body: str) -> None:
    child = {"name": "N\u00e9\u0301" * 130, "age": 7, "photos": case_document()["children"][0]["photos"]}
    public = {"situation": "x", "headline": {"nl": "\U0001f9f8" * 160}, "body": {"nl": body[:4_000]}}
    edition = make_edition(case_document(children=[child] * 8, public=public), kind=kind, number=99_999)
    counted = {"revision": 99_999_999, "announcement": 99_999_999}
    assert await push.send(push.to("r1", MessageKind.REFRESH), edition=edition, **counted) == [None]
    (said,) = push.opened()
    assert len(push.asked[0].body) <= 4096
    full = edition.texts["nl"].body
    assert full.startswith(said["body"].removesuffix("..."))
    assert len(said["body"]) <= 1_000
    assert said["title"] == edition.texts["nl"].headline


ANSWERS: list[tuple[int, type[ChannelError] | None, str]] = [
    (200, None, ""),
    (201, None, ""),
    (202, None, ""),
    (404, Gone, "the browser ended its subscription"),
    (410, Gone, "the browser ended its subscription"),
    (301, Rejected, "a push service refused it (301)"),
    (400, Rejected, "a push service refused it (400)"),
    (413, Rejected, "a push service refused it (413)"),
    (401, Denied, "a push service does not accept our VAPID token (401)"),
    (403, Rejected, "a push service does not accept our VAPID key for this browser (403)"),
    (429, Busy, "a push service asks for patience (429)"),
    (500, Busy, "a push service asks for patience (500)"),
    (503, Busy, "a push service asks for patience (503)"),
]


async def test_answers_when_they_differ_are_told_apart_in_the_order_of_the_messages(serve: Open) -> None:
    push = serve(lambda asked: Reply(int(asked.headers[":path"].rsplit("/", 1)[1])))
    outcomes = await push.send(*(push.to(str(status)) for status, _, _ in ANSWERS))
    told = [(type(one) if one else None, str(one or "")) for one in outcomes]
    assert told == [(kind, said) for _, kind, said in ANSWERS]


@pytest.mark.parametrize(("asked_for", "waits"), [("7", 7.0), ("3600", 60.0)])
async def test_busy_when_it_names_a_time_waits_as_long_and_a_minute_at_most(
    serve: Open, asked_for: str, waits: float
) -> None:
    push = serve(lambda _: Reply(429, headers=(("retry-after", asked_for),)))
    (outcome,) = await push.send(push.to("r1"))
    assert isinstance(outcome, Busy)
    assert outcome.retry_after == waits


async def test_service_when_it_is_not_there_is_unreachable_without_doubt(push: Push) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        elsewhere = Browsers(closed.getsockname()[1], SECRET).subscription("r1")
        outcomes = await push.send(push.to("r1")._replace(address=elsewhere), push.to("r2"))
    (away, reached) = outcomes
    assert isinstance(away, Unreachable)
    assert not away.in_doubt
    assert reached is None


async def test_service_when_silent_has_rest_and_the_others_go_on(push: Push) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere = Browsers(silent.getsockname()[1], SECRET).subscription("r1")
        messages = [push.to("r1")._replace(address=elsewhere), push.to("r2")]
        waited, reached = await push.send(*messages)
        assert isinstance(waited, Unreachable)
        assert reached is None
        resting, again = await push.send(*messages)
    assert isinstance(resting, Unreachable)
    assert (str(resting), resting.in_doubt) == ("a push service was silent and has rest for a minute", False)
    assert again is None


@pytest.mark.parametrize(
    ("loopback", "endpoint", "sentence"),
    [
        ("only", "https://push.example/x", "reaches no other"),
        ("only", "https://127.0.0.1.push.example/x", "reaches no other"),
        ("too", "https://10.0.0.1/x", "must name a host of the internet"),
        ("never", None, "is on this machine"),
    ],
)
async def test_subscription_when_out_of_bounds_is_refused_and_nobody_is_asked(
    push: Push, loopback: Loopback, endpoint: str | None, sentence: str
) -> None:
    message = push.to("r1")
    here = f"{push.browsers.origin}/push/r1"
    message = message._replace(address=message.address.replace(here, endpoint or here))
    push.channel = push.home(loopback)
    (outcome,) = await push.send(message)
    assert isinstance(outcome, Rejected)
    assert sentence in str(outcome)
    assert push.asked == []


async def test_subscription_when_unusable_is_refused_and_the_others_are_sent(push: Push) -> None:
    good = push.to("r1")
    kept = json.loads(good.address)
    kept["keys"]["p256dh"] = "BA" + "A" * 85
    off_curve, garbage = good._replace(address=json.dumps(kept)), good._replace(address="{}")
    first, second, third = await push.send(off_curve, garbage, good)
    assert isinstance(first, Rejected)
    assert str(first) == "p256dh is not a point on the curve P-256"
    assert isinstance(second, Rejected)
    assert str(second) == "the subscription cannot be read"
    assert third is None


async def test_messages_when_something_newer_holds_stay_here(push: Push) -> None:
    outcomes = await push.channel.send(job(push.channel), columns(push.to("r1"), push.to("r2")), lambda: False)
    assert [type(one) for one in outcomes] == [NotSent, NotSent]
    assert push.asked == []


async def test_home_without_a_contact_says_so_and_sends_nothing() -> None:
    channel = WebPushChannel(ChannelsConfig(), lambda: SECRET, lambda: NOW)
    message = Outgoing(ID, MessageKind.ALERT, Browsers(1, SECRET).subscription("r1"), "nl")
    (outcome,) = await channel.send(job(channel), columns(message), lambda: True)
    assert isinstance(outcome, Rejected)
    assert str(outcome) == "no contact for push services is configured"
    assert await channel.probe(Kind.EXERCISE) == "no contact for push services is configured for exercise alerts"


@pytest.mark.parametrize("kind", list(Kind))
def test_rate_when_given_is_that_of_all_push_services_and_kinds_together(kind: Kind) -> None:
    live, drill = Endpoint(contact=CONTACT, rate=500), ExerciseWebPushEndpoint(contact=CONTACT, rate=500)
    config = ChannelsConfig(channels=LiveChannels(webpush=live), exercise=ExerciseChannels(webpush=drill))
    wave = WaveJob("a1", kind, 1, 0, None, Rendition(channel="webpush", parts=()))
    assert WebPushChannel(config, lambda: SECRET, lambda: NOW).limit(wave) == Limit("webpush", 500)
    assert WebPushChannel(ChannelsConfig(), lambda: SECRET, lambda: NOW).limit(wave) is None


async def test_address_when_looked_at_is_a_subscription_or_says_what_is_wrong(push: Push) -> None:
    assert WebPushChannel.address_problem(push.browsers.subscription("r1")) is None
    assert WebPushChannel.address_problem("someone@demo.example") == (
        "the subscription is not JSON; send what PushSubscription.toJSON() gives"
    )
    assert await push.channel.probe(Kind.ACTUAL) is None
