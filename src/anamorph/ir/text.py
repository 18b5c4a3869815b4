"""What writing on pictures shares between the backends on a CPU: words, and what is behind them."""

from __future__ import annotations

import math
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
    """Make up what is behind a box from the pixels around it: a soap film that they hold.

    The discrete solution of Laplace's equation, by sine transforms (B. Buzbee, G. Golub and C.
    Nielson, "On direct methods for solving Poisson's equations", SIAM J. Numer. Anal., 1970). Along
    the picture's border the film is held by what its neighbouring sides have at their ends.

    Returns:
        Values (h, w, C) in stored units, not rounded.
    """
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    rows = [image[y, x0:x1].astype(np.float32) if 0 <= y < height else None for y in (y0 - 1, y1)]
    columns = [image[y0:y1, x].astype(np.float32) if 0 <= x < width else None for x in (x0 - 1, x1)]
    if not any(side is not None for side in (*rows, *columns)):
        mean = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        even: Singles = np.broadcast_to(mean, (y1 - y0, x1 - x0, image.shape[2]))
        return even
    top, bottom = (_side(rows[i], rows[1 - i], columns, -i, x1 - x0) for i in (0, 1))
    left, right = (_side(columns[i], columns[1 - i], rows, -i, y1 - y0) for i in (0, 1))
    down = _film(top, bottom, y1 - y0)
    across = _film(left, right, x1 - x0)
    film: Singles = down + np.swapaxes(across, 0, 1)
    return film


def _side(
    own: Singles | None, opposite: Singles | None, others: list[Singles | None], end: int, many: int
) -> Singles:
    """Give the values along a side (many, C); those of one at the picture's border are made up."""
    if own is not None:
        return own
    ends = [other[end] for other in others if other is not None]
    if ends:
        share = np.linspace(0.0, 1.0, many, dtype=np.float32)[:, None]
        made_up: Singles = ends[0] * (1 - share) + ends[-1] * share
        return made_up
    return np.asarray(opposite)


def _film(first: Singles, last: Singles, steps: int) -> Singles:
    """Spread the values of two opposite sides (length, C) between them: (steps, length, C).

    The other two sides are held at zero. Each sine along the sides decays by itself.
    """
    length = len(first)
    numbers = np.arange(1, length + 1)
    turn = np.sin(np.arange(2 * length + 2) * (math.pi / (length + 1))).astype(np.float32)
    sines = turn[np.outer(numbers, numbers) % (2 * length + 2)]
    rate = np.arccosh(2.0 - np.cos(numbers * (math.pi / (length + 1))))[:, None, None]
    step = np.arange(1, steps + 1)[None, :, None]
    decay = np.exp(-rate * step) - np.exp(-rate * (2 * (steps + 1) - step))
    decay /= 1.0 - np.exp(-2.0 * rate * (steps + 1))
    decay = decay.astype(np.float32)
    scale = np.float32(2.0 / (length + 1))
    waves = (
        decay * (sines @ first * scale)[:, None] + decay[:, ::-1] * (sines @ last * scale)[:, None]
    )
    spread = sines @ waves.reshape(length, -1)
    return np.swapaxes(spread.reshape(length, steps, -1), 0, 1)
