"""Crops that look at nothing but the size of the picture."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import CropSizeError, ParameterError
from anamorph.core.params import (
    Boolean,
    Border,
    Fill,
    Fraction,
    Interpolation,
    MaskFill,
    Number,
    Pixels,
    Probability,
    Size,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Warp
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.pad import Position, sides
from anamorph.transforms.resize import AreaTargets, Resizing

__all__ = [
    "CenterCrop",
    "Crop",
    "RandomCrop",
    "RandomCropFromBorders",
    "RandomResizedCrop",
    "RandomSizedCrop",
]

Extent = tuple[int, int]
Window = tuple[int, int, int, int]

Coordinate = Annotated[int, Number(0, whole=True, unit="pixels")]
FarCoordinate = Annotated[int, Number(1, whole=True, unit="pixels")]
AreaRange = Annotated[Any, Span(0, 1, lone="point")]
RatioRange = Annotated[Any, Span(0, lone="point", above=True)]
HeightRange = Annotated[Any, Span(1, whole=True, lone="from", start=1, unit="pixels")]
Ratio = Annotated[float, Number(0, above=True)]


def cut(window: Window, size: Extent) -> tuple[Op, ...]:
    """Crop to a window x0, y0, x1, y1, if that is not the whole picture."""
    return () if window == (0, 0, size[1], size[0]) else (Warp.crop(*window),)


def anywhere(rng: Rng, extent: Extent, size: Extent) -> Window:
    """Draw the place of a window of some extent (height, width) evenly."""
    h, w = extent
    x0, y0 = rng.integer(0, size[1] - w), rng.integer(0, size[0] - h)
    return x0, y0, x0 + w, y0 + h


def central(extent: Extent, size: Extent) -> Window:
    """Put a window of some extent (height, width) into the middle."""
    h, w = extent
    x0, y0 = (size[1] - w) // 2, (size[0] - h) // 2
    return x0, y0, x0 + w, y0 + h


def too_large(name: str, extent: Extent, size: Extent, remedy: str = "") -> CropSizeError:
    """Say that a crop is larger than the picture."""
    return CropSizeError(
        f"{name} wants {extent[0]} x {extent[1]} pixels (height x width) "
        f"but the picture has {size[0]} x {size[1]}{remedy}"
    )


class PaddedCrop(SpatialTransform):
    """Base of crops that can enlarge a picture that is too small."""

    def _crop(self, rng: Rng, scene: Scene, least: Extent, pad: str | None) -> tuple[Op, ...]:
        """Crop a picture of at least some size; a smaller one is padded, if ``pad`` says where."""
        size = scene.size
        if size[0] >= least[0] and size[1] >= least[1]:
            return cut(self.window(rng, size), size)
        if pad is None:
            remedy = ": make it smaller, or give pad_if_needed=True"
            raise too_large(type(self).__name__, least, size, remedy)
        room = max(0, least[0] - size[0]), max(0, least[1] - size[1])
        margin = Warp.pad(size, sides(room, pad, rng), self._sampling)
        return margin, *cut(self.window(rng, margin.size), margin.size)

    def window(self, rng: Rng, size: Extent) -> Window:
        """Place the crop in a picture that is large enough."""
        raise NotImplementedError


class Crop(PaddedCrop):
    """Cut out a fixed rectangle.

    >>> A.Crop(x_min=100, y_min=50, x_max=300, y_max=200)(image=photo)["image"].shape
    (150, 200, 3)
    """

    x_min: Coordinate = 0
    y_min: Coordinate = 0
    x_max: FarCoordinate = 1024
    """The first column that is not part of it."""
    y_max: FarCoordinate = 1024
    """The first row that is not part of it."""
    pad_if_needed: Boolean = False
    """Pad the picture to x_max and y_max where it is smaller."""
    pad_position: Position = "center"
    """Where the picture stands on the padded canvas."""
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Refuse empty crops."""
        for axis, low, high in (("x", self.x_min, self.x_max), ("y", self.y_min, self.y_max)):
            if low >= high:
                raise ParameterError(
                    f"Crop.{axis}_min = {low} and {axis}_max = {high}: "
                    f"{axis}_max must be the greater one"
                )

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the position of the padding, if it is random."""
        pad = self.pad_position if self.pad_if_needed else None
        return self._crop(rng, scene, (self.y_max, self.x_max), pad)

    def window(self, rng: Rng, size: Extent) -> Window:
        """The rectangle."""
        return self.x_min, self.y_min, self.x_max, self.y_max


class CenterCrop(PaddedCrop):
    """Cut out the middle; an odd pixel is left over at the right and at the bottom.

    >>> A.CenterCrop(224, 224)(image=photo)["image"].shape
    (224, 224, 3)
    """

    height: Pixels
    width: Pixels
    pad_if_needed: Boolean = False
    """Pad a picture that is too small."""
    pad_position: Position = "center"
    """Where the picture stands on the padded canvas."""
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0.0
    fill_mask: MaskFill = 0.0
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the position of the padding, if it is random."""
        pad = self.pad_position if self.pad_if_needed else None
        return self._crop(rng, scene, (self.height, self.width), pad)

    def window(self, rng: Rng, size: Extent) -> Window:
        """The middle."""
        return central((self.height, self.width), size)


class RandomCrop(PaddedCrop):
    """Cut out a rectangle of fixed size anywhere, each place as likely as any other.

    >>> A.RandomCrop(224, 224)(image=photo)["image"].shape
    (224, 224, 3)
    """

    height: Pixels
    width: Pixels
    pad_if_needed: Boolean = False
    """Pad a picture that is too small."""
    pad_position: Position = "center"
    """Where the picture stands on the padded canvas."""
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0.0
    fill_mask: MaskFill = 0.0
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the place, and the position of the padding if it is random."""
        pad = self.pad_position if self.pad_if_needed else None
        return self._crop(rng, scene, (self.height, self.width), pad)

    def window(self, rng: Rng, size: Extent) -> Window:
        """Anywhere."""
        return anywhere(rng, (self.height, self.width), size)


class RandomResizedCrop(Resizing):
    """Cut out a rectangle of random area and shape, and scale it to a size.

    The crop of "Going deeper with convolutions" (Szegedy et al. 2015). Ten attempts are made at a
    rectangle that fits; then the largest central one of an allowed shape is taken.

    >>> A.RandomResizedCrop((224, 224))(image=photo)["image"].shape
    (224, 224, 3)
    """

    size: Size
    """Height and width of the result."""
    scale: AreaRange = (0.08, 1.0)
    """Area of the crop as a fraction of the picture's."""
    ratio: RatioRange = (0.75, 1.3333333333333333)
    """Width of the crop over its height; drawn evenly on a logarithmic scale."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    area_for_downscale: AreaTargets = None
    """What averages over areas where a side shrinks: the image, or masks as well."""
    p: Probability = 1.0

    @cached_property
    def _logs(self) -> tuple[float, float]:
        return math.log(self.ratio[0]), math.log(self.ratio[1])

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw area, shape and place."""
        size = scene.size
        window = self._window(rng, size)
        extent = window[3] - window[1], window[2] - window[0]
        return *cut(window, size), *self.resized(extent, self.size)

    def _window(self, rng: Rng, size: Extent) -> Window:
        h, w = size
        for _ in range(10):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(*self._logs))
            wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= w and 0 < high <= h:
                return anywhere(rng, (high, wide), size)
        return central(self._largest(size), size)

    def _largest(self, size: Extent) -> Extent:
        h, w = size
        low, high = self.ratio
        if w / h < low:
            return max(1, round(w / low)), w
        if w / h > high:
            return h, max(1, round(h * high))
        return size


class RandomSizedCrop(Resizing):
    """Cut out a rectangle of random height and fixed shape, and scale it to a size.

    A side that would be longer than the picture's is cut to it.

    >>> A.RandomSizedCrop(min_max_height=(200, 400), size=(224, 224))(image=photo)["image"].shape
    (224, 224, 3)
    """

    min_max_height: HeightRange
    """Range of the height of the crop in pixels."""
    size: Size
    """Height and width of the result."""
    w2h_ratio: Ratio = 1.0
    """Width of the crop over its height."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    area_for_downscale: AreaTargets = None
    """What averages over areas where a side shrinks: the image, or masks as well."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw height and place."""
        h, w = size = scene.size
        high = rng.integer(*self.min_max_height)
        extent = min(high, h), max(1, min(int(high * self.w2h_ratio), w))
        return *cut(anywhere(rng, extent, size), size), *self.resized(extent, self.size)


class RandomCropFromBorders(SpatialTransform):
    """Cut off a random part at each side, without scaling.

    >>> A.RandomCropFromBorders(0.5, 0, 0, 0)(image=photo)["image"].shape[0]
    427
    """

    crop_left: Fraction = 0.1
    """The most that may go at the left, as a fraction of the width."""
    crop_right: Fraction = 0.1
    crop_top: Fraction = 0.1
    crop_bottom: Fraction = 0.1
    p: Probability = 1.0

    def check(self) -> None:
        """Refuse to cut off more than there is."""
        for one, other in (("left", "right"), ("top", "bottom")):
            a, b = getattr(self, f"crop_{one}"), getattr(self, f"crop_{other}")
            if a + b > 1:
                raise ParameterError(
                    f"RandomCropFromBorders.crop_{one} = {a} and crop_{other} = {b}: "
                    "together they must be at most 1"
                )

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the four widths; at least one pixel stays."""
        h, w = size = scene.size
        x0, x1 = _between(rng, w, self.crop_left, self.crop_right)
        y0, y1 = _between(rng, h, self.crop_top, self.crop_bottom)
        return cut((x0, y0, x1, y1), size)


def _between(rng: Rng, side: int, before: float, after: float) -> tuple[int, int]:
    start = rng.integer(0, min(side - 1, int(side * before + 1e-9)))
    return start, rng.integer(max(start + 1, side - int(side * after + 1e-9)), side)
