"""Sizes after scaling, rounded as in 2.0.8, and what averages over areas."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Warp
from anamorph.transforms.resize import (
    LetterBox,
    LongestMaxSize,
    RandomScale,
    Resize,
    SmallestMaxSize,
)

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))


def drawn(transform, size, seed=0):
    return list(transform.draw(Rng(seed), SimpleNamespace(size=size)))


def size_after(transform, size, seed=0):
    ops = drawn(transform, size, seed)
    return ops[-1].size if ops else size


def test_resize():
    (op,) = drawn(Resize(20, 90), (40, 60))
    assert op == Warp.resize((40, 60), (20, 90))
    assert mx.apply(op.matrix, 60, 40) == (90, 20)
    assert drawn(Resize(40, 60), (40, 60)) == []


@pytest.mark.parametrize(
    ("size", "longest", "smallest"),
    [
        ((5, 10), (2, 5), (5, 10)), ((15, 10), (5, 3), (8, 5)), ((25, 10), (5, 2), (12, 5)),
        ((35, 10), (5, 1), (18, 5)), ((10, 35), (1, 5), (5, 18)), ((1, 900), (1, 5), (5, 4500)),
    ],
)  # fmt: skip
def test_sides_are_rounded_to_the_nearest_even_at_halves(size, longest, smallest):
    assert size_after(LongestMaxSize(5), size) == longest
    assert size_after(SmallestMaxSize(5), size) == smallest


@pytest.mark.parametrize(
    ("bounds", "size", "longest", "smallest"),
    [
        ((100, None), (600, 400), (100, 67), (100, 67)),
        ((None, 100), (40, 60), (67, 100), (67, 100)),
        ((100, 200), (40, 60), (100, 150), (133, 200)),
        ((200, 100), (600, 400), (150, 100), (200, 133)),
        ((50, 500), (300, 300), (50, 50), (500, 500)),
    ],
)
def test_bounds_by_side(bounds, size, longest, smallest):
    assert size_after(LongestMaxSize(max_size_hw=bounds), size) == longest
    assert size_after(SmallestMaxSize(max_size_hw=bounds), size) == smallest


def test_one_of_several_sizes_is_drawn():
    found = {size_after(LongestMaxSize([10, 20, 30]), (40, 60), seed) for seed in range(60)}
    assert found == {(7, 10), (13, 20), (20, 30)}
    found = {size_after(SmallestMaxSize((10, 20)), (40, 60), seed) for seed in range(30)}
    assert found == {(10, 15), (20, 30)}


@given(sizes, st.integers(1, 900))
def test_bounds_are_met(size, bound):
    longest = size_after(LongestMaxSize(bound), size)
    assert max(longest) == bound
    assert min(longest) >= 1
    smallest = size_after(SmallestMaxSize(bound), size)
    assert min(smallest) == bound


@pytest.mark.parametrize("transform", [LongestMaxSize, SmallestMaxSize])
def test_bounds_are_refused(transform):
    name = transform.__name__
    with pytest.raises(ParameterError, match=f"{name} takes max_size or max_size_hw, not both"):
        transform(100, max_size_hw=(100, None))
    for nothing in ({}, {"max_size_hw": (None, None)}):
        with pytest.raises(
            ParameterError, match=f"{name} needs max_size, or a side in max_size_hw"
        ):
            transform(**nothing)
    with pytest.raises(ParameterError, match=rf"{name}\.max_size = 0: it must be a whole number"):
        transform(0)


def test_random_scale_cuts_sizes_to_whole_pixels():
    assert size_after(RandomScale((-0.3, -0.3), p=1), (9, 11)) == (6, 7)
    assert size_after(RandomScale((0.15, 0.15), p=1), (100, 10)) == (115, 11)
    assert size_after(RandomScale((-0.9, -0.9), p=1), (1, 9)) == (1, 1)
    assert size_after(RandomScale((-1, -1), p=1), (5, 9)) == (1, 1)
    found = {size_after(RandomScale(0.5, p=1), (100, 100), seed)[0] for seed in range(300)}
    assert 50 <= min(found) < 55
    assert 145 < max(found) <= 150
    with pytest.raises(ParameterError, match=r"RandomScale\.scale_limit = "):
        RandomScale((-1.5, 0))


@pytest.mark.parametrize(
    ("area", "kinds"),
    [
        (None, (K.INTER_CUBIC, K.INTER_NEAREST)),
        ("image", (K.INTER_AREA, K.INTER_NEAREST)),
        ("image_mask", (K.INTER_AREA, K.INTER_AREA)),
    ],
)
def test_area_is_averaged_where_a_side_shrinks(area, kinds):
    for to in [(20, 30), (20, 90), (80, 30), (39, 60)]:
        (op,) = drawn(Resize(*to, interpolation=K.INTER_CUBIC, area_for_downscale=area), (40, 60))
        assert (op.sampling.interpolation, op.sampling.mask_interpolation) == kinds
    (op,) = drawn(Resize(80, 90, interpolation=K.INTER_CUBIC, area_for_downscale=area), (40, 60))
    assert (op.sampling.interpolation, op.sampling.mask_interpolation) == (K.INTER_CUBIC, 0)


def test_letterbox_scales_then_pads():
    resize, pad = drawn(LetterBox((100, 100), fill=114, fill_mask=255), (40, 60))
    assert resize.size == (67, 100)
    assert pad == Warp.pad((67, 100), (16, 17, 0, 0), pad.sampling)
    assert (pad.sampling.fill, pad.sampling.fill_mask) == (114, 255)
    (pad,) = drawn(LetterBox((60, 60), position="bottom_right"), (40, 60))
    assert pad == Warp.pad((40, 60), (20, 0, 0, 0))
    assert drawn(LetterBox((40, 60)), (40, 60)) == []
    tops = {
        drawn(LetterBox((60, 60), position="random"), (40, 60), s)[0].matrix[5] for s in range(400)
    }
    assert tops == set(range(21))


@given(sizes, sizes, st.sampled_from(["center", "top_left", "random"]), st.integers(0, 9))
def test_letterbox_has_the_size_that_was_asked_for(size, to, position, seed):
    assert size_after(LetterBox(to, position=position), size, seed) == to
