"""Messages to an app gateway on the wire: what a real HTTP/2 server is sent, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.app_message import MESSAGE_MAX, TOPIC_MESSAGE_MAX
from activities.channels.app import AppChannel
from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Gone,
    Messages,
    Outcome,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.endpoints import AppEndpoint, ChannelsConfig, LiveChannels
from alerts.vocabulary import Kind, MessageKind
from simulators.http2 import CUT, Asked, Reply
from simulators.tokens import TokenService
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.support.gateway import OwnGateway

ALERT_ID = "20261124-0123456789abcdef"
LONGEST_TOKEN = "t" * 512
ENDS = {"nl": "Dit alert is voorbij.", "en": "This alert has ended."}
CIRCLE = {"circle": {"lat": 52.1561, "lon": 5.3878, "radius_m": 5000}}
SQUARE = {"polygon": [[5.3, 52.1], [5.5, 52.1], [5.5, 52.2], [5.3, 52.2]]}
SIGNS = ["\U0001f468\u200d\U0001f469\u200d\U0001f467", '"', "\u0645\u064f"]

FIELDS: dict[str, str] = {
    "message": "name data notification android webpush apns fcm_options token topic condition",
    "message.notification": "title body image",
    "message.android": "collapse_key priority ttl restricted_package_name data notification fcm_options "
    "direct_boot_ok",
    "message.android.notification": "title body image icon color sound tag click_action body_loc_key body_loc_args "
    "title_loc_key title_loc_args channel_id ticker sticky event_time local_only notification_priority default_sound "
    "default_vibrate_timings default_light_settings vibrate_timings visibility notification_count light_settings",
    "message.apns": "headers payload fcm_options",
    "message.apns.fcm_options": "analytics_label image",
    "message.apns.headers": "apns-priority apns-collapse-id apns-expiration",
    "message.apns.payload": "aps",
    "message.apns.payload.aps": "alert mutable-content sound",
    "message.apns.payload.aps.alert": "title body",
}
"""Names that may be there, by place: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, and of
Apple's those we use (Generating a remote notification; Sending notification requests to APNs)."""


class Phones:
    """A gateway that answers as it is told, with a token service that is a real one."""

    def __init__(self, folder: Path) -> None:
        self.answering: Callable[[Asked], Reply] = lambda _: Reply(200, b"{}")
        self._server = OwnGateway(folder, self._answer, decode=True)
        self.tokens = TokenService(self._server.url.replace("/send", "/token"), folder)
        account = str(self.tokens.account("app"))
        server = AppEndpoint(url=self._server.url, service_account=account, authority=str(self._server.authority))
        self.config = ChannelsConfig(channels=LiveChannels(app=server))
        self.channel = AppChannel(self.config)

    def _answer(self, asked: Asked) -> Reply:
        return self.tokens.answer(asked) if asked.headers[":path"] == "/token" else self.answering(asked)

    def fresh(self) -> Phones:
        self.channel = AppChannel(self.config)
        self.answering = lambda _: Reply(200, b"{}")
        self._server.asked.clear()
        return self

    def asked(self, path: str = "/send") -> list[Asked]:
        return [asked for asked in self._server.asked if asked.headers[":path"] == path]

    def message(self) -> dict[str, Any]:
        """The last one."""
        message: dict[str, Any] = json.loads(self.asked()[-1].body)["message"]
        return message

    async def send(
        self,
        document: dict[str, Any],
        *addresses: str,
        kind: MessageKind = MessageKind.ALERT,
        languages: Sequence[str] = ("nl",),
    ) -> Sequence[Outcome]:
        rendition = self.channel.render(make_edition(document, alert_id=ALERT_ID, number=100), BASE_URL)
        lease = datetime.now(UTC) + timedelta(days=30)
        ends = ENDS if kind is MessageKind.CANCEL else None
        job = WaveJob(ALERT_ID, Kind.ACTUAL, 100, 0, lease, rendition, end_texts=ends)
        to = addresses or (LONGEST_TOKEN,)
        ids = [f"{number:032x}" for number in range(len(to))]
        told = Messages(ids, [kind] * len(to), to, (list(languages) * len(to))[: len(to)])
        return await self.channel.send(job, told, lambda: True)

    def close(self) -> None:
        self._server.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    phones = Phones(tmp_path_factory.mktemp("app"))
    yield phones
    phones.close()


@pytest.fixture
def phones(opened: Phones) -> Phones:
    return opened.fresh()


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (Reply(200, b"{}"), None),
        (Reply(200, b"<html>not what was asked"), None),
        (Reply(401), Denied),
        (Reply(429), Busy),
        (Reply(503), Busy),
        (Reply(999), Busy),
        (CUT, Unreachable),
    ],
)
async def test_answer_when_it_comes_is_classified(
    phones: Phones, answer: Reply, means: type[ChannelError] | None
) -> None:
    phones.answering = lambda _: answer
    (outcome,) = await phones.send(case_document())
    assert (type(outcome) if outcome else None) is means


def tries(asked: Asked) -> bool:
    return asked.body.startswith(b'{"validate_only":true')


@pytest.mark.parametrize(("status", "means"), [(403, Rejected), (404, Gone), (400, Rejected)])
async def test_refusal_for_good_when_the_gateway_takes_other_messages_is_believed(
    phones: Phones, status: int, means: type[ChannelError]
) -> None:
    phones.answering = lambda asked: Reply(200, b"{}") if tries(asked) else Reply(status)
    outcomes = await phones.send(case_document(), "telephone0", "telephone1")
    assert [type(one) for one in outcomes] == [means] * 2
    assert len(list(filter(tries, phones.asked()))) == 1


@pytest.mark.parametrize(
    ("status", "means", "said"),
    [
        (404, Denied, "the app gateway knows no such project (404)"),
        (403, Denied, "the app gateway does not accept our service account (403)"),
        (400, Denied, "the app gateway refused it (400)"),
        (503, Busy, "the app gateway asks for patience (503)"),
    ],
)
async def test_refusal_for_good_when_address_or_project_may_be_wrong_ends_no_subscription(
    phones: Phones, status: int, means: type[ChannelError], said: str
) -> None:
    def answer(asked: Asked) -> Reply:
        if b"telephone0" in asked.body:
            return Reply(200, b"{}")
        return Reply(status) if tries(asked) else Reply(403 if b"telephone1" in asked.body else 404)

    phones.answering = answer
    first, *others = await phones.send(case_document(), *(f"telephone{number}" for number in range(3)))
    assert first is None
    assert [(type(one), str(one)) for one in others] == [(means, said)] * 2
    assert await phones.channel.probe(Kind.ACTUAL) == said


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Reply(429), 60.0),
        (Reply(429, headers=(("retry-after", "7"),)), 7.0),
        (Reply(429, headers=(("retry-after", "900"),)), 60.0),
        (Reply(503), 1.0),
    ],
    ids=str,
)
async def test_quota_that_is_used_up_is_respected(phones: Phones, answer: Reply, seconds: float) -> None:
    phones.answering = lambda _: answer
    (outcome,) = await phones.send(case_document(), "/topics/nl")
    assert isinstance(outcome, Busy)
    assert outcome.retry_after == seconds


async def test_token_when_the_gateway_ends_it_is_renewed_once_and_only_those_denied_go_again(phones: Phones) -> None:
    assert await phones.send(case_document(), *(f"telephone{number}" for number in range(4))) == [None] * 4
    before = phones.asked()[-1].headers["authorization"]

    def ended(asked: Asked) -> Reply:
        late = b"telephone0" not in asked.body and asked.headers["authorization"] == before
        return Reply(401) if late else Reply(200, b"{}")

    phones.answering = ended
    assert await phones.send(case_document(), *(f"telephone{number}" for number in range(4))) == [None] * 4
    assert len(phones.asked()) == 4 + 4 + 3
    assert len(phones.asked("/token")) == 2
    phones.answering = lambda _: Reply(401)
    (outcome,) = await phones.send(case_document(), "telephone0")
    assert "does not accept our access token" in str(outcome)
    assert len(phones.asked("/token")) == 3


async def test_credentials_when_there_are_none_are_told_before_the_yes(phones: Phones) -> None:
    assert await phones.channel.probe(Kind.ACTUAL) is None
    assert [json.loads(asked.body)["validate_only"] for asked in phones.asked()] == [True]
    phones.fresh()
    server = phones.config.channels.app
    assert server is not None
    lost = server.model_copy(update={"service_account": f"{server.service_account}.gone"})
    phones.channel = AppChannel(ChannelsConfig(channels=LiveChannels(app=lost)))
    assert await phones.channel.probe(Kind.ACTUAL) == "the service account app.json.gone cannot be read"
    assert [type(one) for one in await phones.send(case_document(), "telephone0", "telephone1")] == [Denied] * 2
    assert phones.asked() == []


def named_as_documented(value: dict[str, Any], place: str = "message") -> None:
    assert value.keys() <= set(FIELDS[place].split()), place
    for name, inner in value.items():
        if name == "data":
            assert all(isinstance(text, str) for text in inner.values())
            assert not {"from", "message_type"} & inner.keys()
        elif isinstance(inner, dict):
            named_as_documented(inner, f"{place}.{name}")


async def test_message_to_a_phone_has_all_that_android_and_ios_show_and_replace_it_by(phones: Phones) -> None:
    await phones.send(case_document(), "telephone0", languages=["en"])
    message = phones.message()
    named_as_documented(message)
    image = message["android"]["notification"]["image"]
    assert image.startswith(f"{BASE_URL}/media/")
    assert message["notification"]["title"].startswith("Missing: ")
    assert message["apns"]["fcm_options"] == {"image": image}
    assert message["apns"]["payload"]["aps"] == {"mutable-content": 1, "sound": "default"}
    assert message["android"]["priority"] == "high"
    assert message["apns"]["headers"]["apns-priority"] == "10"
    assert {
        message["android"]["collapse_key"],
        message["android"]["notification"]["tag"],
        message["apns"]["headers"]["apns-collapse-id"],
        message["data"]["alert_id"],
    } == {ALERT_ID}
    lives = timedelta(seconds=int(message["android"]["ttl"].rstrip("s")))
    assert timedelta(weeks=4) - timedelta(minutes=1) < lives <= timedelta(weeks=4)
    expires = datetime.fromtimestamp(int(message["apns"]["headers"]["apns-expiration"]), UTC)
    assert abs(expires - lives - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("address", ["telephone0", "/topics/nl"])
async def test_end_says_the_neutral_sentence_and_nothing_of_the_child(phones: Phones, address: str) -> None:
    await phones.send(case_document(area=CIRCLE), address, kind=MessageKind.CANCEL)
    message = phones.message()
    named_as_documented(message)
    body = phones.asked()[-1].body.decode()
    assert ENDS["nl"] in body
    assert [word for word in ("Noor", "/media/", "circle", "sound", "Amersfoort") if word in body] == []
    assert message["data"]["kind"] == "cancel"
    assert message["android"]["ttl"] == "2419200s"


@pytest.mark.parametrize("sign", SIGNS)
async def test_longest_message_when_sent_fits_and_is_whole(phones: Phones, sign: str) -> None:
    document = _longest(sign)
    assert await phones.send(document) == [None]
    assert len(phones.asked()[-1].body) <= MESSAGE_MAX
    said = phones.message()["notification"]
    assert said["body"].startswith(f"Zij heet {sign}.")
    assert said["title"].startswith(f"Vermist: {sign}{sign}")
    assert said["body"].endswith("...")


@pytest.mark.parametrize("area", [CIRCLE, SQUARE, {"polygon": [[4.0, 51.5], [6.5, 51.6], [6.0, 53.0], [4.5, 53.1]]}])
@pytest.mark.parametrize("sign", SIGNS)
async def test_longest_message_to_a_topic_fits_with_area_and_all_languages(
    phones: Phones, sign: str, area: dict[str, Any]
) -> None:
    topic = "t" * 100
    assert await phones.send(_longest(sign, area=area), f"/topics/{topic}") == [None]
    assert len(phones.asked()[-1].body) <= TOPIC_MESSAGE_MAX
    message = phones.message()
    named_as_documented(message)
    data = message["data"]
    assert message["topic"] == topic
    assert data.keys() & {"circle", "polygons"}
    for language in ("nl", "en"):
        assert sign in data[f"title_{language}"]
        assert len(data[f"body_{language}"]) > 20
    assert "notification" not in message
    assert message["apns"]["payload"]["aps"]["mutable-content"] == 1


def _longest(sign: str, **more: Any) -> dict[str, Any]:
    name, situation = (sign * 400)[:400], (f"Zij heet {sign}. " * 4000)[:4000]
    child = {**case_document()["children"][0], "name": name}
    return case_document(children=[child], public={"situation": situation}, **more)


async def test_topics_and_phones_of_one_chunk_each_get_their_own(phones: Phones) -> None:
    await phones.send(case_document(area=SQUARE), "telephone0", "/topics/GM0307", "telephone1", languages=["nl", "en"])
    told = {json.loads(asked.body)["message"].get("topic", "phone"): asked for asked in phones.asked()}
    assert told.keys() == {"phone", "GM0307"}
    data = json.loads(told["GM0307"].body)["message"]["data"]
    corners = [tuple(map(float, pair.split(","))) for pair in data["polygons"].split(" ")]
    assert len(corners) == 4
    assert {(round(lat, 1), round(lon, 1)) for lat, lon in corners} == {
        (52.1, 5.3),
        (52.1, 5.5),
        (52.2, 5.3),
        (52.2, 5.5),
    }
    assert datetime.fromisoformat(data["until"]) > datetime.now(UTC)


async def test_alert_for_the_whole_country_carries_no_area(phones: Phones) -> None:
    await phones.send(case_document(), "/topics/nl")
    assert not phones.message()["data"].keys() & {"circle", "polygons"}


async def test_edition_from_before_there_were_topics_goes_to_phones_alone(phones: Phones) -> None:
    rendition = phones.channel.render(make_edition(case_document(), alert_id=ALERT_ID), BASE_URL)
    old = rendition.model_copy(update={"parts": tuple(one for one in rendition.parts if one.name != "topics")})
    job = WaveJob(ALERT_ID, Kind.ACTUAL, 1, 0, datetime.now(UTC) + timedelta(hours=1), old)
    told = Messages(["1", "2", "3"], [MessageKind.ALERT] * 3, ["telephone0", "/topics/nl", "telephone1"], ["nl"] * 3)
    outcomes = await phones.channel.send(job, told, lambda: True)
    assert [type(one) for one in outcomes] == [type(None), Rejected, type(None)]


@pytest.mark.parametrize("address", ["t" * 8, LONGEST_TOKEN, "a:B-_.9xyz", "/topics/nl", "/topics/GM0307"])
def test_address_when_it_is_a_token_or_topic_is_good(address: str) -> None:
    assert AppChannel.address_problem(address) is None


@pytest.mark.parametrize(
    "address", ["short", "telefoon-é12", "/topics/é", "a/topics/nl", "/topics/", "/topics/a b", '/topics/"', "t" * 513]
)
def test_address_when_it_is_neither_is_refused(address: str) -> None:
    assert AppChannel.address_problem(address)
