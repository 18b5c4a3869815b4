"""Tiles out of pictures that may be larger than memory: read when needed, padded where they stick out."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.core.errors import DataError, DataTypeError, UnknownNameError, nearest
from anamorph.nn.tiles.grid import Grid, Tile
from anamorph.nn.tiles.layout import Layout, layout_of

Prepare = Callable[[Any], Any]
_Places = NDArray[np.intp]


def _reflect(places: _Places, side: int) -> _Places:
    """Mirror about the centre of the outermost pixel, as often as it takes."""
    period = max(2 * side - 2, 1)
    folded = places % period
    return np.minimum(folded, period - folded) if side > 1 else np.zeros_like(places)


def _symmetric(places: _Places, side: int) -> _Places:
    """Mirror about the outer edge of the outermost pixel."""
    folded = places % (2 * side)
    return np.minimum(folded, 2 * side - 1 - folded)


def _edge(places: _Places, side: int) -> _Places:
    """Repeat the outermost pixel."""
    return np.clip(places, 0, side - 1)


PADS: Mapping[str, Callable[[_Places, int], _Places]] = {
    "reflect": _reflect,
    "symmetric": _symmetric,
    "edge": _edge,
    "zeros": _edge,  # and what lies outside is set to zero once it is read
}
"""How a place outside of the picture is read: function(places, side) → places within it."""


_SHARED = frozenset({"r", "r+", "w+"})
"""Modes of mappings whose pages are those of the file."""


def check_pad(pad: str) -> None:
    """Refuse a way to pad that does not exist.

    Raises:
        UnknownNameError: it does not.
    """
    if pad not in PADS:
        wanted = f"one of {', '.join(PADS)}{nearest(str(pad), PADS)}"
        raise UnknownNameError(f"pad = {pad!r}: it must be {wanted}")


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that is read tile by tile."""

    picture: Any
    layout: Layout
    pad: str = "reflect"
    prepare: Prepare | None = None
    """What is done with a tile before it is part of a batch: it takes an array with its channels
    last, or a tensor with its channels first, and gives either."""

    def tile(self, tile: Tile) -> Any:
        """Read one tile, padded where it sticks out, its axes as the picture has them."""
        size = self.layout.size(self.picture.shape)
        runs = [np.arange(a, b) for a, b in zip(tile.start, tile.stop, strict=True)]
        places = [PADS[self.pad](run, side) for run, side in zip(runs, size, strict=True)]
        parts = [slice(int(p.min()), int(p.max()) + 1) for p in places]
        block = self.picture[self.layout.index(parts, channels=self.layout.channel is not None)]
        if not isinstance(block, torch.Tensor):
            block = np.asarray(block)
        if tile.inside(size) == tuple(map(slice, tile.start, tile.stop)):
            return block
        return self._padded(block, places, runs)

    def batch(self, tiles: Iterable[Tile]) -> torch.Tensor:
        """Read tiles as one batch, channels first: (N, C, *tile)."""
        blocks = map(self.tile, tiles)
        if self.prepare is None:
            found = _stacked([self._first(block) for block in blocks])
        else:
            found = _stacked([self._prepared(self.prepare(self._usual(b))) for b in blocks])
        release(self.picture)
        return found

    def batches(
        self, tiles: Iterable[Tile], count: int
    ) -> Iterator[tuple[list[Tile], torch.Tensor]]:
        """Give tiles by so many and what is read of them, the next ones read meanwhile."""
        left = iter(tiles)
        with ThreadPoolExecutor(1) as thread:
            some = list(islice(left, count))
            coming = thread.submit(self.batch, some)
            while some:
                batch, found = some, coming.result()
                some = list(islice(left, count))
                if some:
                    coming = thread.submit(self.batch, some)
                yield batch, found

    def _padded(self, block: Any, places: list[_Places], runs: list[_Places]) -> Any:
        sides = self.layout.size(self.picture.shape)
        for axis, at, run, side in zip(self.layout.spatial, places, runs, sides, strict=True):
            block = _take(block, at - at.min(), axis)
            if self.pad == "zeros":
                outside = (run < 0) | (run >= side)
                block[(slice(None),) * axis + (np.flatnonzero(outside),)] = 0
        return block

    def _first(self, block: Any) -> Any:
        """A tile with its channels first, a lone one added where the picture has none."""
        if self.layout.channel is None:
            return block[None]
        return _moved(block, self.layout.channel, 0)

    def _usual(self, block: Any) -> Any:
        """A tile as its kind is used: arrays with channels last, tensors with channels first."""
        if isinstance(block, torch.Tensor):
            return self._first(block)
        if self.layout.channel is None:
            return block
        return np.moveaxis(block, self.layout.channel, -1)

    def _prepared(self, block: Any) -> Any:
        if isinstance(block, torch.Tensor):
            return block
        found = np.asarray(block)
        return np.moveaxis(found, -1, 0) if found.ndim > self.layout.axes else found[None]


def cut(picture: Any, grid: Grid, *, layout: str | None = None, pad: str = "reflect") -> Any:
    """Read the tiles of a picture one by one, in the order of the grid.

    >>> from anamorph.nn.tiles import Grid, cut
    >>> [tile.shape for tile in cut(photo, Grid(photo.shape[:2], 400, overlap=100))]
    [(400, 400, 3), (400, 400, 3), (400, 400, 3), (400, 400, 3)]
    """
    check_pad(pad)
    found = layout_of(picture, layout, len(grid.shape))
    check_size(grid, found.size(picture.shape))
    source = Source(picture, found, pad)
    return (source.tile(tile) for tile in grid)


def check_size(grid: Grid, size: tuple[int, ...]) -> None:
    """Refuse a grid that was made for a picture of another size.

    Raises:
        DataError: it was.
    """
    if grid.shape != size:
        raise DataError(f"the grid is for a picture of {grid.shape}, and this one has {size}")


def release(picture: Any) -> None:
    """Let go of the pages of a mapped file that a process holds; nothing in it changes.

    A mapping of mode "c" is left alone: what was changed in it is in those pages only.
    """
    base, shared = picture, False
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            shared = getattr(base, "mode", None) in _SHARED
        base = base.base
    if shared and isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _take(block: Any, at: _Places, axis: int) -> Any:
    if isinstance(block, torch.Tensor):
        return block.index_select(axis, torch.from_numpy(at).to(block.device))
    return np.take(block, at, axis)


def _moved(block: Any, source: int, target: int) -> Any:
    if isinstance(block, torch.Tensor):
        return block.movedim(source, target)
    return np.moveaxis(block, source, target)


def _stacked(tiles: list[Any]) -> torch.Tensor:
    if isinstance(tiles[0], torch.Tensor):
        return torch.stack(tiles)
    kind = tiles[0].dtype
    if kind.kind not in "buif":
        raise DataTypeError(f"picture has {kind} pixels: numbers are wanted")
    # torch knows no swapped bytes, which TIFF files often have
    return torch.from_numpy(np.stack(tiles).astype(kind.newbyteorder("="), copy=False))
