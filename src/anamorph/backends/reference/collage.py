"""Pieces laid over pictures, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import stored
from anamorph.backends.reference.warp import warp_image, warp_mask
from anamorph.core.errors import DataError
from anamorph.core.labels import Boxes, Points
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
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def collage_image(op: Collage, image: Image) -> Image:
    """Mix each pixel of each piece with what is below it."""
    out = _framed(op, image, warp_image)
    for piece in op.pieces:
        if piece.image is None:
            continue
        part = piece.image.array.reshape(*piece.size, -1)
        if part.shape[2] != out.shape[2] or part.dtype != out.dtype:
            raise DataError(f"a picture of {part.dtype} cannot be laid over one of {out.dtype}")
        below = out[piece.region].astype(np.float64)
        above = part.astype(np.float64)
        if piece.seamless:
            above = stored(above + _harmonic(below - above, _cover(piece)), out.dtype)
            above = above.astype(np.float64)
        weight = _cover(piece).astype(np.float64)
        if piece.alpha is not None:
            weight = piece.alpha.array.astype(np.float64)
        if piece.sigma > 0.0:
            weight = _softened(weight, piece.sigma)
        mixed = below + (above - below) * weight[:, :, None]
        out[piece.region] = stored(mixed, out.dtype)
    return out


def collage_mask(op: Collage, mask: Image) -> Image:
    """Overwrite the pixels of a mask where a piece lies."""
    out = _framed(op, mask, warp_mask)
    for piece in op.pieces:
        value = piece.mask
        if value is None:
            continue
        if isinstance(value, Picture):
            part = value.array.reshape(*piece.size, -1)
        else:
            part = np.broadcast_to(np.asarray(value), (*piece.size, out.shape[2]))
        rows, columns = np.nonzero(_cover(piece))
        wanted = part[rows, columns]
        if not np.array_equal(wanted.astype(out.dtype), wanted):
            raise DataError(f"a mask of {out.dtype} cannot hold what is laid over it")
        out[rows + piece.place[1], columns + piece.place[0]] = wanted
    return out


def _framed(op: Collage, array: Image, warp: Any) -> Image:
    if op.canvas is None:
        return array.copy()
    out = warp(op.frame((array.shape[0], array.shape[1])), array)
    return np.array(out.reshape(*op.canvas, -1))


def _cover(piece: Piece) -> Flags:
    if piece.cover is None:
        return np.ones(piece.size, np.bool_)
    cover: Flags = piece.cover.array != 0
    return cover


def _softened(weight: Floats, sigma: float) -> Floats:
    """Convolve with a Gaussian, nothing being outside."""
    radius = int(np.ceil(REACH * sigma))
    offsets = np.arange(-radius, radius + 1)
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    taps /= taps.sum()
    for axis in (0, 1):
        wide = np.pad(weight, [(radius, radius) if k == axis else (0, 0) for k in (0, 1)])
        n = weight.shape[axis]
        parts = [t * np.take(wide, range(i, i + n), axis) for i, t in enumerate(taps)]
        weight = np.sum(parts, axis=0)
    return weight


def _harmonic(values: Floats, inside: Flags) -> Floats:
    """Replace each value inside by the mean of its neighbours' until nothing changes."""
    near = np.zeros_like(inside)
    for y, x in np.argwhere(inside).tolist():
        for j, i in _neighbours(y, x, inside.shape):
            near[j, i] = True
    rim = near & ~inside
    out = np.where(rim[:, :, None], values, 0.0)
    if not rim.any():
        return out
    part = (inside | rim).astype(np.float64)[:, :, None]
    count = np.where(inside[:, :, None], _summed(part), 1.0)
    for _ in range(100_000):
        new = np.where(inside[:, :, None], _summed(out * part) / count, out)
        change = np.abs(new - out).max()
        out = new
        if change < 1e-7 * np.ptp(values):
            break
    return out


def _neighbours(y: int, x: int, size: tuple[int, ...]) -> list[tuple[int, int]]:
    around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
    return [(j, i) for j, i in around if 0 <= j < size[0] and 0 <= i < size[1]]


def _summed(values: Floats) -> Floats:
    wide = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    out: Floats = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return out


# --------------------------------------------------------------------------------- labels


def _covered(op: Collage) -> set[tuple[int, int]]:
    """Pixels (y, x) under pieces."""
    return {
        (y + piece.place[1], x + piece.place[0])
        for piece in op.pieces
        for y, x in np.argwhere(_cover(piece)).tolist()
    }


def collage_boxes(op: Collage, boxes: Boxes, source: Size) -> Boxes:
    """Move boxes, then bound the parts of pixels that are visible of each."""
    if op.canvas is not None:
        if boxes.oriented:
            boxes = boxes.take(visible(boxes.data, source)[:, 1] > 0.0)
        else:
            cut = np.clip(boxes.data, 0.0, (source[1], source[0], source[1], source[0]))
            keep = (cut[:, 0] < cut[:, 2]) & (cut[:, 1] < cut[:, 3])
            boxes = Boxes(cut, boxes.index, boxes.seen).take(keep)
        x, y = op.place
        boxes = Boxes(boxes.data.copy(), boxes.index, boxes.seen)
        boxes.data[:, 0::2] += x
        boxes.data[:, 1::2] += y
    if not op.hides:
        return boxes
    covered = _covered(op)
    told = {row: box for row, *box in op.shown}
    data, keep = boxes.data.copy(), np.ones(len(boxes.data), np.bool_)
    for row, numbers in enumerate(boxes.data):
        extent = numbers
        if boxes.oriented:
            quad = numbers.reshape(4, 2)
            extent = np.concatenate([quad.min(0), quad.max(0)])
        left = _left(extent.tolist(), covered, op, source)
        if row in told and _meets(extent.tolist(), op):
            left = told[row] if told[row][2] > told[row][0] else None
        keep[row] = left is not None
        if left is not None and not boxes.oriented:
            data[row] = left
    return Boxes(data, boxes.index, boxes.seen).take(keep)


def _meets(box: list[float], op: Collage) -> bool:
    return any(
        box[0] < p.place[0] + p.size[1]
        and box[2] > p.place[0]
        and box[1] < p.place[1] + p.size[0]
        and box[3] > p.place[1]
        for p in op.pieces
    )


def _left(
    box: list[float], covered: set[tuple[int, int]], op: Collage, source: Size
) -> list[float] | None:
    if not _meets(box, op):
        return box
    h, w = op.size_after(source)
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], w), min(box[3], h)
    shown = [
        (max(x, x0), max(y, y0), min(x + 1.0, x1), min(y + 1.0, y1))
        for y in range(int(y0), int(np.ceil(y1)))
        for x in range(int(x0), int(np.ceil(x1)))
        if (y, x) not in covered
    ]
    area = sum((c - a) * (d - b) for a, b, c, d in shown)
    if not shown or area < op.min_visible * (x1 - x0) * (y1 - y0) * (1 - 1e-9):
        return None
    parts = np.array(shown)
    return [*parts[:, :2].min(0).tolist(), *parts[:, 2:].max(0).tolist()]


def collage_points(op: Collage, points: Points, source: Size) -> Points:
    """Move keypoints; those out of the picture or under pieces go, or have no place any more."""
    if op.canvas is not None:
        x0, y0 = op.place
        kept = []
        for x, y in points.data[:, :2].tolist():
            own = 0 <= x <= source[1] and 0 <= y <= source[0]
            on_canvas = 0 <= x + x0 <= op.canvas[1] and 0 <= y + y0 <= op.canvas[0]
            kept.append(own or (points.fixed and not on_canvas))
        points = _kept(points, kept)
        moved = [(x + op.place[0], y + op.place[1], *rest) for x, y, *rest in points.data.tolist()]
        points = Points(np.array(moved).reshape(-1, 6), points.index, points.fixed)
    if op.hides:
        covered = _covered(op)
        places = points.data[:, :2].tolist()
        points = _kept(
            points, [not (x >= 0 <= y and (int(y), int(x)) in covered) for x, y in places]
        )
    return points


def _kept(points: Points, kept: list[bool]) -> Points:
    if not points.fixed:
        return points.take(np.array(kept, np.bool_))
    data = points.data.copy()
    data[[not k for k in kept], :2] = np.nan
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
