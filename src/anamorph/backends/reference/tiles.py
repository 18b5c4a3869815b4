"""Rectangles moved about, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.core.labels import Boxes, Points
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Op, Target, Tiles

Image = npt.NDArray[Any]


def move_pixels(op: Tiles, array: Image) -> Image:
    """Move rectangles of a picture or mask."""
    out = array.copy()
    for sx, sy, tx, ty, w, h in op.moves:
        for y in range(h):
            for x in range(w):
                out[ty + y, tx + x] = array[sy + y, sx + x]
    return out


def move_boxes(op: Tiles, boxes: Boxes, _source: object = None) -> Boxes:
    """Follow the pieces of each box; groups of pieces that share edges are bounded together."""
    rows: list[list[float]] = []
    index: list[int] = []
    for row, origin in zip(boxes.data.tolist(), boxes.index.tolist(), strict=True):
        if boxes.oriented:
            center = np.array(row).reshape(4, 2).mean(0)
            dx, dy = _shift(op, float(center[0]), float(center[1]))
            groups = [[v + (dy if i % 2 else dx) for i, v in enumerate(row)]]
        else:
            groups = _groups(_pieces(op, row)) or [row]
        rows += groups
        index += [origin] * len(groups)
    width = boxes.data.shape[1]
    return Boxes(np.array(rows, np.float64).reshape(-1, width), np.array(index, np.int64))


def _pieces(op: Tiles, box: list[float]) -> list[list[float]]:
    out = []
    for sx, sy, tx, ty, w, h in op.moves:
        x0, y0 = max(box[0], sx), max(box[1], sy)
        x1, y1 = min(box[2], sx + w), min(box[3], sy + h)
        if x1 > x0 and y1 > y0:
            out.append([x0 + tx - sx, y0 + ty - sy, x1 + tx - sx, y1 + ty - sy])
    return out


def _groups(pieces: list[list[float]]) -> list[list[float]]:
    """Flood from piece to piece over shared edges."""
    left = list(pieces)
    out = []
    while left:
        group = [left.pop(0)]
        for piece in group:  # grows while it is walked
            near = [p for p in left if _share_edge(piece, p)]
            group += near
            left = [p for p in left if p not in near]
        a = np.array(group)
        out.append([*a[:, :2].min(0).tolist(), *a[:, 2:].max(0).tolist()])
    return out


def _share_edge(a: list[float], b: list[float]) -> bool:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return min(across, down) >= -1e-6 and max(across, down) > 1e-6


def _shift(op: Tiles, x: float, y: float) -> tuple[float, float]:
    for sx, sy, tx, ty, w, h in op.moves:
        if sx <= x < sx + w and sy <= y < sy + h:
            return tx - sx, ty - sy
    return 0.0, 0.0


def move_points(op: Tiles, points: Points, _source: object = None) -> Points:
    """Move keypoints with their tile."""
    out = points.data.copy()
    for i, (x, y) in enumerate(points.data[:, :2].tolist()):
        out[i, :2] += _shift(op, x, y)
    return Points(out, points.index, points.fixed)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Tiles, IMAGE): move_pixels,
    (Tiles, MASK): move_pixels,
    (Tiles, BOXES): move_boxes,
    (Tiles, POINTS): move_points,
}
