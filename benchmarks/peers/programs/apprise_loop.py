"""Apprise and its plugin for Web Push: `apprise_loop.py WORK`.

One address with every subscriber as a target; the plugin goes through them in a loop. It cannot say each of them
something of his own in one call, so all get a message with the same id, and it gives no topic. By default it waits
5.5 s between two messages; here it waits for nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import apprise
from apprise.plugins.vapid import NotifyVapid

from benchmarks.peers.programs.work import Work, stay_to_be_measured, wait_for_the_start


def main() -> None:
    work = Work.read(sys.argv[1])
    NotifyVapid.request_rate_per_sec = 0
    with tempfile.TemporaryDirectory() as folder:
        names = [f"recipient{at:07d}" for at in range(len(work.subscriptions))]
        subscriptions = Path(folder) / "subscriptions.json"
        subscriptions.write_text(json.dumps(dict(zip(names, work.subscriptions, strict=True))))
        sender = NotifyVapid(  # type: ignore[no-untyped-call]
            subscriber=work.contact.removeprefix("mailto:"),
            targets=names,
            keyfile=work.key_file,
            subfile=str(subscriptions),
            ttl=NotifyVapid.template_args["ttl"]["max"],
        )
        everybody = apprise.Apprise()
        everybody.add(sender)
        wait_for_the_start()
        everybody.notify(body=work.message(0))  # whom it did not reach it does not try again: the counterpart counts
    stay_to_be_measured()


if __name__ == "__main__":
    main()
