"""Crops that look at the size only: where they lie, what they refuse, what they pad."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.core.errors import CropSizeError, ParameterError, ParameterTypeError
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Warp
from anamorph.transforms.crop import (
    CenterCrop,
    Crop,
    RandomCrop,
    RandomCropFromBorders,
    RandomResizedCrop,
    RandomSizedCrop,
)
from anamorph.transforms.cropandpad import CropAndPad

SIZE = (40, 60)
sizes = st.tuples(st.integers(1, 99), st.integers(1, 99))


def drawn(transform, size=SIZE, seed=0):
    return list(transform.draw(Rng(seed), SimpleNamespace(size=size)))


def window(ops, size):
    """What part x0, y0, x1, y1 of the picture the ops up to a first resize show."""
    crop = ops[0] if ops and ops[0].matrix[0] == ops[0].matrix[4] == 1 else None
    if crop is None:
        return 0, 0, size[1], size[0]
    x0, y0 = -crop.matrix[2], -crop.matrix[5]
    return int(x0), int(y0), int(x0) + crop.size[1], int(y0) + crop.size[0]


def inside(found, size):
    x0, y0, x1, y1 = found
    return 0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0]


# ------------------------------------------------------------------------- fixed size crops


def test_crop():
    assert drawn(Crop(5, 6, 20, 30)) == [Warp.crop(5, 6, 20, 30)]
    assert drawn(Crop(0, 0, 60, 40)) == []
    with pytest.raises(
        CropSizeError,
        match=r"Crop wants 30 x 70 pixels \(height x width\) but the picture has 40 x 60: make it smaller, or give pad_if_needed=True",
    ):
        drawn(Crop(5, 6, 70, 30))
    with pytest.raises(
        ParameterError, match=r"Crop\.x_min = 10 and x_max = 10: x_max must be the greater one"
    ):
        Crop(10, 10, 10, 15)
    with pytest.raises(ParameterError, match=r"Crop\.y_min = -1"):
        Crop(y_min=-1)


@pytest.mark.parametrize(
    ("position", "margin"),
    [("center", (5, 5, 5, 5)), ("top_left", (0, 10, 0, 10)), ("bottom_right", (10, 0, 10, 0))],
)
def test_crop_pads_up_to_its_far_corner(position, margin):
    ops = drawn(Crop(5, 6, 70, 50, pad_if_needed=True, pad_position=position))
    assert ops == [Warp.pad(SIZE, margin), Warp.crop(5, 6, 70, 50)]


@pytest.mark.parametrize(
    ("size", "found"),
    [((41, 61), (25, 15, 36, 25)), ((20, 30), (9, 5, 20, 15)), ((21, 31), (10, 5, 21, 15))],
)
def test_center_crop(size, found):
    assert drawn(CenterCrop(10, 11), size) == [Warp.crop(*found)]


def test_center_crop_pads():
    ops = drawn(
        CenterCrop(51, 30, pad_if_needed=True, fill=7, fill_mask=8, border_mode=K.BORDER_CONSTANT)
    )
    assert ops[0].matrix == Warp.pad(SIZE, (5, 6, 0, 0)).matrix
    assert (ops[0].sampling.fill, ops[0].sampling.fill_mask) == (7, 8)
    assert ops[1] == Warp.crop(15, 0, 45, 51)


def test_random_crop_is_anywhere():
    found = {window(drawn(RandomCrop(38, 59), SIZE, seed), SIZE) for seed in range(200)}
    assert found == {(x, y, x + 59, y + 38) for x in (0, 1) for y in (0, 1, 2)}


@given(sizes, sizes, st.sampled_from(["center", "top_left", "random"]), st.integers(0, 9))
def test_crops_have_their_size(size, extent, position, seed):
    for transform in (RandomCrop, CenterCrop):
        padded = transform(*extent, pad_if_needed=True, pad_position=position)
        ops = drawn(padded, size, seed)
        assert (ops[-1].size if ops else size) == extent
        if extent[0] <= size[0] and extent[1] <= size[1]:
            assert inside(window(drawn(transform(*extent), size, seed), size), size)
        else:
            with pytest.raises(CropSizeError, match=rf"^{transform.__name__} wants "):
                drawn(transform(*extent), size, seed)


# ------------------------------------------------------------------------------ sized crops


def test_random_resized_crop_falls_back_to_the_middle():
    def found(ratio):
        return window(drawn(RandomResizedCrop((5, 6), scale=(1, 1), ratio=(ratio, ratio))), SIZE)

    assert found(4) == (0, 12, 60, 27)
    assert found(0.1) == (28, 0, 32, 40)
    assert found(1) == (10, 0, 50, 40)
    assert drawn(RandomResizedCrop((5, 6), scale=(1, 1), ratio=(1.5, 1.5))) == [
        Warp.resize(SIZE, (5, 6))
    ]
    assert drawn(RandomResizedCrop((5, 6), scale=(0.001, 0.001)), (4, 4)) == [
        Warp.resize((4, 4), (5, 6))
    ]


def test_random_resized_crop_keeps_area_and_shape_in_their_ranges():
    size = (300, 400)
    for seed in range(200):
        x0, y0, x1, y1 = window(drawn(RandomResizedCrop((9, 9)), size, seed), size)
        assert 0.08 * 0.98 <= (x1 - x0) * (y1 - y0) / (300 * 400) <= 1
        assert 0.75 * 0.98 <= (x1 - x0) / (y1 - y0) <= 4 / 3 * 1.02


@given(sizes, sizes, st.integers(0, 99))
def test_sized_crops_lie_inside_and_get_their_size(size, to, seed):
    for transform in (
        RandomResizedCrop(to, scale=(0, 1), ratio=(0.1, 9)),
        RandomSizedCrop((1, 120), to, w2h_ratio=0.3),
        RandomSizedCrop((20, 40), to, w2h_ratio=2),
    ):
        ops = drawn(transform, size, seed)
        assert inside(window(ops, size), size)
        assert (ops[-1].size if ops else size) == to


def test_random_sized_crop_cuts_sides_to_the_picture():
    def extent(heights, ratio):
        x0, y0, x1, y1 = window(drawn(RandomSizedCrop(heights, (5, 6), ratio)), SIZE)
        return y1 - y0, x1 - x0

    assert extent((50, 50), 1) == (40, 50)
    assert extent((39, 39), 2) == (39, 60)
    assert extent((1, 1), 0.3) == (1, 1)
    heights = {
        drawn(RandomSizedCrop((10, 13), (5, 6)), SIZE, seed)[0].size[0] for seed in range(60)
    }
    assert heights == {10, 11, 12, 13}


def test_area_is_averaged_where_the_crop_shrinks():
    shrink = RandomResizedCrop((5, 6), scale=(1, 1), ratio=(1.5, 1.5), area_for_downscale="image")
    assert drawn(shrink)[-1].sampling.interpolation == K.INTER_AREA
    assert drawn(shrink.replace(size=(90, 90)))[-1].sampling.interpolation == K.INTER_LINEAR


def test_height_and_width_of_the_older_interface_are_joined():
    assert RandomResizedCrop(height=3, width=4) == RandomResizedCrop((3, 4))
    assert RandomSizedCrop((2, 3), height=3, width=4) == RandomSizedCrop((2, 3), (3, 4))
    with pytest.raises(ParameterTypeError, match=r"\.height: write size=\(height, width\)"):
        RandomResizedCrop(height=3)
    assert RandomResizedCrop((3, 4), sampling_method="standard") == RandomResizedCrop((3, 4))
    with pytest.raises(ParameterTypeError, match="sampling_method = 'uniform_scale' is not known"):
        RandomResizedCrop((3, 4), sampling_method="uniform_scale")


# ---------------------------------------------------------------------------- border crops


def test_random_crop_from_borders():
    found = [window(drawn(RandomCropFromBorders(), SIZE, seed), SIZE) for seed in range(400)]
    ends = [{sides[i] for sides in found} for i in range(4)]
    assert ends == [set(range(7)), set(range(5)), set(range(54, 61)), set(range(36, 41))]


@given(sizes, st.floats(0, 1), st.integers(0, 9))
def test_something_is_left_of_every_picture(size, share, seed):
    ops = drawn(RandomCropFromBorders(share, 1 - share, 1 - share, share), size, seed)
    assert inside(window(ops, size), size)


def test_borders_must_leave_something():
    with pytest.raises(
        ParameterError,
        match=r"crop_left = 0\.6 and crop_right = 0\.6: together they must be at most 1",
    ):
        RandomCropFromBorders(0.6, 0.6)


# ------------------------------------------------------------------------------ CropAndPad


def amounts(transform, size=SIZE, seed=0):
    """What is added at the top, right, bottom and left, negative where cut off."""
    m, now = mx.IDENTITY, size
    for op in drawn(transform, size, seed):
        m, now = mx.matmul(op.matrix, m), op.size
    top, left = int(m[5]), int(m[2])
    return top, now[1] - size[1] - left, now[0] - size[0] - top, left


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"px": 5}, (5, 5, 5, 5)),
        ({"px": -5}, (-5, -5, -5, -5)),
        ({"px": (5, 5)}, (5, 5, 5, 5)),
        ({"px": (-3, 4, 5, -6)}, (-3, 4, 5, -6)),
        ({"px": [1, 2, 3, 4]}, (1, 2, 3, 4)),
        ({"px": ((3, 3), [4], (5, 5), 6)}, (3, 4, 5, 6)),
        ({"percent": 0.123}, (4, 7, 4, 7)),
        ({"percent": -0.13}, (-5, -7, -5, -7)),
        ({"percent": (-0.1, 0.1, 0.2, -0.2)}, (-4, 6, 8, -12)),
    ],
)
def test_crop_and_pad_amounts(arguments, found):
    transform = CropAndPad(**arguments, keep_size=False)
    assert amounts(transform) == found
    kept = drawn(transform.replace(keep_size=True))
    assert kept[-1].size == SIZE


def test_crop_and_pad_crops_first():
    ops = drawn(CropAndPad(px=(-3, 4, 5, -6), keep_size=False, border_mode=K.BORDER_REFLECT))
    assert ops[0] == Warp.crop(6, 3, 60, 40)
    assert ops[1].matrix == Warp.pad((37, 54), (0, 5, 0, 4)).matrix
    assert ops[1].sampling.border == K.BORDER_REFLECT


def test_crop_and_pad_ranges_have_both_ends_and_lists_are_choices():
    def seen(px, side):
        return {amounts(CropAndPad(px=px, keep_size=False), SIZE, seed)[side] for seed in range(80)}

    assert seen((3, 5), 1) == {3, 4, 5}
    assert seen(((2, 4), 0, 0, 0), 0) == {2, 3, 4}
    assert seen(([2, 4], 0, 0, 0), 0) == {2, 4}
    assert seen((0, [1, 7, 9], 0, 0), 1) == {1, 7, 9}
    assert seen([[2, 4], 0, 0, 0], 0) == {2, 3, 4}  # as JSON gives a tuple back


@pytest.mark.parametrize("px", [([2, 4], [3], [1, 5, 9], (1, 2)), (1, 2), 3])
def test_crop_and_pad_is_the_same_after_json(px):
    stored = CropAndPad(px=px).px
    as_json = (
        [list(v) if isinstance(v, tuple) else v for v in stored]
        if isinstance(stored, tuple)
        else stored
    )
    assert CropAndPad(px=as_json).px == stored


def test_crop_and_pad_draws_once_if_told_to():
    together = CropAndPad(px=(-9, 9), keep_size=False, sample_independently=False)
    apart = together.replace(sample_independently=True)
    assert all(len(set(amounts(together, SIZE, seed))) == 1 for seed in range(20))
    assert any(len(set(amounts(apart, SIZE, seed))) > 1 for seed in range(20))


@given(sizes, st.integers(-200, 20), st.integers(-200, 20), st.booleans())
def test_crop_and_pad_leaves_a_pixel(size, one, other, keep):
    ops = drawn(CropAndPad(px=(one, other, other, one), keep_size=keep), size)
    now = size
    for op in ops:
        now = op.size
        assert min(now) >= 1
    if keep:
        assert now == size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give one of the two"),
        ({"px": 5, "percent": 0.1}, "give one of the two"),
        ({"px": (1, 2, 3)}, r"CropAndPad\.px = \(1, 2, 3\): it must be"),
        ({"px": 1.5}, r"CropAndPad\.px = 1\.5: it must be a whole number"),
        ({"px": (1, "a", 2, 3)}, r"CropAndPad\.px\[1\] = 'a'"),
        ({"px": ([], 1, 2, 3)}, r"CropAndPad\.px\[0\] = \(\)"),
    ],
)
def test_crop_and_pad_refuses(arguments, words):
    with pytest.raises(ParameterError, match=words):
        CropAndPad(**arguments)


def test_older_names():
    assert CropAndPad(px=1, pad_mode=2, pad_cval=3, pad_cval_mask=4) == CropAndPad(
        px=1, border_mode=2, fill=3, fill_mask=4
    )
    with pytest.raises(ParameterTypeError, match=r"CropAndPad\.pad_cval = \(1, 2\) was a range"):
        CropAndPad(px=1, pad_cval=(1, 2))
    with pytest.raises(
        ParameterTypeError, match=r"CropAndPad\.px_choices = \(1, 2\) is not known here"
    ):
        CropAndPad(px=1, px_choices=(1, 2))
    assert RandomCrop(3, 4, pad_mode=2, pad_cval=3, pad_cval_mask=1) == RandomCrop(
        3, 4, border_mode=2, fill=3, fill_mask=1
    )
