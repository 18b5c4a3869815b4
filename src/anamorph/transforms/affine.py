"""Maps that keep parallels parallel: turns, scales, shears, shifts and what is made of them.

Angles turn counter-clockwise on the screen. All is about the centre of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Final

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Boolean,
    Border,
    BoxMethod,
    DegreeRange,
    Either,
    Fill,
    Interpolation,
    Keyed,
    MaskFill,
    Probability,
    Span,
    SymmetricDegrees,
)
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Op, Size, Warp
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["Affine", "Rotate", "SafeRotate", "ShiftScaleRotate"]

Range = tuple[float, float]
Linear = tuple[float, float, float, float]

_DUST: Final = 1e-6
"""Pixels: what floating point may add to an extent without the canvas growing by a pixel."""
_SMALLEST: Final = 1e-3
"""The least scale that is drawn: at zero a picture would be a point and could not be mapped back."""


def _per_axis(span: Span) -> Either:
    return Either((span, Keyed(("x", "y"), span)))


ScalePerAxis = Annotated[Any, _per_axis(Span(lone="point"))]
ShiftPerAxis = Annotated[
    Any, Either((Span(lone="point"), Keyed(("x", "y"), Span(lone="point"))), optional=True)
]
PixelsPerAxis = Annotated[
    Any,
    Either(
        (
            Span(lone="point", whole=True, unit="pixels"),
            Keyed(("x", "y"), Span(lone="point", whole=True, unit="pixels")),
        ),
        optional=True,
    ),
]
ShearPerAxis = Annotated[Any, _per_axis(Span(-89, 89, lone="point", unit="degrees"))]
ShiftLimit = Annotated[Any, Span(-1, 1)]
AxisShiftLimit = Annotated[Any, Span(-1, 1, optional=True)]
ScaleLimit = Annotated[Any, Span(-1)]


class Rotate(SpatialTransform):
    """Turn about the centre; the canvas keeps its size, or is cropped to what the picture covers.

    >>> A.Rotate(limit=(90, 90), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    limit: SymmetricDegrees = (-90, 90)
    interpolation: Interpolation = INTER_LINEAR
    border_mode: Border = BORDER_CONSTANT
    rotate_method: BoxMethod = "largest_box"
    """How boxes turn: as rectangles, or as the ellipses inside of them, which stay tighter."""
    crop_border: Boolean = False
    """Cut out the largest rectangle that shows nothing but the picture."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Turn by one angle drawn evenly from the range."""
        angle = rng.uniform(*self.limit)
        size = scene.size
        if self.crop_border:
            canvas = _inscribed(angle, size)
            matrix = _aligned(_centered(_turn(angle), size, canvas))
        else:
            canvas, matrix = size, _centered(_turn(angle), size, size)
        yield Warp(matrix, canvas, self._sampling)


class SafeRotate(SpatialTransform):
    """Turn about the centre and shrink, so that the whole picture stays within its canvas.

    The canvas keeps its size. Width and height are scaled each by what it takes, so a picture that is
    not square changes its aspect ratio.

    >>> A.SafeRotate(limit=(45, 45), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    limit: SymmetricDegrees = (-90, 90)
    interpolation: Interpolation = INTER_LINEAR
    border_mode: Border = BORDER_CONSTANT
    rotate_method: BoxMethod = "largest_box"
    """How boxes turn: as rectangles, or as the ellipses inside of them, which stay tighter."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Turn by one angle drawn evenly from the range, then fit."""
        size = scene.size
        a, b, d, e = turn = _turn(rng.uniform(*self.limit))
        high, wide = _extent(turn, size)
        sy = size[0] / max(1, int(high + _DUST))
        sx = size[1] / max(1, int(wide + _DUST))
        yield Warp(_centered((sx * a, sx * b, sy * d, sy * e), size, size), size, self._sampling)


class Affine(SpatialTransform):
    """Scale, turn, shear and shift, in this order, about the centre.

    Where a parameter is one range, x and y are drawn from it independently of each other; a
    dictionary gives each its own. A lone number is used as it is.

    >>> A.Affine(rotate=90, fit_output=True, p=1)(image=photo)["image"].shape
    (640, 427, 3)
    """

    scale: ScalePerAxis = (1.0, 1.0)
    """Factors; 2 makes everything twice as large, a negative one mirrors."""
    translate_percent: ShiftPerAxis = None
    """Shift as a fraction of the width (x) and the height (y), towards zero to whole pixels."""
    translate_px: PixelsPerAxis = None
    """Shift in whole pixels, to the right (x) and down (y)."""
    rotate: DegreeRange = 0.0
    shear: ShearPerAxis = (0.0, 0.0)
    """Angles: x leans verticals to the right at the top, y lifts the right side."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    fit_output: Boolean = False
    """Make the canvas just large enough for the whole picture; shifts then have no effect."""
    keep_ratio: Boolean = False
    """Scale x and y by one and the same factor."""
    rotate_method: BoxMethod = "largest_box"
    """How boxes turn: as rectangles, or as the ellipses inside of them, which stay tighter."""
    balanced_scale: Boolean = False
    """Enlarge as often as shrink: draw from below 1 or from above 1 with equal odds."""
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def check(self) -> None:
        """Refuse two shifts, a scale of nothing, unequal scales of one ratio, and flat shears."""
        if self.translate_percent is not None and self.translate_px is not None:
            raise ParameterError("Affine takes translate_percent or translate_px, not both")
        x, y = self._scales
        if (0, 0) in (x, y):
            raise ParameterError(f"Affine.scale = {self.scale!r}: it must not be zero")
        if self.keep_ratio and x != y:
            raise ParameterError(
                f"Affine.scale = {self.scale!r}: with keep_ratio=True it must be equal for x and y"
            )
        if all(low == high for low, high in self._shears) and _flat(*map(_tan_of, self._shears)):
            raise ParameterError(
                f"Affine.shear = {self.shear!r}: it flattens the picture to a line"
            )

    @cached_property
    def _scales(self) -> tuple[Range, Range]:
        return _axes(self.scale, 1.0)

    @cached_property
    def _shears(self) -> tuple[Range, Range]:
        return _axes(self.shear, 0.0)

    @cached_property
    def _shifts(self) -> tuple[Range, Range] | None:
        given = self.translate_px if self.translate_percent is None else self.translate_percent
        return None if given is None else _axes(given, 0)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw scales, angle, shears and shifts evenly from their ranges."""
        size = scene.size
        linear = _sheared(
            _scaled(_turn(rng.uniform(*self.rotate)), *self._draw_scale(rng)),
            *self._draw_shear(rng),
        )
        if self.fit_output:
            canvas, shift = _fitting(linear, size), (0, 0)
        else:
            canvas, shift = size, self._draw_shift(rng, size)
        yield Warp(_centered(linear, size, canvas, shift), canvas, self._sampling)

    def _draw_scale(self, rng: Rng) -> tuple[float, float]:
        x, y = self._scales
        draw = _balanced if self.balanced_scale else _factor
        sx = draw(rng, x)
        return sx, sx if self.keep_ratio else draw(rng, y)

    def _draw_shear(self, rng: Rng) -> tuple[float, float]:
        x, y = self._shears
        if x == y == (0.0, 0.0):
            return 0.0, 0.0
        return math.tan(math.radians(rng.uniform(*x))), math.tan(math.radians(rng.uniform(*y)))

    def _draw_shift(self, rng: Rng, size: Size) -> tuple[int, int]:
        if self._shifts is None:
            return 0, 0
        x, y = self._shifts
        if self.translate_px is not None:
            return rng.integer(int(x[0]), int(x[1])), rng.integer(int(y[0]), int(y[1]))
        return int(rng.uniform(*x) * size[1]), int(rng.uniform(*y) * size[0])


class ShiftScaleRotate(SpatialTransform):
    """Scale, turn and shift, in this order, about the centre; `Affine` in other words.

    >>> A.ShiftScaleRotate(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    shift_limit: ShiftLimit = (-0.0625, 0.0625)
    """Shift as a fraction of the width (x) and the height (y), towards zero to whole pixels."""
    scale_limit: ScaleLimit = (-0.1, 0.1)
    """What is added to 1: (-0.1, 0.1) scales by 0.9 to 1.1, x and y independently."""
    rotate_limit: SymmetricDegrees = (-45, 45)
    interpolation: Interpolation = INTER_LINEAR
    border_mode: Border = BORDER_CONSTANT
    shift_limit_x: AxisShiftLimit = None
    """Takes the place of shift_limit for x."""
    shift_limit_y: AxisShiftLimit = None
    """Takes the place of shift_limit for y."""
    rotate_method: BoxMethod = "largest_box"
    """How boxes turn: as rectangles, or as the ellipses inside of them, which stay tighter."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    @cached_property
    def _shifts(self) -> tuple[Range, Range]:
        x, y = self.shift_limit_x, self.shift_limit_y
        return (
            self.shift_limit if x is None else x,
            self.shift_limit if y is None else y,
        )

    @cached_property
    def _scales(self) -> Range:
        low, high = self.scale_limit
        return low + 1, high + 1

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw angle, scales and shifts evenly from their ranges."""
        size = scene.size
        turn = _turn(rng.uniform(*self.rotate_limit))
        linear = _scaled(turn, _factor(rng, self._scales), _factor(rng, self._scales))
        x, y = self._shifts
        shift = int(rng.uniform(*x) * size[1]), int(rng.uniform(*y) * size[0])
        yield Warp(_centered(linear, size, size, shift), size, self._sampling)


def _axes(value: Any, default: float) -> tuple[Range, Range]:
    """Spread a range, or a dictionary of ranges, over x and y."""
    if isinstance(value, dict):
        rest = (default, default)
        return value.get("x", rest), value.get("y", rest)
    return value, value


def _tan_of(angles: Range) -> float:
    return math.tan(math.radians(angles[0]))


def _flat(tx: float, ty: float) -> bool:
    return abs(1 - tx * ty) < 1e-9


def _factor(rng: Rng, limits: Range) -> float:
    """Draw a scale, never zero."""
    factor = rng.uniform(*limits)
    return factor if abs(factor) >= _SMALLEST else _SMALLEST


def _balanced(rng: Rng, limits: Range) -> float:
    """Draw a scale from below or from above 1 with equal odds, as far as the range has both."""
    low, high = limits
    if low < 1 < high:
        limits = (low, 1) if rng.chance(0.5) else (1, high)
    return _factor(rng, limits)


def _turn(degrees: float) -> Linear:
    c, s = mx.cos_sin(degrees)
    return c, s, -s, c


def _scaled(m: Linear, sx: float, sy: float) -> Linear:
    """Scale first, then do m."""
    a, b, d, e = m
    return a * sx, b * sy, d * sx, e * sy


def _sheared(m: Linear, tx: float, ty: float) -> Linear:
    """Do m, then shear."""
    if tx == ty == 0:
        return m
    if _flat(tx, ty):
        ty *= 0.999  # two drawn shears that together would flatten the picture to a line
    a, b, d, e = m
    return a - tx * d, b - tx * e, d - ty * a, e - ty * b


def _centered(m: Linear, size: Size, canvas: Size, shift: tuple[int, int] = (0, 0)) -> Matrix:
    """Make the map that takes the centre of the picture to the centre of the canvas, shifted."""
    a, b, d, e = m
    y, x = size[0] / 2, size[1] / 2
    c = canvas[1] / 2 + shift[0] - a * x - b * y
    f = canvas[0] / 2 + shift[1] - d * x - e * y
    return mx.snapped((a, b, c, d, e, f, 0.0, 0.0, 1.0))


def _aligned(m: Matrix) -> Matrix:
    """Move a quarter turn by the half pixel that makes it exact; its crop has room for that."""
    if not mx.is_axis_aligned(m) or mx.is_lattice(m):
        return m
    return (
        m[0],
        m[1],
        float(math.floor(m[2] + mx.EPS)),
        m[3],
        m[4],
        float(math.floor(m[5] + mx.EPS)),
        *m[6:],
    )


def _extent(m: Linear, size: Size) -> tuple[float, float]:
    """Height and width of what a picture becomes."""
    (h, w), (a, b, d, e) = size, m
    return abs(d) * w + abs(e) * h, abs(a) * w + abs(b) * h


def _fitting(m: Linear, size: Size) -> Size:
    """The least canvas that holds the whole of what a picture becomes."""
    high, wide = _extent(m, size)
    return max(1, math.ceil(high - _DUST)), max(1, math.ceil(wide - _DUST))


def _inscribed(degrees: float, size: Size) -> Size:
    """The largest upright rectangle within a turned picture, and within its canvas.

    Two cases: either the long side of the picture leaves room enough for a rectangle whose
    corners touch the two long sides only (then it is fixed by the short side alone), or each
    corner of the rectangle touches another side.
    """
    h, w = size
    cos, sin = map(abs, mx.cos_sin(degrees))
    short, long = min(h, w), max(h, w)
    if short <= 2 * sin * cos * long or abs(cos - sin) < 1e-9:
        along, across = (short / 2 / s if s else math.inf for s in (sin, cos))
        high, wide = (across, along) if w >= h else (along, across)
    else:
        double = cos * cos - sin * sin
        high, wide = (h * cos - w * sin) / double, (w * cos - h * sin) / double
    return max(1, min(h, int(high + _DUST))), max(1, min(w, int(wide + _DUST)))
