"""Rectangles moved about: pixels by slices, boxes in pieces, keypoints with their tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.core.labels import Boxes, Points
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Op, Size, Target, Tiles

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Rectangle = tuple[float, float, float, float]

_TOUCH = 1e-6
"""Pieces nearer than this are one."""


def move_pixels(op: Tiles, array: Image) -> Image:
    """Move rectangles of a picture or mask; what no move overwrites stays."""
    whole = sum(m[4] * m[5] for m in op.moves) == array.shape[0] * array.shape[1]
    out = np.empty(array.shape, array.dtype) if whole else array.copy(order="C")
    for sx, sy, tx, ty, w, h in op.moves:
        out[ty : ty + h, tx : tx + w] = array[sy : sy + h, sx : sx + w]
    return out


def move_boxes(op: Tiles, boxes: Boxes, _source: object = None) -> Boxes:
    """Follow the pieces of each box; pieces that end up apart become boxes of their own.

    An oriented box goes whole with the tile of its centre.
    """
    if not op.moves or not len(boxes.data):
        return boxes
    moves = np.array(op.moves, np.float64)
    if boxes.oriented:
        corners = boxes.data.reshape(-1, 4, 2)
        return Boxes(
            (corners + _shift(moves, corners.mean(1))[:, None]).reshape(-1, 8), boxes.index
        )
    starts = np.maximum(boxes.data[:, None, :2], moves[:, :2])
    ends = np.minimum(boxes.data[:, None, 2:], moves[:, :2] + moves[:, 4:])
    rows: list[Rectangle] = []
    index: list[int] = []
    shift = moves[:, 2:4] - moves[:, :2]
    for i, origin in enumerate(boxes.index.tolist()):
        some = np.flatnonzero((ends[i] > starts[i]).all(1))
        pieces = np.concatenate([starts[i, some] + shift[some], ends[i, some] + shift[some]], 1)
        joined = _joined([tuple(p) for p in pieces.tolist()]) or [tuple(boxes.data[i].tolist())]
        rows.extend(joined)
        index.extend([origin] * len(joined))
    return Boxes(np.array(rows, np.float64), np.array(index, np.int64))


def _joined(pieces: Sequence[Rectangle]) -> list[Rectangle]:
    """Bounding boxes of the groups of rectangles that share a part of an edge."""
    groups: list[list[Rectangle]] = []
    for piece in pieces:
        near = [g for g in groups if any(_touch(piece, other) for other in g)]
        merged = [piece, *(r for g in near for r in g)]
        groups = [g for g in groups if g not in near]
        groups.append(merged)
    return [
        (
            min(r[0] for r in g),
            min(r[1] for r in g),
            max(r[2] for r in g),
            max(r[3] for r in g),
        )
        for g in groups
    ]


def _touch(a: Rectangle, b: Rectangle) -> bool:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return across >= -_TOUCH and down >= -_TOUCH and max(across, down) > _TOUCH


def _shift(moves: Floats, points: Floats) -> Floats:
    """How far the tile under each point moves; nothing moves outside of all tiles."""
    offset = points[:, None] - moves[:, :2]
    inside = np.all((offset >= 0.0) & (offset < moves[:, 4:]), 2)
    tile = np.argmax(inside, 1)
    return np.where(np.any(inside, 1)[:, None], (moves[:, 2:4] - moves[:, :2])[tile], 0.0)


def shift_of(op: Tiles, size: Size) -> npt.NDArray[np.int64]:
    """How far each pixel moves: (H, W, 2)."""
    out = np.zeros((*size, 2), np.int64)
    for sx, sy, tx, ty, w, h in op.moves:
        out[sy : sy + h, sx : sx + w] = tx - sx, ty - sy
    return out


def move_points(op: Tiles, points: Points, _source: object = None) -> Points:
    """Move keypoints with their tile; those outside of the picture stay."""
    if not op.moves or not len(points.data):
        return points
    out = points.data.copy()
    out[:, :2] += _shift(np.array(op.moves, np.float64), points.data[:, :2])
    return Points(out, points.index, points.fixed)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Tiles, IMAGE): move_pixels,
    (Tiles, MASK): move_pixels,
    (Tiles, BOXES): move_boxes,
    (Tiles, POINTS): move_points,
}
