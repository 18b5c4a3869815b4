"""Crops that look at boxes or masks keep what they promise."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core.errors import CropSizeError, DataError, MissingDataError, ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Warp
from anamorph.transforms.boxcrop import (
    AtLeastOneBBoxRandomCrop,
    BBoxSafeRandomCrop,
    CropNonEmptyMaskIfExists,
    RandomCropNearBBox,
    RandomSizedBBoxSafeCrop,
)

SIZE = (40, 60)
NO_BOXES = [None, np.empty((0, 4))]
sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
shares = st.floats(0, 1)


@st.composite
def pictures(draw):
    """A size and boxes within it."""
    h, w = draw(sizes)
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        xs, ys = (sorted((draw(shares) * side, draw(shares) * side)) for side in (w, h))
        if xs[1] - xs[0] > 1e-3 and ys[1] - ys[0] > 1e-3:
            boxes.append((xs[0], ys[0], xs[1], ys[1]))
    return (h, w), np.array(boxes or [(0, 0, w, h)], float)


def drawn(transform, size=SIZE, seed=0, **scene):
    return list(transform.draw(Rng(seed), SimpleNamespace(size=size, **scene)))


def window(ops, size):
    if not ops or ops[0].matrix[0] != 1 or ops[0].matrix[4] != 1:
        return 0, 0, size[1], size[0]
    x0, y0 = -int(ops[0].matrix[2]), -int(ops[0].matrix[5])
    return x0, y0, x0 + ops[0].size[1], y0 + ops[0].size[0]


def windows(transform, count=400, size=SIZE, **scene):
    return np.array([window(drawn(transform, size, seed, **scene), size) for seed in range(count)])


def inside(found, size):
    x0, y0, x1, y1 = found
    return 0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0]


# ------------------------------------------------------------------------------ safe crops


@given(pictures(), st.integers(0, 99))
def test_safe_crops_keep_all_boxes(picture, seed):
    size, boxes = picture
    for transform in (BBoxSafeRandomCrop(), RandomSizedBBoxSafeCrop(7, 9)):
        x0, y0, x1, y1 = found = window(drawn(transform, size, seed, boxes=boxes), size)
        assert inside(found, size)
        assert (boxes[:, :2] >= (x0, y0)).all()
        assert (boxes[:, 2:] <= (x1, y1)).all()


@given(pictures(), shares, st.integers(0, 99))
def test_safe_crops_are_never_empty(picture, erosion, seed):
    size, boxes = picture
    for given_boxes in (boxes, None):
        ops = drawn(RandomSizedBBoxSafeCrop(7, 9, erosion), size, seed, boxes=given_boxes)
        assert inside(window(ops, size), size)
        assert (ops[-1].size if ops else size) == (7, 9)


def test_safe_crops_use_all_the_room():
    boxes = np.array([(20, 10, 40, 20), (30, 15, 45, 30)], float)
    found = windows(BBoxSafeRandomCrop(), 1000, boxes=boxes)
    assert found.min(0).tolist() == [0, 0, 45, 30]
    assert found.max(0).tolist() == [20, 10, 60, 40]


def test_erosion_is_about_the_hull_of_several_boxes():
    boxes = np.array([(20, 10, 40, 20), (30, 15, 45, 30)], float)
    found = windows(BBoxSafeRandomCrop(0.2), 1000, boxes=boxes)
    assert found[:, :2].max(0).tolist() == [22, 12]
    assert found[:, 2:].min(0).tolist() == [43, 28]
    alone = windows(BBoxSafeRandomCrop(1.0), 300, boxes=boxes[:1])
    assert alone[:, :2].max(0).tolist() == [20, 10]
    assert alone[:, 2:].min(0).tolist() == [40, 20]


@pytest.mark.parametrize("boxes", NO_BOXES)
def test_without_boxes_safe_crops_have_the_shape_of_the_picture(boxes):
    assert drawn(BBoxSafeRandomCrop(), boxes=boxes) == []
    found = windows(BBoxSafeRandomCrop(0.3), 1000, boxes=boxes)
    high, wide = found[:, 3] - found[:, 1], found[:, 2] - found[:, 0]
    assert set(high) == set(range(28, 41))
    assert (wide == high * 60 // 40).all()
    assert inside(window(drawn(BBoxSafeRandomCrop(1.0), boxes=boxes), SIZE), SIZE)


def test_boxes_out_of_the_picture_do_not_count():
    boxes = np.array([(70, 10, 90, 20), (10, 10, 20, 20)], float)
    for seed in range(50):
        ops = drawn(AtLeastOneBBoxRandomCrop(10, 10), SIZE, seed, boxes=boxes)
        assert ops == [Warp.crop(10, 10, 20, 20)]


# ---------------------------------------------------------------------------- at least one


@given(pictures(), sizes, shares, st.integers(0, 99))
def test_at_least_one_box_is_seen(picture, extent, erosion, seed):
    size, boxes = picture
    extent = min(extent[0], size[0]), min(extent[1], size[1])
    ops = drawn(AtLeastOneBBoxRandomCrop(*extent, erosion), size, seed, boxes=boxes)
    x0, y0, x1, y1 = found = window(ops, size)
    assert inside(found, size)
    assert (y1 - y0, x1 - x0) == extent
    wide = np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
    high = np.minimum(boxes[:, 3], y1) - np.maximum(boxes[:, 1], y0)
    assert ((wide > 0) & (high > 0)).any()


@pytest.mark.parametrize(
    ("box", "erosion", "first", "last"),
    [
        ((20, 10, 40, 30), 0, (20, 10), (20, 20)), ((20, 10, 40, 30), 0.5, (10, 10), (30, 20)),
        ((20, 10, 24, 14), 0, (4, 4), (20, 10)), ((20, 10, 24, 14), 0.5, (2, 2), (22, 12)),
        ((20, 10, 24, 14), 1, (1, 1), (23, 13)), ((0, 0, 4, 4), 0, (0, 0), (0, 0)),
        ((0, 0, 60, 40), 0, (0, 0), (40, 30)),
    ],
)  # fmt: skip
def test_how_far_the_crop_may_be_from_the_box(box, erosion, first, last):
    found = windows(AtLeastOneBBoxRandomCrop(10, 20, erosion), 1200, boxes=np.array([box], float))
    assert tuple(found[:, :2].min(0)) == first
    assert tuple(found[:, :2].max(0)) == last


@pytest.mark.parametrize("boxes", NO_BOXES)
def test_without_boxes_the_crop_is_anywhere(boxes):
    found = windows(AtLeastOneBBoxRandomCrop(38, 58), 200, boxes=boxes)
    assert {tuple(w[:2]) for w in found.tolist()} == {(x, y) for x in range(3) for y in range(3)}


def test_a_crop_larger_than_the_picture_is_refused():
    with pytest.raises(CropSizeError, match="AtLeastOneBBoxRandomCrop wants 50 x 20 pixels"):
        drawn(AtLeastOneBBoxRandomCrop(50, 20), boxes=None)
    with pytest.raises(CropSizeError, match="CropNonEmptyMaskIfExists wants 50 x 20 pixels"):
        drawn(CropNonEmptyMaskIfExists(50, 20), mask=np.zeros(SIZE, np.uint8))


# ------------------------------------------------------------------------------- near a box


def near(transform, box, seed=0):
    return window(drawn(transform, SIZE, seed, given={"cropping_bbox": box}.__getitem__), SIZE)


def test_near_a_box_each_side_is_shifted():
    found = np.array(
        [near(RandomCropNearBBox((0.1, 0.3)), (20, 10, 40, 20), s) for s in range(1500)]
    )
    assert found.min(0).tolist() == [14, 9, 34, 19]
    assert found.max(0).tolist() == [26, 11, 46, 21]
    assert near(RandomCropNearBBox(0.0), np.array([20, 10, 40, 20])) == (20, 10, 40, 20)
    assert near(RandomCropNearBBox((0.9, 0)), (20, 10, 40, 20), 3)[::2] == (20, 40)
    assert RandomCropNearBBox(0.3) == RandomCropNearBBox((0, 0.3))


def test_the_box_is_clipped_and_made_whole():
    assert near(RandomCropNearBBox(0.0), (10.6, 10.2, 30.7, 20, "label")) == (10, 10, 31, 20)
    assert near(RandomCropNearBBox(0.0), (-5, -5, 75, 5)) == (0, 0, 60, 5)


@given(pictures(), shares, shares, st.integers(0, 99))
def test_near_a_box_is_inside(picture, high, wide, seed):
    size, boxes = picture
    scene = {"given": lambda _: boxes[0]}
    assert inside(window(drawn(RandomCropNearBBox((high, wide)), size, seed, **scene), size), size)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((70, 10, 90, 20), "nothing of it is in the picture of 40 x 60 pixels"),
        ((30, 10, 10, 20), "nothing of it is in the picture"),
        ((1, 2, 3), "it must be x0, y0, x1, y1 in pixels"),
        ((1, 2, "3", 4), "it must be x0, y0, x1, y1 in pixels"),
        ((1, 2, float("nan"), 4), "it must be x0, y0, x1, y1 in pixels"),
        (7, "it must be x0, y0, x1, y1 in pixels"),
    ],
)
def test_bad_boxes_are_refused(box, words):
    with pytest.raises(DataError, match=rf"^cropping_bbox = .*{words}"):
        near(RandomCropNearBBox(), box)
    with pytest.raises(ParameterError, match=r"max_part_shift = "):
        RandomCropNearBBox(1.3)


def test_key_of_the_box():
    transform = RandomCropNearBBox(0.0, cropping_box_key="here")
    assert transform == RandomCropNearBBox(0.0, "here")
    assert drawn(transform, given={"here": (1, 2, 3, 4)}.get) == [Warp.crop(1, 2, 3, 4)]


# -------------------------------------------------------------------------------- the mask


def spot(y, x, value=1, dtype=np.uint8, shape=SIZE):
    mask = np.zeros(shape, dtype)
    mask[y, x] = value
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float32])
def test_the_crop_holds_a_pixel_of_the_mask(dtype):
    mask = spot(20, 30, dtype=dtype)
    found = windows(CropNonEmptyMaskIfExists(10, 20), 600, mask=mask)
    assert found.min(0).tolist() == [11, 11, 31, 21]
    assert found.max(0).tolist() == [30, 20, 50, 30]


@given(sizes, sizes, shares, shares, st.integers(0, 99))
def test_the_crop_is_inside_and_holds_the_pixel(size, extent, x, y, seed):
    extent = min(extent[0], size[0]), min(extent[1], size[1])
    row, column = min(int(y * size[0]), size[0] - 1), min(int(x * size[1]), size[1] - 1)
    mask = spot(row, column, shape=size)
    ops = drawn(CropNonEmptyMaskIfExists(*extent), size, seed, mask=mask)
    x0, y0, x1, y1 = found = window(ops, size)
    assert inside(found, size)
    assert mask[y0:y1, x0:x1].any()


@pytest.mark.parametrize(
    ("options", "spots"),
    [
        ({}, {(5, 5), (30, 50)}), ({"ignore_channels": [0]}, {(30, 50)}),
        ({"ignore_values": [2]}, {(5, 5)}), ({"ignore_values": [1, 9]}, {(30, 50)}),
        ({"ignore_channels": [1, 7]}, {(5, 5)}),
    ],
)  # fmt: skip
def test_channels_and_values_can_be_ignored(options, spots):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[5, 5, 0], mask[30, 50, 1] = 1, 2
    found = windows(CropNonEmptyMaskIfExists(1, 1, **options), 40, mask=mask)
    assert {(y, x) for x, y, _, _ in found.tolist()} == spots


@pytest.mark.parametrize("options", [{}, {"ignore_channels": [0]}, {"ignore_values": [3]}])
def test_an_empty_mask_gives_a_crop_anywhere(options):
    mask = np.full(SIZE, 3, np.uint8) if options else np.zeros(SIZE, np.uint8)
    found = windows(CropNonEmptyMaskIfExists(39, 59, **options), 60, mask=mask)
    assert {tuple(w[:2]) for w in found.tolist()} == {(x, y) for x in range(2) for y in range(2)}


def test_no_mask_is_an_error():
    with pytest.raises(MissingDataError, match="CropNonEmptyMaskIfExists needs mask or masks"):
        drawn(CropNonEmptyMaskIfExists(3, 3), mask=None)
