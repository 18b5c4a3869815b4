"""Warps of boxes and keypoints: one product of matrices for all of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.sampling import inverted
from anamorph.core import constants as K
from anamorph.core.labels import ANGLE, PARITY, SCALE, Boxes, Floats, Points, X, Y
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Size, Warp
from anamorph.ir.oriented import refit

Rows = npt.NDArray[np.bool_]

MIRRORING = frozenset({K.BORDER_REFLECT, K.BORDER_REFLECT_101})
NEAR = 1e-6
"""Depth, as a part of the greatest, at which things that reach behind the horizon are cut."""
_MOST_COPIES = 16
"""Mirror images a side that are looked for where a horizon in sight shows endlessly many."""
_RECTANGLE = (0, 1, 2, 1, 2, 3, 0, 3)


# ------------------------------------------------------------------------------ keypoints


def warp_points(op: Warp, points: Points, source: Size | None = None) -> Points:
    """Map keypoints, their angles, scales and parity.

    Points behind the horizon are dropped, or have no place (NaN) if the set is fixed. A mirroring
    border shows copies; they come after the originals.

    Args:
        op: the warp.
        points: what to map.
        source: height and width of the picture before the warp, for copies in mirrors.
    """
    if len(points.data) == 0:
        return points
    done = Points(_map_points(points.data, op.matrix), points.index, points.fixed)
    if source is not None and op.sampling.border in MIRRORING and not points.fixed:
        copies = [_points_through(points, cell, op) for cell in mirrors(op, source)]
        done = Points(
            np.concatenate([done.data, *(c.data for c in copies)]),
            np.concatenate([done.index, *(c.index for c in copies)]),
        )
    if mx.is_affine(op.matrix) or points.fixed:
        return done
    return done.take(~np.isnan(done.data[:, X]))


def _map_points(data: Floats, m: Matrix) -> Floats:
    a, b, c, d, e, f, g, h, i = m
    out = data.copy()
    x, y = data[:, X], data[:, Y]
    if g == 0.0 and h == 0.0 and i == 1.0:
        out[:, X] = a * x + b * y + c
        out[:, Y] = d * x + e * y + f
        if a == e == 1.0 and b == d == 0.0:
            return out
        if not (a == e and a > 0.0 and b == d == 0.0):
            out[:, ANGLE] = _turned(data[:, ANGLE], (a, b, d, e))
        out[:, SCALE] *= math.hypot(a + e, d - b) / 2 + math.hypot(a - e, d + b) / 2
        if a * e - b * d < 0:
            out[:, PARITY] *= -1.0
        return out
    depth = g * x + h * y + i
    depth = np.where(depth > 1e-12, depth, np.nan)
    u, v = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    jacobian = (
        (a - u * g) / depth, (b - u * h) / depth, (d - v * g) / depth, (e - v * h) / depth,
    )  # fmt: skip
    p, q, r, s = jacobian
    out[:, X], out[:, Y] = u, v
    out[:, ANGLE] = _turned(data[:, ANGLE], jacobian)
    out[:, SCALE] *= np.hypot(p + s, r - q) / 2 + np.hypot(p - s, r + q) / 2
    out[:, PARITY] *= np.where(p * s - q * r < 0, -1.0, 1.0)
    return out


def _turned(
    angle: Floats, jacobian: tuple[float, float, float, float] | tuple[Floats, ...]
) -> Floats:
    """Directions after a linear map; y points down, angles turn counter-clockwise on the screen."""
    a, b, d, e = jacobian
    dx, dy = np.cos(angle), -np.sin(angle)
    turned: Floats = np.arctan2(-(d * dx + e * dy), a * dx + b * dy) % (2 * math.pi)
    return turned


# ------------------------------------------------------------------------- mirrored copies


class Cell:
    """One mirror image of the picture beside itself: x → ±x + shift on each axis."""

    __slots__ = ("matrix", "x_range", "y_range")

    def __init__(
        self, x: tuple[int, float, float, float], y: tuple[int, float, float, float]
    ) -> None:
        self.matrix: Matrix = (float(x[0]), 0.0, x[1], 0.0, float(y[0]), y[1], 0.0, 0.0, 1.0)
        self.x_range: tuple[float, float] = x[2:]
        self.y_range: tuple[float, float] = y[2:]


def mirrors(op: Warp, source: Size) -> list[Cell]:
    """Mirror images of the picture that a mirroring border may show on the canvas, nearest first."""
    x0, y0, x1, y1 = _seen(op)
    border = op.sampling.border
    columns, rows = _copies(x0, x1, source[1], border), _copies(y0, y1, source[0], border)
    pairs = sorted(itertools.product(columns, rows), key=lambda p: (abs(p[0]) + abs(p[1]), p))
    return [
        Cell(_mirror(kx, source[1], border), _mirror(ky, source[0], border))
        for kx, ky in pairs
        if kx or ky
    ]


def _seen(op: Warp) -> tuple[float, float, float, float]:
    """Bounds of the canvas in the source's plane, endless where the horizon is in sight."""
    n = inverted(op.matrix)
    points = [(x, y, n[6] * x + n[7] * y + n[8]) for x, y in mx.corners(*op.size)]
    if min(p[2] for p in points) <= NEAR * max(abs(p[2]) for p in points):
        return -math.inf, -math.inf, math.inf, math.inf
    xs = [(n[0] * x + n[1] * y + n[2]) / w for x, y, w in points]
    ys = [(n[3] * x + n[4] * y + n[5]) / w for x, y, w in points]
    return min(xs), min(ys), max(xs), max(ys)


def _copies(low: float, high: float, n: int, border: int) -> range:
    """Numbers of the copies between two places; copy 0 is the picture."""
    period = n if border == K.BORDER_REFLECT else n - 1
    if period == 0:
        return range(1)
    if math.isinf(low):
        return range(-_MOST_COPIES, _MOST_COPIES + 1)
    return range(min(0, math.floor(low / period) - 1), max(0, math.ceil(high / period)) + 1)


def _mirror(k: int, n: int, border: int) -> tuple[int, float, float, float]:
    """Sign and shift of copy k, and the stretch that only it shows.

    reflect repeats the edge pixel: mirrors stand at 0 and n, the period is 2n. reflect-101 does
    not: they stand at the centres of the edge pixels, 1/2 and n - 1/2, the period is 2n - 2, and
    an edge pixel belongs to the copy nearer to the picture.
    """
    if border == K.BORDER_REFLECT:
        sign, shift = (1, k * n) if k % 2 == 0 else (-1, (k + 1) * n)
        return sign, float(shift), float(k * n), float((k + 1) * n)
    sign, shift = (1, k * (n - 1)) if k % 2 == 0 else (-1, (k + 1) * (n - 1) + 1)
    low = k * (n - 1) + (1 if k > 0 else 0)
    high = (k + 1) * (n - 1) + (0 if k < 0 else 1)
    return sign, float(shift), float(low), float(high)


def _points_through(points: Points, cell: Cell, op: Warp) -> Points:
    copied = _map_points(points.data, cell.matrix)
    x, y = copied[:, X], copied[:, Y]
    keep = (x >= cell.x_range[0]) & (x < cell.x_range[1])
    keep &= (y >= cell.y_range[0]) & (y < cell.y_range[1])
    data = _map_points(copied[keep], op.matrix)
    x, y = data[:, X], data[:, Y]
    on = (x >= 0) & (y >= 0) & (x < op.size[1]) & (y < op.size[0])
    return Points(data[on], points.index[keep][on])


# ---------------------------------------------------------------------------------- boxes


def warp_boxes(op: Warp, boxes: Boxes, source: Size | None = None) -> Boxes:
    """Map boxes; see `warp_points` for copies. Nothing is clipped to the canvas.

    Boxes that reach behind the horizon are cut there first; those wholly behind it are dropped.
    """
    if len(boxes.data) == 0:
        return boxes
    done = _map_boxes(boxes, op)
    if source is None or op.sampling.border not in MIRRORING:
        return done
    copies = [_boxes_through(boxes, cell, op) for cell in mirrors(op, source)]
    return Boxes(
        np.concatenate([done.data, *(c.data for c in copies)]),
        np.concatenate([done.index, *(c.index for c in copies)]),
    )


def _map_boxes(boxes: Boxes, op: Warp) -> Boxes:
    m = op.matrix
    if boxes.oriented:
        return _map_oriented(boxes, m)
    if not mx.is_affine(m):
        return _project(boxes, m, ellipse=op.sampling.box_method == "ellipse")
    if op.sampling.box_method == "ellipse" and not mx.is_axis_aligned(m):
        return Boxes(_ellipse(boxes.data, m), boxes.index)
    return Boxes(_bounding(boxes.data, m), boxes.index)


def _bounding(data: Floats, m: Matrix) -> Floats:
    """The least x is where each term is least: one product for all four sides."""
    a, b, c, d, e, f = m[:6]
    p, q = (a, 0.0) if a > 0 else (0.0, a)
    r, s = (b, 0.0) if b > 0 else (0.0, b)
    t, u = (d, 0.0) if d > 0 else (0.0, d)
    v, w = (e, 0.0) if e > 0 else (0.0, e)
    sides = np.array(((p, t, q, u), (r, v, s, w), (q, u, p, t), (s, w, r, v)))
    out: Floats = data @ sides
    out += (c, f, c, f)
    return out


def _ellipse(data: Floats, m: Matrix) -> Floats:
    """Bounds of the ellipse that touches the four sides."""
    a, b, c, d, e, f = m[:6]
    x, y = (data[:, 0] + data[:, 2]) / 2, (data[:, 1] + data[:, 3]) / 2
    rx, ry = (data[:, 2] - data[:, 0]) / 2, (data[:, 3] - data[:, 1]) / 2
    u, v = a * x + b * y + c, d * x + e * y + f
    p, q = np.hypot(a * rx, b * ry), np.hypot(d * rx, e * ry)
    return np.stack([u - p, v - q, u + p, v + q], axis=1)


def _project(boxes: Boxes, m: Matrix, *, ellipse: bool) -> Boxes:
    """Bounds of boxes, or of their ellipses, in perspective."""
    corners = boxes.data[:, _RECTANGLE].reshape(-1, 4, 2)
    quads, front = _project_corners(corners, m)
    out = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
    if ellipse:
        whole = front.all(axis=1)
        out[whole] = _conic(boxes.data[whole], m)
    for row in np.flatnonzero(front.any(axis=1) & ~front.all(axis=1)):
        out[row] = _cut(corners[row], m)
    seen = front.any(axis=1)
    return Boxes(out, boxes.index) if seen.all() else Boxes(out[seen], boxes.index[seen])


def _project_corners(corners: Floats, m: Matrix) -> tuple[Floats, Rows]:
    n = np.array(m).reshape(3, 3)
    mapped = corners @ n[:, :2].T + n[:, 2]
    depth = mapped[..., 2]
    front = depth > NEAR * np.abs(depth).max()
    return mapped[..., :2] / np.where(front, depth, 1.0)[..., None], front


def _conic(data: Floats, m: Matrix) -> Floats:
    """Bounds of ellipses in perspective: upright lines that touch the mapped dual conic."""
    n = np.array(m).reshape(3, 3)
    place = np.zeros((len(data), 3, 3))
    place[:, 0, 0], place[:, 0, 2] = (data[:, 2] - data[:, 0]) / 2, (data[:, 0] + data[:, 2]) / 2
    place[:, 1, 1], place[:, 1, 2] = (data[:, 3] - data[:, 1]) / 2, (data[:, 1] + data[:, 3]) / 2
    place[:, 2, 2] = 1.0
    both = n @ place
    dual = both @ np.diag((1.0, 1.0, -1.0)) @ both.transpose(0, 2, 1)
    low, high = [], []
    for k in (0, 1):
        spread = np.sqrt(np.maximum(dual[:, k, 2] ** 2 - dual[:, k, k] * dual[:, 2, 2], 0.0))
        ends = (dual[:, k, 2] + spread) / dual[:, 2, 2], (dual[:, k, 2] - spread) / dual[:, 2, 2]
        low.append(np.minimum(*ends))
        high.append(np.maximum(*ends))
    return np.stack([*low, *high], axis=1)


def _cut(polygon: Floats, m: Matrix) -> tuple[float, float, float, float]:
    """Bounds of the part of a polygon that is in front of the horizon."""
    a, b, c, d, e, f, g, h, i = m
    depths = [g * x + h * y + i for x, y in polygon.tolist()]
    near = NEAR * max(map(abs, depths))
    ring = [(*p, w) for p, w in zip(polygon.tolist(), depths, strict=True)]
    kept = []
    for (x0, y0, w0), (x1, y1, w1) in zip(ring, ring[1:] + ring[:1], strict=True):
        if w0 > near:
            kept.append((x0, y0, w0))
        if (w0 > near) != (w1 > near):
            t = (near - w0) / (w1 - w0)
            kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0), near))
    us = [(a * x + b * y + c) / w for x, y, w in kept]
    vs = [(d * x + e * y + f) / w for x, y, w in kept]
    return min(us), min(vs), max(us), max(vs)


def _map_oriented(boxes: Boxes, m: Matrix) -> Boxes:
    """Map corners; what is no rectangle any more gets the least one around it."""
    corners = boxes.data.reshape(-1, 4, 2)
    quads, front = _project_corners(corners, m)
    index = boxes.index
    whole = front.all(axis=1)
    if not whole.all():  # cut at the horizon it is endless: no rectangle is around it
        quads, index = quads[whole], index[whole]
    if not _keeps_rectangles(m):
        return Boxes(refit(np.ascontiguousarray(quads).reshape(-1, 8)), index)
    return Boxes(np.ascontiguousarray(quads).reshape(-1, 8), index)


def _keeps_rectangles(m: Matrix) -> bool:
    if not mx.is_affine(m):
        return False
    a, b, _, d, e = m[:5]
    size = a * a + b * b + d * d + e * e
    across = abs(a * b + d * e)
    return across <= 1e-9 * size and abs(a * a + d * d - b * b - e * e) <= 1e-9 * size


def _boxes_through(boxes: Boxes, cell: Cell, op: Warp) -> Boxes:
    if boxes.oriented:
        copied = _map_oriented(boxes, cell.matrix)
        done = _map_oriented(copied, op.matrix)
        around = done.data.reshape(-1, 4, 2)
        spans = np.concatenate([around.min(axis=1), around.max(axis=1)], axis=1)
        return done.take(_touching(spans, op.size))
    data = _bounding(boxes.data, cell.matrix)
    data[:, 0::2] = data[:, 0::2].clip(*cell.x_range)
    data[:, 1::2] = data[:, 1::2].clip(*cell.y_range)
    keep = (data[:, 2] > data[:, 0]) & (data[:, 3] > data[:, 1])
    done = _map_boxes(Boxes(data[keep], boxes.index[keep]), op) if keep.any() else boxes.take(keep)
    return done.take(_touching(done.data, op.size))


def _touching(spans: Floats, canvas: Size) -> Rows:
    """Rows that have some area on the canvas."""
    eps = mx.EPS
    wide = np.minimum(spans[:, 2], canvas[1]) - np.maximum(spans[:, 0], 0) > eps
    high = np.minimum(spans[:, 3], canvas[0]) - np.maximum(spans[:, 1], 0) > eps
    return wide & high
