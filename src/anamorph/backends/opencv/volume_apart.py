"""Warps of volumes in which one axis stays apart: slices across it, then along it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from anamorph.backends.opencv.groups import clipped
from anamorph.backends.opencv.lattice import Array, fill_vector, fold
from anamorph.backends.opencv.primitives import WHOLE
from anamorph.backends.opencv.volume_lattice import reordered
from anamorph.backends.opencv.volume_sampling import TIE
from anamorph.backends.opencv.warp import warp
from anamorph.core import constants as K
from anamorph.ir import matrix as mx2
from anamorph.ir import matrix3 as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Color, Size
from anamorph.ir.volume import Warp3

How = tuple[int, int, Color]
"""Interpolation, border, fill."""
_OUTSIDE = -1


class Taps(NamedTuple):
    """Along an axis: for each place of the canvas, two slices and the share of the second.

    A slice of -1 is the fill.
    """

    first: list[int]
    second: list[int]
    share: list[float]

    @property
    def wanted(self) -> set[int]:
        """The slices that are read."""
        used = {s for s, t in zip(self.second, self.share, strict=True) if t > 0}
        return (used | set(self.first)) - {_OUTSIDE}

    @property
    def trivial(self) -> bool:
        """Whether every slice is taken as it is, in order."""
        return self.first == list(range(len(self.first))) and not any(self.share)


def warp_apart(op: Warp3, block: Array, apart: tuple[int, int], how: How) -> Array:
    """Warp a volume (D, H, W, C) whose axis ``apart`` (source, result) does not mix with others."""
    source, result = apart
    rows = mx.rows_of(op.matrix)
    others = [k for k in range(3) if k != source]
    lines = [rows[j] for j in range(3) if j != result]
    plane = [v for row in lines for v in (row[others[0]], row[others[1]], row[3])]
    size = tuple(n for axis, n in enumerate(op.size) if axis != 2 - result)
    forth = (2 - source, *(2 - k for k in reversed(others)))
    moved = reordered(block, forth, (False,) * 3)  # type: ignore[arg-type]
    line = rows[result][source], rows[result][3]
    taps = _taps(line, len(moved), op.size[2 - result], how)
    flat: Matrix = (*plane, 0.0, 0.0, 1.0)  # type: ignore[assignment]
    done = _both(moved, taps, (flat, size), how)  # type: ignore[arg-type]
    order = [axis for axis in range(3) if axis != 2 - result]
    order.insert(0, 2 - result)  # the result's axis at each place of what was made
    back = tuple(order.index(axis) for axis in range(3))
    return reordered(done, back, (False,) * 3)  # type: ignore[arg-type]


def _both(moved: Array, taps: Taps, flat: tuple[Matrix, Size], how: How) -> Array:
    """Do the cheaper first: along the axis where that leaves fewer slices to be warped."""
    still = flat[0] == mx2.IDENTITY and flat[1] == moved.shape[1:3]
    if still:
        return _along(moved, taps, how)
    if taps.trivial and len(taps.first) == len(moved):
        return _across(moved, range(len(moved)), flat, how)
    wanted = taps.wanted
    if len(taps.first) <= len(wanted):
        mixed = _along(moved, taps, how)
        return _across(mixed, range(len(mixed)), flat, how)
    return _along(_across(moved, wanted, flat, how), taps, how)


def _across(moved: Array, wanted: object, flat: tuple[Matrix, Size], how: How) -> Array:
    """Warp slices; those that nobody reads stay as they come."""
    m, size = flat
    out = np.empty((len(moved), *size, moved.shape[3]), moved.dtype)
    for i in wanted:  # type: ignore[attr-defined]
        out[i] = warp(moved[i], m, size, how).reshape(out.shape[1:])
    return out


# ------------------------------------------------------------------------- along the axis


def _taps(line: tuple[float, float], n: int, canvas: int, how: How) -> Taps:
    interpolation, border, _ = how
    nearest = interpolation == K.INTER_NEAREST
    scale, shift = line
    low, high = (shift, shift + scale * n) if scale > 0 else (shift + scale * n, shift)
    start, length = round(low), round(high) - round(low)
    laid = length > 0 and abs(low - start) <= WHOLE and abs(high - start - length) <= WHOLE
    framed = start > 0 or start + length < canvas
    if laid and framed and border == K.BORDER_REFLECT_101 and length != n:
        laid = False  # it mirrors about the centres of source voxels
    index = np.arange(canvas)
    if not laid:
        return _read((index + (0.5 - shift)) / scale, n, border, nearest=nearest)
    at = fold(index - start, length, border)
    if scale < 0:
        at = length - 1 - at
    if nearest:  # in whole numbers: ties are exact
        first = (2 * at + 1) * n // (2 * length)
        taps = Taps(first.tolist(), first.tolist(), [0.0] * canvas)
    else:
        taps = _read((at + 0.5) * (n / length), n, K.BORDER_REPLICATE, nearest=False)
    if border == K.BORDER_CONSTANT and framed:
        for i in [*range(min(start, canvas)), *range(max(0, start + length), canvas)]:
            taps.first[i] = taps.second[i] = _OUTSIDE
            taps.share[i] = 0.0
    return taps


def _read(place: Array, n: int, border: int, *, nearest: bool) -> Taps:
    if nearest:
        first = second = np.floor(place + TIE).astype(np.int64)
        share = np.zeros(len(place))
    else:
        first = np.floor(place - 0.5).astype(np.int64)
        share = place - 0.5 - first
        second = first + 1
    both = []
    for index in (first, second):
        tap = fold(index, n, border)
        if border == K.BORDER_CONSTANT:
            tap = np.where((index < 0) | (index >= n), _OUTSIDE, tap)
        both.append(tap.tolist())
    return Taps(both[0], both[1], share.tolist())


def _along(block: Array, taps: Taps, how: How) -> Array:
    """Resample along the first axis."""
    if taps.trivial:
        return block[: len(taps.first)]
    fill = fill_vector(how[2], block.shape[3], block.dtype)
    out = np.empty((len(taps.first), *block.shape[1:]), block.dtype)
    empty = np.empty(block.shape[1:], block.dtype)
    empty[...] = fill
    for target, a, b, share in zip(out, *taps, strict=True):
        first = empty if a == _OUTSIDE else block[a]
        if share == 0.0 or a == b:
            target[...] = first
        else:
            _blend(first, empty if b == _OUTSIDE else block[b], share, target)
    return out


def _blend(a: Array, b: Array, share: float, target: Array) -> None:
    if a.dtype not in (np.uint8, np.uint16, np.float32):
        target[...] = clipped(a.astype(np.float64) * (1 - share) + b * share, a.dtype)
        return
    rows = a.shape[0]
    first, second = (np.ascontiguousarray(p).reshape(rows, -1) for p in (a, b))
    cv2.addWeighted(first, 1 - share, second, share, 0.0, dst=target.reshape(rows, -1))
