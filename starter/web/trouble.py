"""What is wrong with a channel and what Baken does about it, in plain sentences for whoever is on duty.

Channels say what their counterpart did in the words of `activities.channels.base.FAULTS` and a few more; those tell
which sentence it is. The technical words stand beside it, for engineers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.vocabulary import Stage
from starter.web.i18n import N_, Translate, translator
from starter.web.times import local_words

TROUBLED = frozenset({"retrying", "failed"})
COUNTERPARTS = {
    "email": N_("The mail server"),
    "webhook": N_("A partner"),
    "app": N_("The app gateway"),
    "webpush": N_("A push service"),
    "sms": N_("The SMS centre"),
    "cellbroadcast": N_("A network operator"),
    "social": N_("A social media service"),
    "signage": N_("The server for screens"),
}
OURSELVES = N_("Baken itself")
"""Of channels without a counterpart."""
FAULTS = (
    (r"(?:no .*|not|not any more) configured", N_("{who} is not in the settings")),
    (r"does not accept our", N_("{who} does not accept our credentials")),
    (r"does not answer|went away|ended the connection", N_("{who} does not answer")),
    (r"silent|breaks off", N_("{who} broke off before it answered")),
    (r"patience|no more for now|is slow|has rest", N_("{who} asks us to go slower")),
    (r"makes no sense", N_("{who} gives answers that make no sense")),
    (r"not trusted|of no use", N_("There is no safe connection with {who}")),
    (r"refuse|no such one|not on this machine|is paused", N_("{who} refuses the message")),
    (r"store could not be read|could not be written", N_("Baken cannot reach its own store")),
)
"""By the first that fits."""
ANYTHING = N_("{who} did not take it")
TRIES = N_("Baken tries again in {n} s and then brings what holds at that moment.")
TAKES_BACK = N_("It is not gone there yet. Baken tries again in {n} s, until it is.")
KEEPS_TRYING = N_("Baken keeps trying and then brings what holds at that moment.")
KEEPS_TAKING_BACK = N_("It is not gone there yet. Baken keeps trying until it is.")
STOPPED = N_("Baken should have tried again at {at} and did not: an engineer must see whether it runs.")
MEND = N_("An engineer must put this right; after that it goes by itself.")
FOR_GOOD = N_("That is for good: tell them by phone.")
OTHERS = N_("The other channels are not delayed.")
NEEDS_MENDING = ("configured", "does not accept our", "not trusted", "of no use")
LATE = timedelta(seconds=20)
"""After the moment of the next try: a counterpart that is slow to refuse takes up to 10 s."""


def sentences(view: Mapping[str, Any], language: str, now: datetime) -> dict[str, str]:
    """Of each channel of a view that cannot go on: what is wrong, and what is done about it."""
    _ = translator(language)
    troubled = [channel for channel in view["channels"] if channel["state"] in TROUBLED]
    taking_back = view["stage"] in (Stage.HELD, Stage.CLOSING)
    found = {}
    for channel in troubled:
        error = channel["error"] or ""
        said = [f"{_what(channel['channel'], error, _)}."]
        if channel["state"] == "failed":
            said.append(_(FOR_GOOD))
        else:
            said.append(_does(channel.get("trouble") or {}, language, taking_back=taking_back, now=now))
            said += [_(MEND)] if any(words in error for words in NEEDS_MENDING) else []
        said += [_(OTHERS)] if len(troubled) < len(view["channels"]) else []
        found[channel["channel"]] = " ".join(said)
    return found


def _what(name: str, error: str, _: Translate) -> str:
    who = _(COUNTERPARTS.get(name, OURSELVES))
    text = _(next((text for words, text in FAULTS if re.search(words, error)), ANYTHING))
    return text.format(who=who if text.startswith("{who}") else who[0].lower() + who[1:])


def _does(trouble: Mapping[str, Any], language: str, *, taking_back: bool, now: datetime) -> str:
    _ = translator(language)
    tried, waits = trouble.get("tried_at"), trouble.get("waits")
    if tried is None or waits is None:
        return _(KEEPS_TAKING_BACK if taking_back else KEEPS_TRYING)
    again = datetime.fromisoformat(tried) + timedelta(seconds=waits)
    if again + LATE < now:
        return _(STOPPED).format(at=local_words(again, language, now=now, seconds=True))
    return _(TAKES_BACK if taking_back else TRIES).format(n=max(1, math.ceil(waits)))
