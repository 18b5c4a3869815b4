"""Regions overwritten: pixels, and what stays of boxes and keypoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.filter import clipped
from anamorph.core.errors import DataError
from anamorph.core.labels import Boxes, Points
from anamorph.ir import noise
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Blend, Color, Fill, Op, Region, Target

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_RADIUS = 3.0
"""How far inpainting looks around a pixel."""


def fill_image(op: Fill, image: Image) -> Image:
    """Overwrite regions of a picture."""
    if isinstance(op.value, str):
        return _NAMED[op.value](op, image)
    return _filled(op.regions, image, op.value)


def fill_mask(op: Fill, mask: Image) -> Image:
    """Overwrite regions of a mask."""
    return mask if op.mask_value is None else _filled(op.regions, mask, op.mask_value)


def _filled(regions: Sequence[Region], array: Image, value: Color) -> Image:
    out = array.copy(order="C")
    color = _as_color(value, array)
    if isinstance(color, tuple) and out.dtype.name in _DRAWN:
        for x0, y0, x1, y1 in regions:
            if x1 > x0 and y1 > y0:
                cv2.rectangle(out, (x0, y0), (x1 - 1, y1 - 1), color, -1)
        return out
    for x0, y0, x1, y1 in regions:
        out[y0:y1, x0:x1] = color
    return out


_DRAWN = frozenset({"uint8", "uint16", "float32"})


def _as_color(value: Color, array: Image) -> Any:
    """The value in the array's own dtype; a tuple where OpenCV can draw it, faster than NumPy."""
    wanted = np.asarray(value)
    kept = wanted.astype(array.dtype)
    if array.dtype.kind in "iub" and not np.array_equal(kept, wanted):
        raise DataError(f"the fill {value!r} is no value of an array of {array.dtype.name}")
    if kept.ndim == 0 or len(kept) == 1 or (kept == kept[0]).all():
        return kept.reshape(-1)[0]
    return tuple(kept.tolist()) if len(kept) <= 4 else kept


# -------------------------------------------------------------------------- fills by name


def _random(op: Fill, image: Image) -> Image:
    """Give every value in the regions its own even draw."""
    bits = noise.bits_of(op.key)
    out = image.copy(order="C")
    for x0, y0, x1, y1 in op.regions:
        part = out[y0:y1, x0:x1]
        part[...] = noise.any_values(bits, part.size, image.dtype.name).reshape(part.shape)
    return out


def _random_uniform(op: Fill, image: Image) -> Image:
    """Give every region one even draw of a color."""
    bits = noise.bits_of(op.key)
    out = image.copy(order="C")
    for x0, y0, x1, y1 in op.regions:
        out[y0:y1, x0:x1] = noise.any_values(bits, image.shape[2], image.dtype.name)
    return out


def _inpainted(method: int) -> Callable[[Fill, Image], Image]:
    def inpaint(op: Fill, image: Image) -> Image:
        """Continue the surroundings into the regions; in 8 bits, whatever the picture has."""
        if image.shape[2] not in {1, 3}:
            raise DataError(
                f"fill = {op.value!r} needs a picture of 1 or 3 channels, not of {image.shape[2]}"
            )
        hole = np.zeros(image.shape[:2], np.uint8)
        for x0, y0, x1, y1 in op.regions:
            hole[y0:y1, x0:x1] = 1
        if not hole.any():
            return image
        scale = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}[image.dtype.name]
        if scale == 1.0:
            return cv2.inpaint(image, hole, _RADIUS, method)
        small = np.rint(image * scale).astype(np.uint8)
        painted = cv2.inpaint(small, hole, _RADIUS, method).reshape(image.shape) / scale
        return np.where(hole[:, :, None] == 1, painted, image).astype(image.dtype)

    return inpaint


_NAMED: Mapping[str, Callable[[Fill, Image], Image]] = {
    "random": _random,
    "random_uniform": _random_uniform,
    "inpaint_telea": _inpainted(cv2.INPAINT_TELEA),
    "inpaint_ns": _inpainted(cv2.INPAINT_NS),
}


# --------------------------------------------------------------------------------- labels


def fill_boxes(op: Fill, boxes: Boxes, _source: object = None) -> Boxes:
    """Shrink each box to the tight box of what stays visible; wholly covered ones go.

    Oriented boxes go when wholly covered, else they stay as they are.
    """
    if not op.regions or not len(boxes.data):
        return boxes
    data = boxes.data
    extent = _extents(data) if boxes.oriented else data
    regions = np.array(op.regions, np.float64)
    met = (
        (extent[:, None, 0] < regions[:, 2])
        & (extent[:, None, 2] > regions[:, 0])
        & (extent[:, None, 1] < regions[:, 3])
        & (extent[:, None, 3] > regions[:, 1])
    ).any(1)
    if not met.any():
        return boxes
    grid = _Visible(op.regions)
    out, keep = data.copy(), np.ones(len(data), np.bool_)
    for i in np.flatnonzero(met).tolist():
        if boxes.oriented:
            keep[i] = grid.shows_polygon(data[i].reshape(4, 2).tolist())
            continue
        tight = grid.tight(*data[i].tolist())
        keep[i] = tight is not None
        if tight is not None:
            out[i] = tight
    return Boxes(out, boxes.index).take(keep)


def _extents(quads: Floats) -> Floats:
    xs, ys = quads[:, 0::2], quads[:, 1::2]
    return np.stack([xs.min(1), ys.min(1), xs.max(1), ys.max(1)], 1)


class _Visible:
    """The plane cut along the edges of all regions, and which cells no region covers."""

    __slots__ = ("cells", "xs", "ys")

    def __init__(self, regions: Sequence[Region]) -> None:
        self.xs = np.array(sorted({x for r in regions for x in (r[0], r[2])}), np.float64)
        self.ys = np.array(sorted({y for r in regions for y in (r[1], r[3])}), np.float64)
        column = {x: i + 1 for i, x in enumerate(self.xs.tolist())}
        row = {y: i + 1 for i, y in enumerate(self.ys.tolist())}
        self.cells = np.ones((len(self.ys) + 1, len(self.xs) + 1), np.bool_)
        for x0, y0, x1, y1 in regions:
            self.cells[row[y0] : row[y1], column[x0] : column[x1]] = False

    def tight(
        self, x0: float, y0: float, x1: float, y1: float
    ) -> tuple[float, float, float, float] | None:
        """Find the tight box of what is visible of a box; None if nothing is."""
        left, right = self._span(self.xs, x0, x1)
        top, bottom = self._span(self.ys, y0, y1)
        part = self.cells[top:bottom, left:right]
        across, down = np.flatnonzero(part.any(0)), np.flatnonzero(part.any(1))
        if not len(across):
            return None
        return (
            max(x0, self._edge(self.xs, left + int(across[0]))),
            max(y0, self._edge(self.ys, top + int(down[0]))),
            min(x1, self._edge(self.xs, left + int(across[-1]) + 1)),
            min(y1, self._edge(self.ys, top + int(down[-1]) + 1)),
        )

    def shows_polygon(self, corners: list[list[float]]) -> bool:
        """Tell whether anything of a convex polygon is visible."""
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        left, right = self._span(self.xs, min(xs), max(xs))
        top, bottom = self._span(self.ys, min(ys), max(ys))
        for row, column in np.argwhere(self.cells[top:bottom, left:right]).tolist():
            sides = (
                (0, 1.0, self._edge(self.xs, left + column)),
                (1, 1.0, self._edge(self.ys, top + row)),
                (0, -1.0, self._edge(self.xs, left + column + 1)),
                (1, -1.0, self._edge(self.ys, top + row + 1)),
            )
            if _area(_clip(corners, sides)) > 1e-9:
                return True
        return False

    @staticmethod
    def _span(edges: Floats, low: float, high: float) -> tuple[int, int]:
        return (
            int(np.searchsorted(edges, low, "right")),
            int(np.searchsorted(edges, high, "left")) + 1,
        )

    @staticmethod
    def _edge(edges: Floats, i: int) -> float:
        """Where cell i begins."""
        if i == 0:
            return -np.inf
        return float(edges[i - 1]) if i <= len(edges) else np.inf


def _clip(
    corners: list[list[float]], sides: Sequence[tuple[int, float, float]]
) -> list[list[float]]:
    """Cut a convex polygon by half-planes (Sutherland and Hodgman 1974)."""
    for axis, sign, edge in sides:
        if not np.isfinite(edge):
            continue
        kept: list[list[float]] = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            before, after = sign * (a[axis] - edge), sign * (b[axis] - edge)
            if before >= 0.0:
                kept.append(a)
            if before * after < 0.0:
                t = before / (before - after)
                kept.append([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])])
        corners = kept
    return corners


def _area(corners: list[list[float]]) -> float:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2.0


def fill_points(op: Fill, points: Points, _source: object = None) -> Points:
    """Drop keypoints inside of regions, unless all must come back."""
    if points.fixed or not op.regions or not len(points.data):
        return points
    x, y = points.data[:, 0, None], points.data[:, 1, None]
    regions = np.array(op.regions, np.float64)
    inside = (x >= regions[:, 0]) & (x < regions[:, 2]) & (y >= regions[:, 1]) & (y < regions[:, 3])
    hidden = np.any(inside, 1)
    return points.take(~hidden) if hidden.any() else points


# ---------------------------------------------------------------------------------- blend


def blend(op: Blend, image: Image) -> Image:
    """Mix with another picture of the same size, channels and dtype."""
    other = np.frombuffer(op.other.data, op.other.dtype).reshape(op.other.shape)
    if other.dtype != image.dtype or other.size != image.size:
        raise DataError(
            f"a picture of {op.other.shape} {op.other.dtype} cannot be mixed into one of "
            f"{image.shape} {image.dtype.name}"
        )
    flat = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    out = cv2.addWeighted(flat, 1.0 - op.weight, other.reshape(flat.shape), op.weight, 0.0)
    return clipped(out).reshape(image.shape)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Fill, IMAGE): fill_image,
    (Fill, MASK): fill_mask,
    (Fill, BOXES): fill_boxes,
    (Fill, POINTS): fill_points,
    (Blend, IMAGE): blend,
}
EFFECTS: Mapping[str, Kernel] = {}
