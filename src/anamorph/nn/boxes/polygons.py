"""Convex quadrilaterals: how much of two of them is common, and which corner belongs to which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats

_REVERSED = [0, 3, 2, 1]
_ON_LINE = 1e-9
"""Part of a quadrilateral's extent within which a corner counts as on a line."""


def areas(corners: Floats) -> Floats:
    """Measure (N, 8) corners by the shoelace formula: positive if clockwise on the screen."""
    x, y = corners[:, 0::2], corners[:, 1::2]
    across = (x[:, 2] - x[:, 0]) * (y[:, 3] - y[:, 1]) - (x[:, 3] - x[:, 1]) * (y[:, 2] - y[:, 0])
    return np.asarray(across / 2)


def convex(corners: Floats) -> npt.NDArray[np.bool_]:
    """Tell which of (N, 8) corners turn one way all around."""
    quads = corners.reshape(-1, 4, 2)
    edges = np.roll(quads, -1, axis=1) - quads
    turns = _cross(edges, np.roll(edges, -1, axis=1))
    near = _ON_LINE * (edges**2).sum(axis=(1, 2))[:, None]
    return np.asarray(((turns >= -near) | (turns <= near).all(axis=1)[:, None]).all(axis=1))


def clockwise(corners: Floats) -> Floats:
    """Bring (N, 8) corners to clockwise order on the screen, the first staying the first."""
    quads = corners.reshape(-1, 4, 2)
    turned = np.where((areas(corners) < 0.0)[:, None, None], quads[:, _REVERSED], quads)
    return turned.reshape(-1, 8)


def aligned(corners: Floats, to: Floats) -> Floats:
    """Begin each of (N, 8) corners where they lie nearest to others, corner by corner.

    Both are in clockwise order. A box that two models call by different corners, or by angles half
    a turn apart, becomes one that can be averaged.
    """
    quads, others = corners.reshape(-1, 4, 2), to.reshape(-1, 1, 4, 2)
    starts = (np.arange(4)[:, None] + np.arange(4)) % 4
    turned = quads[:, starts]
    best = ((turned - others) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    return np.asarray(turned[np.arange(len(quads)), best].reshape(-1, 8))


def common(a: Floats, b: Floats) -> Floats:
    """Measure the exact area that is in both of two convex quadrilaterals, row by row.

    The outline of what is common consists of the parts of the edges of each that are within the
    other; Green's theorem sums them. Where edges run along each other the same way, those of the
    first count; where they run against each other, the two touch from outside, and neither counts.

    Args:
        a: (N, 8) corners, clockwise on the screen.
        b: likewise.
    """
    origin = a[:, None, :2]
    one, other = a.reshape(-1, 4, 2) - origin, b.reshape(-1, 4, 2) - origin
    near = _ON_LINE * (np.abs(one).max(axis=(1, 2)) + np.abs(other - other[:, :1]).max(axis=(1, 2)))
    total = _edges_within(one, other, near, 1.0) + _edges_within(other, one, near, -1.0)
    return np.maximum(total / 2, 0.0)


def _edges_within(one: Floats, other: Floats, near: Floats, along: float) -> Floats:
    """Sum the cross products of the ends of those parts of edges that are within another.

    Args:
        one: (N, 4, 2) corners.
        other: (N, 4, 2) corners that the edges are cut with (Cyrus and Beck 1978).
        near: (N,) distance within which an edge lies on another.
        along: 1 if an edge on another that runs the same way counts as within, else -1.
    """
    start, step = one, np.roll(one, -1, axis=1) - one
    side = np.roll(other, -1, axis=1) - other
    length = np.maximum(np.hypot(side[..., 0], side[..., 1]), np.finfo(np.float64).tiny)
    side = side / length[..., None]
    against = (side[:, None] * step[:, :, None]).sum(axis=-1) < 0.0
    depth = _cross(side[:, None], start[:, :, None] - other[:, None])
    depth += near[:, None, None] * np.where(against, -1.0, along)
    slope = _cross(side[:, None], step[:, :, None])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        at = -depth / slope
    enters = np.where(slope > 0.0, at, np.where((slope == 0.0) & (depth <= 0.0), np.inf, -np.inf))
    leaves = np.where(slope < 0.0, at, np.inf)
    first = np.maximum(enters.max(axis=2), 0.0)
    last = np.minimum(leaves.min(axis=2), 1.0)
    kept = first < last
    first, last = np.where(kept, first, 0.0), np.where(kept, last, 0.0)
    return np.asarray((_cross(start, step) * (last - first)).sum(axis=1))


def _cross(p: Floats, q: Floats) -> Floats:
    return np.asarray(p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0])
