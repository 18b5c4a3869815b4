"""Blurs of which the kernel is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.params import Boolean, Probability, Span, refuse
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["Blur", "GaussianBlur", "MedianBlur", "MotionBlur"]

KernelRange = Annotated[Any, Span(0, lone="from", start=3, whole=True, unit="pixels")]
AutoKernelRange = Annotated[Any, Span(0, lone="from", start=0, whole=True, unit="pixels")]
SigmaRange = Annotated[Any, Span(0, lone="from", unit="pixels")]
TurnRange = Annotated[Any, Span(lone="point", unit="degrees")]
DirectionRange = Annotated[Any, Span(-1, 1, lone="point")]

_LARGEST_MEDIAN = 255


def odd_sizes(limits: tuple[int, int]) -> range:
    """Odd sizes of at least 3 that a range of sizes stands for; an even end is rounded up."""
    return range(max(3, limits[0] | 1), max(3, limits[1] | 1) + 1, 2)


class _KernelBlur(PixelTransform):
    """Base of blurs with an odd kernel, drawn evenly from ``blur_limit``."""

    blur_limit: KernelRange = (3, 7)
    """Even sizes are rounded up to odd ones, sizes below 3 to 3. A lone number x means (3, x)."""
    p: Probability = 0.5

    @cached_property
    def sizes(self) -> range:
        """The sizes that may be drawn."""
        return odd_sizes(self.blur_limit)


class Blur(_KernelBlur):
    """Average over a square.

    >>> bool(A.Blur(blur_limit=(5, 5), p=1)(image=photo)["image"].std() < photo.std())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the size."""
        size = rng.pick(self.sizes)
        yield Convolve("box", (size, size))


class MedianBlur(_KernelBlur):
    """Take the median of a square: removes specks and keeps edges.

    16-bit and float pictures keep their precision; sizes above 5 take long for them.

    >>> A.MedianBlur(blur_limit=(5, 5), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    p: Probability = 0.5

    def check(self) -> None:
        """Refuse sizes that cannot be filtered."""
        if self.sizes[-1] > _LARGEST_MEDIAN:
            raise refuse("MedianBlur.blur_limit", self.blur_limit, "sizes of at most 255 pixels")

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the size."""
        yield Effect("median", (rng.pick(self.sizes),))


class GaussianBlur(PixelTransform):
    """Blur with a Gaussian.

    >>> bool(A.GaussianBlur(sigma_limit=(2, 2), p=1)(image=photo)["image"].std() < photo.std())
    True
    """

    blur_limit: AutoKernelRange = 0
    """Size of the kernel, made odd; 0 takes as much as sigma needs. A lone number x means (0, x)."""
    sigma_limit: SigmaRange = (0.5, 3.0)
    """A lone number x means (0, x)."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw sigma and the size."""
        low, high = self.blur_limit
        size = rng.integer(low, high)
        sigma = rng.uniform(*self.sigma_limit)
        size = size | 1 if size else 2 * int(3.5 * sigma) + 1
        if size > 1:
            yield Convolve("gaussian", (size, size), (sigma, sigma))


class MotionBlur(_KernelBlur):
    """Blur along a straight line, as a moving camera or object does.

    >>> A.MotionBlur(blur_limit=(9, 9), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    allow_shifted: Boolean = True
    """Whether the line may lie off the centre of the kernel, which shifts the picture a little."""
    angle_range: TurnRange = (0, 360)
    """Direction of the line: 0 is to the right, 90 down."""
    direction_range: DirectionRange = (-1.0, 1.0)
    """-1 blurs backwards only, 1 forwards only, 0 both ways alike."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw size, angle, direction and shift."""
        size = rng.pick(self.sizes)
        angle = math.radians(rng.uniform(*self.angle_range))
        direction = rng.uniform(*self.direction_range)
        x = y = float(size // 2)
        if self.allow_shifted:
            reach = (size - 1) / 4
            x += rng.uniform(-reach, reach)
            y += rng.uniform(-reach, reach)
        yield Convolve("kernel", (size, size), kernel=line_kernel(size, angle, direction, (x, y)))


def line_kernel(
    size: int, angle: float, direction: float, center: tuple[float, float]
) -> tuple[tuple[float, ...], ...]:
    """Give equal weights to the cells on a line through the centre.

    Args:
        size: width and height of the kernel.
        angle: direction of the line in radians, clockwise on the screen.
        direction: -1 for the half behind the centre, 1 for that before it, 0 for both.
        center: x and y of the cell from which the line starts.
    """
    radius = size // 2
    first = -radius * (1.0 - max(direction, 0.0))
    last = radius * (1.0 + min(direction, 0.0))
    dx, dy = math.cos(angle), math.sin(angle)
    step = (last - first) / (size - 1)
    x, y = center
    cells = set()
    for i in range(size):
        t = first + step * i
        column, row = round(x + t * dx), round(y + t * dy)
        if 0 <= column < size and 0 <= row < size:
            cells.add((row, column))
    weight = 1.0 / len(cells)
    rows = _rows(cells)
    empty = (0.0,) * size
    return tuple(
        tuple(weight if c in rows[r] else 0.0 for c in range(size)) if r in rows else empty
        for r in range(size)
    )


def _rows(cells: set[tuple[int, int]]) -> Mapping[int, set[int]]:
    rows: dict[int, set[int]] = {}
    for row, column in cells:
        rows.setdefault(row, set()).add(column)
    return rows
