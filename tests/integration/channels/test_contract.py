"""Every channel keeps the contract."""

from __future__ import annotations

import pytest

from activities.channels import NAMES
from alerts.vocabulary import Kind
from tests.integration.channels.contract import ChannelContract
from tests.integration.channels.story import EYES, Story
from tests.support.running import Running


@pytest.fixture(scope="module")
def story(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(shared_baken, tmp_path_factory.mktemp("story"), EYES, Kind.ACTUAL)


@pytest.fixture(scope="module")
def drill(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(shared_baken, tmp_path_factory.mktemp("drill"), EYES, Kind.EXERCISE)


class TestWeb(ChannelContract):
    channel = "web"


class TestCap(ChannelContract):
    channel = "cap"


class TestEmail(ChannelContract):
    channel = "email"


class TestWebhook(ChannelContract):
    channel = "webhook"


class TestApp(ChannelContract):
    channel = "app"


class TestWebPush(ChannelContract):
    channel = "webpush"


class TestSms(ChannelContract):
    channel = "sms"


def test_contract_when_listed_is_kept_by_every_channel() -> None:
    assert {kept.channel for kept in ChannelContract.__subclasses__()} == set(NAMES)
