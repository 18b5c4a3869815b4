"""The greatest and the least of neighbours, one pixel and one box at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.core.labels import Boxes
from anamorph.core.quads import grown
from anamorph.ir.ops import BOXES, MASK, Convolve, Op, Size, Target

Image = npt.NDArray[Any]


def _cells(op: Convolve) -> list[tuple[int, int]]:
    """Offsets y, x of the cells that count."""
    down, across = len(op.kernel) // 2, len(op.kernel[0]) // 2
    return [
        (i - down, j - across)
        for i, row in enumerate(op.kernel)
        for j, cell in enumerate(row)
        if cell
    ]


def rank(op: Convolve, image: Image) -> Image:
    """Take the greatest or the least of what the cells cover inside of the picture."""
    height, width = image.shape[:2]
    choose = np.max if op.kind == "dilate" else np.min
    out = image.copy()
    for y in range(height):
        for x in range(width):
            near = [
                image[y + dy, x + dx]
                for dy, dx in _cells(op)
                if 0 <= y + dy < height and 0 <= x + dx < width
            ]
            if near:
                out[y, x] = choose(near, axis=0)
    return out


def rank_boxes(op: Convolve, boxes: Boxes, source: Size | None = None) -> Boxes:
    """Move the sides by how far the cells reach; the border of the picture is not eroded."""
    cells = _cells(op)
    if boxes.oriented:
        by = (len(op.kernel) + len(op.kernel[0]) - 2) / 4
        data, alive = grown(boxes.data, by if op.kind == "dilate" else -by)
        return Boxes(data, boxes.index, boxes.seen).take(alive)
    up, left = min(c[0] for c in cells), min(c[1] for c in cells)
    down, right = max(c[0] for c in cells), max(c[1] for c in cells)
    height, width = source or (np.inf, np.inf)
    rows, kept = [], []
    for i, (x0, y0, x1, y1) in enumerate(boxes.data.tolist()):
        if op.kind == "dilate":  # a pixel sees the box if one of its cells does
            row = (x0 - right, y0 - down, x1 - left, y1 - up)
        else:  # all of a pixel's cells inside the picture must be in the box
            row = (
                x0 - left if x0 > 0 else x0,
                y0 - up if y0 > 0 else y0,
                x1 - right if x1 < width else x1,
                y1 - down if y1 < height else y1,
            )
        if row[0] < row[2] and row[1] < row[3]:
            rows.append(row)
            kept.append(i)
    seen = None if boxes.seen is None else boxes.seen[kept]
    return Boxes(np.array(rows, np.float64).reshape(-1, 4), boxes.index[kept], seen)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Convolve, MASK): rank,
    (Convolve, BOXES): rank_boxes,
}
