"""Boxes under dense distortions."""

from dataclasses import replace

import numpy as np
import pytest

from anamorph.backends.opencv import remap as fast
from anamorph.backends.opencv.remap_labels import remap_boxes, remap_points
from anamorph.backends.reference import remap as slow
from anamorph.core.labels import Boxes, Points
from backends.distortions import KINDS, op_of


def _three(x):
    return x if x.ndim == 3 else x[..., None]


def _points(places):
    data = np.zeros((len(places), 6))
    data[:, :2] = places
    data[:, 3:] = 0.4, 2.0, 1.0
    return Points(data, np.arange(len(places)))


# ---------------------------------------------------------------------------------- boxes


BOXES = np.array([[5.0, 5, 30, 25], [20, 10, 70, 50], [40, 30, 44, 33], [0, 0, 83, 61]])


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_equal_the_specification(kind):
    boxes = Boxes(BOXES, np.arange(4))
    found = remap_boxes(op_of(kind), boxes)
    expected = slow.remap_boxes(op_of(kind), boxes)
    assert np.abs(found.data - expected.data).max() < 0.6
    np.testing.assert_array_equal(found.index, boxes.index)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [1, 6])
def test_boxes_contain_their_masks_and_are_tight(kind, strength):
    size = (160, 200)
    op = op_of(kind, size)
    if strength > 1 and kind == "elastic":
        op = replace(op, params=(60 * strength, *op.params[1:]))
    if strength > 1 and kind == "thin_plate":
        op = replace(op, params=(4, 0.03 * strength, 1))
    boxes = np.array([[40.0, 30, 110, 100], [90, 80, 120, 130], [60, 60, 70, 66]])
    found = remap_boxes(op, Boxes(boxes, np.arange(3))).data.clip(0, (200, 160, 200, 160))
    for (x0, y0, x1, y1), around in zip(boxes.astype(int), found, strict=True):
        mask = np.zeros((*size, 1), np.uint8)
        mask[y0:y1, x0:x1] = 1
        rows, columns = np.nonzero(_three(fast.remap_mask(op, mask))[..., 0])
        seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (around[:2] <= seen[:2] + 1).all()
        assert (around[2:] >= seen[2:] - 1).all()
        assert np.abs(around - seen).max() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_oriented_boxes_equal_the_specification_and_contain_their_corners(kind):
    angle = 0.5
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (np.array([[-15, -6], [15, -6], [15, 6], [-15, 6]]) @ turn + (40, 30)).reshape(1, 8)
    boxes = Boxes(corners, np.arange(1))
    found = remap_boxes(op_of(kind), boxes).data.reshape(4, 2)
    expected = slow.remap_boxes(op_of(kind), boxes).data.reshape(4, 2)
    assert np.abs(found - expected).max() < 1.0
    sides = found[1] - found[0], found[2] - found[1]
    assert abs(sides[0] @ sides[1]) < 1e-6
    moved = remap_points(op_of(kind), _points(corners.reshape(4, 2))).data[:, :2]
    lengths = [np.hypot(*side) for side in sides]
    for side, length in zip(sides, lengths, strict=True):
        along = (moved - found[0]) @ side / length
        assert along.min() >= -0.1
        assert along.max() <= length + 0.1
