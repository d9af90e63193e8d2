"""Take CSS, JavaScript and fonts of others out of node_modules: into build/assets what Baken serves, into build/fonts
what posters are set in.

govuk-frontend without its fonts and crest (neither is ours to use), with its font family replaced by our variable.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
ASSETS = ROOT / "build" / "assets"
FONTS = ROOT / "build" / "fonts"
COPIED = (
    "htmx.org/dist/htmx.min.js",
    "htmx-ext-sse/dist/sse.min.js",
    "idiomorph/dist/idiomorph.min.js",
    "leaflet/dist/leaflet.js",
    "leaflet/dist/leaflet.css",
    "@geoman-io/leaflet-geoman-free/dist/leaflet-geoman.min.js",
    "@geoman-io/leaflet-geoman-free/dist/leaflet-geoman.css",
)


def main() -> int:
    ASSETS.mkdir(parents=True, exist_ok=True)
    css = (MODULES / "govuk-frontend/dist/govuk/govuk-frontend.min.css").read_text("utf-8")
    css = re.sub(r"@font-face\{[^}]*\}", "", css)
    css = re.sub(r"url\([^)]*govuk-crest\.svg\)", "none", css)
    css = css.replace("GDS Transport,arial,sans-serif", "var(--baken-font)")
    if "url(" in css or "GDS Transport" in css:
        print("govuk-frontend still names a font or picture of its own; mend this script", file=sys.stderr)
        return 1
    (ASSETS / "govuk-frontend.min.css").write_text(css, "utf-8")
    for file in COPIED:
        shutil.copy(MODULES / file, ASSETS / Path(file).name)
    FONTS.mkdir(exist_ok=True)
    for weight in ("400Regular", "700Bold"):
        for font in MODULES.glob(f"@expo-google-fonts/*/{weight}/*.ttf"):
            shutil.copy(font, FONTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
