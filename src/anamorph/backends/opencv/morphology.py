"""The greatest and the least of neighbours: pictures, masks of any type, and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.core.labels import Boxes
from anamorph.core.quads import grown
from anamorph.ir.ops import BOXES, MASK, Convolve, Op, Size, Target

Image = npt.NDArray[Any]

_KNOWN = frozenset({"uint8", "uint16", "int16", "float32", "float64"})
_CHANNELS = 64


def rank(op: Convolve, image: Image) -> Image:
    """Take the greatest or the least value under the kernel's cells."""
    cells = np.array(op.kernel, np.uint8)
    work = cv2.dilate if op.kind == "dilate" else cv2.erode
    return work(image, cells)


def rank_mask(op: Convolve, mask: Image) -> Image:
    """Do the same to a mask of any dtype."""
    if mask.dtype == np.bool_:
        return rank_mask(op, mask.view(np.uint8)).view(np.bool_)
    if mask.dtype.name not in _KNOWN or mask.shape[2] > _CHANNELS:
        return _cell_by_cell(op, mask)
    return rank(op, mask)


def _cell_by_cell(op: Convolve, mask: Image) -> Image:
    """By whole shifted masks: for types that OpenCV does not take."""
    height, width = mask.shape[:2]
    down, across = len(op.kernel) // 2, len(op.kernel[0]) // 2
    choose = np.maximum if op.kind == "dilate" else np.minimum
    out = mask.copy()
    for i, row in enumerate(op.kernel):
        for j, cell in enumerate(row):
            y, x = i - down, j - across
            if not cell or abs(y) >= height or abs(x) >= width:
                continue
            target = out[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
            source = mask[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
            choose(target, source, out=target)
    return out


def rank_boxes(op: Convolve, boxes: Boxes, source: Size | None = None) -> Boxes:
    """Grow or shrink boxes as masks of them would; those that vanish are dropped.

    What lies at the border of the picture is not eroded from there. Oriented boxes grow and shrink
    by the mean reach of the kernel on all sides.
    """
    height, width = len(op.kernel), len(op.kernel[0])
    before = width // 2, height // 2
    after = width - 1 - before[0], height - 1 - before[1]
    if boxes.oriented:
        by = (width + height - 2) / 4.0
        data, alive = grown(boxes.data, by if op.kind == "dilate" else -by)
        return Boxes(data, boxes.index, boxes.seen).take(alive)
    data = boxes.data.copy()
    if op.kind == "dilate":
        data += (-after[0], -after[1], *before)
        return Boxes(data, boxes.index, boxes.seen)
    ends = (np.inf, np.inf) if source is None else (source[1], source[0])
    inside = np.concatenate([data[:, :2] > 0, data[:, 2:] < ends], axis=1)
    data += inside * (*before, -after[0], -after[1])
    left = np.flatnonzero((data[:, :2] < data[:, 2:]).all(axis=1))
    return Boxes(data, boxes.index, boxes.seen).take(left)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Convolve, MASK): rank_mask,
    (Convolve, BOXES): rank_boxes,
}
