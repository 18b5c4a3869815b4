"""Sliced inference: models that take tiles, on pictures and volumes of any size.

>>> from anamorph.nn import tiles
>>> grid = tiles.Grid((40_000, 40_000), 1024, overlap=128)
>>> len(grid), grid.counts
(2025, (45, 45))
"""

from anamorph.nn.tiles.detect import detect
from anamorph.nn.tiles.findings import Patch
from anamorph.nn.tiles.finishing import FINISHES, Threshold
from anamorph.nn.tiles.grid import Grid, Tile
from anamorph.nn.tiles.predict import predict
from anamorph.nn.tiles.reading import PADS, cut
from anamorph.nn.tiles.running import ACTIVATIONS
from anamorph.nn.tiles.windows import WINDOWS, window

__all__ = [
    "ACTIVATIONS",
    "FINISHES",
    "PADS",
    "WINDOWS",
    "Grid",
    "Patch",
    "Threshold",
    "Tile",
    "cut",
    "detect",
    "predict",
    "window",
]
