"""Screenshots of every page at two widths, checked while they are taken: `python -m tests.browser.screens OUT MORE`.

OUT gets them in Dutch and light, MORE the same in dark, and those in English. The tests of the pages use the same
tour, so what is kept in docs is what was checked.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser

from activities.channels import NAMES
from alerts.vocabulary import Action, Kind
from starter.demo_case import draw_portrait, write_demo_case
from tests.browser.looking import HEIGHT, WIDTHS, Watched, aside, chromium, shoot, watched
from tests.structure.files import ROOT
from tests.support.programmes import write_programme
from tests.support.running import Running

See = Callable[[Watched, str, int], None]
LOCALES = {"nl": "nl-NL", "en": "en-GB"}


def tour(running: Running, browser: Browser, see: See, *, closes: bool = False, language: str = "nl") -> None:
    """Every page of one alert's life, at each width; `see` gets each page with its name.

    With `closes` to its very end, which takes a programme that does not wait ten minutes for an undo.
    """
    alert_id, drill = aside(lambda: _begin(running))
    here = f"/console/alerts/{alert_id}"
    seat = partial(_watch, running, browser, LOCALES[language])
    with seat() as nobody, seat("operator1") as operator:
        _look(nobody, see, {"login": "/console/login"})
        _look(operator, see, {"list": "/console/", "form": "/console/new/actual"})
        _choose_area(operator, see)
        _draft(operator, nobody, see)
        _refused(operator, see)
        _look(operator, see, {"exercise": f"/console/exercises/{drill}"})
        with seat("engineer1") as engineer:
            _look(engineer, see, {"engineer": f"/console/exercises/{drill}"})
        with seat("supervisor1") as supervisor:
            _look(supervisor, see, {"approval": here, "exercise-approval": f"/console/exercises/{drill}"})
            _look(supervisor, see, {"duty": "/console/duty"})
        _stopped(running, operator, drill, see)
        aside(lambda: running.accepted(alert_id, Action.APPROVE, "supervisor1"))
        aside(lambda: running.until_channels(alert_id, "showing"))
        _look(operator, see, {"live": here})
        operator.page.keyboard.press("?")
        _see(operator, see, "shortcuts")
        _look(operator, see, {"amend": f"{here}/amend"})
        _look(nobody, see, {"wall": "/demo/", "public": f"/alerts/{alert_id}", "check": f"/check/{alert_id}"})
        _look(nobody, see, {"index": "/"})
        _look(nobody, see, {name: f"/{name}" for name in ("embed", "subscribe", "accessibility", "privacy")})
        with seat(worker=True) as witness:
            _look(witness, see, {"tip": f"/tip/{alert_id}", "child": f"/i/{alert_id}"})
        aside(lambda: _tell(running, alert_id))
        _look(operator, see, {"tips": f"{here}/tips", "tipped": here})
        aside(lambda: running.accepted(alert_id, Action.HOLD, "operator1", reason="Iemand belde dat ze thuis is."))
        aside(lambda: running.until_stage(alert_id, "held"))
        with seat("supervisor1") as supervisor:
            _look(supervisor, see, {"held": here, "partners": "/console/partners"})
        _look(nobody, see, {"public-held": f"/alerts/{alert_id}"})
        aside(lambda: running.accepted(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"}))
        aside(lambda: running.until_channels(alert_id, "withdrawn"))
        _look(operator, see, {"closing": here, "report": f"{here}/report"})
        _look(nobody, see, {"ended": f"/alerts/{alert_id}", "tip-ended": f"/tip/{alert_id}"})
        _look(nobody, see, {"check-ended": f"/check/{alert_id}"})
        if closes:
            aside(lambda: running.until_stage(alert_id, "closed"))
            _look(operator, see, {"closed": here, "report-closed": f"{here}/report"})


def _choose_area(watch: Watched, see: See) -> None:
    """The form once an area was chosen: its lists, what it reaches, and the map."""
    page = watch.open("/console/new/exercise").page
    page.locator("#area-polygon").check(force=True)
    for n, corner in enumerate(("52.1, 5.2", "52.1, 5.6", "52.3, 5.6", "52.3, 5.2")):
        page.locator('[value="corner-add"]').click()
        page.locator(f'[id="area/polygon/{n}"]').fill(corner)
    page.locator(".area__handles").wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        see(watch, "area", width)


def _draft(operator: Watched, parent: Watched, see: See) -> None:
    """A new alert half typed, with the page by which a parent adds to it, and what came of that."""
    page = operator.open("/console/new/actual").page
    page.locator('[id="children/0/name"]').fill("Noor Voorbeeld")
    page.locator('[id="public/situation"]').fill("Een meisje is meegenomen bij een speeltuin.")
    page.locator('button[formaction$="/intake"]').click()
    link, draft = page.locator("#intake-link").input_value(), page.locator("[name=draft]").input_value()
    intake = link.removeprefix(parent.web)
    _look(parent, see, {"intake": intake})
    with tempfile.TemporaryDirectory() as folder:
        draw_portrait(Path(folder) / "noor.jpg")
        parent.page.locator("#photos").set_input_files(Path(folder) / "noor.jpg")
        parent.page.locator('[id="children/0/hair"]').fill("rood")
        parent.page.locator("main button").click()
    parent.page.wait_for_load_state()
    _see(parent, see, "intake-thanks")
    _look(operator, see, {"draft": f"/console/drafts/{draft}", "list-drafts": "/console/"})


def _refused(watch: Watched, see: See) -> None:
    """A form that cannot be sent so, and a page that is not there: that they are refused is no fault of theirs."""
    watch.open("/console/new/exercise").page.locator("#send").click()
    watch.page.locator(".govuk-error-summary").wait_for()
    _excuse(watch, 422)
    _see(watch, see, "refused")
    watch.open("/console/alerts/nosuchone2")
    _excuse(watch, 404)
    _see(watch, see, "problem")


def _excuse(watch: Watched, status: int) -> None:
    watch.faults[:] = [fault for fault in watch.faults if str(status) not in fault]


def _stopped(running: Running, watch: Watched, drill: str, see: See) -> None:
    """Alerts that cannot be approved as they are: something is missing, it does not fit, or it was sent back."""
    with tempfile.TemporaryDirectory() as folder:
        case = write_demo_case(Path(folder))
        grown = {**case, "children": [{**case["children"][0], "age": 18}]}
        unsaid = {**case, "publicity": {**case["publicity"], "basis": "unknown"}}
        for stage, document in (("ineligible", grown), ("needs_information", unsaid)):
            exercise = aside(partial(running.start_alert, document, Path(folder), Kind.EXERCISE))
            aside(partial(running.until_stage, exercise, stage))
            _look(watch, see, {stage.replace("_", "-"): f"/console/exercises/{exercise}"})
    aside(lambda: running.accepted(drill, Action.RETURN_FOR_EDIT, "supervisor1", reason="De foto is van een ander."))
    aside(lambda: running.until_stage(drill, "returned"))
    _look(watch, see, {"returned": f"/console/exercises/{drill}"})


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


def _tell(running: Running, alert_id: str) -> None:
    """Somebody with a photo, somebody who says the same, and the child itself."""
    with tempfile.TemporaryDirectory() as folder:
        draw_portrait(Path(folder) / "seen.jpg")
        photo = {"photo": (Path(folder) / "seen.jpg").read_bytes()}
    said = {"where": "Station Utrecht Centraal, spoor 5", "when": "now", "text": "Meisje met een rode jas, alleen."}
    more = {"direction": "trein naar Amersfoort", "certainty": "probably", "call_back": "06 12345678"}
    running.post(f"/tip/{alert_id}", {"id": "1", **said, **more, "lat": "52.089", "lon": "5.109"}, photo)
    running.post(f"/tip/{alert_id}", {"id": "2", **said})
    running.post(f"/i/{alert_id}", {"id": "3", "text": "Ik ben bij oma. Ik wil naar huis.", "where": "een flat"})


@contextmanager
def _watch(
    running: Running, browser: Browser, locale: str, user: str | None = None, *, worker: bool = False
) -> Iterator[Watched]:
    with watched(browser, running.web, worker=worker, locale=locale) as watch:
        yield watch.sign_in(user, locale[:2]) if user else watch


def _look(watch: Watched, see: See, pages: dict[str, str]) -> None:
    for name, path in pages.items():
        watch.open(path)
        _see(watch, see, name)


def _see(watch: Watched, see: See, name: str) -> None:
    for width in WIDTHS:
        watch.page.set_viewport_size({"width": width, "height": HEIGHT})
        see(watch, name, width)


def main(out: Path, more: Path) -> int:
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as home, chromium() as browser:
        programmes = write_programme(Path(home) / "programmes", undo='"6s"')
        for language in LOCALES:
            light = out if language == "nl" else more / language

            def see(watch: Watched, name: str, width: int, light: Path = light, language: str = language) -> None:
                file = f"{name}-{width}.png"
                shoot(watch, width, light / file, more / f"{language}-dark" / file)
                faults.extend(f"{language} {name} at {width}: {one}" for one in [*watch.problems(), *watch.dark()])

            options = ("--recipients", "40", "--programmes", str(programmes))
            running = Running(Path(home) / language, *options).start()
            try:
                tour(running, browser, see, closes=True, language=language)
            finally:
                running.stop()
    print("\n".join(faults) or f"all well; see {out} and {more}")
    return 1 if faults else 0


if __name__ == "__main__":
    asked = [Path(one) for one in sys.argv[1:]]
    sys.exit(main(*asked) if asked else main(ROOT / "docs" / "screens", ROOT / "build" / "screens"))
