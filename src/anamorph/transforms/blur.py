"""Blurs of which the kernel is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.errors import ParameterError
from anamorph.core.params import Boolean, Probability, Span, SymmetricDegrees, refuse
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["AdvancedBlur", "Blur", "GaussianBlur", "MedianBlur", "MotionBlur"]

KernelRange = Annotated[Any, Span(0, lone="from", start=3, whole=True, unit="pixels")]
AutoKernelRange = Annotated[Any, Span(0, lone="from", start=0, whole=True, unit="pixels")]
SigmaRange = Annotated[Any, Span(0, lone="from", unit="pixels")]
TurnRange = Annotated[Any, Span(lone="point", unit="degrees")]
DirectionRange = Annotated[Any, Span(-1, 1, lone="point")]
ShapeRange = Annotated[Any, Span(0, lone="from")]
FactorRange = Annotated[Any, Span(0, lone="from")]

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


class AdvancedBlur(PixelTransform):
    """Blur with a turned, generalized Gaussian of which the weights are noisy.

    The kernels of Zhang et al. 2021 (BSRGAN) and Wang et al. 2021 (Real-ESRGAN): with q the
    squared distance in sigmas along the turned axes, the weights are exp(-q**beta / 2), each times
    a random factor. A beta below 1 has long tails, one above is flat as an open lens.

    >>> t = A.AdvancedBlur(sigma_x_limit=(1, 1), sigma_y_limit=(1, 1), p=1)
    >>> bool(t(image=photo)["image"].std() < photo.std())
    True
    """

    blur_limit: KernelRange = (3, 7)
    """Even sizes are rounded up to odd ones, sizes below 3 to 3. A lone number x means (3, x)."""
    sigma_x_limit: SigmaRange = (0.2, 1.0)
    """A lone number x means (0, x)."""
    sigma_y_limit: SigmaRange = (0.2, 1.0)
    """A lone number x means (0, x)."""
    rotate_limit: SymmetricDegrees = (-90, 90)
    beta_limit: ShapeRange = (0.5, 8.0)
    """Exponent of the Gaussian. Below and above 1 are equally likely, so 1 must lie inside."""
    noise_limit: FactorRange = (0.9, 1.1)
    """Factors of the weights."""
    p: Probability = 0.5

    def check(self) -> None:
        """Refuse ranges of which no kernel can be made."""
        if not self.beta_limit[0] < 1.0 < self.beta_limit[1]:
            raise refuse("AdvancedBlur.beta_limit", self.beta_limit, "a range with 1 inside")
        if self.sigma_x_limit[1] == self.sigma_y_limit[1] == 0:
            raise ParameterError(
                "AdvancedBlur.sigma_x_limit = (0, 0): it must reach above 0, or sigma_y_limit must"
            )
        if self.noise_limit[1] == 0:
            raise refuse("AdvancedBlur.noise_limit", self.noise_limit, "a range that ends above 0")

    @cached_property
    def sizes(self) -> range:
        """The sizes that may be drawn."""
        return odd_sizes(self.blur_limit)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw size, sigmas, angle, exponent, and a factor for each weight."""
        size = rng.pick(self.sizes)
        sigmas = rng.uniform(*self.sigma_x_limit), rng.uniform(*self.sigma_y_limit)
        angle = math.radians(rng.uniform(*self.rotate_limit))
        low, high = self.beta_limit
        beta = rng.uniform(low, 1.0) if rng.chance(0.5) else rng.uniform(1.0, high)
        least, span = self.noise_limit[0], self.noise_limit[1] - self.noise_limit[0]
        random = rng.random
        rows = [
            [weight * (least + span * random()) for weight in row]
            for row in bell_kernel(size, sigmas, angle, beta)
        ]
        total = sum(map(sum, rows)) or 1.0
        kernel = tuple(tuple(weight / total for weight in row) for row in rows)
        yield Convolve("kernel", (size, size), kernel=kernel)


_NARROWEST = 1e-3
"""Sigma that stands for zero: no neighbour has any weight."""
_DARKEST = 7.5
"""Logarithm of q**beta from which on a weight is zero in double precision."""


def bell_kernel(
    size: int, sigmas: tuple[float, float], angle: float, beta: float
) -> list[list[float]]:
    """Weights of a generalized Gaussian, 1 in the middle.

    Args:
        size: width and height, odd.
        sigmas: along the kernel's own x and y.
        angle: of its x in radians, clockwise on the screen.
        beta: the exponent; 1 is the usual Gaussian.
    """
    c, s = math.cos(angle), math.sin(angle)
    a, b = (1.0 / max(sigma, _NARROWEST) for sigma in sigmas)
    half = size // 2
    rows = []
    for y in range(-half, half + 1):
        row = []
        for x in range(-half, half + 1):
            q = ((c * x + s * y) * a) ** 2 + ((c * y - s * x) * b) ** 2
            power = beta * math.log(q) if q > 0.0 else -math.inf
            row.append(math.exp(-0.5 * math.exp(power)) if power < _DARKEST else 0.0)
        rows.append(row)
    return rows


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
