"""A browser on the console, with everything a page must not do: fail a request, complain, scroll sideways, clip."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Literal, TypeVar

from PIL import Image
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Frame,
    Page,
    Playwright,
    Request,
    Response,
    sync_playwright,
)

from tests.structure.files import ROOT
from tests.support.waiting import eventually

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
CONTRAST: dict[str, Any] = {"runOnly": ["color-contrast"]}
WIDTHS = (360, 1280)
HEIGHT = 900
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
NAMES = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"
"""Chromium without its own windows: pages are the same, a start costs half; notifications it has none."""

CLIPPED = """() => [...document.querySelectorAll('main *, header *')].filter(one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect()
  if (!box.width || style.visibility === 'hidden') return false
  if (one.closest('.govuk-visually-hidden, .govuk-skip-link, thead, pre, select')) return false
  if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) return false
  const squeezed = box.width < 40 && box.height > 4 * parseFloat(style.lineHeight)
  return squeezed || box.right > innerWidth + 1 || box.left < -1 ||
    (style.overflow !== 'visible' && one.scrollWidth > one.clientWidth + 1)
}).map(one => one.outerHTML.slice(0, 120))"""
"""Elements with text that runs out of the window, is cut off or is squeezed to a letter a line."""
OVERLAPPING = """() => {
  const kinds = ['p', 'dt', 'dd', 'li', 'label', 'button', 'h1', 'h2', 'h3'].map(name => `main ${name}`)
  const texts = [...document.querySelectorAll([...kinds, 'header a', 'header strong', 'header span'].join())]
    .filter(one => one.offsetParent && one.textContent.trim())
    .filter(one => !one.closest('.scroll, .govuk-visually-hidden, details:not([open])'))
  const boxes = texts.map(one => [one, one.getBoundingClientRect()])
  const found = []
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const [a, p] = boxes[i], [b, q] = boxes[j]
    if (a.contains(b) || b.contains(a)) continue
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left)
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top)
    if (wide > 3 && high > 3) found.push(a.outerHTML.slice(0, 80) + ' / ' + b.outerHTML.slice(0, 80))
  }
  return found
}"""
"""Pairs of elements with text, one over the other."""
KEY = re.compile(r"\{\{|\{%|\b(?:stage|kind|state)\.[a-z_]+\b|\bUndefined\b")


T = TypeVar("T")


def aside(do: Callable[[], T]) -> T:
    """Do it in another thread: the browser has this one's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


def until_true(page: Page | Frame, expression: str) -> None:
    """Look from outside until it is true: pages' policy lets no script of Playwright's own wait inside."""
    eventually(lambda: page.evaluate(expression), what=expression)


class Watched:
    """A page of which every fault is kept."""

    def __init__(self, page: Page, web: str) -> None:
        self.page = page
        self.web = web
        self.faults: list[str] = []
        page.on("console", self._console)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("pageerror", self._broke)

    def open(self, path: str) -> Watched:
        self.page.goto(f"{self.web}{path}", wait_until="load")
        return self

    def sign_in(self, user: str, language: str = "nl") -> Watched:
        """What the form sends, without its page and the one after it: `test_life` signs in by the pages."""
        session = self.page.request
        answers = [session.post(f"{self.web}/console/login", form={"user": user, "next": ""}, max_redirects=0)]
        if language != "nl":
            answers += [session.get(f"{self.web}/console/language?lang={language}", max_redirects=0)]
        assert [answer.status for answer in answers] == [303] * len(answers)
        return self

    def check(self, what: str) -> None:
        """Everything a page must not do, at the width it has."""
        found = self.problems()
        assert not found, f"{what}: {found}"

    def check_widths(self, what: str) -> None:
        """The same at each width, the narrowest last; contrast in that one."""
        found = []
        for width in reversed(WIDTHS):
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            found += [f"at {width}: {one}" for one in self.problems(contrast=width == WIDTHS[0])]
        assert not found, f"{what}: {found}"

    def problems(self, *, contrast: bool = True) -> list[str]:
        """Without `contrast`, two thirds of the work, where the same page was looked at in a narrower window.

        Of colours no rule depends on the width, and letters are smallest in the narrowest; what only a wide window
        shows is looked at still.
        """
        self.page.wait_for_load_state()  # behind a link it may have begun only
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        sideways = [f"scrolls sideways by {wide}"] if wide > 0 else []
        clipped = [f"clipped: {one}" for one in self.page.evaluate(CLIPPED)]
        overlapping = [f"overlaps: {one}" for one in self.page.evaluate(OVERLAPPING)]
        keys = [f"untranslated: {key}" for key in KEY.findall(self.page.locator("body").inner_text())]
        excluding = axe(self.page, runOnly=TAGS, rules={"color-contrast": {"enabled": contrast}})
        if not contrast and self.page.locator("thead").count():
            excluding += axe(self.page, "thead", **CONTRAST)
        return [*sideways, *clipped, *overlapping, *keys, *excluding, *self.faults]

    def dark(self) -> list[str]:
        """What cannot be read in the dark scheme; all else is the same in both."""
        self.page.emulate_media(color_scheme="dark")
        found = [f"dark {one}" for one in axe(self.page, **CONTRAST)]
        self.page.emulate_media(color_scheme="light")
        return found

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _broke(self, error: Error) -> None:
        self.faults.append(f"script: {error}")

    def _failed(self, request: Request) -> None:
        # A stream ends when its page is left, and so does what a page left while loading.
        if "/events" not in request.url and request.failure != "net::ERR_ABORTED":
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"answered {response.status}: {response.url}")


def axe(page: Page, within: str = "html", **options: Any) -> list[str]:
    """What it finds there, with its places; `within` is a selector, `options` are those of `axe.run`."""
    # Through the protocol, not by a script element: the pages' policy allows no script of others.
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE.read_text("utf-8"))
    # All that it looked at is megabytes.
    run = "([within, options]) => axe.run(within, options).then((all) => all.violations)"
    found = page.evaluate(run, [within, {**options, "resultTypes": ["violations"], "iframes": False}])
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:4]}" for one in found]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A whole one, for programs."""
    with sync_playwright() as playwright, launched(playwright, whole=True) as browser:
        yield browser


@contextmanager
def launched(playwright: Playwright, *, whole: bool) -> Iterator[Browser]:
    """The machine's Chromium, else Playwright's own; its shell where there is one, unless the `whole` is asked for."""
    path = next((found for name in (*(() if whole else (SHELL,)), *NAMES) if (found := which(name))), None)
    browser = playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
    )
    yield browser
    browser.close()


@contextmanager
def watched(
    browser: Browser,
    web: str,
    width: int = 1280,
    *,
    dark: bool = False,
    script: bool = True,
    worker: bool = False,
    touch: bool = False,
    locale: str = "nl-NL",
) -> Iterator[Watched]:
    """A page in a context of its own: its own cookies."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if dark else "light",
        service_workers="allow" if worker else "block",
        java_script_enabled=script,
        has_touch=touch,
        locale=locale,
    )
    context.set_default_timeout(15_000)
    yield Watched(context.new_page(), web)
    context.close()


def shoot(watch: Watched, width: int, *files: Path) -> None:
    """The whole page; with frames in it in a window as high as it, or those outside of the window would stay blank.

    The first file in light, the second in dark; with a palette, which makes them a third as large.
    """
    frames = watch.page.locator("iframe").count()
    height = watch.page.evaluate("document.documentElement.scrollHeight") if frames else HEIGHT
    watch.page.set_viewport_size({"width": width, "height": max(HEIGHT, height)})
    for file, scheme in zip(files, SCHEMES, strict=True):
        watch.page.emulate_media(color_scheme=scheme)
        watch.page.wait_for_timeout(500)
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(watch.page.screenshot(full_page=True))).convert("RGB")
        picture.quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
    watch.page.emulate_media(color_scheme=SCHEMES[0])
