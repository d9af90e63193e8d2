"""Screenshots of every page at two widths, checked while they are taken: `python -m tests.browser.screens OUT`.

The tests of the pages use the same tour, so what is kept in docs is what was checked.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from activities.channels import NAMES
from alerts.vocabulary import Action, Kind
from starter.demo_case import write_demo_case
from tests.browser.looking import WIDTHS, Watched, aside, chromium, shoot, watched
from tests.structure.files import ROOT
from tests.support.programmes import write_programme
from tests.support.running import Running

See = Callable[[Watched, str, int], None]


def tour(running: Running, browser: Browser, see: See, *, closes: bool = False) -> None:
    """Every page of one alert's life, at each width; `see` gets each page with its name.

    With `closes` to its very end, which takes a programme that does not wait ten minutes for an undo.
    """
    alert_id, drill = aside(lambda: _begin(running))
    here = f"/console/alerts/{alert_id}"
    _visit(running, browser, see, None, {"login": "/console/login"})
    _visit(running, browser, see, "operator1", {"list": "/console/", "form": "/console/new/actual"})
    _visit(running, browser, see, "operator1", {"exercise": f"/console/alerts/{drill}"})
    _visit(running, browser, see, "engineer1", {"engineer": f"/console/alerts/{drill}"})
    _visit(running, browser, see, "supervisor1", {"approval": here})
    aside(lambda: running.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: running.until_channels(alert_id, "showing"))
    _visit(running, browser, see, "operator1", {"live": here, "amend": f"{here}/amend"})
    _visit(running, browser, see, None, {"wall": "/demo/", "public": f"/alerts/{alert_id}"})
    aside(lambda: running.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"}))
    aside(lambda: running.until_channels(alert_id, "withdrawn"))
    _visit(running, browser, see, "operator1", {"closing": here})
    _visit(running, browser, see, None, {"ended": f"/alerts/{alert_id}"})
    if closes:
        aside(lambda: running.until_stage(alert_id, "closed"))
        _visit(running, browser, see, "operator1", {"closed": here})


def _begin(running: Running) -> tuple[str, str]:
    """The fictitious case, ready for approval, and an exercise of it."""
    with tempfile.TemporaryDirectory() as folder:
        document = write_demo_case(Path(folder))
        alert_id = running.start_alert(document, Path(folder))
        drill = running.start_alert(document, Path(folder), Kind.EXERCISE)
    running.until(
        alert_id, lambda view: bool(view["pending"]) and len(view["pending"]["arms"]) == len(NAMES), what="arms"
    )
    return alert_id, drill


def _visit(
    running: Running,
    browser: Browser,
    see: See,
    user: str | None,
    pages: dict[str, str],
) -> None:
    for width in WIDTHS:
        with watched(browser, running.web, width) as watch:
            if user:
                watch.sign_in(user)
            for name, path in pages.items():
                watch.open(path)
                see(watch, name, width)


def main(out: Path) -> int:
    faults: list[str] = []

    def see(watch: Watched, name: str, width: int) -> None:
        shoot(watch, out, name, width)
        try:
            watch.check(f"{name} at {width}")
        except AssertionError as error:
            faults.append(str(error))

    with tempfile.TemporaryDirectory() as home:
        programmes = write_programme(Path(home) / "programmes", undo='"6s"')
        running = Running(Path(home) / "home", "--recipients", "40", "--programmes", str(programmes)).start()
        try:
            with chromium() as browser:
                tour(running, browser, see, closes=True)
        finally:
            running.stop()
    print("\n".join(faults) or f"all well; see {out}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"))
