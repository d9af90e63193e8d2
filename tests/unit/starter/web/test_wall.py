"""Which alerts the wall tells of: the newest, whoever knows of them."""

from __future__ import annotations

import httpx

from starter.web.wall import look

FEED = """<feed><id>x</id><updated>2026-11-24T15:00:00+00:00</updated><author/>
<entry><updated>2026-11-24T13:00:00+00:00</updated>
<link rel="alternate" href="http://baken/alerts/{alert}/cap/1.xml"/>
</entry></feed>"""


def _listed(alert: str, at: str) -> str:
    return f'<li><a href="/alerts/{alert}?lang=nl"><strong>Noor</strong></a>, <time datetime="{at}">14:00</time></li>'


async def test_alerts_nobody_received_take_their_place_by_age() -> None:
    pages = {
        "/": _listed("listed", "2026-11-24T10:00:00.000+00:00")
        + "\n"
        + _listed("both", "2026-11-24T09:00:00.000+00:00"),
        "/exercise": _listed("drill", "2026-11-24T12:00:00.000+00:00"),
        "/feeds/cap.atom": FEED.format(alert="fed"),
    }

    def answer(asked: httpx.Request) -> httpx.Response:
        text = pages.get(asked.url.path)
        return httpx.Response(404) if text is None else httpx.Response(200, text=text)

    site = httpx.MockTransport(answer)
    known = {"both": "2026-11-24T14:00:00.000Z", "old": "2026-11-24T08:00:00.000Z"}
    async with httpx.AsyncClient(transport=site, base_url="http://baken") as public:
        wall = await look(public, {"alerts": known}, "nl")
    assert [page.alert_id for page in wall.pages] == ["both", "fed", "drill"]
