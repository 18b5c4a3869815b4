"""Warps from their definition, in float64: the specification.

A result pixel's centre is taken back into the source, whose pixel i spans [i, i+1). "nearest"
gives the pixel that holds the place; a place less than 1/512 pixel below a pixel's edge counts as
beyond it, so that ties are decided alike in every precision. The others weigh the pixels whose
centres are near (cubic: Keys with a = -0.75). Pixels beyond the picture have the border's value.

A picture that an axis-aligned warp lays on whole pixels of the canvas is resized instead: its
edge pixels go on beyond the edge, ties are exact, "area" averages over the pixel's own rectangle
where the picture shrinks on both axes, and the border is made from the resized picture. This goes for
each axis that as a whole, or in its visible part, begins and ends on whole pixels of both.

Halves are rounded to the even number, once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.warp_labels import warp_boxes, warp_points
from anamorph.core import constants as K
from anamorph.core.errors import NotInvertibleError
from anamorph.core.params import per_channel
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Color, Op, Size, Target, Warp

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TIE = 1 / 512
WHOLE = 1e-6
OUTSIDE = -1
NEAREST = (K.INTER_NEAREST, K.INTER_NEAREST_EXACT)


def warp_image(op: Warp, image: Array) -> Array:
    """Warp a picture; a float picture is kept in [0, 1], or in its own range if that is wider."""
    s = op.sampling
    out = warp(image, op, s.interpolation, s.fill)
    if image.dtype.kind == "f":
        fill = np.ravel(s.fill)
        out = out.clip(min(0, image.min(), *fill), max(1, image.max(), *fill))
    return quantized(out, image.dtype)


def warp_mask(op: Warp, mask: Array) -> Array:
    """Warp a mask; values are only picked, unless another interpolation was asked for."""
    s = op.sampling
    return quantized(warp(mask, op, s.mask_interpolation, s.fill_mask), mask.dtype)


def quantized(values: Array, dtype: np.dtype[Any]) -> Array:
    """Bring float64 back to a dtype; values that were only picked already have it."""
    if values.dtype == dtype:
        return values
    if dtype.kind == "b":
        return values >= 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        high = info.max if info.bits < 64 else np.nextafter(float(info.max), 0)
        return np.rint(values).clip(info.min, high).astype(dtype)
    return values.astype(dtype)


def warp(src: Array, op: Warp, interpolation: int, fill: Color) -> Array:
    """Warp an array (H, W, C): in its own dtype where pixels are picked, in float64 elsewhere."""
    fills = fill_of(fill, src)
    laid = lay(op, src.shape[:2], interpolation)
    if laid is not None:
        return resample_axes(src, laid, fills)
    u, v, front = places(op.matrix, op.size)
    if interpolation in NEAREST:
        rows, columns = np.floor(v + TIE), np.floor(u + TIE)
        out = look_up(src, rows, columns, op.sampling.border, fills)
    else:
        out = interpolate(src, (v, u), interpolation, op.sampling.border, fills)
    out[~front] = fills
    return out


def fill_of(fill: Color, src: Array) -> Array:
    """The fill as a pixel of the source's dtype."""
    if isinstance(fill, int) and src.dtype.kind in "iu":
        info = np.iinfo(src.dtype)
        return np.full(src.shape[2], min(max(fill, info.min), info.max), src.dtype)
    values = np.array(per_channel(fill, src.shape[2], "fill"))
    if src.dtype.kind in "iu":
        info = np.iinfo(src.dtype)
        values = np.rint(values).clip(info.min, info.max)
    return values.astype(src.dtype)


# -------------------------------------------------------------------------- free warps


def places(m: Matrix, size: Size) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Where each result pixel's centre lies in the source, and whether before the horizon.

    Raises:
        NotInvertibleError: the matrix flattens the picture.
    """
    forward = np.array(m).reshape(3, 3)
    if abs(np.linalg.det(forward)) < 1e-12:
        raise NotInvertibleError(f"the matrix {m} flattens the picture and has no inverse")
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    u, v, depth = np.linalg.inv(forward) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    front = depth > 1e-9
    depth = np.where(front, depth, 1.0)
    return (u / depth).reshape(size), (v / depth).reshape(size), front.reshape(size)


def fold(index: Floats, n: int, border: int) -> Ints:
    """The source pixel that stands at an index, OUTSIDE where there is none."""
    if border == K.BORDER_CONSTANT:
        return np.where((index >= 0) & (index < n), index, OUTSIDE).astype(np.int64)
    ring = {
        K.BORDER_REFLECT: [*range(n), *reversed(range(n))],
        K.BORDER_REFLECT_101: [*range(n), *reversed(range(1, n - 1))],
        K.BORDER_WRAP: [*range(n)],
    }
    if border in ring:
        return np.array(ring[border])[np.mod(index, len(ring[border])).astype(np.int64)]
    return np.clip(index, 0, n - 1).astype(np.int64)


def look_up(src: Array, rows: Floats, columns: Floats, border: int, fill: Array) -> Array:
    """Pixels at whole places, the border's beyond the picture."""
    i, j = fold(rows, src.shape[0], border), fold(columns, src.shape[1], border)
    out: Array = src[i, j]
    out[(i == OUTSIDE) | (j == OUTSIDE)] = fill
    return out


def interpolate(
    src: Array, place: tuple[Floats, Floats], interpolation: int, border: int, fill: Array
) -> Floats:
    """Weigh the pixels around each place."""
    (rows, row_weights), (columns, column_weights) = (taps(p - 0.5, interpolation) for p in place)
    out = np.zeros((*place[0].shape, src.shape[2]))
    for i, wi in zip(rows, row_weights, strict=True):
        for j, wj in zip(columns, column_weights, strict=True):
            out += (wi * wj)[..., None] * look_up(src, i, j, border, fill)
    return out


def taps(center: Floats, interpolation: int) -> tuple[list[Floats], list[Floats]]:
    """Whole places around a place counted from pixel centres, and their weights."""
    first = np.floor(center)
    offsets, weigh = WEIGHTS[interpolation]
    weights = [weigh(center - (first + k)) for k in offsets]
    total = sum(weights)
    return [first + k for k in offsets], [w / total for w in weights]


def linear(t: Floats) -> Floats:
    """Weight of a pixel at distance t."""
    return np.maximum(0.0, 1.0 - np.abs(t))


def cubic(t: Floats, a: float = -0.75) -> Floats:
    """Weight of a pixel at distance t (Keys 1981)."""
    t = np.abs(t)
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def lanczos4(t: Floats) -> Floats:
    """Weight of a pixel at distance t: a sinc under a sinc four times as wide."""
    return np.where(np.abs(t) < 4, np.sinc(t) * np.sinc(t / 4), 0.0)


Weigh = Callable[[Floats], Floats]
WEIGHTS: Mapping[int, tuple[range, Weigh]] = {
    K.INTER_LINEAR: (range(2), linear),
    K.INTER_LINEAR_EXACT: (range(2), linear),
    K.INTER_AREA: (range(2), linear),
    K.INTER_CUBIC: (range(-1, 3), cubic),
    K.INTER_LANCZOS4: (range(-3, 5), lanczos4),
}
"""Interpolation → pixels relative to the one at or before the place, and their weight."""


# ------------------------------------------------------------- pictures on whole pixels


@dataclass
class Axis:
    """One axis of the canvas: source [start, stop) becomes ``length`` pixels at ``offset``."""

    scale: float
    start: int
    stop: int
    length: int
    offset: int
    canvas: int

    @property
    def framed(self) -> bool:
        """Whether the border is seen on this axis."""
        return self.offset > 0 or self.offset + self.length < self.canvas

    @property
    def scaled(self) -> bool:
        """Whether the number of pixels changes."""
        return self.length != self.stop - self.start


@dataclass
class Laid:
    """Both axes of the canvas, and how they are read."""

    turned: bool
    x: Axis
    y: Axis
    interpolation: int
    border: int


def lay(op: Warp, source: Size, interpolation: int) -> Laid | None:
    """Find the whole pixels that a picture is laid on, or None."""
    a, b, c, d, e, f, *last = op.matrix
    border = op.sampling.border
    if last != [0.0, 0.0, 1.0] or not (b == d == 0.0 or a == e == 0.0):
        return None
    turned = b != 0.0
    h, w = source
    x = lay_axis(b if turned else a, c, h if turned else w, op.size[1], border)
    y = lay_axis(d if turned else e, f, w if turned else h, op.size[0], border)
    if x is None or y is None:
        return None
    scaled = x.scaled or y.scaled
    if scaled and (x.framed or y.framed) and border == K.BORDER_REFLECT_101:
        return None  # it mirrors about the centres of source pixels
    return Laid(turned, x, y, interpolation, border)


def lay_axis(scale: float, shift: float, n: int, canvas: int, border: int) -> Axis | None:
    """Lay one axis: as a whole, or else in its visible part."""
    if scale == 0.0:
        return None
    low, high = sorted((shift, shift + scale * n))
    if whole(low) and whole(high) and round(high) > round(low):
        return Axis(scale, 0, n, round(high) - round(low), round(low), canvas)
    low, high = max(low, 0.0), min(high, float(canvas))
    start, stop = sorted(((low - shift) / scale, (high - shift) / scale))
    if not all(map(whole, (low, high, start, stop))):
        return None
    if round(high) <= round(low) or round(stop) <= round(start):
        return None
    axis = Axis(scale, round(start), round(stop), round(high) - round(low), round(low), canvas)
    edgeless = border in (K.BORDER_CONSTANT, K.BORDER_REPLICATE)
    return axis if edgeless or not axis.framed else None


def whole(value: float) -> bool:
    """Tell whether a place is the edge of a pixel, but for rounding."""
    return abs(value - round(value)) <= WHOLE


def resample_axes(src: Array, laid: Laid, fill: Array) -> Array:
    """Resize, flip and frame both axes, one after the other."""
    if laid.turned:
        src = src.swapaxes(0, 1)
    x, y = laid.x, laid.y
    j, i = (fold(canvas_index(axis), axis.length, laid.border) for axis in (x, y))
    part = src[y.start : y.stop, x.start : x.stop]
    if laid.interpolation in NEAREST or not (x.scaled or y.scaled):
        out = part[centers(y)][:, centers(x)]
    else:
        shrinks = all(axis.length <= axis.stop - axis.start for axis in (x, y))
        wy, wx = (resize_weights(axis, laid.interpolation, shrinks=shrinks) for axis in (y, x))
        out = np.einsum("yi,xj,ijc->yxc", wy, wx, part.astype(np.float64), optimize=True)
    out = out[i][:, j]
    out[i == OUTSIDE] = fill
    out[:, j == OUTSIDE] = fill
    return out


def canvas_index(axis: Axis) -> Floats:
    """Pixels of the canvas, counted from the first of the picture."""
    return np.arange(axis.canvas, dtype=np.float64) - axis.offset


def centers(axis: Axis) -> Ints:
    """The source pixel that holds the centre of each resized one; a tie goes to the higher."""
    n = axis.stop - axis.start
    index = (2 * np.arange(axis.length) + 1) * n // (2 * axis.length)
    return index if axis.scale > 0 else index[::-1]


def resize_weights(axis: Axis, interpolation: int, *, shrinks: bool) -> Floats:
    """Weights (length, n) by which source pixels make resized ones."""
    n = axis.stop - axis.start
    step = n / axis.length
    out = np.zeros((axis.length, n))
    if interpolation == K.INTER_AREA:
        edges = area_edges(n, axis.length, step, shrinks=shrinks)
        for row, (low, high) in enumerate(edges):
            cover = np.minimum(high, np.arange(n) + 1) - np.maximum(low, np.arange(n))
            out[row] = np.maximum(cover, 0) / np.maximum(cover, 0).sum()
    else:
        middles = np.arange(axis.length, dtype=np.float64) * step
        index, weights = taps(middles + (step / 2 - 0.5), interpolation)
        for k, w in zip(index, weights, strict=True):
            np.add.at(out, (np.arange(axis.length), k.clip(0, n - 1).astype(int)), w)
    return out if axis.scale > 0 else out[::-1]


def area_edges(n: int, length: int, step: float, *, shrinks: bool) -> list[tuple[float, float]]:
    """The stretch of the source over which each resized pixel is averaged.

    Where the picture grows on an axis OpenCV reads, on both, two pixels at most: the one in which
    the pixel begins, and the next for the part that lies beyond.
    """
    if shrinks:
        return [(k * step, (k + 1) * step) for k in range(length)]
    edges = []
    for k in range(length):
        first = int(k * step + 1e-12)
        beyond = k + 1 - (first + 1) / step
        part = beyond - int(beyond) if beyond > 0 else 0.0
        edges.append((first + part, first + part + 1) if first + 1 < n else (n - 1.0, float(n)))
    return edges


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Warp, IMAGE): warp_image,
    (Warp, MASK): warp_mask,
    (Warp, BOXES): warp_boxes,
    (Warp, POINTS): warp_points,
}
