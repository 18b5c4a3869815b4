"""Warps of pictures and masks by the cheapest primitive that gives the right pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.groups import clipped
from anamorph.backends.opencv.lattice import (
    CHANNEL_LIMIT,
    PLAIN_TYPES,
    Array,
    carried,
    channels_of,
    fill_vector,
    filled,
    orient,
    place,
    restored,
)
from anamorph.backends.opencv.primitives import Axis, Laid, lay, primitive
from anamorph.backends.opencv.sampling import sample
from anamorph.backends.opencv.warp_labels import warp_boxes, warp_points
from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Color, Op, Size, Target, Warp

_OVERSHOOTING = frozenset({K.INTER_CUBIC, K.INTER_LANCZOS4})
_PICKING = frozenset({K.INTER_NEAREST, K.INTER_NEAREST_EXACT})


def warp_image(op: Warp, image: Array) -> Array:
    """Warp a picture (H, W, C) of uint8, uint16 or float32."""
    s = op.sampling
    done = warp(image, op.matrix, op.size, (s.interpolation, s.border, s.fill))
    if s.interpolation in _OVERSHOOTING and image.dtype.kind == "f" and done is not image:
        return _within(done, image, s.fill)
    return done


def warp_mask(op: Warp, mask: Array) -> Array:
    """Warp a mask (H, W, C) of any dtype; values and dtype are kept."""
    s = op.sampling
    return warp(mask, op.matrix, op.size, (s.mask_interpolation, s.border, s.fill_mask))


def warp(src: Array, m: Matrix, size: Size, how: tuple[int, int, Color]) -> Array:
    """Warp an array (H, W, C); ``how`` is interpolation, border and fill."""
    if m[1] == 0.0 == m[3] and m[6] == 0.0 == m[7]:
        done = _common(src, m, size, how[0])
        if done is not None:
            return done
    laid, border = lay(m, size, src.shape[:2], how[0], how[1])
    if laid is not None:
        return _lay(src, laid, size, how)
    return _mixed(src, how[0], lambda x: sample(x, m, size, (how[0], border, how[2])))


_FLIPS = {(-1.0, 1.0): 1, (1.0, -1.0): 0, (-1.0, -1.0): -1}
"""Signs of x and y → what cv2.flip calls it."""


def _common(src: Array, m: Matrix, size: Size, interpolation: int) -> Array | None:
    """Do the commonest warps, told apart with the least effort: crops, flips, linear resizing."""
    a, _, c, _, e, f, _, _, _ = m
    if a == 1.0 == e:
        return _view(src, -c, -f, size)
    h, w, channels = src.shape
    if channels > CHANNEL_LIMIT or src.dtype.char not in PLAIN_TYPES:
        return None
    flip = _FLIPS.get((a, e))
    if flip is not None:
        in_place = size == (h, w) and c == (w if a < 0 else 0) and f == (h if e < 0 else 0)
        return cv2.flip(src, flip) if in_place else None
    whole = c == 0.0 == f and abs(a * w - size[1]) < mx.EPS and abs(e * h - size[0]) < mx.EPS
    if whole and interpolation == K.INTER_LINEAR:
        return cv2.resize(src, size[::-1], interpolation=cv2.INTER_LINEAR)
    return None


def _view(src: Array, left: float, top: float, size: Size) -> Array | None:
    h, w = src.shape[:2]
    x, y = int(left), int(top)
    if not (left == x and top == y and 0 <= x <= w - size[1] and 0 <= y <= h - size[0]):
        return None
    return src if size == (h, w) else src[y : y + size[0], x : x + size[1]]


def _mixed(src: Array, interpolation: int, run: Callable[[Array], Array]) -> Array:
    """Run what may interpolate, in float64 where OpenCV does not know the dtype."""
    if interpolation in _PICKING or src.dtype.char in PLAIN_TYPES:
        return run(src)
    return clipped(run(src.astype(np.float64)), src.dtype)


def _within(done: Array, source: Array, fill: Color) -> Array:
    """Cut off what cubic and Lanczos overshoot; a picture in [0, 1] stays there."""
    flat = done.reshape(-1, 1) if done.flags.c_contiguous else done.copy().reshape(-1, 1)
    low, high, _, _ = cv2.minMaxLoc(flat)
    if low >= 0.0 and high <= 1.0:
        return done
    fills = (fill,) if isinstance(fill, int | float) else fill
    low = min(0.0, float(source.min()), *fills)
    high = max(1.0, float(source.max()), *fills)
    return np.clip(done, low, high)


# --------------------------------------------------------------- pictures on whole pixels


def _lay(src: Array, laid: Laid, size: Size, how: tuple[int, int, Color]) -> Array:
    turned, x, y = laid
    if x.length == 0 or y.length == 0:
        return filled(size, src, fill_vector(how[2], channels_of(src), src.dtype))
    columns, rows = (y, x) if turned else (x, y)
    view = src[rows.start : rows.stop, columns.start : columns.stop]
    offset = x.offset, y.offset
    if not (x.scaled or y.scaled):
        view = orient(view, turned, x.flipped, y.flipped)
    elif how[0] in _PICKING and not (_whole(x, size[1]) and _whole(y, size[0])):
        view, offset = _picked(view, laid, size, how[1])
    else:
        view = _mixed(view, how[0], lambda v: _resized(v, (columns.length, rows.length), how[0]))
        view = orient(view, turned, x.flipped, y.flipped)
    return place(view, offset, size, how[1], how[2])


def _resized(view: Array, to: tuple[int, int], interpolation: int) -> Array:
    if interpolation in _PICKING:
        shown = carried(view)
        if shown is None:
            shown = np.ascontiguousarray(view)
        done = _by_channels(shown, to, cv2.INTER_NEAREST_EXACT)
        return done if shown is view else restored(done, view)
    return _by_channels(view, to, interpolation)


def _by_channels(view: Array, to: tuple[int, int], interpolation: int) -> Array:
    channels = channels_of(view)
    limit = 4 if interpolation == K.INTER_AREA else CHANNEL_LIMIT
    if channels <= limit:
        return cv2.resize(view, to, interpolation=interpolation)
    groups = (np.ascontiguousarray(view[..., k : k + limit]) for k in range(0, channels, limit))
    parts = [cv2.resize(part, to, interpolation=interpolation) for part in groups]
    return np.concatenate([p.reshape(to[1], to[0], -1) for p in parts], axis=2)


def _whole(axis: Axis, canvas: int) -> bool:
    """Tell whether OpenCV picks right on this axis.

    It counts in 1/65536 of a pixel, rounded, which decides ties wrongly where they are not whole
    multiples, and drifts over long sides.
    """
    n, length = axis.stop - axis.start, axis.length
    if axis.offset < 0 or axis.offset + length > canvas:
        return False
    common = math.gcd(n, length)
    p, q = n // common, length // common
    tie = p % 2 == 0 and q % 2 == 1
    return q == 1 or (not tie and q * (length + 2) < 65536)


def _picked(view: Array, laid: Laid, size: Size, border: int) -> tuple[Array, tuple[int, int]]:
    """Resize and flip by picking rows and columns, of those that are looked at."""
    turned, x, y = laid
    xs, left = _picks(x, size[1], border)
    ys, top = _picks(y, size[0], border)
    rows, columns = (xs, ys) if turned else (ys, xs)
    picked = view.take(rows, axis=0).take(columns, axis=1)
    return orient(picked, turned, False, False), (left, top)


def _picks(axis: Axis, canvas: int, border: int) -> tuple[Array, int]:
    first, last = 0, axis.length
    framed = axis.offset > 0 or axis.offset + axis.length < canvas
    if border == K.BORDER_CONSTANT or not framed:
        first, last = max(0, -axis.offset), min(axis.length, canvas - axis.offset)
    index = np.arange(first, last)
    if axis.flipped:
        index = axis.length - 1 - index
    n = axis.stop - axis.start
    return (2 * index + 1) * n // (2 * axis.length), axis.offset + first


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Warp, IMAGE): warp_image,
    (Warp, MASK): warp_mask,
    (Warp, BOXES): warp_boxes,
    (Warp, POINTS): warp_points,
}

PRIMITIVES: Mapping[type[Op], Callable[[Warp, Size], str]] = {Warp: primitive}
