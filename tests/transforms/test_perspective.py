"""Perspective spreads a quadrilateral over the canvas, or shows all of the picture."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Warp
from anamorph.transforms.perspective import Perspective

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))
scales = st.sampled_from([(0.05, 0.1), (0.3, 0.4), (0.0, 2.0)])


def drawn(transform, size, seed=0):
    (op,) = transform.draw(Rng(seed), SimpleNamespace(size=size))
    return op


@pytest.mark.parametrize("options", [{}, {"keep_size": False}, {"fit_output": True}])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 60), (7, 513)])
def test_no_scale_is_the_identity(options, size):
    assert drawn(Perspective(scale=0, p=1, **options), size) == Warp(mx.IDENTITY, size)


@given(sizes, scales, st.integers(0, 999), st.booleans())
def test_the_canvas_shows_nothing_but_the_picture(size, scale, seed, keep):
    op = drawn(Perspective(scale=scale, keep_size=keep, p=1), size, seed)
    x0, y0, x1, y1 = mx.bounds(mx.invert(op.matrix), mx.corners(*op.size))
    h, w = size
    assert min(x0, y0) >= -1e-6 * max(size)
    assert x1 <= w * (1 + 1e-6)
    assert y1 <= h * (1 + 1e-6)
    assert op.size == size if keep else max(op.size) <= math.hypot(h, w)


@given(sizes, scales, st.integers(0, 999), st.booleans())
def test_fit_output_shows_all_of_the_picture(size, scale, seed, keep):
    op = drawn(Perspective(scale=scale, fit_output=True, keep_size=keep, p=1), size, seed)
    found = [mx.apply(op.matrix, x, y) for x, y in mx.corners(*size)]
    slack = 1e-6 * max(op.size)
    for x, y in found:
        assert -slack <= x <= op.size[1] + slack
        assert -slack <= y <= op.size[0] + slack
    turns = [
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        for a, b, c in zip(found, found[1:] + found[:1], found[2:] + found[:2], strict=True)
    ]
    assert all(turn > 0 for turn in turns)  # still clockwise and convex: nothing is twisted
    if keep:
        assert op.size == size


def test_corners_move_inwards_by_a_half_normal_share_of_the_sides():
    rng, scene, transform = (
        Rng(3),
        SimpleNamespace(size=(400, 600)),
        Perspective(scale=(0.1, 0.1), p=1),
    )
    moves = []
    for _ in range(2000):
        (op,) = transform.draw(rng, scene)
        back = mx.invert(op.matrix)
        for x, y in mx.corners(400, 600):
            found = mx.apply(back, x, y)
            moves.append((abs(found[0] - x) / 600, abs(found[1] - y) / 400))
    for axis in (0, 1):
        values = [move[axis] for move in moves]
        assert max(values) < 0.32
        assert sum(values) / len(values) == pytest.approx(0.1 * math.sqrt(2 / math.pi), rel=0.05)


def test_parameters():
    assert Perspective(scale=0.1) == Perspective(scale=(0, 0.1))
    with pytest.raises(ParameterError, match=r"Perspective\.scale = .*at least 0"):
        Perspective(scale=-0.1)
    old = Perspective(pad_mode=K.BORDER_REFLECT, pad_val=(1, 2, 3), mask_pad_val=7)
    assert old == Perspective(border_mode=K.BORDER_REFLECT, fill=(1, 2, 3), fill_mask=7)
