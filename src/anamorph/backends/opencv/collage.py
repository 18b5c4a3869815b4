"""Pieces laid over pictures: only what they cover is touched."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.linear import clipped
from anamorph.backends.opencv.seamless import harmonic
from anamorph.backends.opencv.warp import warp_image, warp_mask
from anamorph.core.errors import DataError
from anamorph.core.labels import Boxes, Floats, Points
from anamorph.core.quads import visible
from anamorph.ir.collage import REACH, Collage, Piece
from anamorph.ir.ops import (
    BOXES,
    DEPTH,
    FLOW,
    IMAGE,
    MASK,
    NORMALS,
    POINTS,
    Op,
    Picture,
    Size,
    Target,
)

Image = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_COPIED = frozenset("BHf")
"""Dtypes (uint8, uint16, float32) that cv2.copyTo is quick with."""
_DUST = 1e-9
_FINE = 2e-4
"""The error of a seamless piece, as a part of white."""


def collage_image(op: Collage, image: Image) -> Image:
    """Lay pieces over a picture."""
    out = _framed(op, image, warp_image)
    for piece in op.pieces:
        if piece.image is not None:
            part = piece.image.array
            _check(part, out, "picture")
            _paste(piece, part.reshape(*piece.size, out.shape[2]), out[piece.region])
    return out


def collage_mask(op: Collage, mask: Image) -> Image:
    """Write what masks show where pieces lie; values of another dtype must fit."""
    out = _framed(op, mask, warp_mask)
    for piece in op.pieces:
        if piece.mask is None:
            continue
        place = out[piece.region]
        part = _values(piece.mask, out)
        if piece.cover is None:
            place[...] = part
        else:
            _copied(part, place, piece.cover.array)
    return out


def _copied(part: Image, place: Image, cover: Image) -> None:
    """Write where a cover (uint8) is not zero; planes one by one, which NumPy is quick with."""
    where = cover != 0
    wide = part if part.ndim == 3 else np.broadcast_to(part, (1, 1, place.shape[2]))
    for channel in range(place.shape[2]):
        np.copyto(place[:, :, channel], wide[:, :, channel], where=where)


def _framed(op: Collage, array: Image, warp: Any) -> Image:
    """A fresh array with the picture in its place."""
    out: Image = array
    if op.canvas is not None:
        out = warp(op.frame((array.shape[0], array.shape[1])), array)
        out = out[:, :, None] if out.ndim == 2 else out
    fresh = out is not array and out.base is None and out.flags.c_contiguous
    return out if fresh else out.copy(order="C")


def _check(part: Image, out: Image, what: str) -> None:
    channels = part.shape[2] if part.ndim == 3 else 1
    if channels != out.shape[2] or (what == "picture" and part.dtype != out.dtype):
        raise DataError(
            f"a {what} of {channels} channels and {part.dtype} cannot be laid over one of "
            f"{out.shape[2]} channels and {out.dtype}"
        )


def _values(value: Any, out: Image) -> Image:
    """What is written into a mask, in its dtype."""
    if not isinstance(value, Picture):
        wanted = np.asarray(value)
    else:
        wanted = value.array.reshape(*value.shape[:2], -1)
        _check(wanted, out, "mask")
    kept = wanted.astype(out.dtype, copy=False)
    if kept is not wanted and not np.array_equal(kept, wanted):
        raise DataError(
            f"a mask of {out.dtype} cannot hold the values {wanted.min()} to {wanted.max()} "
            f"({wanted.dtype}) of what is laid over it"
        )
    return kept


def _paste(piece: Piece, part: Image, place: Image) -> None:
    if piece.seamless:
        part = _levelled(piece, part, place)
    if piece.alpha is not None or piece.sigma > 0.0:
        _blend(part, place, _weights(piece))
    elif piece.cover is None:
        place[...] = part
    elif place.dtype.char in _COPIED:
        cv2.copyTo(part, piece.cover.array, place)
    else:
        _copied(part, place, piece.cover.array)


def _weights(piece: Piece) -> Image:
    """The weight of each pixel of a piece, float32."""
    held = piece.alpha or piece.cover
    weights: Image = (
        np.ones(piece.size, np.float32) if held is None else held.array.astype(np.float32)
    )
    if piece.sigma > 0.0:
        taps = cv2.getGaussianKernel(2 * ceil(REACH * piece.sigma) + 1, piece.sigma, cv2.CV_32F)
        weights = cv2.sepFilter2D(
            weights, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_CONSTANT | cv2.BORDER_ISOLATED
        )
    return weights


def _blend(part: Image, place: Image, alpha: Image) -> None:
    """Give place + (part - place)·alpha, rounded once, a block of rows at a time."""
    h, w, channels = place.shape
    depth = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U}.get(place.dtype.name, cv2.CV_32F)
    step = max(1, CACHED // (w * channels))
    for y in range(0, h, step):
        rows = slice(y, y + step)
        below = np.ascontiguousarray(place[rows]).reshape(-1, w * channels)
        above = np.ascontiguousarray(part[rows]).reshape(below.shape)
        change = cv2.subtract(above, below, dtype=cv2.CV_32F)
        cv2.multiply(change, _wide(alpha[rows], channels), change)
        done = cv2.add(below, change, dtype=depth)
        place[rows] = clipped(done).reshape(-1, w, channels)


def _wide(weights: Image, channels: int) -> Image:
    """The weights of pixels for each of their values."""
    if channels == 1:
        return weights
    if channels <= 4:
        merged: Image = cv2.merge([weights] * channels)
        return merged.reshape(weights.shape[0], -1)
    return np.repeat(weights, channels, axis=1)


def _levelled(piece: Piece, part: Image, place: Image) -> Image:
    """Give a piece the level of what is around it, its gradients kept (Pérez et al. 2003)."""
    inside = np.ones(piece.size, np.uint8) if piece.cover is None else piece.cover.array
    difference = place.astype(np.float32) - part
    white = 1.0 if part.dtype.kind == "f" else np.iinfo(part.dtype).max
    level = part + harmonic(difference, inside.astype(np.bool_), _FINE * white)
    if part.dtype.kind != "f":
        np.rint(level, out=level)
    out: Image = np.clip(level, 0, white).astype(part.dtype)
    return out


# --------------------------------------------------------------------------------- labels


def collage_boxes(op: Collage, boxes: Boxes, source: Size) -> Boxes:
    """Move boxes with the picture, and shrink them to what pieces leave visible of them."""
    if op.canvas is not None:
        boxes = _within(boxes, source)
        boxes = Boxes(boxes.data + _steps(op, boxes.data.shape[1]), boxes.index, boxes.seen)
    if not op.hides or not op.pieces or not len(boxes.data):
        return boxes
    covered = covered_pixels(op, op.size_after(source))
    extents = _extents(boxes.data) if boxes.oriented else boxes.data
    told = {row: box for row, *box in op.shown}
    data = boxes.data.copy()
    keep = np.ones(len(data), np.bool_)
    for row in _met(op, extents):
        left = _left(extents[row].tolist(), covered, op.min_visible)
        if row in told:
            left = tuple(told[row]) if told[row][2] > told[row][0] else None
        keep[row] = left is not None
        if left is not None and not boxes.oriented:
            data[row] = left
    return Boxes(data, boxes.index, boxes.seen).take(keep)


def _steps(op: Collage, width: int) -> Floats:
    """What is added to rows of x, y, x, y, … to bring them to the picture's place."""
    return np.tile(np.array(op.place, np.float64), width // 2)


def _within(boxes: Boxes, size: Size) -> Boxes:
    """Clip boxes to the picture, which ends where its neighbours begin."""
    if boxes.oriented:
        return boxes.take(visible(boxes.data, size)[:, 1] > 0.0)
    data = np.clip(boxes.data, 0.0, (size[1], size[0], size[1], size[0]))
    keep: Flags = np.asarray((data[:, 2:] > data[:, :2]).all(axis=1))
    return Boxes(data, boxes.index, boxes.seen).take(keep)


def _extents(quads: Floats) -> Floats:
    xs, ys = quads[:, 0::2], quads[:, 1::2]
    return np.stack([xs.min(1), ys.min(1), xs.max(1), ys.max(1)], 1)


def _met(op: Collage, extents: Floats) -> list[int]:
    """Rows of the boxes that the rectangle of some piece meets."""
    rects = np.array(
        [(*p.place, p.place[0] + p.size[1], p.place[1] + p.size[0]) for p in op.pieces]
    )
    met = (
        (extents[:, None, 0] < rects[:, 2])
        & (extents[:, None, 2] > rects[:, 0])
        & (extents[:, None, 1] < rects[:, 3])
        & (extents[:, None, 3] > rects[:, 1])
    ).any(axis=1)
    rows: list[int] = np.flatnonzero(met).tolist()
    return rows


def covered_pixels(op: Collage, size: Size) -> Flags:
    """Tell which pixels of the canvas lie under pieces."""
    out = np.zeros(size, np.bool_)
    for piece in op.pieces:
        out[piece.region] |= True if piece.cover is None else piece.cover.array.astype(np.bool_)
    return out


def _left(box: list[float], covered: Flags, least: float) -> tuple[float, ...] | None:
    """The tight box of what is visible of a box; None if it is less than the least part of it."""
    h, w = covered.shape
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], w), min(box[3], h)
    left, top, right, bottom = int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1))
    free = ~covered[top:bottom, left:right]
    across, down = np.flatnonzero(free.any(axis=0)), np.flatnonzero(free.any(axis=1))
    if not len(across):
        return None
    if least > 0.0:
        area = _parts(y0, y1, top, bottom) @ free @ _parts(x0, x1, left, right)
        if area < least * (x1 - x0) * (y1 - y0) * (1.0 - _DUST):
            return None
    return (
        max(x0, left + float(across[0])),
        max(y0, top + float(down[0])),
        min(x1, left + float(across[-1]) + 1.0),
        min(y1, top + float(down[-1]) + 1.0),
    )


def _parts(low: float, high: float, first: int, end: int) -> Floats:
    """How much of each pixel of a row lies in an interval."""
    edges = np.arange(first, end + 1, dtype=np.float64)
    parts: Floats = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return parts


def collage_points(op: Collage, points: Points, source: Size) -> Points:
    """Move keypoints with the picture; those under pieces go, or have no place any more."""
    if op.canvas is not None:
        out = ~_shown(points.data, source)
        data = points.data.copy()
        data[:, :2] += op.place
        points = Points(data, points.index, points.fixed)
        points = _without(points, out & _shown(data, op.canvas) if points.fixed else out)
    if not op.hides or not op.pieces or not len(points.data):
        return points
    covered = covered_pixels(op, op.size_after(source))
    h, w = covered.shape
    place = np.nan_to_num(points.data[:, :2], nan=-1.0)
    inside = (place >= 0.0).all(axis=1) & (place[:, 0] < w) & (place[:, 1] < h)
    hidden = np.zeros(len(place), np.bool_)
    columns, rows = place[inside].astype(np.int64).T
    hidden[inside] = covered[rows, columns]
    return _without(points, hidden)


def _shown(data: Floats, size: Size) -> Flags:
    """Which points a canvas shows."""
    x, y = data[:, 0], data[:, 1]
    shown: Flags = (x >= 0) & (y >= 0) & (x <= size[1]) & (y <= size[0])
    return shown


def _without(points: Points, gone: Flags) -> Points:
    if not gone.any():
        return points
    if not points.fixed:
        return points.take(~gone)
    data = points.data.copy()
    data[gone, :2] = np.nan
    return Points(data, points.index, points.fixed)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Collage, IMAGE): collage_image,
    (Collage, MASK): collage_mask,
    (Collage, DEPTH): collage_mask,
    (Collage, NORMALS): collage_mask,
    (Collage, FLOW): collage_mask,
    (Collage, BOXES): collage_boxes,
    (Collage, POINTS): collage_points,
}
