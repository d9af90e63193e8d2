"""Real brokers keep what screens show until it is taken away or expires; the simulator's does as mosquitto does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt.client import MQTTMessage

from activities import mqtt
from activities.channels.base import Denied, Rejected, Unreachable
from activities.channels.signage import SignageChannel
from activities.endpoints import ChannelsConfig, ExerciseChannels, LiveChannels, SignageEndpoint
from alerts.vocabulary import Kind, Meaning
from store.database import Database
from store.standing import Superseded
from tests.support.brokers import exercises, kept, mosquitto, simulated
from tests.support.editions import KEY, ShownAlert, case_document
from tests.support.stores import new_store
from tests.support.waiting import eventually

TOPIC = "baken/live/a1"


@pytest.fixture(scope="module", params=[simulated, mosquitto], ids=lambda start: start.__name__)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignageEndpoint]:
    start: Callable[[Path], AbstractContextManager[SignageEndpoint]] = request.param
    with start(tmp_path_factory.mktemp("broker")) as endpoint:
        yield endpoint


@pytest.fixture
def clean(broker: SignageEndpoint) -> Iterator[SignageEndpoint]:
    yield broker
    for message in kept(broker):
        mqtt.bring(broker, "tidy", mqtt.Retained(message.topic, b""), lambda: None)


@pytest.fixture
def alert(tmp_path: Path, clean: SignageEndpoint) -> Iterator[ShownAlert]:
    """One that is shown on this broker; its clock is the real one, for the broker has no other."""
    db = new_store(tmp_path / "baken.db")
    yield on_broker(db, clean)
    db.close()


def on_broker(db: Database, broker: SignageEndpoint, kind: Kind = Kind.ACTUAL) -> ShownAlert:
    config = ChannelsConfig(
        channels=LiveChannels(signage=broker), exercise=ExerciseChannels(signage=exercises(broker))
    )
    channel = SignageChannel(db, lambda _: KEY, lambda: datetime.now(UTC), config)
    alert = ShownAlert(db, kind=kind, channels={"signage": channel})
    alert.now = datetime.now(UTC)
    return alert


def life_of(message: MQTTMessage) -> int:
    """Seconds after which the broker forgets it."""
    return int(getattr(message.properties, "MessageExpiryInterval", 0))


def test_screen_when_it_starts_late_gets_the_alert_with_what_is_left_of_its_lease(
    alert: ShownAlert, clean: SignageEndpoint
) -> None:
    alert.show(lease=timedelta(minutes=10))
    alert.publish("signage")
    (message,) = kept(clean)
    told = json.loads(message.payload)
    assert (message.topic, message.retain, told["edition"], told["sign"]["nl"][2]) == (TOPIC, True, 1, "BEL 0800-6070")
    assert 590 <= life_of(message) <= 600
    assert datetime.fromisoformat(told["lease_until"]) == alert.desired.lease_until


def test_lease_when_renewed_is_longer_and_when_not_the_broker_forgets(
    alert: ShownAlert, clean: SignageEndpoint
) -> None:
    alert.show(lease=timedelta(seconds=5))  # a busy machine has four of them to publish in
    alert.publish("signage")
    alert.renew(lease=timedelta(seconds=6))
    alert.publish("signage")
    (message,) = kept(clean)
    assert 1 <= life_of(message) <= 6
    eventually(lambda: kept(clean) == [], within=9, what="a broker that forgot")


def test_change_when_published_replaces_and_found_leaves_nothing(alert: ShownAlert, clean: SignageEndpoint) -> None:
    alert.show()
    alert.publish("signage")
    alert.show(alert.make(case_document(public={"situation": "Zij droeg een groene jas."}), number=2))
    alert.publish("signage")
    (message,) = kept(clean)
    assert "groene jas" in json.loads(message.payload)["texts"]["nl"]["body"]
    alert.end(Meaning.WITHDRAWN)
    alert.take_down("signage")
    assert kept(clean) == []


def test_publication_when_overtaken_by_found_stays_here(alert: ShownAlert, clean: SignageEndpoint) -> None:
    late = alert.show()
    alert.publish("signage")
    alert.dark_at_once(Meaning.WITHDRAWN)
    alert.take_down("signage", alert.end(Meaning.WITHDRAWN))
    with pytest.raises(Superseded):
        alert.publish("signage", late)
    assert kept(clean) == []


def test_publication_when_it_hangs_cannot_arrive_after_what_takes_it_away(clean: SignageEndpoint) -> None:
    hangs, goes_on, ended = threading.Event(), threading.Event(), list[Exception]()

    def hang() -> None:
        hangs.set()
        goes_on.wait(10)

    def publish() -> None:
        try:
            mqtt.bring(clean, "bakena1", mqtt.Retained(TOPIC, b"{}"), hang)
        except Unreachable as error:
            ended.append(error)

    late = threading.Thread(target=publish)
    late.start()
    assert hangs.wait(10)
    mqtt.bring(clean, "bakena1", mqtt.Retained(TOPIC, b""), lambda: None)
    goes_on.set()
    late.join(10)
    assert [type(error) for error in ended] == [Unreachable]
    assert kept(clean) == []


def test_publication_when_its_lease_ran_out_meanwhile_stays_here_unless_it_was_renewed(
    alert: ShownAlert, clean: SignageEndpoint
) -> None:
    late = alert.show(lease=timedelta(seconds=-1))
    with pytest.raises(Superseded):
        alert.publish("signage", late)
    assert kept(clean) == []
    alert.renew(lease=timedelta(minutes=10))
    alert.publish("signage", late)
    (message,) = kept(clean)
    assert 590 <= life_of(message) <= 600


def test_exercise_when_broker_is_shared_has_a_topic_of_its_own(tmp_path: Path, clean: SignageEndpoint) -> None:
    db = new_store(tmp_path / "drill.db")
    alert = on_broker(db, clean, Kind.EXERCISE)
    alert.show()
    alert.publish("signage")
    (message,) = kept(clean)
    assert message.topic == "baken/exercise/a1"
    assert json.loads(message.payload)["sign"]["nl"][0] == "OEFENING AMBER ALERT"
    db.close()


def test_password_when_wrong_is_said_to_be_and_tried_again(broker: SignageEndpoint) -> None:
    with pytest.raises(Denied, match="the broker does not accept our login"):
        mqtt.greet(broker.model_copy(update={"password": "another"}), "stranger")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves its socket open
def test_certificate_when_nobody_vouches_for_it_is_refused_for_good(broker: SignageEndpoint) -> None:
    with pytest.raises(Rejected, match="certificate is not trusted"):
        mqtt.greet(broker.model_copy(update={"authority": None}), "stranger")
