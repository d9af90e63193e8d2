"""The area section of the form: its fields, what its buttons do to them, and the case's `area` that they stand for.

Areas are kept as they were chosen (`area/named`: GM…, PV…, VR… and PU… codes) and corners one by one
(`area/polygon/N`: latitude, longitude); `settle` makes of them what a case has. Without script every button sends
the form and brings it back changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alerts.area import LARGER, folded
from alerts.geometry import Country
from starter.errors import BadInput

NATION = "NL"
DO = "area/do"
"""The button that was pressed: what to do, and with which code or corner."""
MOST_CORNERS = 500
"""That a case takes; what is sent beyond it is read too, so that the rules can refuse it."""
PANELS = {
    "municipalities": ("area/named",),
    "circle": ("area/circle/place", "area/circle/lat", "area/circle/lon", "area/circle/radius_m"),
    "polygon": ("area/polygon",),
}
POINT = re.compile(r"(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)")
DUTCH_POINT = re.compile(r"(-?\d+,\d+)\s*[;\s]\s*(-?\d+,\d+)")

Values = dict[str, str]


def point_of(text: str) -> tuple[float, float] | None:
    """Latitude and longitude as people write or paste them: `52.156, 5.387` or `52,156 5,387`."""
    text = text.strip()
    if match := DUTCH_POINT.fullmatch(text):
        return float(match[1].replace(",", ".")), float(match[2].replace(",", "."))
    match = POINT.fullmatch(text)
    return (float(match[1]), float(match[2])) if match else None


def codes_in(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[^\s,;]+", text)))


def corners_of(values: Mapping[str, str]) -> list[str]:
    """The corners as they were typed, one that is still empty included."""
    count = values.get("area/corners", "")
    if not count.isdecimal():
        return [line.strip() for line in values.get("area/polygon", "").splitlines() if line.strip()]
    return [values.get(f"area/polygon/{n}", "").strip() for n in range(min(int(count), 4 * MOST_CORNERS))]


def named_of(values: Mapping[str, str], known: Country) -> list[str]:
    """Codes as they were chosen; of a case that was not chosen here, in as few names as they fit."""
    if "area/named" in values:
        return codes_in(values["area/named"])
    return list(folded(codes_in(values.get("area/municipalities", "")), known.members))


def settle(values: Values, known: Country, base: Mapping[str, Any] | None = None, *, sent: bool = False) -> None:
    """Make the case's own fields of what was chosen and typed. `base` is the case that is being amended.

    With `sent` empty corners are left out, so that what the rules say of a corner is said beside that one.
    """
    named = named_of(values, known)
    towns = dict.fromkeys(town for code in named for town in known.members.get(code, (code,)))
    before = ((base or {}).get("area") or {}).get("municipalities") or ()
    order = before if set(before) == set(towns) else sorted(towns)  # what nobody changed stays as it was
    values["area/named"], values["area/municipalities"] = ", ".join(named), ", ".join(order)
    _keep_corners(values, [text for text in corners_of(values) if text or not sent])
    _place(values, known)


def do(values: Values, known: Country) -> bool:
    """What a button of the section does; whether one was pressed, so that nothing is sent yet.

    A word to search for that was not searched for yet is one too: whoever presses Enter there means that.
    """
    action, _, what = values.pop(DO, "").partition(" ")
    word = values.get("area/search", "").strip()
    if action in ("add", "remove"):
        _choose(values, known, what, add=action == "add")
    elif action.startswith("corner") and (what.isdecimal() or action == "corner-add"):
        _move(values, action, int(what or 0))
    elif action == "seen":
        values |= {f"area/circle/{name}": values.get(f"last_seen/{name}", "") for name in ("lat", "lon")}
        values |= {"area": "circle", "area/circle/place": "", "area/circle/placed": ""}
    elif not action and word == values.get("area/searched", "").strip():
        return False
    values["area/searched"] = values.get("area/search", "").strip()
    return bool(action or word)


def require_choice(values: Mapping[str, str]) -> None:
    """Nothing that was filled in is passed over for the programme's own, larger area; raises BadInput.

    Unless somebody decided for that one (`area/decided`), which it otherwise is because nobody chose.
    """
    filled = next((kind for kind, names in PANELS.items() if any(values.get(name) for name in names)), None)
    if filled and not values.get("area") and not values.get("area/decided"):
        raise BadInput("area", "an area was filled in and not chosen; choose it, or empty it")


def _choose(values: Values, known: Country, code: str, *, add: bool) -> None:
    if code == NATION:
        values["area"] = "nation" if add else ""
        return
    named = [one for one in named_of(values, known) if one != code]
    if add and (code in known.municipalities or code[:2] in LARGER):
        named.append(code)
        values["area"], values["area/search"] = "municipalities", ""
    values["area/named"] = ", ".join(named)


def _move(values: Values, action: str, n: int) -> None:
    corners = corners_of(values)
    if action == "corner-add":
        corners.append("")
    elif action == "corner-remove" and n < len(corners):
        del corners[n]
    elif action in ("corner-up", "corner-down"):
        other = n - 1 if action == "corner-up" else n + 1
        if 0 <= other < len(corners) and n < len(corners):
            corners[n], corners[other] = corners[other], corners[n]
    values["area"] = "polygon"
    _keep_corners(values, corners)


def _keep_corners(values: Values, corners: list[str]) -> None:
    for name in [name for name in values if re.fullmatch(r"area/polygon/\d+", name)]:
        del values[name]
    values |= {f"area/polygon/{n}": text for n, text in enumerate(corners)}
    values["area/corners"] = str(len(corners))
    points = [(text, point_of(text)) for text in corners if text]
    values["area/polygon"] = "\n".join(f"{point[0]}, {point[1]}" if point else text for text, point in points)


def _place(values: Values, known: Country) -> None:
    """Coordinates of a place that was named and not looked up yet; none for one that is not known."""
    place = values.get("area/circle/place", "").strip()
    if not place or place == values.get("area/circle/placed", ""):
        return
    found = point_of(place) or known_place(place, known)
    lat, lon = (f"{found[0]:.5f}", f"{found[1]:.5f}") if found else ("", "")
    values |= {"area/circle/lat": lat, "area/circle/lon": lon, "area/circle/placed": place}


def known_place(text: str, known: Country) -> tuple[float, float] | None:
    """Latitude and longitude of a municipality by its name, or of a postcode by its digits."""
    digits = re.fullmatch(r"(\d{4})(\s*[a-z]{2})?", text.strip(), re.IGNORECASE)
    if digits:
        return next(((lat, lon) for code, lon, lat, _ in known.postcodes if code == digits[1]), None)
    name = text.strip().casefold()
    found = next((one for one in known.municipalities.values() if one.name.casefold() == name), None)
    return found.middle if found else None
