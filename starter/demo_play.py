"""What `baken up --demo` does once all is ready: start the fictitious case, and with `--auto` play it to its end."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from activities.channels import NAMES
from starter.client import open_baken
from starter.errors import Problem
from starter.playing import Round, play_round, start_demo
from starter.settings import load_settings


def _print_table(console: Console, played: Round) -> None:
    table = Table(title="What each channel did")
    for name in ("channel", "recipients", "reached", "shown after approval", "gone after found"):
        table.add_column(name)
    channels = {channel["channel"]: channel for channel in played.view["channels"]}
    for name in NAMES:
        channel = channels.get(name, {})
        many = [str(channel.get(key) or "") for key in ("recipients", "reached")]
        times = [f"{found[name]:.2f} s" if name in found else "never" for found in (played.shown, played.gone)]
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


async def main() -> int:
    settings = load_settings(os.environ)
    console = Console(stderr=False)
    async with open_baken(settings) as baken:
        try:
            if "--auto" in sys.argv:
                played = await play_round(baken, console.print)
                _print_table(console, played)
                return 0 if played.complete else 1
            if not await baken.list():
                _print_guide(console, await start_demo(baken), settings.run_info().web)
        except Problem as problem:
            print(problem, file=sys.stderr)
            return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
