"""Regions overwritten, pixel by pixel and piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import stored
from anamorph.core.errors import BackendError
from anamorph.core.labels import Boxes, Points
from anamorph.ir import noise
from anamorph.ir.ops import (
    BOXES,
    IMAGE,
    MASK,
    POINTS,
    Blend,
    Color,
    Effect,
    Fill,
    Op,
    Region,
    Size,
    Target,
)
from anamorph.ir.stencil import OBJECTS, covered, flags_of

Image = npt.NDArray[Any]
Box = tuple[float, float, float, float]


def fill_image(op: Fill, image: Image) -> Image:
    """Overwrite regions of a picture."""
    if not isinstance(op.value, str):
        return _filled(op, image, op.value)
    if op.value not in {"random", "random_uniform"}:
        raise BackendError(f"backend reference has no kernel for a fill by {op.value!r}")
    bits = noise.bits_of(op.key)
    out = image.copy()
    for (x0, y0, x1, y1), flags in _parts(op, image.shape[:2]):
        pixels = (y1 - y0) * (x1 - x0) if op.value == "random" else 1
        values = noise.any_values(bits, pixels * image.shape[2], image.dtype.name)
        shape = (y1 - y0, x1 - x0, -1) if op.value == "random" else (1, 1, -1)
        part = out[y0:y1, x0:x1]
        part[...] = np.where(flags[:, :, None], values.reshape(shape), part)
    return out


def _parts(op: Fill, size: Size) -> list[tuple[Region, Image]]:
    """Rectangles, and which of their pixels are covered."""
    regions = op.regions or ((0, 0, size[1], size[0]),)
    if not op.stencil:
        return [(r, np.ones((r[3] - r[1], r[2] - r[0]), np.bool_)) for r in op.regions]
    if op.stencil[0] == OBJECTS:
        return [(r, flags_of(p)) for r, p in zip(regions, op.stencil[1:], strict=True)]
    return [(regions[0], covered(op, size))]


def fill_mask(op: Fill, mask: Image) -> Image:
    """Overwrite regions of a mask."""
    return mask if op.mask_value is None else _filled(op, mask, op.mask_value)


def _filled(op: Fill, array: Image, value: Color) -> Image:
    color = value if isinstance(value, tuple) else (value,) * array.shape[2]
    out = array.copy()
    hidden = covered(op, array.shape[:2])
    for channel in range(array.shape[2]):
        out[hidden, channel] = color[channel] if len(color) > 1 else color[0]
    return out


def fill_boxes(op: Fill, boxes: Boxes, source: Size = (0, 0)) -> Boxes:
    """Cut what is covered out of each box, and bound the pieces; without pieces the box goes.

    Oriented boxes are cut into small squares, and stay as they are if one has its centre outside
    of all regions.
    """
    if op.stencil and op.stencil[0] == OBJECTS:
        return _without_objects(op, boxes, source)
    if op.stencil:
        op = Fill(_pixels(covered(op, source)))
    out, keep = boxes.data.copy(), np.ones(len(boxes.data), np.bool_)
    for i, row in enumerate(boxes.data.tolist()):
        if boxes.oriented:
            keep[i] = _shows(op, np.array(row).reshape(4, 2))
            continue
        pieces = [tuple(row)]
        for region in op.regions:
            pieces = [part for piece in pieces for part in _without(piece, region)]
        keep[i] = bool(pieces)
        if pieces:
            a = np.array(pieces)
            out[i] = (*a[:, :2].min(0), *a[:, 2:].max(0))
    return Boxes(out, boxes.index, boxes.seen).take(keep)


def _pixels(hidden: Image) -> tuple[Region, ...]:
    """One rectangle a covered pixel."""
    return tuple((x, y, x + 1, y + 1) for y, x in np.argwhere(hidden).tolist())


def _without_objects(op: Fill, boxes: Boxes, size: Size) -> Boxes:
    """Drop the box that fits each object best if it does so by half, and what is all covered."""
    if not len(boxes.data):
        return boxes
    hidden = covered(op, size)
    keep, left = np.ones(len(boxes.data), np.bool_), np.ones(len(boxes.data))
    extents = [_bounds(row) for row in boxes.data]
    for region in op.regions:
        fits = [_fit(box, region) for box in extents]
        if max(fits) > 0.5:
            keep[int(np.argmax(fits))] = False
    for i, (x0, y0, x1, y1) in enumerate(extents):
        a, b, c, d = (max(0, int(np.floor(v + 0.5))) for v in (x0, y0, x1, y1))
        part = hidden[b : max(d, b + 1), a : max(c, a + 1)]
        left[i] = 1.0 - part.mean() if part.size else 1.0
    seen = left if boxes.seen is None else left * boxes.seen
    return Boxes(boxes.data, boxes.index, seen).take(keep & (left > 0.0))


def _bounds(row: npt.NDArray[np.float64]) -> Box:
    xs, ys = row[0::2], row[1::2]
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _fit(a: Box, b: Region) -> float:
    """Intersection over union of two rectangles."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union


def _without(box: Box, hole: tuple[float, ...]) -> list[Box]:
    """What stays of a rectangle without another: up to four rectangles."""
    x0, y0, x1, y1 = box
    a, b = max(x0, hole[0]), min(x1, hole[2])
    c, d = max(y0, hole[1]), min(y1, hole[3])
    if a >= b or c >= d:
        return [box]
    parts = [(x0, y0, x1, c), (x0, d, x1, y1), (x0, c, a, d), (b, c, x1, d)]
    return [p for p in parts if p[2] > p[0] and p[3] > p[1]]


def _shows(op: Fill, corners: npt.NDArray[np.float64]) -> bool:
    """Look at 200 × 200 places evenly spread over an oriented box."""
    s = (np.arange(200) + 0.5) / 200
    a, b = corners[1] - corners[0], corners[3] - corners[0]
    places = corners[0] + s[:, None, None] * a + s[None, :, None] * b
    hidden = np.zeros(places.shape[:2], np.bool_)
    for x0, y0, x1, y1 in op.regions:
        x, y = places[..., 0], places[..., 1]
        hidden |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    return not hidden.all()


def fill_points(op: Fill, points: Points, source: Size = (0, 0)) -> Points:
    """Drop keypoints inside of regions, unless all must come back."""
    if points.fixed:
        return points
    if op.stencil:
        op = Fill(_pixels(covered(op, source)))
    keep = [
        not any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in op.regions)
        for x, y in points.data[:, :2].tolist()
    ]
    return points.take(np.array(keep, np.bool_))


def blend(op: Blend, image: Image) -> Image:
    """Mix with another picture."""
    other = np.frombuffer(op.other.data, op.other.dtype).reshape(image.shape)
    mixed = (1.0 - op.weight) * image.astype(np.float64) + op.weight * other
    return stored(mixed, image.dtype)


def weighted(op: Effect, pictures: list[Image]) -> Image:
    """Add pictures up by weights that make 1."""
    weights = zip(op.params, pictures, strict=True)
    mixed = sum(weight * picture.astype(np.float64) for weight, picture in weights)
    return stored(np.asarray(mixed), pictures[0].dtype)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Fill, IMAGE): fill_image,
    (Fill, MASK): fill_mask,
    (Fill, BOXES): fill_boxes,
    (Fill, POINTS): fill_points,
    (Blend, IMAGE): blend,
}
EFFECTS: Mapping[str, Kernel] = {"weighted": weighted}
