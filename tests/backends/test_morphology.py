"""The greatest and the least of neighbours, for pictures, masks and boxes."""

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.core.labels import Boxes
from anamorph.core.rng import generator
from anamorph.ir.ops import BOXES, IMAGE, MASK, Convolve
from anamorph.transforms.morphology import ellipse

OPS = [
    Convolve(kind, size, kernel=ellipse(*size))
    for kind in ("dilate", "erode")
    for size in ((1, 1), (2, 2), (2, 3), (1, 5), (5, 5))
]


def test_ellipses_are_those_of_opencv():
    for width in range(1, 20):
        for height in range(1, 20):
            want = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height))
            assert np.array_equal(np.array(ellipse(width, height)), want)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (12, 31, 3), (7, 9, 130)], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_pictures(op, shape, dtype):
    image = (generator(3).random(shape) * (1 if dtype == "float32" else 255)).astype(dtype)
    got, want = (b.kernel(op, IMAGE)(op, image).reshape(shape) for b in (FAST, SLOW))
    assert np.array_equal(got, want)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float64"])
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_masks_of_any_type(op, dtype):
    mask = generator(4).integers(0, 5, (13, 17, 2)).astype(dtype)
    if dtype == "int64":
        mask *= 2**40 + 1
    got, want = (b.kernel(op, MASK)(op, mask).reshape(mask.shape) for b in (FAST, SLOW))
    assert got.dtype == mask.dtype
    assert np.array_equal(got, want)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_boxes_go_with_their_masks(op):
    rng = generator(5)
    x0, y0 = rng.integers(0, 30, 40), rng.integers(0, 20, 40)
    data = np.stack([x0, y0, x0 + rng.integers(1, 12, 40), y0 + rng.integers(1, 12, 40)], 1)
    data = np.minimum(data, (40, 30, 40, 30)).astype(float)
    boxes = Boxes(data, np.arange(40))
    got, want = (b.kernel(op, BOXES)(op, boxes, (30, 40)) for b in (FAST, SLOW))
    assert np.array_equal(got.data, want.data)
    assert np.array_equal(got.index, want.index)
    found = {}
    for i, (a, b, c, d) in enumerate(data.astype(int).tolist()):
        mask = np.zeros((30, 40, 1), np.uint8)
        mask[b:d, a:c] = 1
        rows, columns = np.nonzero(FAST.kernel(op, MASK)(op, mask).reshape(30, 40))
        if len(rows):
            found[i] = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    inside = np.clip(got.data, 0, (40, 30, 40, 30))
    assert {int(i): tuple(row) for i, row in zip(got.index, inside, strict=True)} == found


def test_oriented_boxes_grow_on_all_sides():
    square = np.array([[10.0, 8.0, 12.0, 10.0, 10.0, 12.0, 8.0, 10.0]])
    boxes = Boxes(square, np.arange(1))
    grown = FAST.kernel(OPS[4], BOXES)(OPS[4], boxes, (30, 40)).data.reshape(4, 2)
    sides = np.linalg.norm(grown - np.roll(grown, 1, axis=0), axis=1)
    assert np.allclose(sides, 8**0.5 + 4.0)
    assert np.allclose(grown.mean(axis=0), (10.0, 10.0))
    assert len(FAST.kernel(OPS[9], BOXES)(OPS[9], boxes, (30, 40)).data) == 0


def test_a_whole_call():
    image = np.zeros((60, 200, 3), np.uint8)
    image[20:30, 150:170] = 200
    pipe = A.Compose(
        [A.Morphological((3, 3), p=1)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy"),
    )
    out = pipe(
        image=image,
        masks=[image[..., 0] > 0],
        bboxes=[(150, 20, 170, 30), (0, 0, 5, 5)],
        kinds=["a", "b"],
        keypoints=[(160, 25)],
    )
    assert np.array_equal(out["bboxes"], [[149, 19, 171, 31], [0, 0, 6, 6]])
    assert out["masks"][0].dtype == np.bool_
    assert out["masks"][0][19, 160]
    assert out["keypoints"] == [[160.0, 25.0]]
