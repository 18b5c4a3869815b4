"""Oriented boxes after a map that does not keep rectangles: the least rectangle around them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["enclose", "refit"]

Floats = npt.NDArray[np.float64]

_PAIRS = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3))
_DIRECTIONS = 90
_FINER = 21


def refit(corners: Floats) -> Floats:
    """Find the least rectangles around mapped corners.

    A least rectangle has a side along a side of the convex hull, which for four points is one of
    their six connections.

    Args:
        corners: (N, 8) corners in order, the first two being the top side at angle zero.

    Returns:
        (N, 8) corners in the same order. The top side is the side of the rectangle nearest to where
        the old one went; the corners run clockwise on the screen also after a mirroring.
    """
    quads = corners.reshape(-1, 4, 2)
    ends = [quads[:, b] - quads[:, a] for a, b in _PAIRS]
    angles = np.stack([np.arctan2(e[:, 1], e[:, 0]) for e in ends], axis=1)
    return _rectangles(quads, _best(quads, angles), quads)


def enclose(outlines: Floats, corners: Floats) -> Floats:
    """Find the least rectangles around mapped outlines, to a fraction of a degree.

    Args:
        outlines: (N, M, 2) points on the outlines.
        corners: (N, 8) where the corners went; they give the order of the result.

    Returns:
        (N, 8) as from `refit`.
    """
    turns = np.arange(_DIRECTIONS) * (np.pi / 2 / _DIRECTIONS)
    angles = np.broadcast_to(turns, (len(outlines), _DIRECTIONS))
    angle = _best(outlines, angles)
    around = np.linspace(-1, 1, _FINER) * turns[1]
    angle = _best(outlines, angle[:, None] + around)
    return _rectangles(outlines, angle, corners.reshape(-1, 4, 2))


def _extents(points: Floats, angles: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Bounds of points (N, M, 2) along and across directions (N, K): each (N, K)."""
    cos, sin = np.cos(angles)[:, :, None], np.sin(angles)[:, :, None]
    x, y = points[:, None, :, 0], points[:, None, :, 1]
    along, across = cos * x + sin * y, cos * y - sin * x
    return along.min(-1), along.max(-1), across.min(-1), across.max(-1)


def _best(points: Floats, angles: Floats) -> Floats:
    left, right, top, bottom = _extents(points, angles)
    area = (right - left) * (bottom - top)
    return np.asarray(np.take_along_axis(angles, area.argmin(axis=1)[:, None], axis=1)[:, 0])


def _rectangles(points: Floats, angle: Floats, quads: Floats) -> Floats:
    """Put rectangles around points, turned by quarters so that they point as the quads do."""
    top = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]
    side = quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]
    mirrored = top[:, 0] * side[:, 1] - top[:, 1] * side[:, 0] < 0
    top = np.where(mirrored[:, None], -top, top)
    gone = np.arctan2(top[:, 1], top[:, 0])
    angle = angle + np.round((gone - angle) / (np.pi / 2)) * (np.pi / 2)
    left, right, high, low = (e[:, 0] for e in _extents(points, angle[:, None]))
    cos, sin = np.cos(angle), np.sin(angle)
    along = np.stack([left, right, right, left], axis=1)
    across = np.stack([high, high, low, low], axis=1)
    out = np.empty((len(quads), 4, 2))
    out[..., 0] = cos[:, None] * along - sin[:, None] * across
    out[..., 1] = sin[:, None] * along + cos[:, None] * across
    return out.reshape(-1, 8)
