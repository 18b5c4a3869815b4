"""The objects of a mask: pieces of equal value that hang together.

They are found by their runs (stretches of equal value in a row) and by which runs of neighbouring
rows touch, in the manner of Rosenfeld and Pfaltz, "Sequential operations in digital picture
processing", 1966; the pieces of that graph are joined by hooking roots and halving paths (Shiloach
and Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.ir.ops import Picture, Region

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """One object as its runs: row, first column, and the column after the last."""

    rows: Ints
    starts: Ints
    ends: Ints

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int((self.ends - self.starts).sum())

    @property
    def bounds(self) -> Region:
        """Its bounding box x0, y0, x1, y1."""
        return (
            int(self.starts.min()),
            int(self.rows[0]),
            int(self.ends.max()),
            int(self.rows[-1]) + 1,
        )

    def place(self, n: int) -> tuple[int, int]:
        """Column and row of its n-th pixel."""
        after = np.cumsum(self.ends - self.starts)
        i = int(np.searchsorted(after, n, "right"))
        return int(self.ends[i] - (after[i] - n)), int(self.rows[i])

    def picture(self) -> Picture:
        """Its pixels within its bounds, as a value."""
        x0, y0, x1, y1 = self.bounds
        high, wide = y1 - y0, x1 - x0
        first = (self.rows - y0) * wide - x0
        steps = np.zeros(high * wide + 1, np.int8)
        steps[first + self.starts] = 1
        np.add.at(steps, first + self.ends, -1)  # a run may end where the next row's begins
        pixels = np.cumsum(steps[:-1], dtype=np.int8)
        return Picture(pixels.tobytes(), "uint8", (high, wide))


def pieces_of(mask: npt.NDArray[Any]) -> list[Piece]:
    """Find the objects of a mask (H, W), diagonal neighbours included, in reading order.

    Of a mask (H, W, C), objects are where any channel is not zero.
    """
    if mask.ndim == 3:
        mask = (mask != 0).any(axis=2)
    rows, starts, ends, values = _runs(mask)
    if not len(rows):
        return []
    roots = _roots(len(rows), *_touching(rows, starts, ends, values, mask.shape[1] + 1))
    order = np.argsort(roots, kind="stable")
    cuts = np.flatnonzero(np.diff(roots[order])) + 1
    return [Piece(rows[part], starts[part], ends[part]) for part in np.split(order, cuts)]


def _runs(mask: npt.NDArray[Any]) -> tuple[Ints, Ints, Ints, npt.NDArray[Any]]:
    """Stretches of equal value other than zero: rows, starts, ends, values."""
    height, width = mask.shape
    edge = np.ones((height, width + 1), np.bool_)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=edge[:, 1:-1])
    rows, columns = np.divmod(np.flatnonzero(edge), width + 1)
    inner = rows[1:] == rows[:-1]
    rows, starts, ends = rows[:-1][inner], columns[:-1][inner], columns[1:][inner]
    values = mask[rows, starts]
    filled = values != 0
    return rows[filled], starts[filled], ends[filled], values[filled]


def _touching(
    rows: Ints, starts: Ints, ends: Ints, values: npt.NDArray[Any], stride: int
) -> tuple[Ints, Ints]:
    """Pairs of runs of equal value in neighbouring rows that touch, at a corner at least.

    Places are counted through all rows, with a gap after each, so that the runs above one are a
    stretch of the list.
    """
    first, last = rows * stride + starts, rows * stride + ends
    low = np.searchsorted(last + stride, first, "left")
    high = np.searchsorted(first + stride, last, "right")
    count = high - low
    below = np.repeat(np.arange(len(rows)), count)
    above = np.arange(len(below)) - np.repeat(np.cumsum(count) - count - low, count)
    same = values[below] == values[above]
    return below[same], above[same]


def _roots(count: int, a: Ints, b: Ints) -> Ints:
    """For each of some nodes, the first node of its piece of the graph with edges a to b."""
    root = np.arange(count)
    while True:
        low = np.minimum(root[a], root[b])
        before = root.copy()
        np.minimum.at(root, before[a], low)
        np.minimum.at(root, before[b], low)
        while not np.array_equal(root, root[root]):
            root = root[root]
        if np.array_equal(root, before):
            return root
