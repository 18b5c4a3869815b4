"""Superpixels by SLIC (Achanta et al. 2012), a grid cell at a time.

Each pixel belongs to one of the nine centres whose cells of the first grid lie around its own, as
in gSLIC (Ren and Reid 2011): so all pixels of a cell are compared with the same centres.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

COMPACTNESS = 100.0
"""How many units of color (white is 100) weigh as much as the distance between centres. Patches
are as even in size, and change a picture as much, as those of Albumentations."""
ROUNDS = 5
"""The paper finds ten enough; after five next to no pixel changes its patch."""
_NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
_NEVER = np.float32(1e12)


class Grid:
    """The first grid of centres: rows × columns cells of height × width pixels."""

    __slots__ = ("columns", "height", "rows", "step", "width")

    def __init__(self, size: tuple[int, int], count: int) -> None:
        """Lay about so many cells over a picture, as square as they can be."""
        tall, wide = size
        self.step: float = max(1.0, math.sqrt(tall * wide / count))
        self.height: int = math.ceil(tall / max(1, round(tall / self.step)))
        self.width: int = math.ceil(wide / max(1, round(wide / self.step)))
        self.rows: int = math.ceil(tall / self.height)
        self.columns: int = math.ceil(wide / self.width)

    def by_cells(self, planes: Singles) -> Singles:
        """Order planes (K, H, W) by cells: (cells, K, pixels of a cell), zeros beyond the border."""
        k, tall, wide = planes.shape
        full = np.zeros((k, self.rows * self.height, self.columns * self.width), planes.dtype)
        full[:, :tall, :wide] = planes
        parts = full.reshape(k, self.rows, self.height, self.columns, self.width)
        return np.ascontiguousarray(parts.transpose(1, 3, 0, 2, 4)).reshape(
            self.rows * self.columns, k, self.height * self.width
        )

    def by_rows(self, cells: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
        """Order values (cells, pixels of a cell) by the rows of the picture: (H, W)."""
        parts = cells.reshape(self.rows, self.columns, self.height, self.width)
        full = parts.transpose(0, 2, 1, 3).reshape(self.rows * self.height, -1)
        return np.ascontiguousarray(full[: size[0], : size[1]])

    def neighbours(self) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Number of each of a cell's nine neighbours (cells, 9), and whether it exists."""
        y, x = np.divmod(np.arange(self.rows * self.columns), self.columns)
        dy, dx = np.array(_NEIGHBOURS).T
        row, column = y[:, None] + dy, x[:, None] + dx
        there = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return np.where(there, row * self.columns + column, 0), there


def segment(colors: Singles, count: int) -> tuple[Indices, int]:
    """Cut a picture into patches.

    Args:
        colors: planes (C, H, W), white being 100.
        count: number of patches, about.

    Returns:
        The patch (H, W) that each pixel belongs to, and the number of patches.
    """
    _, tall, wide = colors.shape
    grid = Grid((tall, wide), count)
    scale = COMPACTNESS / grid.step
    places = np.stack(np.broadcast_arrays(
        np.arange(tall, dtype=np.float32)[:, None] * scale,
        np.arange(wide, dtype=np.float32) * scale,
        np.float32(1),
    ))  # fmt: skip
    pixels = grid.by_cells(np.concatenate([colors, places.astype(np.float32)]))
    near, there = grid.neighbours()
    sums = pixels.sum(axis=2)
    centres = sums[:, :-1] / sums[:, -1:]
    choice = np.zeros((len(pixels), pixels.shape[2]), np.uint8)
    for _ in range(ROUNDS):
        choice = _nearest(pixels, centres, near, there)
        centres = _means(pixels, choice, near, centres)
    labels = np.take_along_axis(near, choice.astype(np.int64), axis=1)
    return grid.by_rows(labels, (tall, wide)), len(pixels)


def _nearest(
    pixels: Singles, centres: Singles, near: Indices, there: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    """Which of the nine centres around its cell is nearest to each pixel.

    Of |p - c|² the part |p|² is the same for all nine and left out; the rest is one product of
    matrices a cell.
    """
    lengths = np.where(there, (centres * centres).sum(axis=1)[near], _NEVER)
    seen = np.concatenate([-2.0 * centres[near], lengths[:, :, None]], axis=2)
    distances = np.matmul(seen.astype(np.float32), pixels)
    least = distances[:, 0].copy()
    choice = np.zeros(least.shape, np.uint8)
    for k in range(1, len(_NEIGHBOURS)):
        closer = distances[:, k] < least
        np.minimum(least, distances[:, k], out=least)
        choice[closer] = k
    return choice


def _means(
    pixels: Singles, choice: npt.NDArray[np.uint8], near: Indices, before: Singles
) -> Singles:
    """Mean of the pixels of each patch; one that has lost all its pixels stays where it was."""
    chosen = (choice[:, None, :] == np.arange(9, dtype=np.uint8)[None, :, None]).astype(np.float32)
    parts = np.matmul(chosen, pixels.transpose(0, 2, 1))
    flat = near.reshape(-1)
    sums = np.stack(
        [
            np.bincount(flat, weights=column, minlength=len(pixels))
            for column in parts.reshape(-1, parts.shape[2]).T
        ],
        axis=1,
    )
    held = sums[:, -1:] > 0
    means = sums[:, :-1] / np.where(held, sums[:, -1:], 1.0)
    return np.where(held, means, before).astype(np.float32)
