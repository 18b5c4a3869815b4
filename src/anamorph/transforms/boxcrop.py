"""Crops that look at boxes or at the mask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.params import (
    Either,
    Fixed,
    Fraction,
    Interpolation,
    Listed,
    Number,
    Pixels,
    Probability,
    Span,
    Words,
    plain,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.crop import Extent, Window, anywhere, cut, too_large
from anamorph.transforms.resize import Resizing

__all__ = [
    "AtLeastOneBBoxRandomCrop",
    "BBoxSafeRandomCrop",
    "CropNonEmptyMaskIfExists",
    "RandomCropNearBBox",
    "RandomSizedBBoxSafeCrop",
]

PartShift = Annotated[Any, Either((Fixed(Number(0, 1), 2), Span(0, 1, lone="from")))]
Values = Annotated[Any, Listed(Number(whole=True), optional=True)]
Channels = Annotated[Any, Listed(Number(0, whole=True), optional=True)]
Key = Annotated[str, Words()]
Boxes = npt.NDArray[np.float64]


class BBoxSafeRandomCrop(SpatialTransform):
    """Cut out a random rectangle that holds all boxes.

    Without boxes it is a random crop of the picture's shape.

    >>> crop = A.Compose([A.BBoxSafeRandomCrop()], bbox_params=A.BboxParams("pascal_voc"))
    >>> len(crop(image=photo, bboxes=[(100, 100, 200, 200, 7)])["bboxes"])
    1
    """

    erosion_rate: Fraction = 0.0
    """What may be lost: of the hull of two and more boxes, this fraction of width and height;
    without boxes, this fraction of the picture's sides."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the four sides."""
        size = scene.size
        yield from cut(_around_boxes(rng, scene.boxes, size, self.erosion_rate), size)


class RandomSizedBBoxSafeCrop(Resizing):
    """Cut out a random rectangle that holds all boxes, and scale it to a size.

    Without boxes it is a random crop of the picture's shape.

    >>> crop = A.RandomSizedBBoxSafeCrop(224, 224)
    >>> crop = A.Compose([crop], bbox_params=A.BboxParams("pascal_voc"))
    >>> crop(image=photo, bboxes=[(100, 100, 200, 200, 7)])["image"].shape
    (224, 224, 3)
    """

    height: Pixels
    width: Pixels
    erosion_rate: Fraction = 0.0
    """What may be lost: of the hull of two and more boxes, this fraction of width and height;
    without boxes, this fraction of the picture's sides."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the four sides."""
        size = scene.size
        window = _around_boxes(rng, scene.boxes, size, self.erosion_rate)
        yield from cut(window, size)
        extent = window[3] - window[1], window[2] - window[0]
        yield from self.resized(extent, (self.height, self.width))


class AtLeastOneBBoxRandomCrop(SpatialTransform):
    """Cut out a rectangle of fixed size that shows at least one box, which is drawn evenly.

    Without boxes it is a random crop.

    >>> crop = A.AtLeastOneBBoxRandomCrop(64, 64)
    >>> crop = A.Compose([crop], bbox_params=A.BboxParams("pascal_voc"))
    >>> len(crop(image=photo, bboxes=[(100, 100, 200, 200, 7)])["bboxes"])
    1
    """

    height: Pixels
    width: Pixels
    erosion_factor: Fraction = 0.0
    """How much of the width and of the height of the box may be cut off; at 1 a pixel stays."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a box, then the place."""
        size = scene.size
        h, w = extent = self.height, self.width
        if h > size[0] or w > size[1]:
            raise too_large("AtLeastOneBBoxRandomCrop", extent, size)
        boxes = _visible(scene.boxes, size)
        if not len(boxes):
            yield from cut(anywhere(rng, extent, size), size)
            return
        bx0, by0, bx1, by1 = boxes[rng.integer(0, len(boxes) - 1)].tolist()
        x0 = _showing(rng, (bx0, bx1), w, size[1], self.erosion_factor)
        y0 = _showing(rng, (by0, by1), h, size[0], self.erosion_factor)
        yield from cut((x0, y0, x0 + w, y0 + h), size)


class RandomCropNearBBox(SpatialTransform):
    """Cut out a box that comes with the call, each of its four sides shifted a little.

    >>> crop = A.RandomCropNearBBox(max_part_shift=0.0)
    >>> crop(image=photo, cropping_bbox=(100, 50, 300, 200))["image"].shape
    (150, 200, 3)
    """

    max_part_shift: PartShift = (0, 0.3)
    """The most that the horizontal sides move as a fraction of the box's height, and the vertical
    ones as a fraction of its width; a lone number x means (0, x)."""
    cropping_bbox_key: Key = "cropping_bbox"
    """Under which name the call brings the box: x0, y0, x1, y1 in pixels."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the four shifts."""
        size = scene.size
        given = scene.given(self.cropping_bbox_key)
        box = _pixel_box(self.cropping_bbox_key, given, size)
        high = round((box[3] - box[1]) * self.max_part_shift[0])
        wide = round((box[2] - box[0]) * self.max_part_shift[1])
        x0, x1 = _shifted(rng, (box[0], box[2]), wide, size[1])
        y0, y1 = _shifted(rng, (box[1], box[3]), high, size[0])
        yield from cut((x0, y0, x1, y1), size)


class CropNonEmptyMaskIfExists(SpatialTransform):
    """Cut out a rectangle of fixed size that shows a pixel of the mask; anywhere if it is empty.

    >>> mask = np.zeros((427, 640), np.uint8)
    >>> mask[200, 300] = 1
    >>> int(A.CropNonEmptyMaskIfExists(64, 64)(image=photo, mask=mask)["mask"].sum())
    1
    """

    height: Pixels
    width: Pixels
    ignore_values: Values = None
    """Values of the mask that count as empty, besides zero."""
    ignore_channels: Channels = None
    """Channels of the mask that are not looked at."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a pixel of the mask, then the place."""
        size = scene.size
        h, w = extent = self.height, self.width
        if h > size[0] or w > size[1]:
            raise too_large("CropNonEmptyMaskIfExists", extent, size)
        mask = scene.mask
        if mask is None:
            raise MissingDataError("CropNonEmptyMaskIfExists needs mask or masks in the call")
        places = np.flatnonzero(self._looked_at(mask))
        if len(places):
            y, x = divmod(int(places[rng.integer(0, len(places) - 1)]), size[1])
            x0 = min(max(0, x - rng.integer(0, w - 1)), size[1] - w)
            y0 = min(max(0, y - rng.integer(0, h - 1)), size[0] - h)
            window = x0, y0, x0 + w, y0 + h
        else:
            window = anywhere(rng, extent, size)
        yield from cut(window, size)

    def _looked_at(self, mask: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Tell where the mask (H, W) or (H, W, C) is not empty."""
        layers = mask if mask.ndim == 3 else mask[:, :, None]
        found = np.zeros(layers.shape[:2], np.bool_)
        for channel in range(layers.shape[2]):  # NumPy is slow to reduce an axis this short
            if channel not in (self.ignore_channels or ()):
                full = layers[:, :, channel] != 0
                for value in self.ignore_values or ():
                    full &= layers[:, :, channel] != value
                found |= full
        return found


def _visible(boxes: Boxes | None, size: Extent) -> Boxes:
    """Clip boxes to the picture and keep those of which something is left."""
    if boxes is None or not len(boxes):
        return np.empty((0, 4))
    h, w = size
    clipped = np.clip(boxes[:, :4], 0, (w, h, w, h))
    return clipped[(clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])]


def _around_boxes(rng: Rng, boxes: Boxes | None, size: Extent, erosion: float) -> Window:
    """Draw a window that holds the hull of all boxes."""
    seen = _visible(boxes, size)
    if not len(seen):
        return _same_shape(rng, size, erosion)
    x0, y0 = seen[:, :2].min(axis=0).tolist()
    x1, y1 = seen[:, 2:].max(axis=0).tolist()
    if len(seen) > 1:  # the rate is about the loss among several: a single box is always kept
        dx, dy = (x1 - x0) * erosion / 2, (y1 - y0) * erosion / 2
        x0, y0, x1, y1 = x0 + dx, y0 + dy, x1 - dx, y1 - dy
    left, right = _holding(rng, x0, x1, size[1])
    top, bottom = _holding(rng, y0, y1, size[0])
    return left, top, right, bottom


def _holding(rng: Rng, low: float, high: float, side: int) -> tuple[int, int]:
    """Draw an interval of whole pixels that holds one of a side."""
    start = rng.integer(0, min(side - 1, math.floor(low)))
    return start, rng.integer(max(start + 1, math.ceil(high)), side)


def _same_shape(rng: Rng, size: Extent, erosion: float) -> Window:
    """Draw a window of the picture's shape that loses at most a fraction of its sides."""
    h, w = size
    high = rng.integer(max(1, int(h * (1 - erosion))), h)
    return anywhere(rng, (high, max(1, high * w // h)), size)


def _showing(rng: Rng, box: tuple[float, float], length: int, side: int, erosion: float) -> int:
    """Draw the start of an interval that shows as much of a side of a box as it must."""
    width = box[1] - box[0]
    shown = min(length, max((1 - erosion) * width, min(1.0, width)))
    low, high = box[0] + shown - length, box[1] - shown
    first, last = math.ceil(low), math.floor(high)
    if first > last:  # the crop is as long as the box and cannot sit on it by whole pixels
        first = last = round((low + high) / 2)
    last = min(max(0, last), side - length)
    return rng.integer(min(max(0, first), last), last)


def _pixel_box(key: str, given: Any, size: Extent) -> Window:
    """Read the box of a call: whole pixels that hold it, clipped to the picture.

    Raises:
        DataError: it is no box, or nothing of it is in the picture.
    """
    values = plain(given)
    numbers = values[:4] if isinstance(values, tuple) else ()
    if len(numbers) < 4 or not all(
        isinstance(v, int | float) and math.isfinite(v) for v in numbers
    ):
        raise DataError(f"{key} = {given!r}: it must be x0, y0, x1, y1 in pixels")
    h, w = size
    x0, y0 = max(0, math.floor(numbers[0])), max(0, math.floor(numbers[1]))
    x1, y1 = min(w, math.ceil(numbers[2])), min(h, math.ceil(numbers[3]))
    if x0 >= x1 or y0 >= y1:
        raise DataError(f"{key} = {given!r}: nothing of it is in the picture of {h} x {w} pixels")
    return x0, y0, x1, y1


def _shifted(rng: Rng, ends: tuple[int, int], most: int, side: int) -> tuple[int, int]:
    """Shift both ends of an interval; leave them where nothing would be left between them."""
    start = max(0, ends[0] + rng.integer(-most, most))
    end = min(side, ends[1] + rng.integer(-most, most))
    return (start, end) if start < end else ends
