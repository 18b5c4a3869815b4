"""Dense distortions from their definition, pixel by pixel in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.warp import cubic, linear
from anamorph.core import constants as K
from anamorph.core.clipping import clip
from anamorph.core.labels import ANGLE, PARITY, SCALE, Boxes, Points
from anamorph.core.params import per_channel
from anamorph.ir.fields import field_of
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Color, Op, Remap, Target
from anamorph.ir.oriented import enclose

__all__ = [
    "KERNELS",
    "backward",
    "forward",
    "remap_boxes",
    "remap_image",
    "remap_mask",
    "remap_points",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TIE = 1 / 512
"""A place this little below a pixel's edge counts as beyond it."""
_SIDE = 48
"""Points on each side of a box."""


# ------------------------------------------------------------------------------ the map


def _displacement(op: Remap, q: Floats) -> Floats:
    """Interpolate bilinearly between the four nodes around each place; hold beyond the outer ones."""
    field = field_of(op.kind, op.params, op.size)
    x = np.clip(q[:, 0], field.xs[0], field.xs[-1])
    y = np.clip(q[:, 1], field.ys[0], field.ys[-1])
    i = np.clip(np.searchsorted(field.xs, x) - 1, 0, len(field.xs) - 2)
    j = np.clip(np.searchsorted(field.ys, y) - 1, 0, len(field.ys) - 2)
    s = ((x - field.xs[i]) / (field.xs[i + 1] - field.xs[i]))[:, None]
    t = ((y - field.ys[j]) / (field.ys[j + 1] - field.ys[j]))[:, None]
    upper = (1 - s) * field.shift[j, i] + s * field.shift[j, i + 1]
    lower = (1 - s) * field.shift[j + 1, i] + s * field.shift[j + 1, i + 1]
    return np.asarray((1 - t) * upper + t * lower)


def _apply(m: Matrix, places: Floats, *, backward: bool = False) -> Floats:
    n = np.array(m).reshape(3, 3)
    if backward:
        n = np.linalg.inv(n)
        n = n / n[2, 2]
    mapped = np.column_stack([places, np.ones(len(places))]) @ n.T
    depth = np.where(mapped[:, 2] > 1e-12, mapped[:, 2], np.nan)
    return np.asarray(mapped[:, :2] / depth[:, None])


def backward(op: Remap, places: Floats) -> Floats:
    """Say where in the source places (N, 2) of the result are read."""
    q = _apply(op.after, places, backward=True)
    return _apply(op.before, q + _displacement(op, np.nan_to_num(q)), backward=True)


# -------------------------------------------------------------------------------- pictures


def remap_image(op: Remap, image: Array) -> Array:
    """Distort a picture (H, W, C) of uint8, uint16 or float32."""
    s = op.sampling
    done = _resampled(op, image, (s.interpolation, s.border, s.fill))
    if image.dtype.kind == "f" and s.interpolation in (K.INTER_CUBIC, K.INTER_LANCZOS4):
        return done.clip(0.0, 1.0)
    return done


def remap_mask(op: Remap, mask: Array) -> Array:
    """Distort a mask (H, W, C) of any dtype."""
    s = op.sampling
    return _resampled(op, mask, (s.mask_interpolation, s.border, s.fill_mask))


def _resampled(op: Remap, src: Array, how: tuple[int, int, Color]) -> Array:
    interpolation, border, fill = how
    height, width = op.canvas or op.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    places = backward(op, np.column_stack([x.ravel(), y.ravel()]))
    places = np.where(np.isnan(places), 1e9, places)
    if interpolation in (K.INTER_NEAREST, K.INTER_NEAREST_EXACT):
        index = np.floor(places + _TIE).astype(np.int64)
        out = _pixels(src, index[:, 1], index[:, 0], border, fill)
    else:
        weights, reach = _WEIGHTS.get(interpolation, (linear, 1))
        mixed = _mixed(src, places - 0.5, (weights, reach), (border, fill))
        out = _stored(mixed, src.dtype)
    return out.reshape(height, width, *src.shape[2:])


def _mixed(
    src: Array,
    places: Floats,
    kind: tuple[Callable[[Floats], Floats], int],
    beyond: tuple[int, Color],
) -> Floats:
    weights, reach = kind
    corner = np.floor(places)
    part = places - corner
    taps = np.arange(1 - reach, reach + 1)
    across, down = weights(part[:, :1] - taps), weights(part[:, 1:] - taps)
    total = np.zeros((len(places), src.shape[2]))
    for j, row in enumerate(taps):
        for i, column in enumerate(taps):
            rows, columns = (corner[:, 1] + row).astype(int), (corner[:, 0] + column).astype(int)
            pixels = _pixels(src, rows, columns, *beyond).astype(np.float64)
            total += (down[:, j] * across[:, i])[:, None] * pixels
    return total


def _lanczos(t: Floats) -> Floats:
    """Lanczos' kernel of eight taps, its weights scaled to a sum of one."""
    raw = np.where(np.abs(t) < 4, np.sinc(t) * np.sinc(t / 4), 0.0)
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


_WEIGHTS: Mapping[int, tuple[Callable[[Floats], Floats], int]] = {
    K.INTER_CUBIC: (cubic, 2),
    K.INTER_LANCZOS4: (_lanczos, 4),
}
"""interpolation → weights by distance, and taps to each side; all else is linear."""


def _pixels(src: Array, rows: Ints, columns: Ints, border: int, fill: Color) -> Array:
    height, width = src.shape[:2]
    picked: Array = src[_folded(rows, height, border), _folded(columns, width, border)]
    if border == K.BORDER_CONSTANT:
        outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
        picked[outside] = _filling(fill, src)
    return picked


def _filling(fill: Color, src: Array) -> Array:
    if isinstance(fill, int):
        values = np.full(src.shape[2], fill)
    else:
        values = np.array(per_channel(fill, src.shape[2], "fill"))
    return _stored(values, src.dtype) if values.dtype.kind == "f" else values.astype(src.dtype)


def _stored(values: Array, dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "b":
        return np.asarray(values >= 0.5)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.rint(values).clip(info.min, info.max).astype(dtype)
    return values.astype(dtype)


def _folded(index: Ints, length: int, border: int) -> Ints:
    """Follow the border's pattern: aaa|abc|ccc, cba|abc|cba, abc|abc|abc, cb|abc|ba."""
    if border == K.BORDER_WRAP:
        return index % length
    if border == K.BORDER_REFLECT:
        pattern = np.concatenate([np.arange(length), np.arange(length)[::-1]])
        return np.asarray(pattern[index % (2 * length)])
    if border == K.BORDER_REFLECT_101:
        pattern = np.concatenate([np.arange(length), np.arange(length)[-2:0:-1]])
        return np.asarray(pattern[index % len(pattern)])
    return index.clip(0, length - 1)


# ---------------------------------------------------------------------------------- labels


def remap_points(op: Remap, points: Points, _source: object = None) -> Points:
    """Map keypoints by searching for the places that are read at them."""
    data = points.data.copy()
    for row in data:
        if np.isfinite(row[:2]).all():
            row[:2] = forward(op, row[None, :2])[0]
            _turn(row, _jacobian(op, row[:2]))
    return Points(data, points.index, points.fixed)


def forward(op: Remap, places: Floats) -> Floats:
    """Search ever finer lattices around the best place so far, which is read nearest to its aim."""
    aim = _apply(op.before, places)
    shift = field_of(op.kind, op.params, op.size).shift
    radius = float(np.abs(shift).max()) * 1.1 + 1
    best = aim.copy()
    line = np.linspace(-1, 1, 9)
    lattice = np.stack(np.meshgrid(line, line), axis=-1).reshape(1, -1, 2)
    while radius > 1e-5:
        tried = best[:, None] + lattice * radius
        flat = tried.reshape(-1, 2)
        read = (flat + _displacement(op, flat)).reshape(tried.shape)
        nearest = ((read - aim[:, None]) ** 2).sum(axis=2).argmin(axis=1)
        best = tried[np.arange(len(best)), nearest]
        radius /= 2
    return _apply(op.after, best)


def _jacobian(op: Remap, place: Floats) -> Floats:
    """Invert the slopes of the backward map, from differences over a thousandth of a pixel."""
    h = 1e-3
    steps = np.array([[h, 0.0], [-h, 0.0], [0.0, h], [0.0, -h]])
    read = backward(op, place + steps)
    slopes = np.column_stack([read[0] - read[1], read[2] - read[3]]) / (2 * h)
    return np.asarray(np.linalg.inv(slopes), np.float64)


def _turn(row: Floats, slopes: Floats) -> None:
    direction = slopes @ (np.cos(row[ANGLE]), -np.sin(row[ANGLE]))
    row[ANGLE] = np.arctan2(-direction[1], direction[0]) % (2 * np.pi)
    row[SCALE] *= np.linalg.norm(slopes, 2)
    row[PARITY] *= np.sign(np.linalg.det(slopes))


def remap_boxes(op: Remap, boxes: Boxes, _source: object = None) -> Boxes:
    """Map boxes by their outlines, point by point."""
    if len(boxes.data) == 0:
        return boxes
    corners = _corners(boxes)
    t = np.arange(_SIDE)[:, None] / _SIDE
    done = []
    for quad in corners:
        sides = [quad[k] + (quad[(k + 1) % 4] - quad[k]) * t for k in range(4)]
        done.append(forward(op, np.concatenate(sides)))
    outlines = np.array(done)
    if boxes.oriented:
        data = enclose(outlines, outlines[:, ::_SIDE].reshape(-1, 8))
        return Boxes(data, boxes.index)
    height, width = op.canvas or op.size
    shown = [clip([outline], (0, 0, width, height), closed=True) for outline in outlines]
    rings = [np.concatenate(parts) for parts in shown if parts]
    data = np.array([[*c.min(axis=0), *c.max(axis=0)] for c in rings]).reshape(-1, 4)
    return Boxes(data, boxes.index[[bool(parts) for parts in shown]])


def _corners(boxes: Boxes) -> Floats:
    columns = range(8) if boxes.oriented else (0, 1, 2, 1, 2, 3, 0, 3)
    return boxes.data[:, list(columns)].reshape(-1, 4, 2)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Remap, IMAGE): remap_image,
    (Remap, MASK): remap_mask,
    (Remap, BOXES): remap_boxes,
    (Remap, POINTS): remap_points,
}
