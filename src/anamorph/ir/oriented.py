"""Oriented boxes: the least rectangle around what a box has become, and what of it is in sight."""

from __future__ import annotations

import numpy as np

from anamorph.core.labels import Floats

_PAIRS = ((0, 1, 2, 3, 0, 1), (1, 2, 3, 0, 2, 3))


def refit(corners: Floats) -> Floats:
    """Put the rectangle of least area around each four corners.

    A rectangle of least area lies along a side of the hull (Freeman and Shapira 1975), and each
    side of the hull joins two of the corners. The first corner stays first: the side from corner
    0 to corner 1 of the result is the one that runs most nearly as it did.

    Args:
        corners: (N, 8) x, y of four corners in order around the box.

    Returns:
        (N, 8), the corners of rectangles.

    >>> refit(np.array([[0.0, 0.0, 4.0, 0.0, 5.0, 2.0, 1.0, 2.0]])).tolist()
    [[0.0, 0.0, 5.0, 0.0, 5.0, 2.0, 0.0, 2.0]]
    """
    if len(corners) == 0:
        return corners
    quads = corners.reshape(-1, 4, 2)
    along = _least(quads)
    ahead = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]
    aside = quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]
    along = _facing(along, ahead)
    across = _across(along)
    across = across * _sign((across * aside).sum(axis=1))
    return _around(quads, along, across)


def _least(quads: Floats) -> Floats:
    """Direction (N, 2) of a side of the least rectangle."""
    first, second = _PAIRS
    sides = quads[:, second] - quads[:, first]
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    flat = lengths == 0.0
    sides /= np.where(flat, 1.0, lengths)[..., None]
    u = np.einsum("nkc,npc->nkp", sides, quads)
    v = np.einsum("nkc,npc->nkp", _across(sides), quads)
    areas = np.ptp(u, axis=2) * np.ptp(v, axis=2)
    best = np.where(flat, np.inf, areas).argmin(axis=1)
    rows = np.arange(len(quads))
    along: Floats = sides[rows, best]
    along[flat.all(axis=1)] = (1.0, 0.0)
    return along


def _facing(along: Floats, ahead: Floats) -> Floats:
    """Of the four directions of a rectangle's sides the one nearest to a given one."""
    across = _across(along)
    one, other = (along * ahead).sum(axis=1), (across * ahead).sum(axis=1)
    turn = np.abs(other) > np.abs(one)
    picked: Floats = np.where(turn[:, None], across, along)
    return picked * _sign(np.where(turn, other, one))


def _around(quads: Floats, along: Floats, across: Floats) -> Floats:
    u = np.einsum("nc,npc->np", along, quads)
    v = np.einsum("nc,npc->np", across, quads)
    u0, u1, v0, v1 = (
        side[:, None] * axis
        for side, axis in (
            (u.min(axis=1), along), (u.max(axis=1), along),
            (v.min(axis=1), across), (v.max(axis=1), across),
        )
    )  # fmt: skip
    return np.concatenate([u0 + v0, u1 + v0, u1 + v1, u0 + v1], axis=1)


def _across(direction: Floats) -> Floats:
    return np.stack([-direction[..., 1], direction[..., 0]], axis=-1)


def _sign(value: Floats) -> Floats:
    return np.where(value < 0.0, -1.0, 1.0)[:, None]


_DIRECTIONS = 90
_FINER = 21


def enclose(outlines: Floats, corners: Floats) -> Floats:
    """Put the rectangle of least area around each outline, to a twentieth of a degree.

    Args:
        outlines: (N, M, 2) points on the outlines.
        corners: (N, 8) where the corners went; they give the order of the result.

    Returns:
        (N, 8), the corners of rectangles, in order as from `refit`.
    """
    turn = np.pi / 2 / _DIRECTIONS
    angles = np.broadcast_to(np.arange(_DIRECTIONS) * turn, (len(outlines), _DIRECTIONS))
    angle = _least_turn(outlines, angles)
    angle = _least_turn(outlines, angle[:, None] + np.linspace(-turn, turn, _FINER))
    quads = corners.reshape(-1, 4, 2)
    ahead = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]
    aside = quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]
    along = _facing(np.stack([np.cos(angle), np.sin(angle)], axis=1), ahead)
    across = _across(along)
    across = across * _sign((across * aside).sum(axis=1))
    return _around(outlines, along, across)


def _least_turn(points: Floats, angles: Floats) -> Floats:
    """Of directions (N, K) those along which the rectangles around points (N, M, 2) are least."""
    cos, sin = np.cos(angles)[:, :, None], np.sin(angles)[:, :, None]
    x, y = points[:, None, :, 0], points[:, None, :, 1]
    areas = np.ptp(cos * x + sin * y, axis=2) * np.ptp(cos * y - sin * x, axis=2)
    best: Floats = np.take_along_axis(angles, areas.argmin(axis=1)[:, None], axis=1)[:, 0]
    return best
