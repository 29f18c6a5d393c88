"""Layout of stacked bar charts, in SVG.

Heights are pixels. Widths are percentages of the drawing's own, so that it fits a desk and a phone
with letters of one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HEIGHT = 180
MARGIN_TOP, MARGIN_BOTTOM = 16, 24  # for the highest number, and for the labels below the bars
MARGIN_LEFT = 10.0  # percent, for the numbers of the scale
BASELINE = HEIGHT - MARGIN_BOTTOM
MIN_SEGMENT_HEIGHT = 1.5  # so that one event is seen beside a million
SCALE_STEPS = (1, 2, 4, 6, 8)


class Segment(NamedTuple):
    """One series' part of a bar."""

    series: int
    y: str
    height: str


@dataclass(frozen=True)
class Bar:
    """A stacked bar."""

    x: str
    width: str
    segments: list[Segment]


class Tick(NamedTuple):
    """A line of the scale."""

    y: str
    label: str


class BarLabel(NamedTuple):
    """A label below a bar."""

    x: str
    text: str
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """Stacked bars with a scale. Numbers are attributes as SVG has them, in every language."""

    bars: list[Bar]
    ticks: list[Tick]
    labels: list[BarLabel]
    height: int = HEIGHT
    baseline: int = BASELINE
    left: str = f"{MARGIN_LEFT}%"


def draw(columns: Sequence[Sequence[int]], labels: Sequence[str], every: int) -> Drawing:
    """Draw a bar for each column, which has a number for each series.

    The last bar is labelled, and of those before it the last of each ``every``.
    """
    top = scale_end(max((sum(column) for column in columns), default=0))
    slot, last = (100 - MARGIN_LEFT) / max(len(columns), 1), len(columns) - 1
    values = (0, top // 2, top) if top % 2 == 0 else (0, top)
    return Drawing(
        bars=[_bar(column, slot, i, top) for i, column in enumerate(columns)],
        ticks=[Tick(f"{_y(value, top):.1f}", abbreviated(value)) for value in values],
        labels=[
            _label(label, slot, i, last)
            for i, label in enumerate(labels)
            if (last - i) % every == 0
        ],
    )


def percent_of(whole: int, part: int) -> str:
    """Return the width of a horizontal bar."""
    return _percent(100 * part / whole if whole else 0)


def scale_end(most: int) -> int:
    """Return the next 1, 2, 4, 6 or 8 with zeros, and at least 4."""
    factor = 1
    while True:
        for step in SCALE_STEPS:
            if step * factor >= max(most, 4):
                return step * factor
        factor *= 10


def abbreviated(number: int) -> str:
    """Return a number as a scale has it: ``1200`` is ``1.2k``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _bar(column: Sequence[int], slot: float, i: int, top: int) -> Bar:
    x, width = MARGIN_LEFT + slot * (i + 0.1), slot * 0.8
    return Bar(_percent(x), _percent(width), _stack(column, top))


def _stack(column: Sequence[int], top: int) -> list[Segment]:
    segments, y = [], float(BASELINE)
    for series, value in enumerate(column):
        if value:
            height = max(value / top * (BASELINE - MARGIN_TOP), MIN_SEGMENT_HEIGHT)
            y -= height
            segments.append(Segment(series, f"{y:.1f}", f"{height:.1f}"))
    return segments


def _label(text: str, slot: float, i: int, last: int) -> BarLabel:
    """Centre the text below its bar; that of the last bar ends at the edge, so it is not cut."""
    if i == last:
        return BarLabel("100%", text, "end")
    return BarLabel(_percent(MARGIN_LEFT + slot * (i + 0.5)), text, "middle")


def _y(value: int, top: int) -> float:
    return BASELINE - value / top * (BASELINE - MARGIN_TOP)


def _percent(number: float) -> str:
    return f"{number:.2f}%"
