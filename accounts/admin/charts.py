"""Where the bars of a chart stand. Widths are parts of the drawing's own, so that it fits a desk and a phone with letters of one size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HEIGHT, HEAD, FOOT = (
    180,
    16,
    24,
)  # in pixels: the whole, and what is kept free for the highest number and for the names below
LEFT = 10.0  # in percent: what is kept free for the numbers of the scale
FLOOR = HEIGHT - FOOT
THINNEST = 1.5  # pixels: what happened once is seen beside what happened a million times


class Part(NamedTuple):
    """One series' share of a bar."""

    series: int
    y: str
    height: str


@dataclass(frozen=True)
class Bar:
    x: str
    width: str
    parts: list[Part]


class Tick(NamedTuple):
    y: str
    label: str


class Mark(NamedTuple):
    """A name below a bar."""

    x: str
    label: str
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """Stacked bars with a scale. Every number is ready to be an attribute, whatever the language of the page."""

    bars: list[Bar]
    ticks: list[Tick]
    marks: list[Mark]
    slot: str  # how wide the place of one bar is
    height: int = HEIGHT
    floor: int = FLOOR
    left: str = f"{LEFT}%"


def draw(columns: Sequence[Sequence[int]], labels: Sequence[str], every: int) -> Drawing:
    """A bar for each column, which has a number for each series; the last one and every so many before it with their names below."""
    top = ceiling(max((sum(column) for column in columns), default=0))
    slot, last = (100 - LEFT) / max(len(columns), 1), len(columns) - 1
    return Drawing(
        bars=[
            Bar(_percent(LEFT + slot * (i + 0.1)), _percent(slot * 0.8), _stack(column, top))
            for i, column in enumerate(columns)
        ],
        ticks=[
            Tick(f"{_y(value, top):.1f}", short(value))
            for value in ((0, top // 2, top) if top % 2 == 0 else (0, top))
        ],
        marks=[
            _mark(label, slot, i, last) for i, label in enumerate(labels) if (last - i) % every == 0
        ],
        slot=_percent(slot),
    )


def share(part: int, whole: int) -> str:
    """How long a lying bar is."""
    return _percent(100 * part / whole if whole else 0)


def ceiling(most: int) -> int:
    """The scale's end: the next 1, 2, 4, 6 or 8 with zeros, and at least 4."""
    scale = 1
    while True:
        for step in (1, 2, 4, 6, 8):
            if step * scale >= max(most, 4):
                return step * scale
        scale *= 10


def short(number: int) -> str:
    """``1200`` is ``1.2k``: enough for a scale."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _stack(column: Sequence[int], top: int) -> list[Part]:
    parts, y = [], float(FLOOR)
    for series, value in enumerate(column):
        if value:
            height = max(value / top * (FLOOR - HEAD), THINNEST)
            y -= height
            parts.append(Part(series, f"{y:.1f}", f"{height:.1f}"))
    return parts


def _mark(label: str, slot: float, i: int, last: int) -> Mark:
    """Below the middle of its bar; the last one ends where the drawing does, so that nothing of it is cut off."""
    return (
        Mark("100%", label, "end")
        if i == last
        else Mark(_percent(LEFT + slot * (i + 0.5)), label, "middle")
    )


def _y(value: int, top: int) -> float:
    return FLOOR - value / top * (FLOOR - HEAD)


def _percent(number: float) -> str:
    return f"{number:.2f}%"
