"""Charts are well-formed SVG whatever is drawn, and every mark stands where its numbers say."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.plot import STYLE, Chart, Series, ticks

numbers = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, 0.0, 1e-12])
kinds = st.sampled_from(["line", "dash", "dot", "points", "star", "bars"])
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["<b>&\"'", "]]>", "</svg>"]
)


@st.composite
def series(draw: st.DrawFn) -> Series:
    points = draw(st.lists(st.tuples(numbers, numbers, words), max_size=6))
    x, y, names = ([point[at] for point in points] for at in range(3))
    return Series(draw(words), x, y, draw(kinds), draw(st.integers(0, 9)), titles=names, names=names, width=0.5)


@given(drawn=st.lists(series(), max_size=3), label=words)
@settings(deadline=None)
def test_whatever_is_drawn_is_well_formed_and_holds_no_nan(drawn: list[Series], label: str) -> None:
    chart = Chart(label, label, drawn, title=label)
    page = ElementTree.fromstring(f"<div>{chart.html()}</div>")
    svg = page[0]
    assert svg.tag == "svg"
    for mark in svg.iter():
        for name in ("d", "x", "y", "cx", "cy", "r", "width", "height"):
            assert not re.search("nan|inf", mark.get(name, "")), mark.attrib


def test_marks_stand_where_the_axes_say() -> None:
    chart = Chart("x", "y", [Series("s", [0.0, 5.0, 10.0], [0.0, 1.0, 0.5], "points")], (0.0, 10.0), (0.0, 1.0))
    svg = ElementTree.fromstring(chart.svg())
    circles = [(float(mark.get("cx", "")), float(mark.get("cy", ""))) for mark in svg.iter("circle")]
    (left, bottom), (middle, top), (right, half) = circles
    assert middle == pytest.approx((left + right) / 2) and half == pytest.approx((bottom + top) / 2)
    assert left < right <= chart.width and top < bottom < chart.height
    shown = [text.text for text in svg.iter("text")]
    assert shown[:6] == ["0", "2", "4", "6", "8", "10"] and shown[-2:] == ["x", "y"]


def test_names_that_would_overlap_are_left_to_hovering() -> None:
    crowd = Series("s", [1.0] * 30, [1.0] * 30, "points", names=[f"a long name {n}" for n in range(30)])
    crowd_titles = Series("s", [1.0], [1.0], "points", titles=["told on hovering"])
    svg = ElementTree.fromstring(Chart("x", "y", [crowd, crowd_titles]).svg())
    named = [text.text for text in svg.iter("text") if text.get("class") == "name"]
    assert 1 <= len(named) <= 5
    assert "told on hovering" in [title.text for title in svg.iter("title")]


@pytest.mark.parametrize("values", [[], [3.0, 3.0], [0.0], [math.nan]])
def test_one_value_or_none_has_axes_all_the_same(values: list[float]) -> None:
    svg = ElementTree.fromstring(Chart("x", "y", [Series("s", values, values, "line")]).svg())
    assert len(list(svg.iter("text"))) > 4


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e9))
def test_ticks_are_few_even_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 8
    step = found[1] - found[0]
    assert all(b - a == pytest.approx(step, rel=1e-3) for a, b in itertools.pairwise(found))
    assert found[0] >= low - width * 1e-6 and found[-1] <= low + width * (1 + 1e-6)


def test_colours_are_there_for_light_and_dark() -> None:
    light, dark = STYLE.split("prefers-color-scheme: dark")
    for name in ["ground", "ink", *(f"c{n}" for n in range(8))]:
        assert f"--{name}:" in light and f"--{name}:" in dark
        assert name == "ground" or f"var(--{name})" in STYLE or name == "ink"


def test_a_logarithmic_axis_has_the_ticks_that_it_was_given() -> None:
    chart = Chart(
        "x", "y", [Series("s", [-2.0, 0.0], [0.1, 0.2])], x_ticks=[-2.0, -1.0, 0.0], x_format=lambda at: f"{10**at:.0%}"
    )
    assert [label in chart.svg() for label in (">1%<", ">10%<", ">100%<", ">50%<")] == [True, True, True, False]
