"""The channels there are: a literal tuple. Adding one is a file here, its simulator, a line and its docs row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from activities.channels.app import AppChannel
from activities.channels.base import Capabilities, Channel, SubscribedChannel
from activities.channels.cap import CapChannel
from activities.channels.cellbroadcast import CellBroadcastChannel
from activities.channels.email import EmailChannel
from activities.channels.poster import PosterChannel
from activities.channels.signage import SignageChannel
from activities.channels.sms import SmsChannel
from activities.channels.social import SocialChannel
from activities.channels.web import WebChannel
from activities.channels.webhook import WebhookChannel
from activities.channels.webpush import WebPushChannel
from activities.endpoints import ChannelsConfig
from store.database import Database

CHANNELS = (
    WebChannel,
    CapChannel,
    EmailChannel,
    WebhookChannel,
    AppChannel,
    WebPushChannel,
    SmsChannel,
    CellBroadcastChannel,
    SocialChannel,
    SignageChannel,
    PosterChannel,
)
CAPABILITIES: dict[str, Capabilities] = {channel.name: channel.capabilities for channel in CHANNELS}
NAMES = tuple(CAPABILITIES)
PERSONAL = tuple(name for name, can in CAPABILITIES.items() if can.audience == "personal")
SUBSCRIBED: Mapping[str, type[SubscribedChannel]] = {
    "email": EmailChannel,
    "app": AppChannel,
    "webpush": WebPushChannel,
    "sms": SmsChannel,
}
"""Those that people subscribe to."""


def build_channels(
    db: Database,
    display_key: Callable[[str], bytes],
    clock: Callable[[], datetime],
    base_url: str,
    config: ChannelsConfig,
    system_key: Callable[[str], bytes],
) -> dict[str, Channel]:
    """Every channel, wired to this home's store and counterparts."""
    channels: tuple[Channel, ...] = (
        WebChannel(db, display_key, clock),
        CapChannel(db, display_key, clock, base_url, lambda: system_key("cap"), config.channels.cap),
        EmailChannel(config, base_url, lambda: system_key("subscribers")),
        WebhookChannel(config, db, lambda: system_key("partners"), clock, base_url),
        AppChannel(config),
        WebPushChannel(config, lambda: system_key("vapid"), clock),
        SmsChannel(config, db, system_key, clock),
        CellBroadcastChannel(db, clock, base_url, config),
        SocialChannel(config, db, clock),
        SignageChannel(db, display_key, clock, config),
        PosterChannel(db, display_key, clock, base_url),
    )
    return {channel.name: channel for channel in channels}
