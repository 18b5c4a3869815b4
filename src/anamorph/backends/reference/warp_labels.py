"""Boxes and keypoints through a warp, one at a time from the definition: the specification.

Angles turn counter-clockwise on the screen: direction a is (cos a, -sin a), as y points down, and is
mapped as a direction is. A scale grows by the most that any length at that place grows. What lies
on or behind the horizon of a perspective has no place.

Under a border that mirrors, the mirror images of labels are labels too, as far as they are seen:
points on the canvas, boxes that have some area on it. Originals come first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from anamorph.core import constants as K
from anamorph.core.labels import Boxes, Floats, Points
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix, Point
from anamorph.ir.ops import Size, Warp
from anamorph.ir.oriented import refit

MOST_COPIES = 16
NEAR = 1e-6
Row = list[float]


def warp_points(op: Warp, points: Points, source: Size | None = None) -> Points:
    """Map keypoints; ``source`` is the size of the picture, for mirror images."""
    rows: list[tuple[Row, int]] = []
    for row, index in zip(points.data.tolist(), points.index.tolist(), strict=True):
        mapped = map_point(row, op.matrix)
        if mapped is not None:
            rows.append((mapped, index))
        elif points.fixed:
            rows.append(([math.nan, math.nan, *row[2:]], index))
    if source is not None and not points.fixed:
        for cell in cells(op, source):
            for row, index in zip(points.data.tolist(), points.index.tolist(), strict=True):
                copied = mirrored_point(row, cell, source, op.sampling.border)
                mapped = copied and map_point(copied, op.matrix)
                if mapped and 0 <= mapped[0] < op.size[1] and 0 <= mapped[1] < op.size[0]:
                    rows.append((mapped, index))
    return Points(*collect(rows, points.data), points.fixed)


def collect(
    rows: Sequence[tuple[Row, int]], like: Floats
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows and the indices of where they came from, as arrays."""
    data = np.array([r for r, _ in rows], np.float64).reshape(-1, like.shape[1])
    return data, np.array([i for _, i in rows], np.int64)


def map_point(row: Row, m: Matrix) -> Row | None:
    """Map one keypoint, None if it is not in front of the horizon."""
    x, y, z, angle, scale, parity = row
    a, b, _, d, e, _, g, h, i = m
    depth = g * x + h * y + i
    if depth <= 1e-12:
        return None
    u, v = mx.apply(m, x, y)
    jacobian = np.array([[a - u * g, b - u * h], [d - v * g, e - v * h]]) / depth
    if not np.array_equal(jacobian, np.eye(2)):
        dx, dy = jacobian @ (math.cos(angle), -math.sin(angle))
        angle = math.atan2(-dy, dx) % (2 * math.pi)
    stretch = float(np.linalg.svd(jacobian, compute_uv=False).max())
    flip = math.copysign(1.0, np.linalg.det(jacobian))
    return [u, v, z, angle, scale * stretch, parity * flip]


# ------------------------------------------------------------------------- mirror images


def cells(op: Warp, source: Size) -> list[tuple[int, int]]:
    """Numbers (kx, ky) of the mirror images that the canvas may show, nearest first."""
    border = op.sampling.border
    if border not in (K.BORDER_REFLECT, K.BORDER_REFLECT_101):
        return []
    seen = [in_source(op.matrix, x, y) for x, y in mx.corners(*op.size)]
    reach = []
    for axis, n in ((0, source[1]), (1, source[0])):
        period = n if border == K.BORDER_REFLECT else n - 1
        if period == 0:
            reach.append(0)
        elif None in seen:
            reach.append(MOST_COPIES)
        else:
            far = max(abs(p[axis]) for p in seen if p is not None)
            reach.append(math.ceil(far / period) + 1)
    rx, ry = reach
    numbers = itertools.product(range(-rx, rx + 1), range(-ry, ry + 1))
    return sorted((n for n in numbers if n != (0, 0)), key=lambda n: (abs(n[0]) + abs(n[1]), n))


def in_source(m: Matrix, x: float, y: float) -> Point | None:
    """Where a place of the canvas lies in the source; None behind the horizon or close to it."""
    inverse = np.linalg.inv(np.array(m).reshape(3, 3))
    u, v, depth = inverse @ (x, y, 1.0)
    return (u / depth, v / depth) if depth > NEAR else None


def mirrored(x: float, k: int, n: int, border: int) -> float:
    """Mirror a coordinate k times to the right, or to the left if k is negative.

    The walls of reflect stand at the edges, those of reflect-101 at the outermost centres.
    """
    period, inset = (n, 0.0) if border == K.BORDER_REFLECT else (n - 1, 0.5)
    for j in range(1, abs(k) + 1):
        wall = j * period + inset if k > 0 else inset - (j - 1) * period
        x = 2 * wall - x
    return x


def stretch_of(k: int, n: int, border: int) -> tuple[float, float]:
    """The stretch that only mirror image k shows; a shared edge pixel goes to the nearer one."""
    low, high = sorted((mirrored(0.0, k, n, border), mirrored(float(n), k, n, border)))
    if border == K.BORDER_REFLECT_101 and k:
        return (low + 1, high) if k > 0 else (low, high - 1)
    return low, high


def mirrored_point(row: Row, cell: tuple[int, int], source: Size, border: int) -> Row | None:
    """A keypoint in a mirror image, None if that does not show it."""
    x, y, z, angle, scale, parity = row
    (kx, ky), (h, w) = cell, source
    u, v = mirrored(x, kx, w, border), mirrored(y, ky, h, border)
    low, high = zip(stretch_of(kx, w, border), stretch_of(ky, h, border), strict=True)
    if not (low[0] <= u < high[0] and low[1] <= v < high[1]):
        return None
    if kx % 2:
        angle = math.pi - angle
    if ky % 2:
        angle = -angle
    return [u, v, z, angle % (2 * math.pi), scale, parity * (-1) ** (kx + ky)]


# --------------------------------------------------------------------------------- boxes


def warp_boxes(op: Warp, boxes: Boxes, source: Size | None = None) -> Boxes:
    """Map boxes; ``source`` is the size of the picture, for mirror images."""
    rows: list[tuple[Row, int]] = []
    pairs = list(zip(boxes.data.tolist(), boxes.index.tolist(), strict=True))
    for row, index in pairs:
        mapped = map_box(row, op)
        if mapped is not None:
            rows.append((mapped, index))
    for cell in cells(op, source) if source is not None else ():
        for row, index in pairs:
            copied = mirrored_box(row, cell, source or (0, 0), op.sampling.border)
            mapped = copied and map_box(copied, op)
            if mapped and touches(mapped, op.size):
                rows.append((mapped, index))
    return Boxes(*collect(rows, boxes.data))


def map_box(row: Row, op: Warp) -> Row | None:
    """Map one box, None if it has no place."""
    if len(row) == 8:
        return map_oriented(row, op.matrix)
    x0, y0, x1, y1 = row
    outline = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    ellipse = op.sampling.box_method == "ellipse" and not mx.is_axis_aligned(op.matrix)
    if ellipse and len(in_front(outline, op.matrix)) == 4 == sum(
        depth_of(op.matrix, p) > NEAR for p in outline
    ):
        x, y, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
        turns = np.linspace(0, 2 * math.pi, 2000, endpoint=False)
        outline = [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns.tolist()]
    kept = in_front(outline, op.matrix)
    return list(mx.bounds(op.matrix, kept)) if kept else None


def depth_of(m: Matrix, p: Point) -> float:
    """The third coordinate: positive in front of the horizon."""
    return m[6] * p[0] + m[7] * p[1] + m[8]


def in_front(outline: Sequence[Point], m: Matrix) -> list[Point]:
    """Cut a convex outline just before the horizon (Sutherland and Hodgman 1974)."""
    depths = [depth_of(m, p) for p in outline]
    near = NEAR * max(map(abs, depths))
    kept: list[Point] = []
    for k, p in enumerate(outline):
        q, s, t = outline[k - 1], depths[k - 1], depths[k]
        if (s > near) != (t > near):
            part = (near - s) / (t - s)
            kept.append((q[0] + part * (p[0] - q[0]), q[1] + part * (p[1] - q[1])))
        if t > near:
            kept.append(p)
    return kept


def map_oriented(row: Row, m: Matrix) -> Row | None:
    """Map the corners, and take the least rectangle around them."""
    corners = list(zip(row[::2], row[1::2], strict=True))
    if min(depth_of(m, p) for p in corners) <= NEAR:
        return None
    mapped = np.array([mx.apply(m, x, y) for x, y in corners]).reshape(1, 8)
    out: Row = refit(mapped)[0].tolist()
    return out


def mirrored_box(row: Row, cell: tuple[int, int], source: Size, border: int) -> Row | None:
    """A box in a mirror image, as far as only that shows it."""
    (kx, ky), (h, w) = cell, source
    xs = [mirrored(x, kx, w, border) for x in row[::2]]
    ys = [mirrored(y, ky, h, border) for y in row[1::2]]
    if len(row) == 8:
        return [v for p in zip(xs, ys, strict=True) for v in p]
    x0, x1 = np.clip(sorted(xs), *stretch_of(kx, w, border)).tolist()
    y0, y1 = np.clip(sorted(ys), *stretch_of(ky, h, border)).tolist()
    return [x0, y0, x1, y1] if x0 < x1 and y0 < y1 else None


def touches(row: Row, canvas: Size) -> bool:
    """Tell whether a box has some area on the canvas."""
    xs, ys = (row[::2], row[1::2])
    wide = min(max(xs), canvas[1]) - max(min(xs), 0)
    high = min(max(ys), canvas[0]) - max(min(ys), 0)
    return wide > mx.EPS and high > mx.EPS
