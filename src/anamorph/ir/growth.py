"""Oriented boxes that grow and shrink on all sides alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats


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
