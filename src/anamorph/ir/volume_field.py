"""Smooth displacements of volumes: cubic B-splines over a coarse grid of control points.

The free-form deformation of Rueckert et al. (1999), as RandomElasticDeformation of TorchIO draws
it: every control point moves evenly by up to a length on each axis. Displacements are at most that
long; below 0.4 of the distance of control points nothing folds (Choi and Lee 2000).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.rng import generator
from anamorph.ir.volume import Remap3

Floats = npt.NDArray[np.float64]

SAFE = 0.4
"""Displacement by the distance of control points up to which a spline field cannot fold."""
_STEPS = 8
"""Nodes of the linear field between two control points."""
_ROUNDS = 20


def controls(op: Remap3) -> Floats:
    """The displacements (depth, height, width, 3) of the control points, as x, y, z in voxels."""
    return _controls(*op.params)


@lru_cache(maxsize=4)  # volume, mask and keypoints of one sample ask for the same field in turn
def _controls(grid: tuple[int, int, int], length: float, key: int) -> Floats:
    moves = generator(key).uniform(-length, length, (*grid, 3))
    moves.flags.writeable = False
    return moves


def weights(places: Floats, length: int, count: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Cubic B-spline weights at places along an axis.

    Args:
        places: continuous coordinates (N,); beyond the axis the field goes on as at its end.
        length: of the axis, in voxels.
        count: control points on the axis, at least 4; the first and last lie beyond its ends.

    Returns:
        The first of the four control points that count (N,), and their weights (N, 4).
    """
    t = np.clip(places / length, 0.0, 1.0) * (count - 3)
    first = np.minimum(t.astype(np.int64), count - 4)
    u = t - first
    v = 1 - u
    rows = (
        v**3 / 6,
        (3 * u**3 - 6 * u**2 + 4) / 6,
        (3 * v**3 - 6 * v**2 + 4) / 6,
        u**3 / 6,
    )
    return first, np.stack(rows, -1)


def displacements(op: Remap3, places: Floats) -> Floats:
    """Evaluate the field at places (N, 3) of x, y, z."""
    field = controls(op)
    parts = [
        weights(places[:, 2 - k], op.size[k], field.shape[k]) for k in range(3)
    ]  # depth, height, width
    out = np.zeros(places.shape)
    for corner in np.ndindex(4, 4, 4):
        at = tuple(first + k for (first, _), k in zip(parts, corner, strict=True))
        share = np.prod([w[:, k] for (_, w), k in zip(parts, corner, strict=True)], axis=0)
        out += share[:, None] * field[at]
    return out


def found(op: Remap3, places: Floats) -> Floats:
    """Find where the result shows what lies at places (N, 3) of the source, by Newton's method."""
    at = places.copy()
    for _ in range(_ROUNDS):
        off = at + displacements(op, at) - places
        if np.abs(off).max(initial=0.0) < 1e-9:
            break
        slopes = np.empty((len(at), 3, 3))
        for k in range(3):
            nudge = np.zeros(3)
            nudge[k] = 1e-4
            change = displacements(op, at + nudge) - displacements(op, at - nudge)
            slopes[:, :, k] = np.eye(3)[k] + change / 2e-4
        at -= np.linalg.solve(slopes, off[..., None])[..., 0]
    return at


def steps_of(op: Remap3) -> tuple[int, int, int]:
    """Distances of nodes, in voxels, at which linear interpolation is close to the splines."""
    counts = op.params[0]
    sides = zip(op.size, counts, strict=True)
    d, h, w = (max(1, int(n / (count - 3) / _STEPS)) for n, count in sides)
    return d, h, w


def nodes(op: Remap3) -> Any:
    """The field (depth, height, width, 3) of float32 at nodes (k - 0.5)·step on each axis."""
    out = controls(op)
    for axis, step in enumerate(steps_of(op)):
        n = op.size[axis]
        places: Floats = (np.arange(-(-n // step) + 2, dtype=np.float64) - 0.5) * step
        first, w = weights(places, n, out.shape[axis])
        band = np.zeros((len(places), out.shape[axis]))
        np.put_along_axis(band, first[:, None] + np.arange(4), w, 1)
        out = np.moveaxis(np.tensordot(band, out, (1, axis)), 0, axis)
    return np.ascontiguousarray(out, np.float32)
