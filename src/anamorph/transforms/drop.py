"""Parts of the picture dropped: rectangles, stripes, grids, single pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import WHITE
from anamorph.core.errors import DataError
from anamorph.core.params import (
    Boolean,
    DropFill,
    Either,
    Fill,
    Fixed,
    MaskFill,
    Number,
    Probability,
    Span,
    per_channel,
    refuse,
    rule_of,
)
from anamorph.core.rng import Rng
from anamorph.ir import ops
from anamorph.ir.ops import Noise, Op, Region
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.tiles import uneven_cuts

__all__ = [
    "CoarseDropout",
    "Erasing",
    "FrequencyMasking",
    "GridDropout",
    "PixelDropout",
    "TimeMasking",
    "XYMasking",
]

HoleRange = Annotated[
    Any,
    Either(
        (
            Span(1, lone="point", whole=True, unit="pixels"),
            Span(0, 1, lone="point"),
        )
    ),
]
CountRange = Annotated[Any, Span(1, lone="point", whole=True)]
StripeLength = Annotated[int, Number(1, whole=True, unit="pixels")]
StripeRange = Annotated[Any, Span(0, lone="from", whole=True)]
AreaRange = Annotated[Any, Span(0, 1, lone="point")]
RatioRange = Annotated[Any, Span(0, lone="point", above=True)]
Ratio = Annotated[float, Number(0, 1, above=True)]
UnitRange = Annotated[Any, Span(2, lone="point", whole=True, unit="pixels", optional=True)]
OptionalCounts = Annotated[Any, Fixed(Number(1, whole=True), 2, optional=True)]
Shifts = Annotated[Any, Fixed(Number(0, whole=True, unit="pixels"), 2)]
OptionalFill = Annotated[Any, Either((rule_of(Fill, "Fill"),), optional=True)]


def check_value(place: str, value: Any, scene: Scene) -> None:
    """Refuse a fill that the picture cannot hold.

    Raises:
        ParameterError: there is not one value, or one a channel, or one is out of range.
        DataError: the picture cannot be inpainted.
    """
    if isinstance(value, str):
        if value.startswith("inpaint") and scene.channels not in {1, 3}:
            raise DataError(
                f"{place} = {value!r} needs a picture of 1 or 3 channels, not of {scene.channels}"
            )
        return
    top = WHITE.get(scene.dtype, math.inf)
    values = per_channel(value, scene.channels, place) if isinstance(value, tuple) else (value,)
    for v in values:
        if not 0 <= v <= top:
            raise refuse(place, value, f"in [0, {top}] for a picture of {scene.dtype}")


class _Dropout(SpatialTransform):
    """Base of dropouts of rectangles.

    Boxes shrink to what stays visible of them and go when nothing does; keypoints inside of a
    hole go, unless the caller keeps invisible ones.
    """

    fill: DropFill = 0
    fill_mask: MaskFill = None
    p: Probability = 0.5

    def holes(self, rng: Rng, scene: Scene) -> list[Region]:
        """Draw the rectangles x0, y0, x1, y1 in pixels, none of them empty."""
        raise NotImplementedError

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the holes."""
        check_value(f"{type(self).__name__}.fill", self.fill, scene)
        holes = self.holes(rng, scene)
        if holes:
            key = rng.key() if isinstance(self.fill, str) else 0
            yield ops.Fill(tuple(holes), self.fill, self.fill_mask, key)


class CoarseDropout(_Dropout):
    """Overwrite a few rectangles, anywhere (DeVries and Taylor 2017, Cutout).

    >>> dropped = A.CoarseDropout(num_holes_range=(4, 4), fill=255, p=1)(image=photo)["image"]
    >>> bool((dropped == 255).mean() > (photo == 255).mean())
    True
    """

    num_holes_range: CountRange = (1, 2)
    hole_height_range: HoleRange = (0.1, 0.2)
    """Whole numbers are pixels, fractions shares of the picture's height."""
    hole_width_range: HoleRange = (0.1, 0.2)
    """Whole numbers are pixels, fractions shares of the picture's width."""
    fill: DropFill = 0
    """A value, one a channel, "random" (each value its own), "random_uniform" (a color a hole),
    "inpaint_telea" or "inpaint_ns"."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def holes(self, rng: Rng, scene: Scene) -> list[Region]:
        """Draw size and place of each."""
        height, width = scene.size
        out = []
        for _ in range(rng.integer(*self.num_holes_range)):
            h = _drawn_side(rng, self.hole_height_range, height)
            w = _drawn_side(rng, self.hole_width_range, width)
            y, x = rng.integer(0, height - h), rng.integer(0, width - w)
            if h and w:
                out.append((x, y, x + w, y + h))
        return out


def _drawn_side(rng: Rng, limits: tuple[float, float], length: int) -> int:
    """Length of a hole: as much as fits of what was asked for."""
    low, high = limits
    if low >= 1:  # pixels: (1, 1) is one pixel, not the whole side
        return min(length, rng.integer(int(low), int(high)))
    return int(length * rng.uniform(low, high))


class Erasing(_Dropout):
    """Overwrite one rectangle, given by its area and aspect ratio (Zhong et al. 2017).

    >>> erased = A.Erasing(scale=(0.2, 0.2), fill=255, p=1)(image=photo)["image"]
    >>> 0.15 < float((erased == 255).all(2).mean()) < 0.25
    True
    """

    scale: AreaRange = (0.02, 0.33)
    """Area, as a share of the picture's. A rectangle that does not fit gets another ratio."""
    ratio: RatioRange = (0.3, 3.3)
    """Width by height."""
    fill: DropFill = 0
    """As in CoarseDropout."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def holes(self, rng: Rng, scene: Scene) -> list[Region]:
        """Draw area, ratio and place.

        Areas are drawn up to what fits at any ratio; if even the smallest does not, the ratio
        gives way.
        """
        height, width = scene.size
        whole = height * width
        low, high = self.scale[0] * whole, self.scale[1] * whole
        fits = min(high, width * width / self.ratio[1], height * height * self.ratio[0])
        area = rng.uniform(low, fits if fits >= low else high)
        ratio = rng.uniform(*self.ratio)
        w, h = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if w > width:
            w, h = width, min(height, area / width)
        elif h > height:
            w, h = min(width, area / height), height
        w, h = max(1, round(w)), max(1, round(h))
        y, x = rng.integer(0, height - h), rng.integer(0, width - w)
        return [(x, y, x + w, y + h)]


class GridDropout(_Dropout):
    """Overwrite a rectangle in each cell of a grid (Chen et al. 2020, GridMask).

    >>> dropped = A.GridDropout(ratio=0.5, fill=255, p=1)(image=photo)["image"]
    >>> 0.2 < float((dropped == 255).all(2).mean()) < 0.3
    True
    """

    ratio: Ratio = 0.5
    """Side of a hole by that of its cell."""
    random_offset: Boolean = True
    """Whether each hole lies anywhere in its cell, or all where ``shift_xy`` puts them."""
    unit_size_range: UnitRange = None
    """Side of the cells, drawn from a range."""
    holes_number_xy: OptionalCounts = None
    """Number of cells down and across, in this order, as in Albumentations; 10 by 10 if neither
    this nor the size of cells is given."""
    shift_xy: Shifts = (0, 0)
    """Where holes lie in their cells if they are not put at random."""
    fill: DropFill = 0
    """As in CoarseDropout."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def holes(self, rng: Rng, scene: Scene) -> list[Region]:
        """Draw the grid, and the place in each cell."""
        height, width = scene.size
        rows, columns = self._counts(rng, height, width)
        down = self._holes_of(uneven_cuts(height, rows, rng))
        across = self._holes_of(uneven_cuts(width, columns, rng))
        if not self.random_offset:
            dx, dy = self.shift_xy
            ys = [(min(y + dy, height - h), h) for y, h, _ in down]
            xs = [(min(x + dx, width - w), w) for x, w, _ in across]
            return [(x, y, x + w, y + h) for y, h in ys for x, w in xs]
        random = rng.random
        return [
            (left := x + int(random() * play), top := y + int(random() * room), left + w, top + h)
            for y, h, room in down
            for x, w, play in across
        ]

    def _counts(self, rng: Rng, height: int, width: int) -> tuple[int, int]:
        if self.unit_size_range is not None:
            if self.unit_size_range[1] > min(height, width):
                raise DataError(
                    f"GridDropout.unit_size_range = {self.unit_size_range!r}: the cells must fit "
                    f"into the picture of {height}×{width}"
                )
            unit = rng.integer(*self.unit_size_range)
            return height // unit, width // unit
        if self.holes_number_xy is not None:
            return self.holes_number_xy  # type: ignore[no-any-return]
        return height // max(2, height // 10), width // max(2, width // 10)

    def _holes_of(self, cells: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """For each cell its start, the side of its hole, and the number of places for that.

        At least a pixel is dropped and one kept; a cell of one pixel has no hole.
        """
        sides = ((start, n, min(max(1, int(n * self.ratio)), n - 1)) for start, n in cells)
        return [(start, side, n - side + 1) for start, n, side in sides if side]


class XYMasking(_Dropout):
    """Overwrite stripes over the whole height or width (Park et al. 2019, SpecAugment).

    >>> t = A.XYMasking(num_masks_x=(1, 1), mask_x_length=(64, 64), fill=255, p=1)
    >>> float((t(image=photo)["image"] == 255).all((0, 2)).mean())
    0.1
    """

    num_masks_x: StripeRange = 0
    """Number of upright stripes. A lone number x means (0, x)."""
    num_masks_y: StripeRange = 0
    """Number of level stripes. A lone number x means (0, x)."""
    mask_x_length: StripeRange = 0
    """Width of the upright stripes in pixels. A lone number x means (0, x)."""
    mask_y_length: StripeRange = 0
    """Height of the level stripes in pixels. A lone number x means (0, x)."""
    fill: DropFill = 0
    """As in CoarseDropout."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def holes(self, rng: Rng, scene: Scene) -> list[Region]:
        """Draw number, place and width of the stripes."""
        height, width = scene.size
        xs = _stripes(rng, self.num_masks_x, self.mask_x_length, (width, "XYMasking.mask_x_length"))
        ys = _stripes(
            rng, self.num_masks_y, self.mask_y_length, (height, "XYMasking.mask_y_length")
        )
        return [(a, 0, b, height) for a, b in xs] + [(0, a, width, b) for a, b in ys]


def _stripes(
    rng: Rng, count: tuple[int, int], length: tuple[int, int], along: tuple[int, str]
) -> list[tuple[int, int]]:
    whole, place = along
    if length[1] > whole:
        raise DataError(f"{place} = {length!r}: the picture has only {whole} pixels there")
    out = []
    for _ in range(rng.integer(*count)):
        n = rng.integer(*length)
        start = rng.integer(0, whole - n)
        if n:
            out.append((start, start + n))
    return out


class TimeMasking(SpatialTransform):
    """Overwrite a stretch of time of a spectrogram (frequency × time) with zeros, or none.

    Half of the draws have no stripe, as in Albumentations: `XYMasking` with ``num_masks_x=(0, 1)``
    (Park et al. 2019, SpecAugment). Masks get zeros at the same places.

    >>> A.TimeMasking(time_mask_param=64, p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    time_mask_param: StripeLength = 40
    """Longest stretch in pixels."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw whether, how long and where."""
        height, width = scene.size
        along = width, "TimeMasking.time_mask_param"
        for a, b in _stripes(rng, (0, 1), (0, self.time_mask_param), along):
            yield ops.Fill(((a, 0, b, height),), 0, 0)


class FrequencyMasking(SpatialTransform):
    """Overwrite a band of frequencies of a spectrogram (frequency × time) with zeros, or none.

    Half of the draws have no stripe, as in Albumentations: `XYMasking` with ``num_masks_y=(0, 1)``
    (Park et al. 2019, SpecAugment). Masks get zeros at the same places.

    >>> A.FrequencyMasking(freq_mask_param=64, p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    freq_mask_param: StripeLength = 30
    """Widest band in pixels."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw whether, how wide and where."""
        height, width = scene.size
        along = height, "FrequencyMasking.freq_mask_param"
        for a, b in _stripes(rng, (0, 1), (0, self.freq_mask_param), along):
            yield ops.Fill(((0, a, width, b),), 0, 0)


class PixelDropout(SpatialTransform):
    """Overwrite single pixels; boxes and keypoints stay.

    >>> dropped = A.PixelDropout(dropout_prob=0.2, drop_value=255, p=1)(image=photo)["image"]
    >>> 0.19 < float((dropped == 255).all(2).mean()) < 0.21
    True
    """

    dropout_prob: Probability = 0.01
    """Probability of each pixel."""
    per_channel: Boolean = False
    """Whether each channel of a pixel is decided by itself."""
    drop_value: OptionalFill = 0
    """A value or one a channel, in the units of the picture; None draws one color a call."""
    mask_drop_value: OptionalFill = None
    """What masks get at the same places; None leaves them as they are."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the key that decides the pixels, and a color if none is given."""
        value = self.drop_value
        if value is None:
            top = WHITE[scene.dtype]
            value = tuple(
                rng.random() if top == 1 else rng.integer(0, top) for _ in range(scene.channels)
            )
        check_value("PixelDropout.drop_value", value, scene)
        params = (self.dropout_prob, self.per_channel, value)
        yield Noise("drop", params, rng.key(), self.mask_drop_value)
