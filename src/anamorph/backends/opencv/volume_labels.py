"""Keypoints of volumes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import ANGLE, PARITY, SCALE, Floats, Points, X, Y, Z
from anamorph.ir import matrix3 as mx
from anamorph.ir.volume import Fill3, Remap3, Warp3
from anamorph.ir.volume_field import found

_DUST = 1e-6


def warp3_points(op: Warp3, points: Points, _source: object = None) -> Points:
    """Map keypoints; one that leaves the slices is dropped, unless all must come back.

    Angles follow what a direction within the slice looks like in the slice of the result; scales
    grow as the cube root of the volume does.
    """
    if len(points.data) == 0:
        return points
    data, m = points.data, op.matrix
    out = data.copy()
    place = data[:, X : Z + 1] + (0.0, 0.0, 0.5)  # z counts slices, x and y are continuous
    linear = np.array(m).reshape(3, 4)
    out[:, X : Z + 1] = place @ linear[:, :3].T + linear[:, 3] - (0.0, 0.0, 0.5)
    if m[:3] + m[4:7] != (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        out[:, ANGLE] = _turned(data[:, ANGLE], linear)
    volume = mx.determinant(m)
    out[:, SCALE] *= abs(volume) ** (1 / 3)
    if volume < 0:
        out[:, PARITY] *= -1.0
    return _within(Points(out, points.index, points.fixed), op.size[0])


def _turned(angle: Floats, linear: Floats) -> Floats:
    dx, dy = np.cos(angle), -np.sin(angle)
    across = linear[0, 0] * dx + linear[0, 1] * dy
    down = linear[1, 0] * dx + linear[1, 1] * dy
    turned = np.arctan2(-down, across) % (2 * math.pi)
    return np.where(np.abs(across) + np.abs(down) > 1e-9, turned, angle)


def _within(points: Points, depth: int) -> Points:
    if points.fixed:
        return points
    z = points.data[:, Z]
    shown: npt.NDArray[np.bool_] = np.asarray((z >= -0.5 - _DUST) & (z <= depth - 0.5 + _DUST))
    return points if bool(shown.all()) else points.take(np.flatnonzero(shown))


def remap3_points(op: Remap3, points: Points, _source: object = None) -> Points:
    """Find where a field shows each keypoint."""
    if len(points.data) == 0:
        return points
    data = points.data.copy()
    place = data[:, X : Z + 1] + (0.0, 0.0, 0.5)
    known = ~np.isnan(place).any(axis=1)
    place[known] = found(op, place[known])
    data[:, X : Z + 1] = place - (0.0, 0.0, 0.5)
    return _within(Points(data, points.index, points.fixed), op.size[0])


def fill3_points(op: Fill3, points: Points, _source: object = None) -> Points:
    """Drop keypoints inside of cuboids, unless all must come back."""
    if points.fixed or not op.regions or not len(points.data):
        return points
    x, y, z = points.data[:, X, None], points.data[:, Y, None], points.data[:, Z, None] + 0.5
    r = np.array(op.regions, np.float64)
    inside = (x >= r[:, 0]) & (x < r[:, 3]) & (y >= r[:, 1]) & (y < r[:, 4])
    inside &= (z >= r[:, 2]) & (z < r[:, 5])
    hidden = inside.any(axis=1)
    return points.take(np.flatnonzero(~hidden)) if hidden.any() else points
