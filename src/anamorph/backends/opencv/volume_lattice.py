"""Moves of whole voxels: crops, pads, symmetries of the cube, for every dtype and channel count."""

from __future__ import annotations

import cv2
import numpy as np

from anamorph.backends.opencv.lattice import (
    CHANNEL_LIMIT,
    PLAIN_TYPES,
    Array,
    fill_vector,
    fold,
    orient,
)
from anamorph.core import constants as K
from anamorph.ir import matrix3 as mx
from anamorph.ir.matrix3 import Matrix3, Size3
from anamorph.ir.ops import Color

Three = tuple[int, int, int]
Flips = tuple[bool, bool, bool]

_SHORT = 64
"""Bytes below which NumPy copies rows slower than OpenCV moves planes."""


def placed(m: Matrix3) -> tuple[Three, Flips, tuple[float, float, float]]:
    """Read a lattice matrix: axes, flips and shifts for depth, height and width of the result."""
    axes, flips, shifts = [], [], []
    for row in reversed(mx.rows_of(m)):
        k = next(i for i in range(3) if row[i] != 0.0)
        axes.append(2 - k)
        flips.append(row[k] < 0.0)
        shifts.append(row[3])
    return tuple(axes), tuple(flips), tuple(shifts)  # type: ignore[return-value]


def lattice(block: Array, m: Matrix3, size: Size3, border: int, fill: Color) -> Array:
    """Lay a volume (D, H, W, C) on a canvas, voxels on voxels. A crop is a view."""
    if m[:3] + m[4:7] + m[8:11] == mx.UPRIGHT:
        cut = _cut(block, (int(-m[11]), int(-m[7]), int(-m[3])), size)
        if cut is not None:
            return cut
    axes, flips, shifts = placed(m)
    sides = tuple(block.shape[a] for a in axes)
    starts = [
        int(s) - (n if f else 0) for s, n, f in zip(shifts, sides, flips, strict=True)
    ]  # where the volume begins
    framed = any(s > 0 or s + n < c for s, n, c in zip(starts, sides, size, strict=True))
    if framed and border != K.BORDER_CONSTANT:
        return _folded(reordered(block, axes, flips), starts, size, border)
    source: list[slice] = [slice(None)] * 3
    target: list[slice] = []
    for axis, (start, n, canvas) in enumerate(zip(starts, sides, size, strict=True)):
        low, high = max(0, start), min(canvas, start + n)
        target.append(slice(low, max(low, high)))
        first, last = (
            (start + n - high, start + n - low) if flips[axis] else (low - start, high - start)
        )
        source[axes[axis]] = slice(max(0, first), max(0, first, last))
    view = block[tuple(source)]
    if not framed:
        return reordered(view, axes, flips)
    return _framed(view, (axes, flips), tuple(target), size, fill)  # type: ignore[arg-type]


def _cut(block: Array, start: Three, size: Size3) -> Array | None:
    """A block of the volume as a view; None if it reaches beyond the volume."""
    z, y, x = start
    d, h, w = size
    if min(start) < 0 or z + d > block.shape[0] or y + h > block.shape[1] or x + w > block.shape[2]:
        return None
    return block[z : z + d, y : y + h, x : x + w]


def _framed(
    view: Array,
    turn: tuple[Three, Flips],
    target: tuple[slice, slice, slice],
    size: Size3,
    fill: Color,
) -> Array:
    """Write the fill around the volume, and the volume into its place."""
    values = fill_vector(fill, view.shape[3], view.dtype)
    shape = *size, view.shape[3]
    if not values.any():
        out = np.zeros(shape, view.dtype)  # memory that comes as zeros
    elif len(set(values.tolist())) == 1:
        out = np.full(shape, values[0], view.dtype)
    else:
        out = np.empty(shape, view.dtype)
        out[...] = values
    if view.size:
        reordered(view, *turn, out=out[target])
    return out


def _folded(moved: Array, starts: list[int], size: Size3, border: int) -> Array:
    for axis, (start, canvas) in enumerate(zip(starts, size, strict=True)):
        n = moved.shape[axis]
        if start != 0 or canvas != n:
            moved = moved.take(fold(np.arange(canvas) - start, n, border), axis=axis)
    return moved


def reordered(block: Array, axes: Three, flips: Flips, out: Array | None = None) -> Array:
    """Exchange axes, then reverse some of the result.

    Args:
        block: (D, H, W, C).
        axes: which axis of the source each axis of the result is.
        flips: which axes of the result are reversed.
        out: where to write; without it, the result is new, or the block if nothing moves.
    """
    if axes == (0, 1, 2) and not any(flips):
        if out is None:
            return block
        out[...] = block
        return out
    turned = block.transpose(*axes, 3)
    out = np.empty(turned.shape, block.dtype) if out is None else out
    row_bytes = block.shape[2] * block.shape[3] * block.itemsize
    if axes[2] == 2 and not flips[2] and row_bytes >= _SHORT:
        out[...] = turned[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
        return out
    _by_planes(turned, axes, flips, out)
    return out


def _by_planes(turned: Array, axes: Three, flips: Flips, out: Array) -> None:
    """Move plane by plane; each holds the axis along which voxels are neighbours in memory."""
    loop = 1 if axes[0] == 2 else 0
    rows, columns = [axis for axis in range(3) if axis != loop]
    upright = axes[columns] == 2
    flip_y, flip_x = flips[rows], flips[columns]
    direct = upright and out.dtype.char in PLAIN_TYPES and out.shape[3] <= CHANNEL_LIMIT
    code = -1 if flip_x and flip_y else int(flip_x)
    count = turned.shape[loop]
    for i in range(count):
        at = count - 1 - i if flips[loop] else i
        plane = turned[:, at] if loop else turned[at]
        target = out[:, i] if loop else out[i]
        if direct and (flip_x or flip_y):
            cv2.flip(plane, code, dst=target)
        elif upright:
            target[...] = orient(plane, False, flip_x, flip_y)
        else:
            done = orient(plane.swapaxes(0, 1), True, flip_x, flip_y)
            target[...] = done.reshape(target.shape)
