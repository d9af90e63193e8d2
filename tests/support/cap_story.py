"""Alerts that live at random, without Temporal: shown, refreshed, changed, held, lapsed, retracted, ended."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from alerts.edition import Edition
from alerts.vocabulary import CancelReason, Meaning
from tests.support.editions import ShownAlert, case_document

NAMES = (
    "Noor Voorbeeld",
    "Zoë-Anaïs d'Örsted & Søn",
    "مريم الحسيني",
    "小明 \N{GIRL}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    "Een kind dat zo lang heet " * 15,
)
PLACES = ("Amersfoort", "'s-Hertogenbosch", "Ee", "Waar het pad de sloot kruist, voorbij de derde brug " * 4)
LEASE = timedelta(minutes=40)


class RandomStory:
    """One alert; `step` does what may happen next, `end` ends it. The channel publishes after each."""

    def __init__(self, alert: ShownAlert, rng: Random) -> None:
        self.alert, self._rng = alert, rng
        self._number = 0
        self._ended = False
        self._show()

    def step(self) -> None:
        if not self._ended:
            self.alert.pass_time(seconds=self._rng.randrange(1, 20 * 60))
            self._rng.choice((self._refresh, self._refresh, self._show, self._hold, self._lapse, self._retract))()

    def end(self) -> None:
        self.alert.end(Meaning.WITHDRAWN, self._rng.choice((None, *CancelReason)))
        self.alert.take_down("cap")
        self._ended = True

    def _show(self) -> None:
        self._number += 1
        self.alert.show(self._edition(), lease=LEASE)
        self.alert.publish("cap")

    def _refresh(self) -> None:
        self.alert.renew(lease=LEASE)
        for _ in range(self._rng.choice((1, 1, 2))):  # at times it is tried again, though it was done
            self.alert.publish("cap")

    def _hold(self) -> None:
        self.alert.dark_at_once(Meaning.HELD)
        self.alert.end(Meaning.HELD)
        self.alert.take_down("cap")
        self.alert.pass_time(seconds=self._rng.randrange(1, 3600))
        self._show()

    def _lapse(self) -> None:
        self.alert.pass_time(minutes=40)
        self.alert.take_down("cap", lapsed=True)
        if self._rng.random() < 0.5:
            self._refresh()
        else:
            self._show()

    def _retract(self) -> None:
        """What was said is gone at once, and the edition without it follows."""
        self.alert.dark_at_once(Meaning.HELD)
        self._show()

    def _edition(self) -> Edition:
        rng = self._rng
        photo = {"file": "x.jpg", "alt": rng.choice(PLACES), "sha256": "cd" * 32, "width": 6, "height": 7}
        children = [
            {"name": name, "age": rng.randrange(18), "photos": [photo] if rng.random() < 0.7 else []}
            for name in rng.sample(NAMES, rng.randrange(1, 4))
        ]
        document = case_document(
            language=rng.choice(("nl", "en")),
            children=children,
            last_seen={"at": "2026-11-24T11:00:00Z", "place": rng.choice(PLACES)},
            public={"situation": rng.choice(("Meegenomen bij een speeltuin.", "a < b & c ]]> d"))},
            area=self._area(),
        )
        edition = self.alert.make(document, number=self._number)
        return _in_municipalities(edition, rng.randrange(1, 7)) if rng.random() < 0.3 else edition

    def _area(self) -> dict[str, Any]:
        lat, lon = self._rng.uniform(51.9, 52.5), self._rng.uniform(5.2, 5.9)
        return self._rng.choice(
            (
                {"nation": "NL"},
                {"circle": {"lat": lat, "lon": lon, "radius_m": self._rng.uniform(50, 300_000)}},
                {"polygon": [[lon, lat], [lon + 0.2, lat], [lon + 0.1, lat + 0.1]]},
            )
        )


def _in_municipalities(edition: Edition, number: int) -> Edition:
    codes = tuple(f"GM{n:04}" for n in range(number))
    names = ", ".join(f"Gemeente {n}" for n in range(number))
    area = edition.area.model_dump() | {"name": {"nl": names, "en": names}, "codes": codes, "circle": None}
    return Edition.model_validate(edition.model_dump() | {"area": area, "envelope": area})
