"""The way of a tile: read, run, added to the band; and of rows: finished, written, forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.nn.tiles.band import Band, Frame, frame_of
from anamorph.nn.tiles.finishing import Finisher
from anamorph.nn.tiles.grid import Grid, Tile
from anamorph.nn.tiles.reading import Source
from anamorph.nn.tiles.running import Activation, Runner, chosen, maps
from anamorph.nn.tiles.sinks import Sink
from anamorph.nn.tiles.windows import Weights


@dataclass(frozen=True, slots=True)
class Reader:
    """What a model makes of tiles of a picture."""

    source: Source
    runner: Runner
    select: Any
    activation: Activation
    sums_on: torch.device

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Run some tiles (N, C, *tile): (N, K, *map) or (N, *map) in floats that can be summed."""
        output = chosen(self.runner(batch), self.select)
        found = maps(output, len(batch), self.source.layout.axes, self.activation)
        wide = torch.float64 if found.dtype == torch.float64 else torch.float32
        return found.to(self.sums_on, wide)

    def probe(self, grid: Grid, *, realign: bool) -> Frame:
        """The frame that fits the stride of the model, which one tile tells."""
        with torch.no_grad():
            found = self(self.source.batch([next(iter(grid))]))
        shape = tuple(found.shape[-len(grid.tile) :])
        ratios = (Fraction(a, b) for a, b in zip(shape, grid.tile, strict=True))
        stride = lcm(*(ratio.denominator for ratio in ratios))
        return frame_of(grid.aligned(stride) if realign else grid, shape)


class Rows:
    """The rows of a result on their way from the band to the sink."""

    sink: Sink
    frame: Frame

    def __init__(self, frame: Frame, window: Weights, sink: Sink, finisher: Finisher) -> None:
        self.frame, self.sink = frame, sink
        self._window, self._finisher = window, finisher
        self._done = min(sink.done, frame.rows[-2])  # something is left, so that the end is reached
        self._band: Band | None = None
        self._row = 0
        self._kind: np.dtype[Any] | None = None

    def wants(self, tile: Tile) -> bool:
        """Whether a tile touches rows that are not written yet."""
        return self.frame.place(tile).stop[0] > self._done

    def add(self, tiles: list[Tile], found: torch.Tensor) -> None:
        """Add tiles, in the order of the grid, and write the rows that they leave behind."""
        for tile, each in zip(tiles, found, strict=True):
            row = tile.index[0]
            if self._band is None:
                self._band = Band(self.frame, self._window, each, self.frame.rows[row])
            elif row != self._row:
                self._flush(self._band, self.frame.rows[row])
            self._row = row
            self._band.add(tile, each)

    def close(self) -> Any:
        """Write what is left, and give the result."""
        if self._band is not None:
            self._flush(self._band, self.frame.rows[-1])
        return self.sink.close()

    def _flush(self, band: Band, until: int) -> None:
        for first, piece in band.finished(until):
            axis, late = piece.ndim - len(self.frame.size), max(self._done - first, 0)
            if late < piece.shape[axis]:
                self._write(first + late, piece.narrow(axis, late, piece.shape[axis] - late))
        band.move(until)
        if until > self._done:
            self.sink.mark(until)

    def _write(self, first: int, rows: torch.Tensor) -> None:
        axes = len(self.frame.size)
        block = self._finisher(rows)
        kind = self._opened(block)
        parts = [
            slice(first, first + rows.shape[-axes]),
            *(slice(0, n) for n in self.frame.size[1:]),
        ]
        index = self._finisher.layout.index(parts, channels=block.ndim > axes)
        self.sink.write(index, block.astype(kind, copy=False))

    def _opened(self, block: NDArray[Any]) -> np.dtype[Any]:
        """Open the sink for what the first block tells of the result; give the type to write."""
        if self._kind is None:
            layout = self._finisher.layout
            channels = block.shape[layout.place] if block.ndim > layout.axes else None
            self._kind = self._finisher.type_of(block.dtype, self.sink.dtype)
            self.sink.open(layout.whole(self.frame.size, channels), self._kind)
        return self._kind
