"""What a decoder is asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.decoding import UPRIGHT, needed, upright
from anamorph.ir.ops import Curve, Sampling, Warp
from anamorph.ir.rules import fuse

STORED = 400, 600
SCALES = 1, 2, 4, 8


def need(*ops, exact=False, scales=SCALES, stored=STORED):
    return needed(fuse(ops, stored), stored, scales, exact=exact)


def test_the_head_decides():
    assert need(Curve(()))[0].region == (0, 0, 600, 400)
    assert need()[0].denominator == 1
    got, steps = need(Warp.crop(50, 20, 250, 120))
    assert (got.denominator, got.region, got.bottom) == (1, (50, 20, 250, 120), 120)
    assert steps[0].op.matrix == mx.IDENTITY
    assert steps[0].op.size == (100, 200)


@pytest.mark.parametrize(("to", "d"), [((400, 600), 1), ((201, 301), 1), ((200, 300), 2), ((199, 299), 2), ((100, 150), 4), ((50, 75), 8), ((20, 30), 8), ((200, 75), 2)])  # fmt: skip
def test_never_smaller_than_any_direction_of_the_result(to, d):
    got, steps = need(Warp.resize(STORED, to))
    assert got.denominator == d
    height, width = -(-STORED[0] // d), -(-STORED[1] // d)
    assert height >= to[0]
    assert width >= to[1]
    assert steps[0].op.size == to


@given(
    st.floats(0.05, 3), st.floats(0.05, 3), st.floats(-180, 180), st.floats(-0.5, 0.5),
    st.integers(8, 300), st.integers(8, 300),
)  # fmt: skip
def test_neighbours_of_the_result_are_never_closer_than_decoded_pixels(sx, sy, turn, shear, h, w):
    linear = mx.matmul(mx.rotation(turn), (sx, shear, 0.0, 0.0, sy, 0.0, 0.0, 0.0, 1.0))
    got, steps = need(Warp(linear, (h, w)))
    back = mx.invert(steps[0].op.matrix)
    for angle in range(0, 180, 5):
        dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        step = math.hypot(back[0] * dx + back[1] * dy, back[3] * dx + back[4] * dy)
        assert got.denominator == 1 or step >= 1 - 1e-6


def test_a_crop_that_is_shrunk_reads_its_own_pixels_only():
    ops = Warp.crop(101, 33, 501, 333), Warp.resize((300, 400), (64, 64))
    got, steps = need(*ops)
    assert got.denominator == 4
    assert got.region == (25, 8, 126, 84)
    assert len(steps) == 1
    assert steps[0].op.sampling.border == K.BORDER_REPLICATE
    # the crop's corners are the corners of the result
    m = mx.matmul(steps[0].op.matrix, mx.translation(-25, -8))
    assert mx.apply(m, 101 / 4, 33 / 4) == pytest.approx((0, 0), abs=1e-9)
    assert mx.apply(m, 501 / 4, 333 / 4) == pytest.approx((64, 64), abs=1e-9)


def test_rows_below_what_is_seen_are_left_out():
    got, _ = need(Warp.crop(0, 0, 600, 100), Warp.resize((100, 600), (50, 300)))
    assert got.denominator == 2
    assert got.bottom < 130
    zoomed = Warp(mx.scaling(3, 3), (300, 300))  # shows the upper left corner
    assert need(zoomed)[0].bottom < 120


@pytest.mark.parametrize("border", [K.BORDER_REFLECT, K.BORDER_REFLECT_101, K.BORDER_WRAP])
def test_a_border_that_repeats_needs_all_rows(border):
    shifted = Warp(
        (0.5, 0.0, 40.0, 0.0, 0.5, 20.0, 0.0, 0.0, 1.0), (100, 300), Sampling(border=border)
    )
    assert need(shifted)[0].bottom >= 400


def test_edges_that_show_must_be_edges_of_decoded_pixels():
    shrunk = Warp(mx.scaling(0.125, 0.125), (100, 100))  # fill shows beyond the picture
    assert need(shrunk)[0].denominator == 8
    assert need(shrunk, stored=(400, 604))[0].denominator == 4
    assert need(shrunk, stored=(401, 601))[0].denominator == 1
    inside = Warp.resize((401, 601), (50, 75))
    assert need(inside, stored=(401, 601))[0].denominator == 8


def test_picking_and_perspective_need_the_whole():
    nearest = Sampling(interpolation=K.INTER_NEAREST)
    assert need(Warp.resize(STORED, (50, 75), nearest))[0].denominator == 1
    tilted = Warp((0.1, 0.0, 0.0, 0.0, 0.1, 0.0, 1e-4, 0.0, 1.0), (40, 60))
    assert need(tilted)[0].denominator == 1


def test_exactly_means_that_no_pixel_changes():
    assert need(Warp.resize(STORED, (50, 75)), exact=True)[0].denominator == 1
    assert need(Warp.crop(0, 0, 30, 40), exact=True)[0].bottom == 40


def test_a_decoder_without_scales():
    assert need(Warp.resize(STORED, (50, 75)), scales=(1,))[0].denominator == 1


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_fuses_with_what_follows(orientation):
    ops = upright(orientation, STORED)
    size = ops[0].size if ops else STORED
    assert size == (STORED if orientation < 5 else STORED[::-1])
    steps = fuse([*ops, Warp.symmetry("h", size), Warp.crop(0, 0, 30, 20)], STORED)
    assert len(steps) == 1
    got, left = needed(steps, STORED, SCALES)
    x0, y0, x1, y1 = got.region
    assert sorted((x1 - x0, y1 - y0)) == [20, 30]
    assert left[0].op.size == (20, 30)
