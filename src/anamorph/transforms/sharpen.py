"""Sharpening, and what too much of it looks like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.params import Choice, FractionRange, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene
from anamorph.transforms.blur import KernelRange, SigmaRange, odd_sizes

__all__ = ["Emboss", "RingingOvershoot", "Sharpen", "UnsharpMask"]

LightnessRange = Annotated[Any, Span(0, lone="point")]
SharpenMethod = Annotated[str, Choice(("kernel", "gaussian"))]
KernelSize = Annotated[int, Number(3, whole=True, unit="pixels")]
ShareRange = Annotated[Any, Span(0, 1, lone="from")]
StrengthRange = Annotated[Any, Span(0, lone="point")]
CutoffRange = Annotated[Any, Span(0, math.pi, lone="point", unit="radians a pixel")]
Levels = Annotated[int, Number(0, 255, whole=True, unit="gray levels")]
PositiveSigma = Annotated[float, Number(0, above=True, unit="pixels")]


class Sharpen(PixelTransform):
    """Sharpen, by a 3×3 kernel or by adding what a Gaussian takes away.

    >>> bool(A.Sharpen(alpha=0.5, lightness=(1, 1), p=1)(image=photo)["image"].std() > photo.std())
    True
    """

    alpha: FractionRange = (0.2, 0.5)
    """Share of the sharpened picture: 0 leaves the picture as it is."""
    lightness: LightnessRange = (0.5, 1.0)
    """Weight of the pixel itself beyond that of its neighbours: 1 keeps the brightness. Kernel."""
    method: SharpenMethod = "kernel"
    kernel_size: KernelSize = 5
    """Size of the Gaussian; even sizes are rounded up."""
    sigma: PositiveSigma = 1.0
    """Sigma of the Gaussian."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw alpha, and lightness for the kernel."""
        alpha = rng.uniform(*self.alpha)
        if self.method == "gaussian":
            yield Effect("sharpen", (alpha, self.kernel_size | 1, float(self.sigma)))
            return
        side = (-alpha, -alpha, -alpha)
        center = 1.0 - alpha + alpha * (8.0 + rng.uniform(*self.lightness))
        yield Convolve("kernel", (3, 3), kernel=(side, (-alpha, center, -alpha), side))


class Emboss(PixelTransform):
    """Make the picture look as if pressed into paper and lit from the top left.

    >>> t = A.Emboss(alpha=(0.5, 0.5), strength=(0.5, 0.5), p=1)
    >>> bool((t(image=photo)["image"] != photo).mean() > 0.5)
    True
    """

    alpha: FractionRange = (0.2, 0.5)
    """Share of the embossed picture: 0 leaves the picture as it is."""
    strength: StrengthRange = (0.2, 0.7)
    """How deep it is pressed, beyond the difference between the two diagonal neighbours."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw alpha and strength."""
        alpha = rng.uniform(*self.alpha)
        side = alpha * rng.uniform(*self.strength)
        corner = alpha + side
        yield Convolve(
            "kernel",
            (3, 3),
            kernel=((-corner, -side, 0.0), (-side, 1.0, side), (0.0, side, corner)),
        )


class UnsharpMask(PixelTransform):
    """Sharpen where a pixel differs enough from its blurred surroundings.

    The difference to a Gaussian blur is added where it exceeds the threshold; the edges of these
    places are softened by the same blur.

    >>> t = A.UnsharpMask(alpha=(0.5, 0.5), threshold=0, p=1)
    >>> bool(t(image=photo)["image"].std() > photo.std())
    True
    """

    blur_limit: KernelRange = (3, 7)
    """Even sizes are rounded up to odd ones, sizes below 3 to 3. A lone number x means (3, x)."""
    sigma_limit: SigmaRange = 0.0
    """0 takes the usual sigma of the size. A lone number x means (0, x)."""
    alpha: ShareRange = (0.2, 0.5)
    """Share of the difference that is added. A lone number x means (0, x)."""
    threshold: Levels = 10
    """Differences up to this many levels of 255 are left alone."""
    p: Probability = 0.5

    @cached_property
    def sizes(self) -> range:
        """The sizes that may be drawn."""
        return odd_sizes(self.blur_limit)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw size, sigma and alpha."""
        size = rng.pick(self.sizes)
        sigma = rng.uniform(*self.sigma_limit)
        yield Effect("unsharp", (rng.uniform(*self.alpha), size, float(sigma), self.threshold))


class RingingOvershoot(PixelTransform):
    """Ring at edges, as pictures do that were sharpened or scaled down too hard.

    The picture goes through an ideal low pass cut off by a square, whose kernel is
    w·J1(w·r) / (2π·r) (Wang et al. 2021, Real-ESRGAN).

    >>> A.RingingOvershoot(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    blur_limit: KernelRange = (7, 15)
    """Even sizes are rounded up to odd ones, sizes below 3 to 3. A lone number x means (3, x)."""
    cutoff: CutoffRange = (math.pi / 4, math.pi / 2)
    """Frequency from which on nothing passes."""
    p: Probability = 0.5

    @cached_property
    def sizes(self) -> range:
        """The sizes that may be drawn."""
        return odd_sizes(self.blur_limit)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw size and cutoff."""
        size = rng.pick(self.sizes)
        kernel = jinc_kernel(size, rng.uniform(*self.cutoff))
        yield Convolve("kernel", (size, size), kernel=kernel)


_SERIES = 12.0
"""Up to this argument Bessel's series converges with 11 digits left."""


def bessel_j1(x: float) -> float:
    """Bessel's function of the first kind and first order, for x of at least 0.

    By its series; where that would cancel, by Hankel's expansion (Abramowitz and Stegun 9.2.5).
    """
    if x > _SERIES:
        z = 8.0 * x
        near = 1.0 + 15.0 / (2.0 * z**2) - 4725.0 / (8.0 * z**4) + 2837835.0 / (16.0 * z**6)
        off = 3.0 / z - 105.0 / (2.0 * z**3) + 72765.0 / (8.0 * z**5)
        turn = x - 0.75 * math.pi
        return math.sqrt(2.0 / (math.pi * x)) * (math.cos(turn) * near - math.sin(turn) * off)
    term = total = x / 2.0
    k = 1
    while abs(term) > 1e-12:
        term *= -x * x / (4.0 * k * (k + 1))
        total += term
        k += 1
    return total


def jinc_kernel(size: int, cutoff: float) -> tuple[tuple[float, ...], ...]:
    """Weights of a circular low pass, by their sum.

    Args:
        size: width and height, odd.
        cutoff: the highest frequency that passes, in radians a pixel.
    """
    half = size // 2
    values = {0: cutoff * cutoff / (4.0 * math.pi)}
    rows = []
    for y in range(-half, half + 1):
        row = []
        for x in range(-half, half + 1):
            square = x * x + y * y
            if square not in values:
                r = math.sqrt(square)
                values[square] = cutoff * bessel_j1(cutoff * r) / (2.0 * math.pi * r)
            row.append(values[square])
        rows.append(row)
    total = sum(map(sum, rows))
    if total == 0.0:  # nothing passes but the mean
        return ((1.0 / size**2,) * size,) * size
    return tuple(tuple(weight / total for weight in row) for row in rows)
