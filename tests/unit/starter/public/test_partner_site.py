"""What a webhook partner asks for by itself: what holds, and that its word of a removal counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from standardwebhooks.webhooks import Webhook

from alerts.vocabulary import Meaning
from starter.parts import Parts, open_parts
from starter.public.site import public_router
from store import editions
from store.partners import Register, Registered
from store.removals import ASKED, open_removals
from tests.support.editions import BASE_URL, ShownAlert
from tests.support.homes import silent_home
from tests.support.partner import SECRET

IDS = ("abcdefghij", "abcdefghik")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path / "home"))
    said: dict[str, Any] = {"url": "http://127.0.0.1:9/", "secret": SECRET, "paused": False, "touched_by": "person-1"}
    one = Registered(name="Own", exercise=False, added_at=datetime.now(UTC), **said)
    with opened.db.write() as session:
        Register(opened.keys.system_key("partners")).put(session, one)
    yield opened
    opened.close()


@pytest.fixture
def alerts(parts: Parts) -> Sequence[ShownAlert]:
    """Two that are shown, with what partners are told of them."""
    found = []
    for alert_id in IDS:
        parts.keys.create(alert_id)
        alert = ShownAlert(parts.db, alert_id=alert_id, key=parts.keys.display_key(alert_id))
        alert.show()
        rendition = alert.channels["webhook"].render(alert.edition, BASE_URL).model_dump_json()
        with parts.db.write() as session:
            editions.put_rendition(session, alert.key, alert_id, alert.edition.digest, "webhook", rendition)
        found.append(alert)
    return found


@pytest.fixture
async def site(parts: Parts, alerts: Sequence[ShownAlert]) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(public_router(parts, BASE_URL, lambda: alerts[0].now))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://baken") as client:
        yield client


async def missed(site: httpx.AsyncClient) -> list[tuple[str, str, Any]]:
    now = datetime.now(UTC)
    stamp, signature = str(int(now.timestamp())), Webhook(SECRET).sign("asked-1", now, "")
    headers = {"webhook-id": "asked-1", "webhook-timestamp": stamp, "webhook-signature": signature}
    events = (await site.get("/partners/Own/events", headers=headers)).json()["events"]
    return [(one["data"]["alert_id"], one["type"], one["data"].get("removed_url")) for one in events]


def waiting(parts: Parts) -> list[tuple[str, bool]]:
    """Of which alerts it has still to say that they are gone, and whether nobody told it so yet."""
    with parts.db.read() as session:
        return [(one.alert_id, one.told_by.startswith(ASKED)) for one in open_removals(session)]


async def test_partner_that_repairs_itself_by_asking_is_waited_for_until_it_says_that_it_is_gone(
    site: httpx.AsyncClient, parts: Parts, alerts: Sequence[ShownAlert]
) -> None:
    """No call reached it: what it showed it had fetched."""
    first, second = alerts
    second.end(Meaning.WITHDRAWN)
    assert [said[:2] for said in await missed(site)] == [
        (first.alert_id, "alert.published"),
        (second.alert_id, "alert.cancelled"),
    ]
    assert waiting(parts) == [], "it never had the second one"
    first.end(Meaning.WITHDRAWN)
    assert waiting(parts) == [(first.alert_id, True)]
    (address,) = [url for alert_id, _, url in await missed(site) if alert_id == first.alert_id]
    assert waiting(parts) == [(first.alert_id, False)]
    assert (await site.post(address.removeprefix(BASE_URL))).status_code == 200
    assert waiting(parts) == []
    await missed(site)
    assert waiting(parts) == [], "asking once more takes its word not back"
