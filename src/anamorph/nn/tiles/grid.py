"""Where the tiles of a picture lie: a frozen value that covers every pixel, in any number of axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from anamorph.core.errors import ParameterError, ParameterTypeError
from anamorph.core.params import Number, plain, refuse

_SIDE = Number(1, whole=True, unit="pixels")
_EDGE = Number(0, whole=True, unit="pixels")
_SHARE = 0.25
"""Overlap of tiles that nothing is said about, as a share of the tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its place in the grid and in the picture, where it may stick out."""

    index: tuple[int, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def sides(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    def inside(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """The part of a picture of that shape that the tile covers."""
        ends = zip(self.start, self.stop, shape, strict=True)
        return tuple(slice(max(a, 0), min(b, side)) for a, b, side in ends)

    def crop(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """The part of the tile that lies in a picture of that shape."""
        parts = zip(self.start, self.inside(shape), strict=True)
        return tuple(slice(part.start - a, part.stop - a) for a, part in parts)


@dataclass(frozen=True, slots=True, init=False)
class Grid:
    """Tiles of one size that cover every pixel of a picture or volume.

    The last tile of an axis is moved inward, so that it sticks out only of a picture smaller than
    a tile (or by less than ``align``). What sticks out is padded when read, and cut off again.

    Args:
        shape: pixels along each axis that is tiled: (height, width), (depth, height, width), ….
        tile: sides of a tile; a lone number for all axes.
        overlap: pixels that neighbours share at least, or a share of the tile below 1; a quarter
            of the tile if neither this nor ``step`` is given.
        step: pixels from one tile to the next, instead of ``overlap``.
        margin: pixels by which the grid begins before and ends behind the picture, so that what
            lies at the picture's borders is seen within tiles as well.
        align: every tile starts at a multiple of it, for models whose maps are coarser.

    Raises:
        ParameterError: a number is out of bounds, or the tiles would leave gaps.
        ParameterTypeError: both ``overlap`` and ``step`` are given.

    >>> from anamorph.nn.tiles import Grid
    >>> grid = Grid((100, 70), 64, overlap=16)
    >>> grid
    Grid(shape=(100, 70), tile=(64, 64), step=(48, 48), margin=(0, 0), align=1)
    >>> grid.starts, len(grid)
    (((0, 36), (0, 6)), 4)
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    step: tuple[int, ...]
    margin: tuple[int, ...]
    align: int

    def __init__(
        self,
        shape: Sequence[int],
        tile: int | Sequence[int],
        *,
        overlap: float | Sequence[float] | None = None,
        step: int | Sequence[int] | None = None,
        margin: int | Sequence[int] = 0,
        align: int = 1,
    ) -> None:
        sides = plain(shape)
        if not isinstance(sides, tuple) or not sides:
            raise refuse("Grid.shape", sides, "the picture's size, one number an axis")
        if overlap is not None and step is not None:
            raise ParameterTypeError(f"Grid got overlap = {overlap!r} and step = {step!r}: say one")
        tiles = _each("Grid.tile", tile, _SIDE, len(sides))
        values = {
            "shape": _each("Grid.shape", sides, _SIDE, len(sides)),
            "tile": tiles,
            "step": _steps(tiles, overlap) if step is None else _given(tiles, step),
            "margin": _each("Grid.margin", margin, _EDGE, len(sides)),
            "align": _SIDE.check("Grid.align", align),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    @property
    def overlap(self) -> tuple[int, ...]:
        """Pixels that neighbours share at least, along each axis."""
        return tuple(t - s for t, s in zip(self.tile, self.step, strict=True))

    @property
    def starts(self) -> tuple[tuple[int, ...], ...]:
        """Where tiles start, one ascending tuple an axis."""
        return tuple(self._along(axis) for axis in range(len(self.shape)))

    @property
    def counts(self) -> tuple[int, ...]:
        """How many tiles there are along each axis."""
        return tuple(map(len, self.starts))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __iter__(self) -> Iterator[Tile]:
        """The tiles, the last axis fastest."""
        for pairs in itertools.product(*map(enumerate, self.starts)):
            index, start = zip(*pairs, strict=True)
            yield Tile(index, start, tuple(a + t for a, t in zip(start, self.tile, strict=True)))

    def aligned(self, align: int) -> Grid:
        """The same grid with tiles that start at multiples of a number."""
        steps = tuple(max(align, s // align * align) for s in self.step)
        margins = tuple(-(-m // align) * align for m in self.margin)
        return Grid(self.shape, self.tile, step=steps, margin=margins, align=align)

    def _along(self, axis: int) -> tuple[int, ...]:
        first, step = -self.margin[axis], self.step[axis]
        spare = self.shape[axis] + 2 * self.margin[axis] - self.tile[axis]
        last = -(-max(spare, 0) // self.align) * self.align
        return tuple(first + min(at, last) for at in range(0, last + step, step))

    def _check(self) -> None:
        if any(m >= t for m, t in zip(self.margin, self.tile, strict=True)):
            raise refuse("Grid.margin", self.margin, f"less than a tile of {self.tile}")
        for name in ("tile", "step", "margin"):
            if any(side % self.align for side in getattr(self, name)):
                wanted = f"a multiple of align = {self.align}"
                raise refuse(f"Grid.{name}", getattr(self, name), wanted)


def _each(place: str, value: Any, rule: Number, axes: int) -> tuple[Any, ...]:
    """Spread a lone number over the axes, and check each."""
    value = plain(value)
    items = value if isinstance(value, tuple) else (value,) * axes
    if len(items) != axes:
        raise refuse(place, value, f"one number, or one for each of the {axes} axes")
    return tuple(rule.check(place, item) for item in items)


def _steps(tile: tuple[int, ...], overlap: Any) -> tuple[int, ...]:
    """Steps that leave an overlap in pixels or as a share of the tile."""
    found = _each("Grid.overlap", _SHARE if overlap is None else overlap, Number(0), len(tile))
    return tuple(t - _shared(o, t) for o, t in zip(found, tile, strict=True))


def _shared(overlap: float, tile: int) -> int:
    pixels = math.floor(overlap * tile) if 0 < overlap < 1 else overlap
    if pixels != int(pixels) or pixels >= tile:
        wanted = f"whole pixels in [0, {tile - 1}] for a tile of {tile}, or a share below 1"
        raise refuse("Grid.overlap", overlap, wanted)
    return int(pixels)


def _given(tile: tuple[int, ...], step: Any) -> tuple[int, ...]:
    steps = _each("Grid.step", step, _SIDE, len(tile))
    if any(s > t for s, t in zip(steps, tile, strict=True)):
        raise ParameterError(
            f"Grid.step = {steps}: it must be in [1, {min(tile)}], or tiles of {tile} leave gaps"
        )
    return steps
