"""What writing on pictures shares between the backends on a CPU: words, and what is behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
Singles = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
Line = tuple[Box, str, int]
"""Box x0, y0, x1, y1 in pixels whose top left corner the writing starts at; the text; size of the
font in pixels."""


def background(image: Image, box: Box) -> Singles:
    """Make up what is behind a box from the pixels around it: a bilinearly blended Coons patch.

    S. A. Coons, "Surfaces for computer-aided design of space forms", MIT, 1967. Sides at the
    picture's border are left out; where there is nothing around, the mean is taken.

    Returns:
        Values (h, w, C) in stored units, not rounded.
    """
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    rows = [image[y, x0:x1].astype(np.float32) if 0 <= y < height else None for y in (y0 - 1, y1)]
    columns = [image[y0:y1, x].astype(np.float32) if 0 <= x < width else None for x in (x0 - 1, x1)]
    across, down = _between(rows, y1 - y0), _between(columns, x1 - x0)
    if across is None and down is None:
        mean = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return np.broadcast_to(mean, (y1 - y0, x1 - x0, image.shape[2]))
    if across is None or down is None:
        found = across if down is None else np.swapaxes(down, 0, 1)
        return np.asarray(found)
    down = np.swapaxes(down, 0, 1)
    return across + down - _corners(across, down)


def _between(sides: list[Singles | None], steps: int) -> Singles | None:
    """Go evenly from one side to the opposite, (steps, length, C); with one side, stay on it."""
    known = [side for side in sides if side is not None]
    if not known:
        return None
    share = ((np.arange(steps, dtype=np.float32) + 1) / np.float32(steps + 1))[:, None, None]
    return known[0] * (1 - share) + known[-1] * share


def _corners(across: Singles, down: Singles) -> Singles:
    """Blend the four corners, each the mean of what the two ways give there."""
    corner = 0.5 * (across + down)[[0, 0, -1, -1], [0, -1, 0, -1]]
    height, width = across.shape[:2]
    v = (np.arange(height, dtype=np.float32) / np.float32(max(height - 1, 1)))[:, None, None]
    u = (np.arange(width, dtype=np.float32) / np.float32(max(width - 1, 1)))[None, :, None]
    top = corner[0] * (1 - u) + corner[1] * u
    bottom = corner[2] * (1 - u) + corner[3] * u
    blended: Singles = top * (1 - v) + bottom * v
    return blended
