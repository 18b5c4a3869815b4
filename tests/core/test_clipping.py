"""Cutting polygons and polylines is exact, whatever their form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.core.clipping import Line, area, clip, cut, inside_of, length

BOUNDS = (10.0, 10.0, 40.0, 30.0)
SQUARE = np.array([[0, 0], [20, 0], [20, 20], [0, 20.0]])
COMB = np.array([[0, 0], [30, 0], [30, 10], [10, 10], [10, 20], [30, 20], [30, 30], [0, 30.0]])
lattice = st.integers(-1, 6).map(lambda v: 10.0 * v)
anywhere = st.floats(-20, 70, allow_nan=False)


def corners(coordinate, least=3):
    return st.lists(st.tuples(coordinate, coordinate), min_size=least, max_size=9).map(np.array)


def covered(rings, places):
    inside = np.zeros(len(places), bool)
    for ring in rings:
        inside ^= inside_of(places, ring)
    return inside


@settings(deadline=None)
@given(st.one_of(*(st.lists(corners(c), min_size=1, max_size=3) for c in (lattice, anywhere))))
def test_the_inside_is_what_was_inside_of_both(rings):
    """Rings cross themselves and each other, run along the border and touch it, all by even-odd."""
    g = np.random.default_rng(0)
    places = g.uniform((5, 5), (45, 35), (400, 2))
    left = clip(rings, BOUNDS, closed=True)
    for ring in left:
        whole = any(ring is given for given in rings)
        assert whole or ((ring >= (10, 10)) & (ring <= (40, 30))).all()
    x0, y0, x1, y1 = BOUNDS
    x, y = places.T
    within = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    wanted, found = covered(rings, places) & within, covered(left, places)
    # slivers that a cut leaves are dropped, nothing else
    assert (wanted != found).sum() <= 1


def test_what_falls_apart_comes_in_parts_without_bridges():
    left = clip([COMB], (15, -5, 40, 40), closed=True)
    assert [ring.tolist() for ring in left] == [
        [[15, 0], [30, 0], [30, 10], [15, 10]],
        [[15, 20], [30, 20], [30, 30], [15, 30]],
    ]


def test_a_hole_that_is_cut_open_is_part_of_the_outline():
    hole = SQUARE * 0.5 + 5
    (ring,) = clip([SQUARE, hole], (10, 0, 40, 40), closed=True)
    assert len(ring) == 8
    assert area([ring]) == 200 - 50
    whole = clip([SQUARE, hole], (2, 0, 40, 40), closed=True)
    assert len(whole) == 2
    assert whole[1] is hole or whole[0] is hole
    assert area(whole) == 360 - 100


def test_parts_that_overlap_are_cut_each_by_itself():
    other = SQUARE + np.array((0, 10))
    left = clip([SQUARE, other], (5, 0, 40, 40), closed=True)
    assert sorted(area([ring]) for ring in left) == [300, 300]


def test_nothing_is_done_to_what_is_inside_or_touches_the_border():
    (ring,) = clip([SQUARE], (0, 0, 20, 20), closed=True)
    assert ring is SQUARE
    (line,) = clip([SQUARE], (0, 0, 20, 20), closed=False)
    assert line is SQUARE


def test_nothing_is_left_of_what_is_outside_and_no_sliver_of_what_touches():
    assert clip([SQUARE - 50], (0, 0, 20, 20), closed=True) == []
    assert clip([SQUARE - np.array((20, 0))], (0, 0, 20, 20), closed=True) == []
    assert clip([SQUARE - np.array((19.995, 0))], (0, 0, 20, 20), closed=True) == []
    assert clip([np.array([[-5, 5], [0, 5.0]])], (0, 0, 20, 20), closed=False) == []


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_any_corner_may_be_the_first(turn):
    left = clip([np.roll(COMB, turn, axis=0)], (15, -5, 40, 40), closed=True)
    assert sorted(area([ring]) for ring in left) == [150, 150]


def test_a_slanted_line():
    left = cut([SQUARE], Line(1, -1, 0))
    assert area(left) == pytest.approx(200)


def test_lines_come_in_parts_that_end_on_the_border():
    zigzag = np.array([[-10, 5], [10, 5], [10, 25], [15, 25], [15, 5.0]])
    parts = clip([zigzag], (0, 0, 20, 20), closed=False)
    assert [part.tolist() for part in parts] == [
        [[0, 5], [10, 5], [10, 20]],
        [[15, 20], [15, 5]],
    ]
    assert sum(map(length, parts)) == 10 + 15 + 15


@settings(deadline=None)
@given(corners(lattice, 2))
def test_lines_lose_what_is_outside_and_nothing_else(line):
    x0, y0, x1, y1 = BOUNDS
    parts = clip([line], BOUNDS, closed=False)
    found = sum(map(length, parts))
    t = (np.arange(1000) + 0.5) / 1000
    wanted = 0.0
    for p, q in itertools.pairwise(line):
        x, y = (p + (q - p) * t[:, None]).T
        share = ((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).mean()
        wanted += share * np.hypot(*(q - p))
    assert found == pytest.approx(wanted, abs=0.3 * len(line))
