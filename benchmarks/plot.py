"""The plot of docs/benchmarks.md, drawn from the newest kept results: `python -m benchmarks.plot`.

Plain SVG with its own background, light or dark as whoever looks at it has it, so nothing is needed to draw it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from tests.support.running import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PLOT = ROOT / "docs" / "benchmarks.svg"
WIDTH, LEFT, RIGHT = 800, 250, 60
BAR, GAP = 22, 10
STEPS = {"read": "#56b4e9", "render": "#e69f00", "encrypt": "#cc79a7", "send": "#0072b2", "record": "#009e73"}
"""Colours that people tell apart however they see them (Okabe and Ito)."""
LINES = {"app": "#0072b2", "webpush": "#cc79a7"}
STYLE = """
  .back { fill: #ffffff } .ink { fill: #1f2328 } .soft { fill: #59636e } .axis { stroke: #d1d9e0 }
  text { font: 13px system-ui, sans-serif } .head { font-weight: 600; font-size: 15px }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .ink { fill: #e6edf3 } .soft { fill: #9198a1 } .axis { stroke: #3d444d }
  }
"""
Row = dict[str, Any]


class Drawn(NamedTuple):
    """A part of the picture, and how high it is."""

    marks: list[str]
    height: int


def newest(name: str, key: Callable[[Row], Any]) -> list[Row]:
    """The last row of each key, in order of appearance."""
    path = RESULTS / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    return list({key(row): row for row in rows}.values())


def text(x: float, y: float, said: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def box(x: float, y: float, width: float, colour: str, said: str) -> str:
    title = f"<title>{escape(said)}</title>"
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{BAR}" fill="{colour}">{title}</rect>'


def split(rows: Sequence[Row]) -> Drawn:
    """Bars of what a recipient costs, step by step."""
    marks = [text(0, 16, "CPU of the sending process for each recipient, microseconds", "ink head")]
    whole = [sum(row["us"].get(step, 0.0) for step in STEPS) for row in rows]
    scale, y = (WIDTH - LEFT - RIGHT) / max(whole), 34
    for row, total in zip(rows, whole, strict=True):
        x: float = LEFT
        marks.append(text(LEFT - 10, y + 16, f"{row['channel']}, {row['recipients']:,}", anchor="end"))
        for step, colour in STEPS.items():
            us = row["us"].get(step, 0.0)
            if us:
                marks.append(box(x, y, us * scale, colour, f"{step} {us:.1f} us"))
            x += us * scale
        marks.append(text(x + 6, y + 16, f"{total:.0f}"))
        y += BAR + GAP
    x = LEFT
    for step, colour in STEPS.items():
        marks += [
            f'<rect x="{x:.0f}" y="{y + 2}" width="12" height="12" fill="{colour}"/>',
            text(x + 17, y + 13, step),
        ]
        x += 95
    return Drawn(marks, y + 24)


def peers(rows: Sequence[Row]) -> Drawn:
    """Bars of what a recipient costs each of them, on a scale where a step is ten times as much."""
    marks = [text(0, 16, "Web Push, CPU for each recipient, all parts together, microseconds (log)", "ink head")]
    whole = [row["cpu_us"] + row["others_cpu_us"] for row in rows]
    scale, y = (WIDTH - LEFT - RIGHT) / math.log10(max(whole) / 10), 34
    for row, total in zip(rows, whole, strict=True):
        colour = "#0072b2" if row["peer"] == "Baken" else "#999999"
        marks.append(text(LEFT - 10, y + 16, row["peer"], anchor="end"))
        marks.append(box(LEFT, y, math.log10(total / 10) * scale, colour, f"{row['peer']} {total:.0f} us"))
        marks.append(text(LEFT + math.log10(total / 10) * scale + 6, y + 16, f"{total:,.0f}"))
        y += BAR + GAP
    return Drawn(marks, y)


def times(rows: Sequence[Row]) -> Drawn:
    """Lines of seconds by recipients, both on scales where a step is ten times as much."""
    height, top = 250, 34
    marks = [text(0, 16, "Seconds from the first message to the last, by recipients (log)", "ink head")]
    numbers = [row["recipients"] for row in rows]
    seconds = [row[name] for row in rows for name in ("raw_s", "baken_s")]
    across = list(_powers(numbers))
    up = list(_powers(seconds))

    def place(recipients: float, took: float) -> tuple[float, float]:
        right = math.log10(recipients / across[0]) / math.log10(across[-1] / across[0])
        high = math.log10(took / up[0]) / math.log10(up[-1] / up[0])
        return LEFT + right * (WIDTH - LEFT - RIGHT - 90), top + (1 - high) * height

    for value in up:
        x, y = place(across[0], value)
        marks += [_axis(x, y, WIDTH - RIGHT - 90, y), text(x - 10, y + 4, f"{value:g} s", "soft", "end")]
    for value in across:
        x, y = place(value, up[0])
        marks += [_axis(x, y, x, top), text(x, y + 20, f"{value:,.0f}", "soft", "middle")]
    for channel, colour in LINES.items():
        here = sorted((row for row in rows if row["channel"] == channel), key=lambda row: int(row["recipients"]))
        for name, who, dash in (("raw_s", "bare", "5 4"), ("baken_s", "Baken", "none")):
            points = [place(row["recipients"], row[name]) for row in here]
            if points:
                marks.append(_line(points, colour, dash))
                nudge = 12 if name == "raw_s" else -2
                marks.append(text(points[-1][0] + 8, points[-1][1] + nudge, f"{channel}, {who}"))
    return Drawn(marks, top + height + 34)


def _powers(values: Iterable[float]) -> Iterator[float]:
    """Powers of ten around them."""
    values = list(values)
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    yield from (10.0**power for power in range(low, max(high, low + 1) + 1))


def _axis(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="axis" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _line(points: Sequence[tuple[float, float]], colour: str, dash: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>{dots}'
    )


def draw() -> str:
    """The whole picture."""
    sizes = newest("split", lambda row: (row["channel"], row["batch"]))
    largest = max((row["batch"] for row in sizes), default=0)
    parts = (
        (split, [row for row in sizes if row["batch"] == largest]),
        (times, newest("fan_out", lambda row: (row["channel"], row["recipients"], row["database"]))),
        (peers, newest("peers", lambda row: row["peer"])),
    )
    marks, y = [], 20
    for part, rows in parts:
        if rows:
            drawn = part([row for row in rows if row.get("database", "sqlite") == "sqlite"])
            marks.append(f'<g transform="translate(20 {y})">{"".join(drawn.marks)}</g>')
            y += drawn.height + 20
    size = f'width="{WIDTH + 40}" height="{y}" viewBox="0 0 {WIDTH + 40} {y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Results of the benchmarks" {size}>'
    lines = "\n".join(marks)
    return f'{head}\n<style>{STYLE}</style>\n<rect class="back" width="100%" height="100%"/>\n{lines}\n</svg>\n'


def main() -> None:
    PLOT.write_text(draw(), "utf-8")
    print(f"wrote {PLOT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
