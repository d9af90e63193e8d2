"""Many rounds of chaos: `make chaos ROUNDS=200 [SEED=…] [RECIPIENTS=20000] [DATABASE_URL=…]`.

Round n has the seed SEED + n. Each writes a line to `build/chaos.jsonl`; called again with the same seed, it goes on
after the last. `DATABASE_URL` is that of a PostgreSQL server in which databases may be made, or `own`: one is started.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.clocks import Clock
from tests.chaos.faults import Field
from tests.chaos.rounds import Plan, Result, Round
from tests.chaos.stores import PostgresStore, SqliteStore, Store
from tests.support.postgres import PostgresServer
from tests.support.programmes import write_programme
from tests.support.running import ROOT, Running

RESULTS = ROOT / "build" / "chaos.jsonl"
KEPT = ROOT / "benchmarks" / "results" / "chaos.jsonl"
ROUNDS_A_HOME = 10
"""Then a fresh one: counterparts remember all that they received."""
MAIL_EVERY = 5
"""One home in so many sends mail, to a share of the recipients: each mail is a conversation."""
MAIL_SHARE = 40
WITHIN = 3.0
"""Seconds after the approval in which faults and commands begin; a wave takes about two."""


@contextmanager
def field(channel: str, recipients: int, server: PostgresServer | None = None) -> Iterator[Field]:
    """A running Baken with so many subscribers to one channel."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="baken-chaos-")))
        programmes = write_programme(folder / "programmes", channels=json.dumps(["web", channel]))
        options = ("--recipients", str(recipients), "--programmes", str(programmes))
        store: Store = SqliteStore(folder / "store")
        if server is not None:
            store = PostgresStore(stack.enter_context(server.database(migrated=False)))
        clock = Clock(folder)
        stack.callback(clock.close)
        environ = {"BAKEN_DATABASE_URL": store.url, **clock.environ}
        baken = Running(folder / "home", *options, environ=environ).start()
        stack.callback(baken.stop)
        yield Field(baken, store, clock, channel)


def tell(result: Result) -> None:
    verdict = "FAILED" if result.errors else "ok"
    print(f"{verdict} seed {result.seed} {result.story}: {'; '.join(result.faults)}", flush=True)
    print(f"    {result.figures()}", flush=True)
    for line in (*result.timeline, *result.errors) if result.errors else ():
        print(f"    {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6) * 1000)
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--keep", action="store_true", help=f"append to {KEPT.relative_to(ROOT)} too")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.rounds} rounds, results in {RESULTS.relative_to(ROOT)}", flush=True)
    done = _done()
    seeds = [seed for seed in range(given.seed, given.seed + given.rounds) if seed not in done]
    failed = 0
    with ExitStack() as stack:
        server = None
        if given.database_url:
            server = PostgresServer()
            stack.callback(server.start().stop)
        homes = 0
        while seeds:
            homes += 1
            by_mail = homes % MAIL_EVERY == 0
            channel = "email" if by_mail else "app"
            recipients = given.recipients // MAIL_SHARE if by_mail else given.recipients
            with field(channel, recipients, server) as stage:
                for _ in range(min(ROUNDS_A_HOME, len(seeds))):
                    result = Round(stage, Plan.of(seeds.pop(0), WITHIN)).play()
                    tell(result)
                    _append(RESULTS, result)
                    if given.keep:
                        _append(KEPT, replace(result, timeline=[]))  # which names paths of this machine
                    if result.errors:
                        failed += 1
                        left = ROOT / "build" / "chaos-failed" / str(result.seed)
                        shutil.rmtree(left, ignore_errors=True)
                        shutil.copytree(stage.baken.home.parent, left)
                        print(f"    home, store and logs in {left.relative_to(ROOT)}", flush=True)
                        break
    print(f"{failed} of {given.rounds} rounds failed")
    return 1 if failed else 0


def _done() -> set[int]:
    """Seeds of rounds that went well."""
    if not RESULTS.exists():
        return set()
    results = map(json.loads, RESULTS.read_text("utf-8").splitlines())
    return {result["seed"] for result in results if not result["errors"]}


def _append(path: Path, result: Result) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{result.line()}\n")


if __name__ == "__main__":
    sys.exit(main())
