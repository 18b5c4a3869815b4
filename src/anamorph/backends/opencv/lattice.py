"""Moves of whole pixels, for every dtype and number of channels: flips, quarter turns, frames.

OpenCV takes neither every dtype nor more than 128 channels, and transposes only pixels of certain
sizes. Moves do not look at values, so pixels are shown to it as something of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.core import constants as K
from anamorph.core.params import per_channel
from anamorph.ir.ops import Color, Size

Array = npt.NDArray[Any]
Sides = tuple[int, int, int, int]

CHANNEL_LIMIT = 128
"""OpenCV 5 takes an array of more channels for one of more dimensions."""
PLAIN_TYPES = frozenset("BHhfd")
"""Type codes of the arrays that OpenCV moves, resizes and warps."""
_CARRIERS = {1: np.uint8, 2: np.uint16, 4: np.float32, 8: np.float64}
_TRANSPOSABLE = frozenset({1, 2, 3, 4, 6, 8, 12, 16, 24, 32})


def channels_of(x: Array) -> int:
    """Number of channels; OpenCV drops the axis when it is 1."""
    return x.shape[2] if x.ndim == 3 else 1


def carried(x: Array) -> Array | None:
    """Show pixels as a dtype and a number of channels that OpenCV moves; None if they are too fat.

    The result has the same rows and columns and shares memory.
    """
    channels = channels_of(x)
    if x.dtype.char in PLAIN_TYPES and channels <= CHANNEL_LIMIT:
        return x
    x = x if x.strides[-1] == x.itemsize else np.ascontiguousarray(x)
    if channels <= CHANNEL_LIMIT and x.itemsize in _CARRIERS:
        return x.view(_CARRIERS[x.itemsize])
    size = channels * x.itemsize
    for width in (8, 4, 2):
        if size % width == 0 and size // width <= CHANNEL_LIMIT:
            return x.view(_CARRIERS[width])
    return None


def restored(moved: Array, like: Array) -> Array:
    """Show carried pixels as what they were."""
    if moved.dtype == like.dtype and moved.ndim == like.ndim:
        return moved
    h, w = moved.shape[:2]
    return (
        np.ascontiguousarray(moved)
        .reshape(h, w, -1)
        .view(like.dtype)
        .reshape(h, w, *like.shape[2:])
    )


def orient(x: Array, turned: bool, flip_x: bool, flip_y: bool) -> Array:  # noqa: FBT001
    """Transpose if turned, then flip along the axes of the result."""
    if turned:
        return _turn(x, flip_x, flip_y)
    if not (flip_x or flip_y):
        return x
    shown = carried(x)
    if shown is None:
        return np.ascontiguousarray(x[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
    moved = cv2.flip(shown, -1 if flip_x and flip_y else int(flip_x))
    return moved if shown is x else restored(moved, x)


def _turn(x: Array, flip_x: bool, flip_y: bool) -> Array:  # noqa: FBT001
    shown = carried(x)
    if shown is None or shown.itemsize * channels_of(shown) not in _TRANSPOSABLE:
        return orient(_transpose(x), False, flip_x, flip_y)
    if flip_x != flip_y:
        moved = cv2.rotate(
            shown, cv2.ROTATE_90_CLOCKWISE if flip_x else cv2.ROTATE_90_COUNTERCLOCKWISE
        )
    else:
        moved = cv2.transpose(shown)
        if flip_x:
            moved = cv2.flip(moved, -1)
    return moved if shown is x else restored(moved, x)


def _transpose(x: Array) -> Array:
    """Transpose pixels of a size that OpenCV does not: each as one item, twice NumPy's speed."""
    x = np.ascontiguousarray(x)
    h, w = x.shape[:2]
    items = x.reshape(h, w, -1).view(f"V{x.itemsize * channels_of(x)}")[..., 0]
    return np.ascontiguousarray(items.T).view(x.dtype).reshape(w, h, *x.shape[2:])


@lru_cache(maxsize=256)
def fill_vector(fill: Color, channels: int, dtype: np.dtype[Any]) -> Array:
    """One value a channel, rounded and saturated to the dtype; shared, so not to be written to.

    Raises:
        ParameterError: there are several values, and not one a channel.
    """
    if isinstance(fill, int) and dtype.kind in "iu":  # exact beyond 2^53
        info = np.iinfo(dtype)
        return np.full(channels, min(max(fill, info.min), info.max), dtype)
    values = np.array(per_channel(fill, channels, "fill"))
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.array([min(max(round(v), info.min), info.max) for v in values.tolist()], dtype)
    return values.astype(dtype)


def four_fills(fill: Color, channels: int) -> tuple[float, float, float, float] | None:
    """The fill as OpenCV's scalar, or None if it takes more than four different numbers."""
    if isinstance(fill, int | float):
        return (fill, fill, fill, fill)
    values = per_channel(fill, channels, "fill")
    if channels <= 4:
        return (*values, *(0.0,) * (4 - channels))  # type: ignore[return-value]
    return None if any(v != values[0] for v in values) else values[:4]  # type: ignore[return-value]


def frame(x: Array, sides: Sides, border: int, fill: Color) -> Array:
    """Add (top, bottom, left, right) pixels of border."""
    channels = channels_of(x)
    if border == K.BORDER_CONSTANT:
        four = four_fills(fill, channels)
        if four is None or x.dtype.char not in PLAIN_TYPES or channels > CHANNEL_LIMIT:
            return _frame_constant(x, sides, fill_vector(fill, channels, x.dtype))
        return cv2.copyMakeBorder(x, *sides, K.BORDER_CONSTANT, value=four)
    shown = carried(x)
    if shown is None:
        return _frame_picked(x, sides, border)
    moved = cv2.copyMakeBorder(shown, *sides, border)
    return moved if shown is x else restored(moved, x)


def _frame_constant(x: Array, sides: Sides, fill: Array) -> Array:
    top, bottom, left, right = sides
    h, w = x.shape[:2]
    out = filled((h + top + bottom, w + left + right), x, fill)
    out[top : top + h, left : left + w] = x
    return out


def filled(size: Size, like: Array, fill: Array) -> Array:
    """A canvas of one colour."""
    out = np.empty((*size, *like.shape[2:]), like.dtype)
    out[...] = fill if like.ndim == 3 else fill[0]
    return out


def _frame_picked(x: Array, sides: Sides, border: int) -> Array:
    top, bottom, left, right = sides
    rows = fold(np.arange(-top, x.shape[0] + bottom), x.shape[0], border)
    columns = fold(np.arange(-left, x.shape[1] + right), x.shape[1], border)
    return x.take(rows, axis=0).take(columns, axis=1)


def fold(index: npt.NDArray[np.int64], n: int, border: int) -> npt.NDArray[np.int64]:
    """The pixels that a border shows beyond the picture, as indices in [0, n)."""
    if border == K.BORDER_REFLECT:
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    if border == K.BORDER_REFLECT_101:
        period = max(2 * n - 2, 1)
        index = index % period
        return np.minimum(index, (period - index) % period if n == 1 else period - index)
    if border == K.BORDER_WRAP:
        return index % n
    return index.clip(0, n - 1)


def place(x: Array, offset: Sequence[int], size: Size, border: int, fill: Color) -> Array:
    """Put a picture onto a canvas at (left, top), cutting what is beyond, framing what is left."""
    left, top = offset
    bottom, right = size[0] - top - x.shape[0], size[1] - left - x.shape[1]
    if top > 0 or bottom > 0 or left > 0 or right > 0:
        sides = (max(0, top), max(0, bottom), max(0, left), max(0, right))
        x = frame(x, sides, border, fill)
    if top < 0 or bottom < 0 or left < 0 or right < 0:
        y0, x0 = max(0, -top), max(0, -left)
        return x[y0 : y0 + size[0], x0 : x0 + size[1]]
    return x
