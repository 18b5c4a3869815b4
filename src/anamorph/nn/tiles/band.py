"""What tiles add up to: a band of rows as high as a tile, whose finished rows leave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import EllipsisType
from typing import Any

import torch
from torch.nn import functional

from anamorph.core.errors import DataError
from anamorph.nn.tiles.grid import Grid, Tile
from anamorph.nn.tiles.windows import Weights

_PIECE = 1 << 21
"""Numbers that are averaged at once: rows leave in pieces, or a band would need its size twice."""

_RESIZE = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where maps lie: a grid in the pixels of what is written, which may be coarser or finer."""

    grid: Grid
    scale: tuple[Fraction, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels of what is written, a part of a pixel counted as one."""
        return tuple(
            -int(-side * r // 1) for side, r in zip(self.grid.shape, self.scale, strict=True)
        )

    @property
    def tile(self) -> tuple[int, ...]:
        """Sides of a map."""
        return tuple(int(side * r) for side, r in zip(self.grid.tile, self.scale, strict=True))

    def place(self, tile: Tile) -> Tile:
        """A tile in pixels of what is written."""
        start = tuple(int(a * r) for a, r in zip(tile.start, self.scale, strict=True))
        return Tile(tile.index, start, tuple(a + t for a, t in zip(start, self.tile, strict=True)))

    @property
    def rows(self) -> tuple[int, ...]:
        """The first row of each row of tiles, and the end of the picture."""
        starts = (max(int(a * self.scale[0]), 0) for a in self.grid.starts[0])
        return (*starts, self.size[0])


def frame_of(grid: Grid, shape: tuple[int, ...]) -> Frame:
    """Find the frame for maps of a shape.

    Raises:
        DataError: tiles do not start where pixels of such maps do.
    """
    scale = tuple(Fraction(a, b) for a, b in zip(shape, grid.tile, strict=True))
    for starts, ratio in zip(grid.starts, scale, strict=True):
        if any((start * ratio).denominator > 1 for start in starts):
            raise DataError(
                f"the model gives maps of {shape} for tiles of {grid.tile}, and tiles at {starts} "
                f"do not start on their pixels: use Grid(..., align={ratio.denominator})"
            )
    return Frame(grid, scale)


class Band:
    """The running weighted mean of maps, for rows that later tiles may still change."""

    def __init__(self, frame: Frame, window: Weights, like: torch.Tensor, top: int) -> None:
        """Start at a row.

        Args:
            frame: where maps lie.
            window: weights of the pixels of a map.
            like: a map (C, …) or (…): its device, type and channels are those of the sums.
            top: the first row.
        """
        self.frame = frame
        self.axes: int = len(frame.tile)
        size, height = frame.size, frame.tile[0]
        self.channels: Any = like.shape[: like.ndim - self.axes]
        held = (min(height, size[0]), *size[1:])
        self.sums: Any = like.new_zeros((*self.channels, *held))
        self.norm: Any = like.new_zeros(held)
        self.weights: Any = torch.from_numpy(window).to(like)
        self.top: int = top

    def add(self, tile: Tile, found: torch.Tensor) -> None:
        """Add the map of a tile; tiles come row by row."""
        place, size = self.frame.place(tile), self.frame.size
        if found.shape[-self.axes :] != self.frame.tile:
            found = self._resized(found)
        inside, crop = place.inside(size), place.crop(size)
        rows = slice(inside[0].start - self.top, inside[0].stop - self.top)
        weights = self.weights[crop]
        into: tuple[EllipsisType | slice, ...] = (..., rows, *inside[1:])
        seen: tuple[EllipsisType | slice, ...] = (..., *crop)
        self.norm[into] += weights
        self.sums[into].addcmul_(found[seen], weights)

    def finished(self, until: int) -> Iterator[tuple[int, torch.Tensor]]:
        """Give the means of the rows before ``until`` in pieces, as (first row, rows)."""
        count = until - self.top
        step = max(1, _PIECE * self.norm.shape[0] // self.sums.numel())
        for first in range(0, count, step):
            rows = slice(first, min(first + step, count))
            sums = self.sums.narrow(len(self.channels), rows.start, rows.stop - rows.start)
            yield self.top + first, sums / self.norm[rows]

    def move(self, to: int) -> None:
        """Forget the rows before one."""
        gone, axis = to - self.top, len(self.channels)
        self.top = to
        if not gone:
            return
        for held, at in ((self.sums, axis), (self.norm, 0)):
            kept = held.shape[at] - gone
            if kept > 0:
                held.narrow(at, 0, kept).copy_(held.narrow(at, gone, kept).clone())
            start = max(kept, 0)
            held.narrow(at, start, held.shape[at] - start).zero_()

    def _resized(self, found: torch.Tensor) -> torch.Tensor:
        """A map brought to the size of the tile, linearly."""
        if self.axes not in _RESIZE:
            raise DataError(
                f"maps of {self.axes} axes are not resized: the model gives "
                f"{tuple(found.shape)} for tiles of {self.frame.tile}"
            )
        whole = found.reshape(1, -1, *found.shape[-self.axes :])
        larger = functional.interpolate(
            whole, self.frame.tile, mode=_RESIZE[self.axes], align_corners=False
        )
        return larger.reshape(*self.channels, *self.frame.tile)
