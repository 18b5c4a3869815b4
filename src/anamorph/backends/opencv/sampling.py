"""Warps that read the source through the inverse matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from anamorph.backends.opencv import groups
from anamorph.backends.opencv.lattice import Array, fill_vector, filled, fold
from anamorph.backends.opencv.primitives import SIDE_LIMIT
from anamorph.core import constants as K
from anamorph.core.errors import NotInvertibleError
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Color, Size

TIE = 1 / 512
"""Nearest: a place this little below a pixel's edge counts as beyond it, so that a tie is decided
alike in single, double and fixed precision."""
MARGIN = 8
"""Source pixels around a place that an interpolation may read, with room for rounding."""
_FAR = 16000.0
_MAPPED_SIDE = 1024
_TINY = 1e-9
_EDGELESS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE})
_WARPED = {
    K.INTER_NEAREST: cv2.INTER_NEAREST,
    K.INTER_LINEAR: cv2.INTER_LINEAR,
    K.INTER_CUBIC: cv2.INTER_CUBIC,
    K.INTER_AREA: cv2.INTER_LINEAR,
    K.INTER_LANCZOS4: cv2.INTER_LANCZOS4,
    K.INTER_LINEAR_EXACT: cv2.INTER_LINEAR,
    K.INTER_NEAREST_EXACT: cv2.INTER_NEAREST,
}
"""What the warping primitives take; they average no areas."""


class Reading(NamedTuple):
    """How pixels are read: one of OpenCV's warping interpolations, a border, a value a channel."""

    interpolation: int
    border: int
    fill: Array

    @property
    def nearest(self) -> bool:
        """Whether pixels are picked, not mixed."""
        return self.interpolation == cv2.INTER_NEAREST

    @property
    def linear(self) -> bool:
        """Whether four neighbours are mixed, which is quickest with four channels."""
        return self.interpolation == cv2.INTER_LINEAR


def sample(src: Array, m: Matrix, size: Size, how: tuple[int, int, Color]) -> Array:
    """Warp a picture of any dtype that may be interpolated (of any at all, for nearest).

    Args:
        src: (H, W, C) or (H, W).
        m: source to result, continuous coordinates.
        size: height and width of the result.
        how: interpolation, border, fill.

    Raises:
        NotInvertibleError: the matrix flattens the picture.
    """
    interpolation, border, fill = how
    channels = src.shape[2] if src.ndim == 3 else 1
    reading = Reading(_WARPED[interpolation], border, fill_vector(fill, channels, src.dtype))
    inverse = inverted(m)
    pixels = src
    if reading.nearest:
        pixels, bits = groups.as_bits(src, reading.fill)
        reading = reading._replace(fill=bits)
    done = _sample(pixels, inverse, size, reading)
    return groups.from_bits(done, src) if reading.nearest else done


def _sample(src: Array, inverse: Matrix, size: Size, how: Reading) -> Array:
    h, w = size
    if not _tame(inverse, size, src.shape, how.border):
        return _by_maps(src, inverse, size, how)
    large = max(h, w, src.shape[0], src.shape[1]) > SIDE_LIMIT
    if large or _misread(src, inverse, size, how):
        return _by_tiles(src, inverse, size, how)
    return _warp(src, inverse, size, how)


def inverted(m: Matrix) -> Matrix:
    """Result to source; the third coordinate stays positive in front of the horizon.

    Raises:
        NotInvertibleError: the matrix flattens the picture.
    """
    if m[6] == m[7] == 0.0 and m[8] == 1.0:
        return mx.invert(m)
    a, b, c, d, e, f, g, h, i = m
    adj = (
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    )  # fmt: skip
    det = a * adj[0] + b * adj[3] + c * adj[6]
    if abs(det) < 1e-14:
        raise NotInvertibleError(f"the matrix {m} flattens the picture and has no inverse")
    return tuple(v / det for v in adj)  # type: ignore[return-value]


def _tame(n: Matrix, size: Size, source: tuple[int, ...], border: int) -> bool:
    """Tell whether OpenCV can read it all: no horizon in sight, no places too far away."""
    if n[6] != 0.0 or n[7] != 0.0:
        depths = [n[6] * x + n[7] * y + n[8] for x, y in mx.corners(*size)]
        if min(depths) <= 1e-6 * max(map(abs, depths)):
            return False
    if border in _EDGELESS:
        return True
    u0, v0, u1, v1 = _seen(n, (0, 0, *size))
    return min(u0, v0) > -_FAR and max(u1 - source[1], v1 - source[0]) < _FAR


def _misread(src: Array, n: Matrix, size: Size, how: Reading) -> bool:
    """Tell whether cubic reads pixels beyond the first mirror image, where OpenCV 5 takes others."""
    if how.interpolation != cv2.INTER_CUBIC or how.border in _EDGELESS:
        return False
    h, w = src.shape[:2]
    u0, v0, u1, v1 = _seen(n, (0, 0, *size))
    return bool(min(u0 + w, v0 + h) < 4 or u1 > 2 * w - 4 or v1 > 2 * h - 4)


def _seen(n: Matrix, block: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    """Bounds (x0, y0, x1, y1) in the source of a block (y0, x0, y1, x1) of the result."""
    y0, x0, y1, x1 = block
    a, b, c, d, e, f, g, h, i = n
    us, vs = [], []
    for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        depth = g * x + h * y + i
        us.append((a * x + b * y + c) / depth)
        vs.append((d * x + e * y + f) / depth)
    return min(us), min(vs), max(us), max(vs)


def _warp(src: Array, n: Matrix, size: Size, how: Reading) -> Array:
    """Hand a warp to OpenCV, whose coordinates count from the centres of pixels."""
    a, b, c, d, e, f, g, h, i = n
    tie = TIE - 0.5 if how.nearest else -0.5
    c, f, i = c + 0.5 * (a + b), f + 0.5 * (d + e), i + 0.5 * (g + h)
    flags = how.interpolation | cv2.WARP_INVERSE_MAP
    to = (size[1], size[0])
    if g == 0.0 and h == 0.0 and i == 1.0:
        matrix = np.array(((a, b, c + tie), (d, e, f + tie)))
        warp = cv2.warpAffine
    else:
        a, b, c, d, e, f = (
            a + tie * g, b + tie * h, c + tie * i,
            d + tie * g, e + tie * h, f + tie * i,
        )  # fmt: skip
        matrix = np.array(((a, b, c), (d, e, f), (g, h, i)))
        warp = cv2.warpPerspective

    def call(part: Array, fill: groups.Fill4, out: Array | None) -> Array:
        return warp(part, matrix, to, out, flags, how.border, fill)

    return groups.by_groups(src, how.fill, call, size, linear=how.linear)


# ------------------------------------------------------------------------- large pictures


def _blocks(size: Size, side: int) -> Iterator[tuple[int, int, int, int]]:
    for y in range(0, size[0], side):
        for x in range(0, size[1], side):
            yield y, x, min(y + side, size[0]), min(x + side, size[1])


def _by_tiles(src: Array, n: Matrix, size: Size, how: Reading) -> Array:
    """Warp block by block of the result, each from the part of the source it sees."""
    out = np.empty((*size, *src.shape[2:]), src.dtype)
    for block in _blocks(size, SIDE_LIMIT // 2):
        _tile(src, n, block, how, out)
    return out


def _tile(
    src: Array, n: Matrix, block: tuple[int, int, int, int], how: Reading, out: Array
) -> None:
    y0, x0, y1, x1 = block
    u0, v0, u1, v1 = _window(_seen(n, block), src.shape, how.border)
    if max(u1 - u0, v1 - v0) > SIDE_LIMIT and max(y1 - y0, x1 - x0) > 1:
        for half in _halves(block):
            _tile(src, n, half, how, out)
        return
    part = _region(src, (u0, v0, u1, v1), how)
    local = mx.matmul(mx.translation(-u0, -v0), mx.matmul(n, mx.translation(x0, y0)))
    done = _warp(part, local, (y1 - y0, x1 - x0), how)
    out[y0:y1, x0:x1] = done.reshape(out[y0:y1, x0:x1].shape)


def _halves(block: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    y0, x0, y1, x1 = block
    if y1 - y0 > x1 - x0:
        middle = (y0 + y1) // 2
        return [(y0, x0, middle, x1), (middle, x0, y1, x1)]
    middle = (x0 + x1) // 2
    return [(y0, x0, y1, middle), (y0, middle, y1, x1)]


def _window(
    seen: tuple[float, float, float, float], shape: tuple[int, ...], border: int
) -> tuple[int, int, int, int]:
    """Whole source pixels that a block may read; a repeating border reads beyond the picture."""
    u0, v0, u1, v1 = seen
    ends = (
        int(u0 // 1) - MARGIN,
        int(v0 // 1) - MARGIN,
        int(u1 // 1) + MARGIN,
        int(v1 // 1) + MARGIN,
    )
    if border not in _EDGELESS:
        return ends
    h, w = shape[:2]
    left, top = min(max(ends[0], 0), w - 1), min(max(ends[1], 0), h - 1)
    return left, top, max(min(ends[2], w), left + 1), max(min(ends[3], h), top + 1)


def _region(src: Array, window: tuple[int, int, int, int], how: Reading) -> Array:
    u0, v0, u1, v1 = window
    h, w = src.shape[:2]
    if u0 >= 0 and v0 >= 0 and u1 <= w and v1 <= h:
        return src[v0:v1, u0:u1]
    rows, columns = fold(np.arange(v0, v1), h, how.border), fold(np.arange(u0, u1), w, how.border)
    return src.take(rows, axis=0).take(columns, axis=1)


# ------------------------------------------------------------- horizons and places far away


def _by_maps(src: Array, n: Matrix, size: Size, how: Reading) -> Array:
    """Compute the places in float64, folded back into the picture; behind the horizon is fill."""
    out = filled(size, src, how.fill)
    for block in _blocks(size, _MAPPED_SIDE):
        y0, x0, y1, x1 = block
        xs, ys = np.arange(x0, x1) + 0.5, np.arange(y0, y1)[:, None] + 0.5
        depth = n[6] * xs + n[7] * ys + n[8]
        front = depth > _TINY
        depth = np.where(front, depth, 1.0)
        u = np.clip((n[0] * xs + n[1] * ys + n[2]) / depth, -1e12, 1e12)
        v = np.clip((n[3] * xs + n[4] * ys + n[5]) / depth, -1e12, 1e12)
        target = out[y0:y1, x0:x1]
        done = pick(src, u, v, how) if how.nearest else _mix(src, u, v, how)
        target[front] = done.reshape(target.shape)[front]
    return out


def pick(src: Array, u: Array, v: Array, how: Reading) -> Array:
    """Read the pixels that hold the places (u, v), whatever the dtype."""
    h, w = src.shape[:2]
    columns, rows = np.floor(u + TIE).astype(np.int64), np.floor(v + TIE).astype(np.int64)
    done: Array = src[fold(rows, h, how.border), fold(columns, w, how.border)]
    if how.border == K.BORDER_CONSTANT:
        done[(columns < 0) | (columns >= w) | (rows < 0) | (rows >= h)] = how.fill
    return done


def _mix(src: Array, u: Array, v: Array, how: Reading) -> Array:
    h, w = src.shape[:2]
    u, v = _folded(u, w, how.border), _folded(v, h, how.border)
    if max(h, w) > SIDE_LIMIT:
        return _mix_large(src, u, v, how)
    if how.border not in _EDGELESS:  # so that no primitive has to know how the border repeats
        src = _region(src, (-MARGIN, -MARGIN, w + MARGIN, h + MARGIN), how)
        u, v, how = u + MARGIN, v + MARGIN, how._replace(border=K.BORDER_REPLICATE)
    maps = u.astype(np.float32), v.astype(np.float32)

    def call(part: Array, fill: groups.Fill4, out: Array | None) -> Array:
        return cv2.remap(part, *maps, how.interpolation, out, how.border, fill)

    return groups.by_groups(src, how.fill, call, maps[0].shape, linear=how.linear)


def _mix_large(src: Array, u: Array, v: Array, how: Reading) -> Array:
    seen = float(u.min()), float(v.min()), float(u.max()), float(v.max())
    border = how.border if how.border == K.BORDER_CONSTANT else K.BORDER_REPLICATE
    u0, v0, u1, v1 = _window(seen, src.shape, border)
    if max(u1 - u0, v1 - v0) > SIDE_LIMIT and u.size > 1:
        axis = 0 if u.shape[0] > 1 else 1
        pairs = zip(np.array_split(u, 2, axis), np.array_split(v, 2, axis), strict=True)
        parts = [_mix_large(src, p, q, how) for p, q in pairs]
        return np.concatenate(parts, axis)
    done = _mix(src[v0:v1, u0:u1], u - (u0 - 0.5), v - (v0 - 0.5), how._replace(border=border))
    shaped: Array = done.reshape(*u.shape, *src.shape[2:])
    return shaped


def _folded(place: Array, n: int, border: int) -> Array:
    """Bring continuous places into the picture by the border's symmetry, counted from centres."""
    if border == K.BORDER_REFLECT:
        place = place % (2 * n)
        mirrored: Array = np.minimum(place, 2 * n - place) - 0.5
        return mirrored
    if border == K.BORDER_REFLECT_101:
        period = max(2 * n - 2, 1)
        place = (place - 0.5) % period
        return np.minimum(place, period - place) if n > 1 else np.zeros_like(place)
    if border == K.BORDER_WRAP:
        return place % n - 0.5
    return place.clip(-MARGIN, n + MARGIN) - 0.5
