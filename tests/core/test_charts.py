"""The layout of a stacked bar chart."""

import pytest

from accounts.admin import charts


def bottom(segment):
    return round(float(segment.y) + float(segment.height), 1)


def test_bars_are_stacked_from_the_baseline_and_end_below_the_margin():
    (bar,) = charts.draw([[30, 50]], ["1 Nov"], 7).bars
    lower, upper = bar.segments
    assert (lower.series, bottom(lower)) == (0, charts.BASELINE)
    assert (upper.series, bottom(upper)) == (1, float(lower.y))
    assert float(upper.y) == charts.MARGIN_TOP


def test_nothing_is_not_drawn_and_one_among_a_million_is():
    _, one, none = charts.draw([[10**6], [1], [0]], ["a", "b", "c"], 1).bars
    assert [segment.height for segment in one.segments] == [f"{charts.MIN_SEGMENT_HEIGHT:.1f}"]
    assert none.segments == []


@pytest.mark.parametrize(
    ("most", "end"), [(0, 4), (1, 4), (5, 6), (9, 10), (11, 20), (399, 400), (1_000_001, 2_000_000)]
)
def test_the_scale_ends_at_a_round_number(most, end):
    assert charts.scale_end(most) == end


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0"), (999, "999"), (1200, "1.2k"), (40_000, "40k"), (2_000_000, "2M"), (6 * 10**9, "6G")],
)
def test_a_scale_is_written_shortly(number, written):
    assert charts.abbreviated(number) == written


def test_the_last_bar_has_its_name_and_every_seventh_before_it():
    days = [str(day) for day in range(1, 31)]
    assert [label.text for label in charts.draw([[0]] * 30, days, 7).labels] == [
        "2",
        "9",
        "16",
        "23",
        "30",
    ]


def test_bars_stay_within_the_drawing():
    bars = charts.draw([[1]] * 24, [""] * 24, 6).bars
    assert float(bars[0].x[:-1]) >= charts.MARGIN_LEFT
    assert float(bars[-1].x[:-1]) + float(bars[-1].width[:-1]) <= 100
