"""What a channel shows of an alert, looked at where its receivers are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO

import httpx
import zxingcpp
from PIL import Image

from activities.channels import PERSONAL
from tests.support.running import Running

Eye = Callable[[Running, str], str]
"""`nothing` (yet), `edition n` or `gone`."""
_COAT = re.compile(r"jas nummer (\d+)\.")


def coat(number: int) -> str:
    """What is said of edition `number`, by which eyes know it."""
    return f"Zij droeg jas nummer {number}."


def at_page(baken: Running, alert_id: str) -> str:
    """The page; once it is gone from there, no frame on another site has it either."""
    answer = baken.get(f"/alerts/{alert_id}")
    shown = "nothing" if answer.status_code == 404 else _edition_in(answer.text)
    if shown == "gone":
        framed = [one["alert_id"] for what in ("banner", "widget") for one in baken.get(f"/embed/{what}.json").json()]
        assert alert_id not in framed
    return shown


def at_cap(baken: Running, alert_id: str) -> str:
    """The newest message; every earlier one that can still be read must not say more."""
    answer = baken.get(f"/alerts/{alert_id}/cap.xml")
    if answer.status_code == 404:
        return "nothing"
    shown = "gone" if "<msgType>Cancel<" in answer.text else _edition_in(answer.text)
    if shown == "gone":
        assert baken.get(f"/alerts/{alert_id}/cap/1.xml").status_code == 410
    return shown


def at_recipients(channel: str) -> Eye:
    """What all of them have before them, by the last thing each was sent."""

    def eye(baken: Running, alert_id: str) -> str:
        newest = {line["recipient"]: line for line in baken.received(alert_id, channel)}
        shown = {"gone" if line["kind"] == "cancel" else f"edition {line['edition']}" for line in newest.values()}
        assert len(shown) <= 1, f"recipients of {channel} differ: {shown}"
        return shown.pop() if shown else "nothing"

    return eye


def at_screens(baken: Running, alert_id: str) -> str:
    """Of screens that listen to the broker; those that have the player open show nothing else once it answers."""
    shown = at_recipients("signage")(baken, alert_id)
    told = [baken.get("/signage/content.json", exercise=drills).json() for drills in ("0", "1")]
    playing = [_edition_in(one["html"]) for some in told for one in some if one["alert_id"] == alert_id]
    if shown == "gone":
        assert playing == []
    return shown


def at_poster(baken: Running, alert_id: str) -> str:
    """By the code on the newest one; who scans the first reads the same as whoever scans it now."""
    answer = baken.get(f"/a/{alert_id}/poster.png")
    scanned = baken.get(f"/a/{alert_id}/1", lang="en").text
    if answer.status_code in (404, 410):
        assert ("no longer valid" in scanned or "not valid at the moment" in scanned) == (answer.status_code == 410)
        return "nothing" if answer.status_code == 404 else "gone"
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(answer.content)))
    assert "newer poster" in scanned, "one without the mark of what was approved holds at no time"
    if baken.get(code.text.removeprefix(baken.web)).headers.get("location") != f"/alerts/{alert_id}":
        return "an older one"
    return f"edition {code.text.removeprefix(f'{baken.web}/a/{alert_id}/').partition('-')[0]}"


def at_networks(baken: Running, alert_id: str) -> str:
    """What phones of all networks have before them, by what each was told; it is what is on their display."""
    shown = at_recipients("cellbroadcast")(baken, alert_id)
    wall = baken.get("/demo/", lang="nl").text
    panel = wall[wall.index('id="cellbroadcast"') :].partition("</section>")[0]
    texts = re.findall(r'class="bubble">([^<]*)<', panel)
    if shown.startswith("edition"):
        assert any(_edition_in(text) == shown for text in texts), f"no phone shows {shown}"
    return shown


def at_posts(baken: Running, alert_id: str) -> str:
    """What stands on accounts where posts can be deleted; it is what their followers were told last."""
    shown = at_recipients("social")(baken, alert_id)
    control = json.loads((baken.home / "demo" / "ports.json").read_text("utf-8"))["control"]
    accounts = httpx.get(f"{control}/wall.json", trust_env=False).json()["accounts"]
    about = [one for account in accounts if account["service"] != "others" for one in account["shows"]]
    dutch = [one for one in about if (one["alert_id"], one["language"]) == (alert_id, "nl")]
    read = {f"edition {post['edition']}" for one in dutch for post in one["posts"] if not post["ends"]}
    assert read == ({shown} if shown.startswith("edition") else set())
    return shown


def _edition_in(text: str) -> str:
    found = _COAT.search(text)
    return f"edition {found[1]}" if found else "gone"


EYES: dict[str, Eye] = {
    **{name: at_recipients(name) for name in PERSONAL},
    "web": at_page,
    "cap": at_cap,
    "cellbroadcast": at_networks,
    "social": at_posts,
    "signage": at_screens,
    "poster": at_poster,
}
"""What everybody can see has an eye of its own; what recipients got stands in the demo's record."""
