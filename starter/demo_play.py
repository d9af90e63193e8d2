"""What `baken up --demo` does once all is ready: start the fictitious case, and with `--auto` play it to its end.

The play measures where the public would: at the counterparts and by looking at page, photo and feed each 50 ms.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from alerts.vocabulary import Action, Kind
from starter.client import Baken, open_baken
from starter.demo_case import write_demo_case
from starter.errors import Problem
from starter.settings import load_settings

LOOK = 0.05
PATIENCE = 30.0
CHANNELS = ("web", "cap", "email", "webhook")


async def start_demo(baken: Baken) -> dict[str, Any]:
    """Start the fictitious case as operator1."""
    with tempfile.TemporaryDirectory() as folder:
        document = write_demo_case(Path(folder))
        return await baken.start(document, Path(folder), "operator1", Kind.ACTUAL)


async def play(baken: Baken, console: Console) -> int:
    """From start to found without a person; 0 only if every channel showed and withdrew."""
    view = await start_demo(baken)
    alert_id, web = view["alert_id"], baken.parts.settings.run_info().web
    console.print(f"Alert {alert_id} waits for approval; approving as supervisor1")
    await _until(lambda: _armed(baken, alert_id))
    async with httpx.AsyncClient(base_url=web, trust_env=False) as public:
        watch = Watch(public, alert_id, baken)
        approved = _now()
        await _accepted(baken, alert_id, Action.APPROVE, "supervisor1")
        shown = await watch.all_seen(approved, shows=True)
        console.print("Every channel shows it; the child is found")
        found = _now()
        await _accepted(baken, alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
        gone = await watch.all_seen(found, shows=False)
        final = await baken.show(alert_id)
    _print_table(console, final, shown, gone)
    return 0 if all(name in shown and name in gone for name in CHANNELS) else 1


class Watch:
    """Looks at what the public gets: page, photo, feed, and what the counterparts took in."""

    def __init__(self, public: httpx.AsyncClient, alert_id: str, baken: Baken) -> None:
        self._public = public
        self._alert_id = alert_id
        self._baken = baken
        self._photo: str | None = None

    async def all_seen(self, since: float, *, shows: bool) -> dict[str, float]:
        """Seconds after `since` at which each channel showed, or had taken back."""
        seen: dict[str, float] = {}
        while _now() - since < PATIENCE and len(seen) < len(CHANNELS):
            for name, check in (("web", self._page), ("cap", self._feed)):
                if name not in seen and await check() == shows:
                    seen[name] = _now() - since
            if len(seen) < len(CHANNELS):
                await self._counterparts(seen, since, "alert" if shows else "cancel")
            await asyncio.sleep(LOOK)
        return seen

    async def _page(self) -> bool:
        """Whether the page with its photo is shown; while it goes, either one counts as shown."""
        page = await self._public.get(f"/alerts/{self._alert_id}")
        found = re.search(r"/media/\w+", page.text)
        if found:
            self._photo = found.group()
        photo = await self._public.get(self._photo) if self._photo else None
        return bool(found) or (photo is not None and photo.status_code == httpx.codes.OK)

    async def _feed(self) -> bool:
        answer = await self._public.get(f"/alerts/{self._alert_id}/cap.xml")
        return answer.status_code == httpx.codes.OK and "<msgType>Cancel" not in answer.text

    async def _counterparts(self, seen: dict[str, float], since: float, kind: str) -> None:
        view = await self._baken.show(self._alert_id)
        for channel in view["channels"]:
            name = channel["channel"]
            if name not in ("email", "webhook") or name in seen:
                continue
            answer = await self._public.get("/demo/received.json", params={"channel": name, "alert": self._alert_id})
            got = [line for line in answer.json() if line["kind"] == kind]
            if len(got) >= channel["recipients"] > 0:
                last = max(datetime.fromisoformat(line["at"]).timestamp() for line in got)
                seen[name] = max(0.0, last - since)


async def _armed(baken: Baken, alert_id: str) -> bool:
    pending = (await baken.show(alert_id)).get("pending")
    return pending is not None and len(pending["arms"]) == len(CHANNELS)


async def _accepted(baken: Baken, alert_id: str, action: Action, user: str, **more: Any) -> None:
    ruling = await baken.command(alert_id, action, user, **more)
    if ruling is None or not ruling.accepted:
        raise SystemExit(f"{action} was not accepted: {ruling.reason if ruling else 'no ruling within 5 s'}")


async def _until(check: Callable[[], Any]) -> None:
    deadline = _now() + PATIENCE
    while not await check():
        if _now() > deadline:
            raise SystemExit("the case did not get ready for approval")
        await asyncio.sleep(0.1)


def _print_table(console: Console, view: dict[str, Any], shown: dict[str, float], gone: dict[str, float]) -> None:
    table = Table(title="What each channel did")
    for name in ("channel", "recipients", "reached", "shown after approval", "gone after found"):
        table.add_column(name)
    channels = {channel["channel"]: channel for channel in view["channels"]}
    for name in CHANNELS:
        channel = channels.get(name, {})
        many = [str(channel.get(key) or "") for key in ("recipients", "reached")]
        times = [f"{found[name]:.2f} s" if name in found else "never" for found in (shown, gone)]
        table.add_row(name, *many, *times)
    console.print(table)


def _print_guide(console: Console, view: dict[str, Any], web: str) -> None:
    console.print(
        f"\nA fictitious case waits for the supervisor. Open\n"
        f"  {view['url']}  and sign in as supervisor1: read it, approve it\n"
        f"  {web}/demo/  the wall: what every channel shows\n"
        f"  {view['public_url']}  the public page\n"
        "Then, as operator1, press Found and see it disappear everywhere. Ctrl-C stops Baken.\n"
    )


def _now() -> float:
    return datetime.now().astimezone().timestamp()


async def main() -> int:
    settings = load_settings(os.environ)
    console = Console(stderr=False)
    async with open_baken(settings) as baken:
        try:
            if "--auto" in sys.argv:
                return await play(baken, console)
            if "BAKEN_NO_DEMO_CASE" not in os.environ and not await baken.list():
                _print_guide(console, await start_demo(baken), settings.run_info().web)
        except Problem as problem:
            print(problem, file=sys.stderr)
            return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
