"""How much a pixel of a tile counts where tiles overlap: positive everywhere, most in the middle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, UnknownNameError, nearest

Weights = NDArray[np.float32]
_Axis = NDArray[np.float64]


def window(kind: str | NDArray[Any], tile: Sequence[int]) -> Weights:
    """Weights of the pixels of a tile, float32 in (0, 1] for a window by name.

    Args:
        kind: a name in ``WINDOWS``, or weights of one's own in the shape of the tile.
        tile: sides of the tile.

    Raises:
        UnknownNameError: there is no window of that name.
        DataError: weights of one's own are of another shape, or not positive and finite.

    >>> from anamorph.nn.tiles import window
    >>> window("pyramid", (4,)).tolist()
    [0.25, 0.75, 0.75, 0.25]
    """
    if isinstance(kind, str):
        if kind not in WINDOWS:
            wanted = f"one of {', '.join(WINDOWS)}, or an array{nearest(kind, WINDOWS)}"
            raise UnknownNameError(f"window = {kind!r}: it must be {wanted}")
        return WINDOWS[kind](tuple(tile)).astype(np.float32)
    weights = np.asarray(kind, np.float32)
    if weights.shape != tuple(tile):
        raise DataError(f"window has shape {weights.shape}: a tile has {tuple(tile)}")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise DataError("window has weights that are not positive and finite: every pixel counts")
    return weights


def _outer(join: Callable[[Any, Any], Any], axes: Sequence[_Axis]) -> NDArray[np.float64]:
    return reduce(join, np.meshgrid(*axes, indexing="ij", sparse=True)) + np.zeros(
        [len(axis) for axis in axes]
    )


def _mean(tile: tuple[int, ...]) -> NDArray[np.float64]:
    """All pixels count alike."""
    return np.ones(tile)


def _pyramid(tile: tuple[int, ...]) -> NDArray[np.float64]:
    """The distance to the nearest edge, in halves of the side that leads there."""
    centres = [np.arange(side) + 0.5 for side in tile]
    sides = zip(centres, tile, strict=True)
    return _outer(np.minimum, [np.minimum(x, side - x) * 2 / side for x, side in sides])


def _gaussian(tile: tuple[int, ...]) -> NDArray[np.float64]:
    """A bell whose deviation is an eighth of the side, as nnU-Net has it (Isensee et al., 2021)."""
    steps = [np.linspace(-1, 1, side) if side > 1 else np.zeros(1) for side in tile]
    return _outer(np.multiply, [np.exp(-8 * x * x) for x in steps])


def _hann(tile: tuple[int, ...]) -> NDArray[np.float64]:
    """Raised cosines, taken between their zeros."""
    centres = [(np.arange(side) + 0.5) * math.pi / side for side in tile]
    return _outer(np.multiply, [np.sin(x) ** 2 for x in centres])


WINDOWS: Mapping[str, Callable[[tuple[int, ...]], NDArray[np.float64]]] = {
    "mean": _mean,
    "pyramid": _pyramid,
    "gaussian": _gaussian,
    "hann": _hann,
}
