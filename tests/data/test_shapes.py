"""Polygons and run lengths: neither loses a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anamorph.data import Polygons, Runs, polygon, rle

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=17))


@given(masks)
def test_tracing_and_filling_gives_the_mask_back(mask):
    assert np.array_equal(polygon.fill(polygon.trace(mask, slack=0), mask.shape), mask)


@given(masks)
def test_run_lengths_give_the_mask_back(mask):
    runs = rle.encode(mask)
    assert sum(runs) == mask.size
    assert np.array_equal(rle.decode(runs, mask.shape), mask)
    assert rle.unpack(rle.pack(runs)) == runs
    assert np.array_equal(Runs.of(mask).mask(mask.shape), mask)


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_packing_holds_any_counts(runs):
    assert rle.unpack(rle.pack(runs)) == runs


def test_run_lengths_are_written_as_coco_writes_them():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:4] = True
    assert rle.encode(mask) == [5, 2, 2, 2, 2, 2, 5]
    assert rle.pack(rle.encode(mask)) == "5220003"


@pytest.mark.parametrize(
    ("counts", "reason"),
    [([3, 4], "cover 7 pixels"), ([-1, 21], "cover 20"), ("5\x01", "letter"), ("Q", "too early")],
)
def test_bad_run_lengths(counts, reason):
    with pytest.raises(rle.RunLengthError, match=reason):
        rle.decode(counts, (4, 5))


def test_run_lengths_for_another_size():
    with pytest.raises(rle.RunLengthError, match=r"\(4, 5\), not of \(5, 4\)"):
        Runs.of(np.zeros((4, 5), bool)).mask((5, 4))


def test_a_pixel_is_inside_if_its_centre_is():
    square = np.array([[1.4, 1.6], [4.4, 1.6], [4.4, 3.5], [1.4, 3.5]])
    mask = polygon.fill([square], (6, 7))
    assert np.argwhere(mask).tolist() == [[2, 1], [2, 2], [2, 3]]


def test_parts_of_one_object_are_united():
    one = np.array([[0, 0], [4, 0], [4, 4], [0, 4.0]])
    assert polygon.fill([one, one + 2], (8, 8)).sum() == 16 + 16 - 4


def test_traced_outline_of_a_turned_square_is_close_and_short():
    corners = np.array([[60, 10], [110, 70], [50, 120], [0, 60.0]])
    mask = polygon.fill([corners], (130, 120))
    (outline,) = polygon.trace(mask)
    again = polygon.fill([outline], mask.shape)
    assert (mask & again).sum() / (mask | again).sum() > 0.99
    assert len(outline) < 100
    assert polygon.area([outline]) == pytest.approx(polygon.area([corners]), rel=0.01)


def test_a_hole_stays_a_hole():
    mask = np.ones((20, 20), bool)
    mask[5:15, 5:15] = False
    mask[8:12, 8:12] = True
    outlines = polygon.trace(mask)
    assert len(outlines) == 2
    assert np.array_equal(polygon.fill(outlines, mask.shape), mask)


def test_polygons_compare_by_value():
    parts = [np.array([[0, 0], [4, 0], [4, 4.0]])]
    assert Polygons.of(parts) == Polygons(((0, 0, 4, 0, 4, 4),))
    assert hash(Polygons.of(parts)) == hash(Polygons.of(parts))
