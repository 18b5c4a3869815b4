"""What stays of boxes and keypoints where regions are overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.stencil import covered, parts
from anamorph.core.labels import Boxes, Points
from anamorph.ir.ops import Fill, Region, Size
from anamorph.ir.stencil import OBJECTS

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEW = 8
"""Boxes up to which it is quicker to look at each by itself."""


def fill_boxes(op: Fill, boxes: Boxes, source: Size = (0, 0)) -> Boxes:
    """Shrink each box to the tight box of what stays visible; wholly covered ones go.

    Oriented boxes go when wholly covered, else they stay as they are. Of whole objects that are
    overwritten, see `_without_objects`.
    """
    if not len(boxes.data) or not (op.regions or op.stencil):
        return boxes
    if op.stencil and op.stencil[0] == OBJECTS:
        return _without_objects(op, boxes, source)
    if op.stencil:
        plane = _Plane(*_pixels(~covered(op, source).view(np.bool_)))
    else:
        plane = _Plane(*_cells(op.regions))
    if boxes.oriented:
        quads = boxes.data.reshape(-1, 4, 2).tolist()
        keep = np.array([plane.shows_polygon(quad) for quad in quads], np.bool_)
        return boxes if keep.all() else boxes.take(keep)
    return plane.tightened(boxes)


def _extents(quads: Floats) -> Floats:
    xs, ys = quads[:, 0::2], quads[:, 1::2]
    return np.stack([xs.min(1), ys.min(1), xs.max(1), ys.max(1)], 1)


# ------------------------------------------------------------------- rectangles and lattices


def _cells(regions: Sequence[Region]) -> tuple[Floats, Floats, Flags]:
    """Cut the plane along the edges of all regions; give the cuts, and which cells are visible."""
    across = sorted({x for r in regions for x in (r[0], r[2])})
    down = sorted({y for r in regions for y in (r[1], r[3])})
    column = {x: i for i, x in enumerate(across, 1)}
    row = {y: i for i, y in enumerate(down, 1)}
    cells = np.ones((len(down) + 1, len(across) + 1), np.bool_)
    for x0, y0, x1, y1 in regions:
        cells[row[y0] : row[y1], column[x0] : column[x1]] = False
    return np.array(across, np.float64), np.array(down, np.float64), cells


def _pixels(visible: Flags) -> tuple[Floats, Floats, Flags]:
    """Take each pixel for a cell; what lies outside of the picture is visible."""
    height, width = visible.shape
    cells = np.pad(visible, 1, constant_values=True)
    return np.arange(width + 1.0), np.arange(height + 1.0), cells


class _Plane:
    """The plane cut into cells, and which of them are visible.

    Cell i lies between edges i and i + 1; the outermost have no end.
    """

    __slots__ = ("cells", "down", "right", "xs", "ys")

    def __init__(self, xs: Floats, ys: Floats, cells: Flags) -> None:
        self.xs, self.ys, self.cells = xs, ys, cells
        self.right = np.concatenate(([-np.inf], xs, [np.inf]))
        self.down = np.concatenate(([-np.inf], ys, [np.inf]))

    def tightened(self, boxes: Boxes) -> Boxes:
        """Shrink boxes to what is visible of them; drop those of which nothing is."""
        data = boxes.data
        left = self.xs.searchsorted(data[:, 0], "right")
        top = self.ys.searchsorted(data[:, 1], "right")
        right = self.xs.searchsorted(data[:, 2], "left")
        bottom = self.ys.searchsorted(data[:, 3], "left")
        hidden = np.flatnonzero(~self._whole(left, top, right, bottom))
        if not len(hidden):
            return boxes
        out, keep = data.copy(), np.ones(len(data), np.bool_)
        if len(hidden) > _FEW:
            spans = (left[hidden], top[hidden], right[hidden], bottom[hidden])
            out[hidden], keep[hidden] = self._tightened_at_once(data[hidden], *spans)
        else:
            for i in hidden.tolist():
                part = self.cells[top[i] : bottom[i] + 1, left[i] : right[i] + 1]
                keep[i] = self._tighten(out[i], part, int(left[i]), int(top[i]))
        return Boxes(out, boxes.index, boxes.seen).take(keep)

    def _tightened_at_once(
        self, data: Floats, left: Ints, top: Ints, right: Ints, bottom: Ints
    ) -> tuple[Floats, Flags]:
        first, last, keep = _visible_ends(self.cells, (left, right), (top, bottom))
        above, below, _ = _visible_ends(self.cells.T, (top, bottom), (left, right))
        out = np.empty_like(data)
        np.maximum(data[:, 0], self.right[first], out=out[:, 0])
        np.maximum(data[:, 1], self.down[above], out=out[:, 1])
        np.minimum(data[:, 2], self.right[last + 1], out=out[:, 2])
        np.minimum(data[:, 3], self.down[below + 1], out=out[:, 3])
        return out, keep

    def _whole(self, left: Ints, top: Ints, right: Ints, bottom: Ints) -> Flags:
        """Tell of which boxes a few visible cells touch all four sides; of others, look closer."""
        flat, width = self.cells.ravel(), self.cells.shape[1]
        upper, lower = top * width, bottom * width
        a, b, c, d = (flat[y + x] for y in (upper, lower) for x in (left, right))
        whole: Flags = (a & d) | (b & c)
        if whole.all():
            return whole
        middle, half = (left + right) // 2, (top + bottom) // 2 * width
        touched: Flags = (a | c | flat[half + left]) & (b | d | flat[half + right])
        touched &= (a | b | flat[upper + middle]) & (c | d | flat[lower + middle])
        return touched

    def _tighten(self, box: Floats, part: Any, left: int, top: int) -> bool:
        across, down = part.any(0), part.any(1)
        first, above = int(across.argmax()), int(down.argmax())
        if not across[first]:
            return False
        last = left + len(across) - int(across[::-1].argmax())
        below = top + len(down) - int(down[::-1].argmax())
        x0, y0, x1, y1 = box.tolist()
        box[0] = max(x0, self.right[left + first])
        box[1] = max(y0, self.down[top + above])
        box[2] = min(x1, self.right[last])
        box[3] = min(y1, self.down[below])
        return True

    def shows_polygon(self, corners: list[list[float]]) -> bool:
        """Tell whether anything of a convex polygon is visible."""
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        left = int(self.xs.searchsorted(min(xs), "right"))
        right = int(self.xs.searchsorted(max(xs), "left")) + 1
        top = int(self.ys.searchsorted(min(ys), "right"))
        bottom = int(self.ys.searchsorted(max(ys), "left")) + 1
        for row, column in np.argwhere(self.cells[top:bottom, left:right]).tolist():
            sides = (
                (0, 1.0, float(self.right[left + column])),
                (1, 1.0, float(self.down[top + row])),
                (0, -1.0, float(self.right[left + column + 1])),
                (1, -1.0, float(self.down[top + row + 1])),
            )
            if _area(_clip(corners, sides)) > 1e-9:
                return True
        return False


def _visible_ends(
    cells: Flags, columns: tuple[Ints, Ints], rows: tuple[Ints, Ints]
) -> tuple[Ints, Ints, Flags]:
    """Find the first and the last column of each span of cells in which any is visible.

    Args:
        cells: which cells are visible.
        columns: first and last column of each span.
        rows: first and last row of each span.

    Returns:
        First and last visible columns, and whether there are any.
    """
    high, wide = cells.shape
    counts = np.zeros((high + 1, wide), np.int32)
    np.cumsum(cells, axis=0, out=counts[1:])
    seen = counts[rows[1] + 1] != counts[rows[0]]
    places = np.arange(wide)
    seen &= places >= columns[0][:, None]
    seen &= places <= columns[1][:, None]
    first = seen.argmax(1)
    last = wide - 1 - seen[:, ::-1].argmax(1)
    return first, last, seen[np.arange(len(seen)), first]


def _clip(
    corners: list[list[float]], sides: Sequence[tuple[int, float, float]]
) -> list[list[float]]:
    """Cut a convex polygon by half-planes (Sutherland and Hodgman 1974)."""
    for axis, sign, edge in sides:
        if not np.isfinite(edge):
            continue
        kept: list[list[float]] = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            before, after = sign * (a[axis] - edge), sign * (b[axis] - edge)
            if before >= 0.0:
                kept.append(a)
            if before * after < 0.0:
                t = before / (before - after)
                kept.append([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])])
        corners = kept
    return corners


def _area(corners: list[list[float]]) -> float:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2.0


# ---------------------------------------------------------------------------- whole objects


def _without_objects(op: Fill, boxes: Boxes, size: Size) -> Boxes:
    """Drop the boxes of overwritten objects, and those that are wholly covered.

    Each object takes the box that fits it best, if their intersection is more than half of their
    union (the usual criterion of detection). Other boxes keep their corners; what is overwritten
    in them counts as cut off.
    """
    data = _extents(boxes.data) if boxes.oriented else boxes.data
    keep = np.ones(len(data), np.bool_)
    regions = np.array(op.regions, np.float64)
    shared = _overlap(data[:, None], regions)
    if not shared.any():
        return boxes
    areas = np.multiply(*(data[:, 2:] - data[:, :2]).T)
    union = areas[:, None] + np.multiply(*(regions[:, 2:] - regions[:, :2]).T) - shared
    for k in range(len(regions)):
        best = int(np.argmax(shared[:, k] / union[:, k]))
        if 2.0 * shared[best, k] > union[best, k]:
            keep[best] = False
    left = _shares_left(op, data, size)
    keep &= left > 0.0
    seen = left if boxes.seen is None else left * boxes.seen
    return Boxes(boxes.data, boxes.index, seen).take(keep)


def _overlap(a: Floats, b: Floats) -> Floats:
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    np.maximum(sides, 0.0, out=sides)
    out: Floats = sides[..., 0] * sides[..., 1]
    return out


def _shares_left(op: Fill, data: Floats, size: Size) -> Floats:
    """The share of the pixels of each box that no object covers; at least a pixel a box."""
    hidden = covered(op, size)
    out = np.ones(len(data))
    low = np.floor(data[:, :2] + 0.5).astype(np.int64)
    high = np.maximum(np.floor(data[:, 2:] + 0.5).astype(np.int64), low + 1)
    low = np.maximum(low, 0)
    for i, (x0, y0, x1, y1) in enumerate(np.concatenate([low, high], 1).tolist()):
        part = hidden[y0:y1, x0:x1]
        if part.size:
            out[i] = 1.0 - np.count_nonzero(part) / part.size
    return out


# ---------------------------------------------------------------------------------- points


def fill_points(op: Fill, points: Points, source: Size = (0, 0)) -> Points:
    """Drop keypoints inside of regions, unless all must come back."""
    if points.fixed or not len(points.data) or not (op.regions or op.stencil):
        return points
    x, y = points.data[:, 0], points.data[:, 1]
    hidden = _within_parts(op, x, y, source) if op.stencil else _within(op.regions, x, y)
    return points.take(~hidden) if hidden.any() else points


def _within(regions: Sequence[Region], x: Floats, y: Floats) -> Flags:
    edges = np.array(regions, np.float64)
    x, y = x[:, None], y[:, None]
    inside = (x >= edges[:, 0]) & (x < edges[:, 2]) & (y >= edges[:, 1]) & (y < edges[:, 3])
    out: Flags = np.logical_or.reduce(inside, axis=1)
    return out


def _within_parts(op: Fill, x: Floats, y: Floats, size: Size) -> Flags:
    column, row = _whole(x), _whole(y)
    hidden = np.zeros(len(x), np.bool_)
    for (x0, y0, x1, y1), flags in parts(op, size):
        near = (column >= x0) & (column < x1) & (row >= y0) & (row < y1)
        hidden[near] |= flags[row[near] - y0, column[near] - x0] != 0
    return hidden


def _whole(places: Floats) -> Any:
    """Numbers of the pixels that places lie in; -1 for no place."""
    return np.nan_to_num(np.floor(places), nan=-1.0, posinf=-1.0, neginf=-1.0).astype(np.int64)
