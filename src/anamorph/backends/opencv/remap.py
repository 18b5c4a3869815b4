"""Dense distortions of pictures and masks: coarse places, spread once, and one `cv2.remap`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import groups
from anamorph.backends.opencv.lattice import (
    PLAIN_TYPES,
    Array,
    channels_of,
    fill_vector,
    filled,
    fold,
)
from anamorph.backends.opencv.places import REACH, Block, Maps, maps_of, places_of
from anamorph.backends.opencv.primitives import SIDE_LIMIT
from anamorph.backends.opencv.remap_labels import remap_boxes, remap_points
from anamorph.backends.opencv.sampling import MARGIN, Reading, pick
from anamorph.core import constants as K
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Color, Op, Remap, Size, Target

__all__ = ["KERNELS", "PRIMITIVES", "primitive", "remap_image", "remap_mask", "remap_nearest"]

_READ = {
    K.INTER_NEAREST: cv2.INTER_NEAREST,
    K.INTER_LINEAR: cv2.INTER_LINEAR,
    K.INTER_CUBIC: cv2.INTER_CUBIC,
    K.INTER_AREA: cv2.INTER_LINEAR,
    K.INTER_LANCZOS4: cv2.INTER_LANCZOS4,
    K.INTER_LINEAR_EXACT: cv2.INTER_LINEAR,
    K.INTER_NEAREST_EXACT: cv2.INTER_NEAREST,
}
_ENDLESS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE})
"""Borders that look the same however far out."""
_BLOCK = 1024
"""Side of the blocks in which what OpenCV cannot do at once is done."""


def remap_image(op: Remap, image: Array) -> Array:
    """Distort a picture (H, W, C) of uint8, uint16 or float32."""
    s = op.sampling
    done = _remap(op, image, (s.interpolation, s.border, s.fill))
    if image.dtype.kind == "f" and _READ[s.interpolation] in (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        return done.clip(0.0, 1.0)
    return done


def remap_mask(op: Remap, mask: Array) -> Array:
    """Distort a mask (H, W, C) of any dtype; dtype, and for nearest the exact values, are kept."""
    s = op.sampling
    how = (s.mask_interpolation, s.border, s.fill_mask)
    if _READ[s.mask_interpolation] == cv2.INTER_NEAREST or mask.dtype.char in PLAIN_TYPES:
        return _remap(op, mask, how)
    return groups.clipped(_remap(op, mask.astype(np.float64), how), mask.dtype)


def remap_nearest(op: Remap, values: Array) -> Array:
    """Distort measurements (H, W, C) of any dtype: picked, and 0 beyond the source."""
    done = _remap(op, values, (K.INTER_NEAREST, K.BORDER_CONSTANT, 0))
    return done.reshape(*done.shape[:2], values.shape[2])


def _remap(op: Remap, src: Array, how: tuple[int, int, Color]) -> Array:
    interpolation, border, fill = how
    values = fill_vector(fill, channels_of(src), src.dtype)
    reading = Reading(_READ[interpolation], border, values)
    if not reading.nearest:
        return _read(op, src, reading)
    shown, bits = groups.as_bits(src, values)
    return groups.from_bits(_read(op, shown, reading._replace(fill=bits)), src)


def _read(op: Remap, src: Array, how: Reading) -> Array:
    canvas = op.canvas or op.size
    if max(*canvas, *src.shape[:2]) > SIDE_LIMIT:
        return _by_blocks(op, src, how, canvas)
    maps, reach = maps_of(op, nearest=how.nearest)
    if reach > REACH and how.border not in _ENDLESS:
        return _by_blocks(op, src, how, canvas)
    return _call(src, maps, how)


def _call(src: Array, maps: Maps, how: Reading) -> Array:
    first, second = maps

    def call(part: Array, fill: groups.Fill4, out: Array | None) -> Array:
        return cv2.remap(part, first, second, how.interpolation, out, how.border, fill)

    return groups.by_groups(src, how.fill, call, first.shape[:2], linear=how.linear)


# ---------------------------------------------------------------- large pictures, far places


def _by_blocks(op: Remap, src: Array, how: Reading, canvas: Size) -> Array:
    out = filled(canvas, src, how.fill)
    for block in _blocks(canvas):
        y0, x0, y1, x1 = block
        u, v = places_of(op, block)
        target = out[y0:y1, x0:x1]
        done = pick(src, u, v, how) if how.nearest else _mixed(src, u, v, how)
        target[...] = done.reshape(target.shape)
    return out


def _blocks(size: Size) -> Iterator[Block]:
    for y in range(0, size[0], _BLOCK):
        for x in range(0, size[1], _BLOCK):
            yield y, x, min(y + _BLOCK, size[0]), min(x + _BLOCK, size[1])


def _mixed(src: Array, u: Array, v: Array, how: Reading) -> Array:
    """Interpolate from the part of the source that the places lie in, halving until it is small."""
    height, width = src.shape[:2]
    u, v = _brought(u, width, how.border), _brought(v, height, how.border)
    columns = np.arange(int(u.min()) - MARGIN, int(u.max()) + MARGIN)
    rows = np.arange(int(v.min()) - MARGIN, int(v.max()) + MARGIN)
    if max(len(rows), len(columns)) > SIDE_LIMIT and u.size > 1:
        axis = 0 if u.shape[0] > 1 else 1
        pairs = zip(np.array_split(u, 2, axis), np.array_split(v, 2, axis), strict=True)
        return np.concatenate([_mixed(src, p, q, how) for p, q in pairs], axis)
    part = src.take(fold(rows, height, how.border), axis=0)
    part = part.take(fold(columns, width, how.border), axis=1)
    if how.border == K.BORDER_CONSTANT:
        part[(rows < 0) | (rows >= height)] = how.fill
        part[:, (columns < 0) | (columns >= width)] = how.fill
    maps = ((u - 0.5 - columns[0]).astype(np.float32), (v - 0.5 - rows[0]).astype(np.float32))
    done: Array = _call(part, maps, how._replace(border=K.BORDER_REPLICATE))
    return done.reshape(*u.shape, *src.shape[2:])


def _brought(place: Array, length: int, border: int) -> Array:
    """Bring continuous places to the picture, by the border's symmetry or to its neighbourhood."""
    if border == K.BORDER_REFLECT:
        place = place % (2 * length)
        return np.asarray(np.minimum(place, 2 * length - place))
    if border == K.BORDER_REFLECT_101:
        period = max(2 * length - 2, 1)
        place = (place - 0.5) % period
        return (
            np.asarray(np.minimum(place, period - place) + 0.5)
            if length > 1
            else np.full_like(place, 0.5)
        )
    if border == K.BORDER_WRAP:
        return np.asarray(place % length)
    return np.asarray(place.clip(-MARGIN, length + MARGIN))


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Remap, IMAGE): remap_image,
    (Remap, MASK): remap_mask,
    (Remap, BOXES): remap_boxes,
    (Remap, POINTS): remap_points,
}


def primitive(op: Remap, source: Size) -> str:
    """Say what a distortion of a picture runs."""
    return "remap (tiled)" if max(*source, *(op.canvas or op.size)) > SIDE_LIMIT else "remap"


PRIMITIVES: Mapping[type[Op], Callable[[Remap, Size], str]] = {Remap: primitive}
