"""`signage`: screens and road signs, by a retained MQTT 5 message that expires with the lease, and by a player page.

The broker keeps one message an alert and brings it to every screen, also to one that starts later; when nobody renews
it, broker, screen and player each forget it by themselves. The player page `/signage` reads the same from our store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from activities import mqtt
from activities.channels.base import Capabilities, ChannelError, Part, PublishJob, Rendition
from activities.endpoints import Broker, ChannelsConfig
from activities.templating import templates
from alerts.edition import Edition
from alerts.vocabulary import Kind
from store import editions
from store.database import Database
from store.standing import Superseded, leased_until, require_not_overtaken, standing

_templates = templates(Path(__file__).parent / "templates")


class SignageChannel:
    name: ClassVar[str] = "signage"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Schermen en wegborden", "en": "Screens and road signs"},
        audience="public",
        update=True,
        recall=True,
        renews="renew",
        picture=True,
        credentials="login",
    )

    def __init__(
        self,
        db: Database,
        display_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        config: ChannelsConfig,
    ) -> None:
        self._db = db
        self._display_key = display_key
        self._clock = clock
        self._config = config

    def render(self, edition: Edition, base_url: str) -> Rendition:
        screens = [
            Part(name=f"screen.{language}", media="html", content=_screen(edition, language))
            for language in edition.texts
        ]
        lines = {language: edition.signs.get(language, ("", "", "")) for language in edition.texts}
        roads = [
            Part(name=f"sign.{language}", media="text", content="\n".join(three)) for language, three in lines.items()
        ]
        message = Part(name="message", media="json", content=json.dumps(_message(edition, base_url), indent=1))
        problems = tuple(
            f"line {number} of the road sign ({language}) stays empty: nothing fits"
            for language, three in lines.items()
            for number, line in enumerate(three, start=1)
            if not line
        )
        return Rendition(channel=self.name, parts=(*screens, *roads, message), problems=problems)

    async def probe(self, kind: Kind) -> str | None:
        """Whether the broker answers and knows us; nothing is published."""
        broker = self._broker(kind)
        if broker is None:
            return f"no broker is configured for {kind.value} alerts; only screens with the player page show it"
        try:
            await asyncio.to_thread(mqtt.greet, broker, "bakenprobe")
        except ChannelError as error:
            return str(error)
        return None

    def publish(self, job: PublishJob) -> None:
        screens = [part for part in job.rendition.parts if part.media == "html"]
        with self._db.write() as session:
            editions.publish(
                session,
                self._display_key(job.alert_id),
                alert_id=job.alert_id,
                channel=self.name,
                revision=job.desired.revision,
                items=[(part.name, "text/html; charset=utf-8", part.content.encode()) for part in screens],
                now=self._clock(),
            )
        self._bring(job, self._shown(job), lambda: self._require_newest(job))

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            editions.unpublish(session, job.alert_id, self.name)
        nothing = mqtt.Retained(topic=topic(job), payload=b"", said=_said(job))
        self._bring(job, nothing, lambda: self._require_not_overtaken(job))

    def _broker(self, kind: Kind) -> Broker | None:
        return self._config.endpoints_for(kind).signage

    def _bring(self, job: PublishJob, message: mqtt.Retained, may_go: Callable[[], None]) -> None:
        broker = self._broker(job.kind)
        if broker is not None:
            # One client id an alert: a publication that hangs cannot arrive after what takes it away.
            mqtt.bring(broker, f"baken{job.alert_id}", message, may_go)

    def _shown(self, job: PublishJob) -> mqtt.Retained:
        """With the lease that stands now: a broker that was away for long may get what was renewed since."""
        with self._db.read() as session:
            lease = leased_until(session, job.alert_id, job.desired)
        assert lease is not None
        left = int((lease - self._clock()).total_seconds())
        if left < 1:
            raise Superseded(f"the lease of revision {job.desired.revision} of alert {job.alert_id} is over")
        frozen = json.loads(job.rendition.part("message"))
        said = {
            **frozen,
            "revision": job.desired.revision,
            "sent": job.sent.isoformat(),
            "lease_until": lease.isoformat(),
        }
        payload = json.dumps(said, ensure_ascii=False).encode()
        return mqtt.Retained(topic=topic(job), payload=payload, lasts=left, said=_said(job))

    def _require_newest(self, job: PublishJob) -> None:
        with self._db.read() as session:
            if standing(session, job.alert_id).revision != job.desired.revision:
                raise Superseded(f"revision {job.desired.revision} of alert {job.alert_id} was overtaken")

    def _require_not_overtaken(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)


def topic(job: PublishJob) -> str:
    """Where screens find an alert; exercises apart, should a broker ever carry both."""
    return f"baken/{'exercise' if job.kind is Kind.EXERCISE else 'live'}/{job.alert_id}"


def _said(job: PublishJob) -> tuple[tuple[str, str], ...]:
    """What is told beside the content, and still is when there is none."""
    return (
        ("baken-id", job.identifier),
        ("baken-edition", str(job.edition.number)),
        ("baken-revision", str(job.desired.revision)),
    )


def _screen(edition: Edition, language: str) -> str:
    """A whole document, of which the player takes the body; without script it reads as a plain page."""
    return _templates.get_template("screen.html").render(
        edition=edition, text=edition.texts[language], language=language
    )


def _message(edition: Edition, base_url: str) -> dict[str, object]:
    """What does not change with revision and lease."""
    names = {"event", "headline", "body", "children", "more", "ask", "warning", "end"}
    return {
        "alert_id": edition.alert_id,
        "status": edition.kind.value,
        "edition": edition.number,
        "texts": {language: text.model_dump(mode="json", include=names) for language, text in edition.texts.items()},
        "sign": edition.signs,
        "tip_line": edition.tip_line,
        "photos": [{"url": f"{base_url}/media/{photo.token}", "alt": photo.alt} for photo in edition.photos],
        "area": {"name": edition.area.name, "codes": edition.area.codes},
        "url": f"{base_url}/alerts/{edition.alert_id}",
    }
