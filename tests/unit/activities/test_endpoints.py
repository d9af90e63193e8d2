"""The wall between exercises and the public is a type: an endpoint of one never fits where the other belongs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from activities.endpoints import (
    ChannelsConfig,
    EmailEndpoint,
    ExerciseChannels,
    ExerciseEmailEndpoint,
    ExercisePartner,
    ExerciseWebPushEndpoint,
    LiveChannels,
    WebhookPartner,
    WebPushEndpoint,
)
from alerts.vocabulary import Kind

SERVER = {"host": "127.0.0.1", "port": 25}
SENDER = {"contact": "mailto:push@baken.example"}
PARTNER = {"name": "news", "url": "http://127.0.0.1/", "secret": "whsec_x"}


@pytest.mark.parametrize(
    ("group", "field", "other"),
    [
        (LiveChannels, "email", ExerciseEmailEndpoint(**SERVER)),
        (ExerciseChannels, "email", EmailEndpoint(**SERVER)),
        (LiveChannels, "webhook", [ExercisePartner(**PARTNER)]),
        (ExerciseChannels, "webhook", [WebhookPartner(**PARTNER)]),
        (LiveChannels, "webpush", ExerciseWebPushEndpoint(**SENDER)),
        (ExerciseChannels, "webpush", WebPushEndpoint(**SENDER)),
    ],
)
def test_endpoint_of_the_other_side_does_not_fit(group: type, field: str, other: object) -> None:
    with pytest.raises(ValidationError):
        group(**{field: other})


@pytest.mark.parametrize("kind", list(Kind))
def test_only_exercises_get_exercise_counterparts(kind: Kind) -> None:
    config = ChannelsConfig(
        channels=LiveChannels(email=EmailEndpoint(**SERVER)),
        exercise=ExerciseChannels(email=ExerciseEmailEndpoint(**SERVER)),
    )
    expected = ExerciseEmailEndpoint if kind is Kind.EXERCISE else EmailEndpoint
    assert type(config.endpoints_for(kind).email) is expected
