"""Choosing an area: by keyboard alone, on the map with a mouse, without script, and over tiles of one other host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from starter.parts import Parts, open_parts
from store.area_files import import_areas
from tests.browser.looking import Watched, watched
from tests.support.homes import silent_home

FOLDER = Path(__file__).parents[1] / "fixtures/areas"
FILES = [FOLDER / name for name in ("gemeenten-synthetic.geojson", "larger-synthetic.geojson", "pc4-synthetic.csv")]
FORM = "/console/new/exercise"
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489") + bytes.fromhex(
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""A PNG of one transparent dot."""


class Tiles:
    """A tile server; `asked` has the path of every tile."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "image/png")
                self.end_headers()
                self.wfile.write(PIXEL)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.fixture
def tiles() -> Iterator[Tiles]:
    server = Tiles()
    yield server
    server.stop()


@pytest.fixture
def parts(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Parts]:
    """A home that knows six municipalities and what they are part of; with tiles where a test has some."""
    settings = silent_home(tmp_path / "home")
    if "tiles" in request.fixturenames:
        server: Tiles = request.getfixturevalue("tiles")
        said = f'[map]\ntiles = "{server.origin}/{{z}}/{{x}}/{{y}}.png"\nattribution = "Made & drawn <here>"\n'
        (settings.home / "config.toml").write_text(said)
    opened = open_parts(settings)
    import_areas(opened.db, *FILES)
    yield opened
    opened.close()


def by_id(page: Page, name: str) -> Locator:
    return page.locator(f'[id="{name}"]')


def reach(page: Page) -> Locator:
    return page.locator("#area-reach")


def corners(page: Page) -> list[str]:
    return [one.input_value() for one in page.locator("#area-corners input").all()]


def click_map(page: Page, *places: tuple[int, int]) -> None:
    """`places` in pixels from its middle."""
    box = page.locator("#area-map").bounding_box()
    assert box
    for x, y in places:
        at = box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y
        page.mouse.move(*at)
        page.mouse.click(*at)


def test_area_when_chosen_by_keyboard_alone_is_found_counted_widened_and_drawn(browser: Browser, web: str) -> None:
    with watched(browser, web) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        press = page.keyboard.press
        expect(reach(page)).to_contain_text("Nederland, ongeveer 17.811.291 mensen")
        by_id(page, "area/search").focus()
        page.keyboard.type("midd")
        expect(page.locator("#area-found li")).to_have_count(3)
        expect(page.locator("#area-found li").last).to_contain_text("Het Midden politie-eenheid, 6.000")
        for key in ("Enter", "Tab", "Enter"):  # to the first found, to the second, and take that
            press(key)
        expect(reach(page)).to_contain_text("Provincie Midden, ongeveer 3.000 mensen")
        expect(reach(page)).to_contain_text("hele gemeenten")
        expect(by_id(page, "area/search")).to_be_focused()
        page.keyboard.type("drie")
        for key in ("Enter", "Enter"):
            press(key)
        expect(reach(page)).to_contain_text("Politie-eenheid Het Midden, ongeveer 6.000 mensen")
        expect(reach(page)).to_contain_text("Groter dan wat eerst gekozen was: ongeveer 3.000 mensen meer")
        watch.check("by name")
        by_id(page, "area/municipalities").focus()
        for key in ("Tab", "Enter"):
            press(key)
        expect(page.locator("#area-chosen li")).to_have_count(1)
        expect(reach(page)).to_contain_text("Vierkant Drie, ongeveer 3.000 mensen")
        by_id(page, "area-municipalities").focus()
        for key in ("ArrowDown", "ArrowDown"):
            press(key)
        expect(page.locator('[data-panel="polygon"]')).to_be_visible()
        expect(page.locator('[data-panel="municipalities"]')).to_be_hidden()
        press("Tab")
        for text in ("52,14 5,36", "52.14, 5.42", "52.18, 5.36", "52.18, 5.42"):
            press("Enter")
            page.keyboard.type(text)
            for _ in ("up", "down", "remove", "add"):
                press("Tab")
        expect(reach(page)).to_contain_text("kruist zichzelf")
        page.locator('[value="corner-up 3"]').press("Enter")
        expect(page.locator('[value="corner-up 2"]')).to_be_focused()
        expect(reach(page)).to_contain_text("Getekend gebied, ongeveer 1.000 mensen")
        assert corners(page) == ["52,14 5,36", "52.14, 5.42", "52.18, 5.42", "52.18, 5.36"]
        page.locator('[value="corner-remove 3"]').press("Enter")
        expect(page.locator("#area-corners li")).to_have_count(3)
        watch.check("polygon")
        assert watch.faults == []


def test_area_when_drawn_on_the_map_stands_in_the_lists_and_can_be_moved_there(browser: Browser, web: str) -> None:
    with watched(browser, web) as watch:
        page = watch.sign_in("operator1", "en").open(FORM).page
        page.locator("#area-map").scroll_into_view_if_needed()
        page.get_by_role("button", name="Draw a polygon on the map").click()
        click_map(page, (-80, -88), (80, -88), (80, 52), (-80, 52), (-80, -88))
        expect(by_id(page, "area/polygon")).to_be_visible()
        expect(reach(page)).to_contain_text("Drawn area, about")
        drawn = corners(page)
        assert len(drawn) == 4
        page.locator("#area-map").scroll_into_view_if_needed()
        handle = page.locator("#area-map .leaflet-marker-icon").nth(2).bounding_box()
        assert handle
        page.mouse.move(handle["x"] + 5, handle["y"] + 5)
        page.mouse.down()
        page.mouse.move(handle["x"] + 60, handle["y"] + 40, steps=5)
        page.mouse.up()
        expect(reach(page)).to_contain_text("Larger than what was chosen before")
        assert sum(one not in drawn for one in corners(page)) == 1
        page.get_by_role("button", name="Draw a circle on the map").click()
        page.locator("#area-map").scroll_into_view_if_needed()
        click_map(page, (0, -8), (40, -8))
        expect(by_id(page, "area/circle/radius_m")).not_to_have_value("")
        expect(reach(page)).to_contain_text("Within")
        watch.check_widths("drawn")
        assert page.locator("#area-map [tabindex]").count() == 0


def test_area_when_there_is_no_script_is_chosen_by_buttons_that_keep_the_rest(browser: Browser, web: str) -> None:
    with watched(browser, web, 360, script=False) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        by_id(page, "children/0/name").fill("Noor")
        by_id(page, "area/search").fill("vierkant")
        by_id(page, "area/search").press("Enter")
        expect(page.locator("#area-found li")).to_have_count(6)
        page.get_by_role("button", name="Toevoegen Vierkant Een").click()
        expect(page.locator("#area-chosen li")).to_have_count(1)
        expect(by_id(page, "area/municipalities")).to_be_visible()
        expect(reach(page)).to_contain_text("Vierkant Een, ongeveer 1.000 mensen")
        by_id(page, "area-circle").check(force=True)
        by_id(page, "area/circle/place").fill("3811")
        by_id(page, "area/circle/radius_m").fill("40000")
        page.get_by_role("button", name="Uitrekenen hoeveel mensen").click()
        expect(by_id(page, "area/circle/lat")).to_have_value("52.15000")
        expect(reach(page)).to_contain_text("Binnen 40 km van 52.150, 5.370")
        expect(reach(page)).to_contain_text("Groter dan wat eerst gekozen was")
        by_id(page, "area/circle/place").fill("Parijs")
        by_id(page, "area/circle/radius_m").fill("")
        page.get_by_role("button", name="Hoekpunt toevoegen").click()
        expect(page.locator("#area-corners li")).to_have_count(1)
        expect(reach(page)).to_contain_text("Een veelhoek heeft minstens drie hoekpunten nodig")
        expect(by_id(page, "children/0/name")).to_have_value("Noor")
        watch.page.set_viewport_size({"width": 360, "height": 900})
        assert watch.faults == []


def test_area_that_is_typed_and_not_chosen_is_asked_about_and_one_abroad_is_refused(
    browser: Browser, web: str
) -> None:
    with watched(browser, web, script=False) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        for name, text in (("lat", "48.85"), ("lon", "2.35"), ("radius_m", "5000")):
            by_id(page, f"area/circle/{name}").fill(text)
        page.get_by_role("button", name="Akkoord vragen").click()
        expect(page.locator(".govuk-error-summary")).to_contain_text("er is een gebied ingevuld dat niet is gekozen")
        by_id(page, "area-circle").check(force=True)
        page.get_by_role("button", name="Uitrekenen hoeveel mensen").click()
        expect(reach(page)).to_contain_text("ligt helemaal buiten Nederland; het gebied moet het land raken")


def test_map_when_tiles_are_configured_loads_them_from_that_host_alone_and_names_it(
    browser: Browser, web: str, tiles: Tiles
) -> None:
    with watched(browser, web) as watch:
        page = watch.sign_in("operator1").open(FORM).page
        page.locator("#area-map").scroll_into_view_if_needed()
        expect(page.locator(".leaflet-tile-loaded").first).to_be_visible()
        expect(page.locator(".leaflet-control-attribution")).to_contain_text("Made & drawn <here>")
        assert tiles.asked
        assert watch.problems() == []
        policies = {path: _policy(watch, path) for path in (FORM, "/console/")}
        assert f"img-src 'self' data: {tiles.origin};" in policies[FORM]
        assert "img-src 'self' data:;" in policies["/console/"]


def _policy(watch: Watched, path: str) -> str:
    answer = watch.page.request.get(f"{watch.web}{path}")
    return answer.headers["content-security-policy"]
