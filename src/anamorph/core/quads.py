"""Oriented boxes as four corners: from and to centre, size and angle; what of them is in sight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats

Corner = tuple[float, float]
_DUST = 1e-9


def corners_of(rectangles: Floats) -> Floats:
    """Find corners.

    Args:
        rectangles: (N, 5) centre x, y, width, height, and the angle in degrees, counter-clockwise
            on the screen.

    Returns:
        (N, 8) x, y of the corners, the first two being the top side of a box whose angle is zero.
    """
    center = rectangles[:, 0:2]
    angle = np.radians(rectangles[:, 4])
    c, s = _crisp(np.cos(angle)), _crisp(np.sin(angle))
    along = np.stack([c, -s], axis=1) * (rectangles[:, 2:3] / 2)
    down = np.stack([s, c], axis=1) * (rectangles[:, 3:4] / 2)
    return np.concatenate(
        [
            center - along - down,
            center + along - down,
            center + along + down,
            center - along + down,
        ],
        axis=1,
    )


def _crisp(value: Floats) -> Floats:
    return np.where(np.abs(value) < 1e-14, 0.0, value)


def rectangles_of(corners: Floats) -> Floats:
    """Find centre, size and angle, the inverse of `corners_of`; the angle is in [-90, 90)."""
    quads = corners.reshape(-1, 4, 2)
    along = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]) / 2
    down = (quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1]) / 2
    angle = np.degrees(np.arctan2(-along[:, 1], along[:, 0]))
    return np.concatenate(
        [
            quads.mean(axis=1),
            np.hypot(along[:, 0], along[:, 1])[:, None],
            np.hypot(down[:, 0], down[:, 1])[:, None],
            half_turn(angle)[:, None],
        ],
        axis=1,
    )


def half_turn(angle: Floats) -> Floats:
    """Bring degrees to [-90, 90): an oriented box is the same after half a turn."""
    near = np.round(angle / 90.0) * 90.0
    angle = np.where(np.abs(angle - near) < _DUST, near, angle)
    return (angle + 90.0) % 180.0 - 90.0


def visible(corners: Floats, size: tuple[int, int]) -> Floats:
    """Measure what of each box is on the canvas.

    Returns:
        (N, 3) the area of the box, its area on the canvas, and the longer side of what is there.
    """
    quads = corners.reshape(-1, 4, 2)
    low, high = quads.min(axis=1), quads.max(axis=1)
    out = np.empty((len(quads), 3))
    x, y = quads[..., 0], quads[..., 1]
    out[:, 0] = (
        np.abs(
            (x[:, 2] - x[:, 0]) * (y[:, 3] - y[:, 1]) - (x[:, 3] - x[:, 1]) * (y[:, 2] - y[:, 0])
        )
        / 2
    )
    out[:, 1] = out[:, 0]
    out[:, 2] = (high - low).max(axis=1)
    cut = (low < 0.0).any(axis=1) | (high > (size[1], size[0])).any(axis=1)
    for row in np.flatnonzero(cut).tolist():
        out[row, 1:] = _measure(_on_canvas(quads[row].tolist(), size))
    return out


def _on_canvas(polygon: list[Corner], size: tuple[int, int]) -> list[Corner]:
    """Cut a convex polygon with the four sides of the canvas (Sutherland and Hodgman 1974)."""
    height, width = size
    for axis, bound, sign in ((0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)):
        kept: list[Corner] = []
        for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            dp, dq = sign * (p[axis] - bound), sign * (q[axis] - bound)
            if dp >= 0.0:
                kept.append(p)
            if (dp >= 0.0) != (dq >= 0.0):
                t = dp / (dp - dq)
                kept.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        polygon = kept
    return polygon


def _measure(polygon: list[Corner]) -> tuple[float, float]:
    """Area of a polygon and the longer side of its bounds."""
    if not polygon:
        return 0.0, 0.0
    ring = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    area = abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in ring)) / 2
    xs, ys = zip(*polygon, strict=True)
    return area, max(max(xs) - min(xs), max(ys) - min(ys))


def grown(corners: Floats, by: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Move the sides of rectangles outwards.

    Args:
        corners: (N, 8) x, y of four corners in order around the box.
        by: pixels; below zero they move inwards.

    Returns:
        The corners, and which boxes have a width and a height left.

    >>> grown(np.array([[2.0, 2.0, 6.0, 2.0, 6.0, 4.0, 2.0, 4.0]]), 1.0)[0].tolist()
    [[1.0, 1.0, 7.0, 1.0, 7.0, 5.0, 1.0, 5.0]]
    """
    quads = corners.reshape(-1, 4, 2)
    ahead, aside = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    width, height = (np.hypot(side[:, :1], side[:, 1:]) for side in (ahead, aside))
    along = ahead * (by / np.maximum(width, 1e-9))
    across = aside * (by / np.maximum(height, 1e-9))
    moved = quads + np.stack(
        [-along - across, along - across, along + across, across - along], axis=1
    )
    alive: npt.NDArray[np.bool_] = ((width > -2.0 * by) & (height > -2.0 * by))[:, 0]
    return moved.reshape(-1, 8), alive
