"""Pixels covered by a stencil, and values stamped through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.ir.ops import Fill, Picture, Region, Size
from anamorph.ir.stencil import LATTICE, OBJECTS, lattice_axes

Image = npt.NDArray[Any]
Flags = npt.NDArray[np.uint8]
Part = tuple[Region, Flags]
"""A rectangle of the picture, and which of its pixels are covered: 1, others 0."""

_TURN = 1 << 32
_ROWS = 64
"""Rows at a time: what is in between stays in the cache."""
_BYTES = 128
"""Bytes of a pixel that OpenCV copies through a mask."""


def parts(op: Fill, size: Size) -> Iterator[Part]:
    """Give the parts of the picture that a Fill with a stencil covers."""
    name, *numbers = op.stencil
    return _PARTS[name](op, size, *numbers)


def covered(op: Fill, size: Size) -> Flags:
    """Tell for each pixel (H, W) whether a Fill with a stencil covers it."""
    out = np.zeros(size, np.uint8)
    for (x0, y0, x1, y1), flags in parts(op, size):
        part = out[y0:y1, x0:x1]
        np.bitwise_or(part, flags, out=part)
    return out


def _objects(op: Fill, _: Size, *pictures: Picture) -> Iterator[Part]:
    for region, picture in zip(op.regions, pictures, strict=True):
        yield region, np.frombuffer(picture.data, np.uint8).reshape(picture.shape)


def _lattice(
    _: Fill, size: Size, cell: float, width: float, x: float, y: float, degrees: float
) -> Iterator[Part]:
    """Count places across the stripes in whole numbers that turn over where a cell ends."""
    height, wide = size
    level = np.uint32(min(_TURN - 1, round(width / cell * _TURN)))
    steps = []
    for a, b, c in lattice_axes(size, x, y, degrees):
        along = _phases(np.arange(wide), a / cell, 0.0)
        steps.append((along, _phases(np.arange(height), b / cell, c / cell)[:, None]))
    out = np.empty(size, np.bool_)
    for start in range(0, height, _ROWS):
        part = out[start : start + _ROWS]
        first, second = (along + down[start : start + _ROWS] < level for along, down in steps)
        np.logical_or(first, second, out=part)
    yield (0, 0, wide, height), out.view(np.uint8)


def _phases(places: npt.NDArray[np.int64], step: float, offset: float) -> npt.NDArray[np.uint32]:
    turns = places * step + offset
    whole = np.floor((turns - np.floor(turns)) * _TURN).astype(np.uint64)
    out: npt.NDArray[np.uint32] = whole.astype(np.uint32)  # a hair below a whole turn is at 0
    return out


_PARTS: Mapping[str, Callable[..., Iterator[Part]]] = {OBJECTS: _objects, LATTICE: _lattice}


def stamp(out: Image, source: Image, flags: Flags) -> None:
    """Copy pixels of a source to a picture (H, W, C) where flags (H, W) are not 0.

    Args:
        out: the picture, changed in place; rows may be part of longer ones.
        source: pixels of the same dtype and channels, as many rows as the picture, or fewer rows
            that are all alike.
        flags: which pixels.
    """
    height, width, channels = out.shape
    size = channels * out.itemsize
    if size > _BYTES:
        flags = np.repeat(flags, size, axis=1)
        size, width = 1, width * size
    target, given = _bytes_of(out, width, size), _bytes_of(source, width, size)
    rows = len(given)
    for start in range(0, height, rows):
        part = target[start : start + rows]
        cv2.copyTo(given[: len(part)], flags[start : start + rows], part)


def _bytes_of(array: Image, width: int, size: int) -> Image:
    """See pixels as bytes (H, width, size)."""
    shape, strides = (len(array), width, size), (array.strides[0], size, 1)
    return np.lib.stride_tricks.as_strided(array.view(np.uint8), shape, strides)


def color_rows(color: Any, array: Image, width: int) -> Image:
    """Make a few rows of one color, in the dtype of a picture."""
    out = np.empty((min(16, len(array)), width, array.shape[2]), array.dtype)
    out[:] = color
    return out
