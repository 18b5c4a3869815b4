"""Dense distortions of boxes and keypoints: the backward map solved for where a place went.

Pixels say where they come from, labels ask where they go. The surface is piecewise bilinear and
bounded, so every place has a solution; Newton's method finds it in a few steps, and what it does
not find is looked up among the cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.places import places_of
from anamorph.core.clipping import area, clip
from anamorph.core.labels import ANGLE, PARITY, SCALE, Boxes, Floats, Points
from anamorph.ir import matrix as mx
from anamorph.ir.fields import Field, field_of
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Remap, Size
from anamorph.ir.oriented import enclose

__all__ = ["project", "remap_boxes", "remap_points", "solve", "spacing_of", "to_result"]

_CLOSE = 1e-4
"""Pixels by which a solution may miss."""
_ROUNDS = 12
_FLAT = 0.05
"""Determinant below which a step of Newton's method leads astray."""
_SLACK = 1e-6
_CREASED = 4.0
_OUTLINE = 256
"""Points a side of a box at most."""
_LOOKED_AT = 512
"""Pixels of a row and of a column that are looked at where a field is folded."""
_ROWS = 256


# ------------------------------------------------------------------------------ keypoints


def remap_points(op: Remap, points: Points, _source: object = None) -> Points:
    """Map keypoints, their angles, scales and parity."""
    if len(points.data) == 0:
        return points
    field = field_of(op.kind, op.params, op.size)
    data = points.data.copy()
    known = np.isfinite(data[:, :2]).all(axis=1)
    placed, first = project(op.before, data[known, :2])
    found = solve(field, placed)
    slopes = field.with_slopes(found)[1] + np.eye(2)
    done, last = project(op.after, found)
    jacobian = last @ _inverse(slopes) @ first
    rows = data[known]
    rows[:, :2] = done
    _turn(rows, jacobian)
    data[known] = rows
    return Points(data, points.index, points.fixed)


def _turn(rows: Floats, jacobian: Floats) -> None:
    """Turn angles, scale scales and flip parities as the neighbourhood does."""
    a, b = jacobian[:, 0, 0], jacobian[:, 0, 1]
    d, e = jacobian[:, 1, 0], jacobian[:, 1, 1]
    x, y = np.cos(rows[:, ANGLE]), -np.sin(rows[:, ANGLE])
    rows[:, ANGLE] = np.arctan2(-(d * x + e * y), a * x + b * y) % (2 * np.pi)
    rows[:, SCALE] *= np.hypot(a + e, d - b) / 2 + np.hypot(a - e, d + b) / 2
    rows[:, PARITY] *= np.where(a * e - b * d < 0, -1.0, 1.0)


def _inverse(m: Floats) -> Floats:
    """Invert 2×2 matrices; where one is flat, as if it were nearly so."""
    det = m[:, 0, 0] * m[:, 1, 1] - m[:, 0, 1] * m[:, 1, 0]
    det = np.where(np.abs(det) < 1e-3, np.where(det < 0, -1e-3, 1e-3), det)
    out = np.empty_like(m)
    out[:, 0, 0], out[:, 1, 1] = m[:, 1, 1], m[:, 0, 0]
    out[:, 0, 1], out[:, 1, 0] = -m[:, 0, 1], -m[:, 1, 0]
    return np.asarray(out / det[:, None, None])


def project(m: Matrix, places: Floats) -> tuple[Floats, Floats]:
    """Map places (N, 2) and give the Jacobians; NaN behind the horizon."""
    n = np.array(m).reshape(3, 3)
    mapped = places @ n[:2, :2].T + n[:2, 2]
    if mx.is_affine(m):
        return mapped, np.broadcast_to(n[:2, :2], (len(places), 2, 2))
    depth = places @ n[2, :2] + n[2, 2]
    depth = np.where(depth > 1e-12, depth, np.nan)[:, None]
    mapped = mapped / depth
    slopes = n[:2, :2] - mapped[:, :, None] * n[2, :2]
    return mapped, slopes / depth[:, :, None]


# -------------------------------------------------------------------------------- solving


def solve(field: Field, places: Floats) -> Floats:
    """Find q with q + D(q) = place, to 1e-4 pixels, for places (N, 2)."""
    q = places - field.at(places)
    open_ = np.flatnonzero(np.isfinite(places).all(axis=1))
    for _ in range(_ROUNDS):
        at = q[open_]
        shift, slopes = field.with_slopes(at)
        missed = at + shift - places[open_]
        wide = np.abs(missed).max(axis=1) > _CLOSE
        if not wide.any():
            return q
        open_ = open_[wide]
        q[open_] = at[wide] - _newton(slopes[wide], missed[wide])
    missed = q[open_] + field.at(q[open_]) - places[open_]
    open_ = open_[np.abs(missed).max(axis=1) > _CLOSE]
    if len(open_):
        q[open_] = _look_up(field, places[open_], q[open_])
    return q


def _newton(slopes: Floats, missed: Floats) -> Floats:
    a, b = 1 + slopes[:, 0, 0], slopes[:, 0, 1]
    d, e = slopes[:, 1, 0], 1 + slopes[:, 1, 1]
    det = a * e - b * d
    steep = det > _FLAT
    det = np.where(steep, det, 1.0)
    step = np.stack(
        [(e * missed[:, 0] - b * missed[:, 1]) / det, (a * missed[:, 1] - d * missed[:, 0]) / det],
        axis=1,
    )
    return np.where(steep[:, None], step, missed)


def _look_up(field: Field, places: Floats, near: Floats) -> Floats:
    """Find solutions cell by cell: those nearest to a first guess."""
    far = 2 * float(np.abs(field.shift).max() + np.abs(places).max()) + field.xs[-1] + field.ys[-1]
    ringed = field.ringed(far)
    nodes = ringed.shift.copy()
    nodes[..., 0] += ringed.xs
    nodes[..., 1] += ringed.ys[:, None]
    quads = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, :-1], nodes[1:, 1:]])
    low, high = quads.min(axis=0) - _SLACK, quads.max(axis=0) + _SLACK
    out = near.copy()
    for row, place in enumerate(places):
        j, i = np.nonzero(((low <= place) & (place <= high)).all(axis=-1))
        u, v, good = _in_cells(quads[:, j, i], place)
        if good.any():
            x = ringed.xs[i] + u * (ringed.xs[i + 1] - ringed.xs[i])
            y = ringed.ys[j] + v * (ringed.ys[j + 1] - ringed.ys[j])
            miss = np.where(good, np.hypot(x - near[row, 0], y - near[row, 1]), np.inf)
            best = int(miss.argmin())
            out[row] = x[best], y[best]
    return out


def _in_cells(quads: Floats, place: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Solve a + bu + cv + duv = place for cells (4, N, 2): a quadratic in v, the better root."""
    a, b = quads[0] - place, quads[1] - quads[0]
    c, d = quads[2] - quads[0], quads[0] - quads[1] - quads[2] + quads[3]
    two, zero = _cross(c, d), _cross(a, b)
    one = _cross(a, d) + _cross(c, b)
    root = np.sqrt(np.maximum(one**2 - 4 * two * zero, 0.0))
    half = -(one + np.where(one < 0, -root, root)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([half / two, zero / half])
    v = np.where(np.isfinite(roots), roots, np.inf)
    best = np.abs(v - 0.5).argmin(axis=0)
    v = np.where(np.isfinite(v), v, -1.0)[best, np.arange(len(best))]
    slope = b + d * v[:, None]
    rest = a + c * v[:, None]
    square = np.maximum((slope**2).sum(axis=1), 1e-300)
    u = -(rest * slope).sum(axis=1) / square
    inside = (np.abs(u - 0.5) <= 0.5 + _SLACK) & (np.abs(v - 0.5) <= 0.5 + _SLACK)
    missed = np.abs(rest + slope * u[:, None]).max(axis=1)
    return u, v, inside & (missed < 1e-3)


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


# ---------------------------------------------------------------------------------- boxes


def remap_boxes(op: Remap, boxes: Boxes, _source: object = None) -> Boxes:
    """Map boxes to the bounds of their mapped outlines, oriented ones to the least rectangle."""
    if len(boxes.data) == 0:
        return boxes
    field = field_of(op.kind, op.params, op.size)
    if boxes.oriented:
        return _map_oriented(op, field, boxes)
    x0, y0, x1, y1 = boxes.data.T
    corners = np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1).reshape(-1, 4, 2)
    counts = _counts(op, field, corners)
    outline = to_result(op, field, _outlines(corners, counts))
    starts = np.concatenate([[0], np.cumsum(4 * counts)[:-1]])
    low = np.minimum.reduceat(outline, starts)
    high = np.maximum.reduceat(outline, starts)
    left = _in_sight(op.canvas or op.size, np.split(outline, starts[1:]), low, high)
    if field.folded:
        seen = _seen(op, boxes.data)
        low, high = np.minimum(low, seen[:, :2]), np.maximum(high, seen[:, 2:])
    done = Boxes(np.concatenate([low, high], axis=1), boxes.index, boxes.seen)
    if left is None:
        return done
    done.seen = left if boxes.seen is None else boxes.seen * left
    shown = np.asarray(np.isfinite(done.data).all(axis=1))
    return done if shown.all() else done.take(shown)


def _in_sight(canvas: Size, outlines: list[Floats], low: Floats, high: Floats) -> Floats | None:
    """Bound what the canvas shows of outlines that leave it, and give the part of each that is.

    The bounds are written over; those of what is not shown at all have no place. None is given
    if all is shown: bounds alone would be loose where something bent leaves the canvas.
    """
    height, width = canvas
    out = (low < 0.0).any(axis=1) | (high > (width, height)).any(axis=1)
    if not out.any():
        return None
    seen = np.ones(len(outlines))
    for row in np.flatnonzero(out).tolist():
        rings = clip([outlines[row]], (0.0, 0.0, float(width), float(height)), closed=True)
        corners = np.concatenate([*rings, np.empty((0, 2))])
        low[row] = corners.min(axis=0, initial=np.inf)
        high[row] = corners.max(axis=0, initial=-np.inf)
        whole = area([outlines[row]])
        seen[row] = area(rings) / whole if rings and whole > 0.0 else float(bool(rings))
    return seen


def _seen(op: Remap, data: Floats) -> Floats:
    """Bounds of all pixels that read from each box: a folded field shows some of it repeatedly."""
    out = np.tile([np.inf, np.inf, -np.inf, -np.inf], (len(data), 1))
    height, width = op.canvas or op.size
    step = max(1, max(height, width) // _LOOKED_AT)
    for y in range(0, height, _ROWS * step):
        u, v = places_of(op, (y, 0, min(y + _ROWS * step, height), width))
        u, v = u[::step, ::step], v[::step, ::step]
        for row, (x0, y0, x1, y1) in zip(out, data.tolist(), strict=True):
            inside = (u >= x0) & (u <= x1) & (v >= y0) & (v <= y1)
            columns, lines = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
            if len(columns):
                low = columns[0] * step, y + lines[0] * step
                high = columns[-1] * step + 1, y + lines[-1] * step + 1
                row[:2], row[2:] = np.minimum(row[:2], low), np.maximum(row[2:], high)
    return out


def _map_oriented(op: Remap, field: Field, boxes: Boxes) -> Boxes:
    corners = boxes.data.reshape(-1, 4, 2)
    count = int(_counts(op, field, corners).max())
    counts = np.full(len(corners), count)
    outline = to_result(op, field, _outlines(corners, counts)).reshape(-1, 4 * count, 2)
    return Boxes(enclose(outline, outline[:, ::count].reshape(-1, 8)), boxes.index)


def to_result(op: Remap, field: Field, places: Floats) -> Floats:
    """Map places (N, 2) of the source to where they are shown."""
    return project(op.after, solve(field, project(op.before, places)[0]))[0]


def spacing_of(field: Field) -> float:
    """Pixels between points of an outline: two steps of the field lie between them at most."""
    return _CREASED if field.creased else 2.0 * min(field.step)


def _counts(op: Remap, field: Field, corners: Floats) -> npt.NDArray[np.int64]:
    """Points a side that each outline needs."""
    placed = project(op.before, corners.reshape(-1, 2))[0].reshape(corners.shape)
    sides = np.linalg.norm(placed - np.roll(placed, -1, axis=1), axis=2).max(axis=1)
    return np.asarray(np.ceil(sides / spacing_of(field)).clip(1, _OUTLINE), np.int64)


def _outlines(corners: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    """Points along the four sides of boxes (N, 4, 2), one box after the other."""
    a = np.repeat(corners.reshape(-1, 2), np.repeat(counts, 4), axis=0)
    b = np.repeat(np.roll(corners, -1, axis=1).reshape(-1, 2), np.repeat(counts, 4), axis=0)
    t = np.concatenate([np.tile(np.arange(n) / n, 4) for n in counts.tolist()])[:, None]
    return np.asarray(a + (b - a) * t)
