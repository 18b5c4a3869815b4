"""Regions overwritten, and pictures mixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.hidden import fill_boxes, fill_points
from anamorph.backends.opencv.linear import clipped
from anamorph.backends.opencv.planes import DEPTH
from anamorph.backends.opencv.stencil import color_rows, covered, parts, stamp
from anamorph.core.errors import DataError
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

Image = npt.NDArray[Any]

_RADIUS = 3.0
"""How far inpainting looks around a pixel."""


def fill_image(op: Fill, image: Image) -> Image:
    """Overwrite regions of a picture."""
    if isinstance(op.value, str):
        return _NAMED[op.value](op, image)
    return _filled(op, image, op.value)


def fill_mask(op: Fill, mask: Image) -> Image:
    """Overwrite regions of a mask."""
    return mask if op.mask_value is None else _filled(op, mask, op.mask_value)


def _filled(op: Fill, array: Image, value: Color) -> Image:
    color = _as_color(value, array)
    if not array.shape[2]:
        return array
    out = array.copy(order="C")
    if op.stencil:
        for (x0, y0, x1, y1), flags in parts(op, out.shape[:2]):
            stamp(out[y0:y1, x0:x1], color_rows(color, out, x1 - x0), flags)
    else:
        _paint(op.regions, out, color)
    return out


def _paint(regions: Sequence[Region], out: Image, color: Any) -> None:
    """Overwrite rectangles, row by row in one piece: a color is laid out once for the longest."""
    n = out.shape[2]
    rows = out.reshape(out.shape[0], -1)
    if color.ndim == 0:
        for x0, y0, x1, y1 in regions:
            rows[y0:y1, x0 * n : x1 * n] = color
        return
    line = np.tile(color, max((x1 - x0 for x0, _, x1, _ in regions), default=0))
    for x0, y0, x1, y1 in regions:
        rows[y0:y1, x0 * n : x1 * n] = line[: (x1 - x0) * n]


def _as_color(value: Color, array: Image) -> Any:
    """The value in the array's own dtype: one number, or one a channel."""
    wanted = np.asarray(value)
    kept = wanted.astype(array.dtype)
    if array.dtype.kind in "iub" and not np.array_equal(kept, wanted):
        raise DataError(f"the fill {value!r} is no value of an array of {array.dtype.name}")
    if kept.ndim == 0:
        return kept
    if len(kept) == 1 or (kept == kept[0]).all():
        return kept[0]
    return kept


# -------------------------------------------------------------------------- fills by name


def _random(op: Fill, image: Image) -> Image:
    """Give every value in the regions its own even draw."""
    bits = noise.bits_of(op.key)
    out = image.copy(order="C")
    if op.stencil:
        for (x0, y0, x1, y1), flags in parts(op, image.shape[:2]):
            part = out[y0:y1, x0:x1]
            values = noise.any_values(bits, part.size, image.dtype.name)
            stamp(part, values.reshape(part.shape), flags)
        return out
    for x0, y0, x1, y1 in op.regions:
        part = out[y0:y1, x0:x1]
        part[...] = noise.any_values(bits, part.size, image.dtype.name).reshape(part.shape)
    return out


def _random_uniform(op: Fill, image: Image) -> Image:
    """Give every region one even draw of a color."""
    bits = noise.bits_of(op.key)
    out = image.copy(order="C")
    count, dtype = image.shape[2], image.dtype.name
    if op.stencil:
        for (x0, y0, x1, y1), flags in parts(op, image.shape[:2]):
            color = noise.any_values(bits, count, dtype)
            stamp(out[y0:y1, x0:x1], color_rows(color, out, x1 - x0), flags)
        return out
    for region in op.regions:
        _paint((region,), out, noise.any_values(bits, count, dtype))
    return out


def _inpainted(method: int) -> Callable[[Fill, Image], Image]:
    def inpaint(op: Fill, image: Image) -> Image:
        """Continue the surroundings into the regions; in 8 bits, whatever the picture has."""
        if image.shape[2] not in {1, 3}:
            raise DataError(
                f"fill = {op.value!r} needs a picture of 1 or 3 channels, not of {image.shape[2]}"
            )
        hole = _hole(op, image.shape[:2])
        if not hole.any():
            return image
        scale = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}[image.dtype.name]
        if scale == 1.0:
            return _continued(image, hole, method)
        small = np.rint(image * scale).astype(np.uint8)
        painted = _continued(small, hole, method).reshape(image.shape) / scale
        return np.where(hole[:, :, None] == 1, painted, image).astype(image.dtype)

    return inpaint


def _continued(image: Image, hole: Image, method: int) -> Image:
    """Inpaint; of a picture one pixel wide OpenCV would read what lies beside it in memory."""
    if min(hole.shape) > 1:
        return cv2.inpaint(image, hole, _RADIUS, method)
    image, hole = (cv2.copyMakeBorder(a, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for a in (image, hole))
    return np.ascontiguousarray(cv2.inpaint(image, hole, _RADIUS, method)[1:-1, 1:-1])


def _hole(op: Fill, size: Size) -> npt.NDArray[np.uint8]:
    if op.stencil:
        return covered(op, size)
    out = np.zeros(size, np.uint8)
    for x0, y0, x1, y1 in op.regions:
        out[y0:y1, x0:x1] = 1
    return out


_NAMED: Mapping[str, Callable[[Fill, Image], Image]] = {
    "random": _random,
    "random_uniform": _random_uniform,
    "inpaint_telea": _inpainted(cv2.INPAINT_TELEA),
    "inpaint_ns": _inpainted(cv2.INPAINT_NS),
}


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


_ROWS = 32
"""Rows that are mixed at a time, in single precision and within the cache."""


def weighted(op: Effect, pictures: list[Image]) -> Image:
    """Add pictures up by weights that make 1, and round once."""
    shape, dtype = pictures[0].shape, pictures[0].dtype
    planes = [np.ascontiguousarray(p).reshape(shape[0], -1) for p in pictures]
    out = np.empty_like(planes[0])
    for start in range(0, shape[0], _ROWS):
        rows = [plane[start : start + _ROWS] for plane in planes]
        total, mixed = op.params[0], rows[0].astype(np.float32)
        for part, weight in zip(rows[1:], op.params[1:], strict=True):
            total += weight
            if weight:
                cv2.accumulateWeighted(part, mixed, weight / total)
        target = out[start : start + _ROWS]
        cv2.addWeighted(mixed, 1.0, mixed, 0.0, 0.0, target, DEPTH[dtype.name])
    return out.reshape(shape)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Fill, IMAGE): fill_image,
    (Fill, MASK): fill_mask,
    (Fill, BOXES): fill_boxes,
    (Fill, POINTS): fill_points,
    (Blend, IMAGE): blend,
}
EFFECTS: Mapping[str, Kernel] = {"weighted": weighted}
