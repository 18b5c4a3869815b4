"""Blurs of lenses and of what is in front of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Choice, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["Defocus", "GlassBlur", "ZoomBlur"]

RadiusRange = Annotated[Any, Span(1, lone="from", start=1, whole=True, unit="pixels")]
AliasRange = Annotated[Any, Span(0, lone="from", unit="pixels")]
FactorRange = Annotated[Any, Span(1, lone="from", start=1)]
StepRange = Annotated[Any, Span(0, lone="from")]
Sigma = Annotated[float, Number(0, unit="pixels")]
Delta = Annotated[int, Number(1, 1000, whole=True, unit="pixels")]
Iterations = Annotated[int, Number(1, 100, whole=True)]
SwapMode = Annotated[str, Choice(("fast", "exact"))]

_MOST_ZOOMS = 256
"""More pictures than this lie closer together than pixels."""


_STILL = 1e-9
"""Zooms by less than this move no picture."""


class Defocus(PixelTransform):
    """Blur as a lens does that is out of focus: every point becomes a disk.

    As in Hendrycks and Dietterich 2019 (ImageNet-C). The brightness is kept.

    >>> bool(A.Defocus(p=1)(image=photo)["image"].std() < photo.std())
    True
    """

    radius: RadiusRange = (3, 10)
    """Radius of the disk. A lone number x means (1, x)."""
    alias_blur: AliasRange = (0.1, 0.5)
    """Sigma of the Gaussian that smooths the disk's edge. A lone number x means (0, x)."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw both."""
        radius = rng.integer(*self.radius)
        sigma = rng.uniform(*self.alias_blur)
        side = 2 * radius + 1
        yield Convolve("disk", (side, side), (sigma, sigma))


class GlassBlur(PixelTransform):
    """Look through frosted glass: blur, exchange near pixels, blur again.

    After Hendrycks and Dietterich 2019 (ImageNet-C). There pixels change places one after the
    other; here each shows what lies at a random place near it, which is as far off as one gets by
    as many exchanges.

    >>> bool(A.GlassBlur(p=1)(image=photo)["image"].std() < photo.std())
    True
    """

    sigma: Sigma = 0.7
    """Sigma of the two Gaussians."""
    max_delta: Delta = 4
    """How far a pixel goes at a time."""
    iterations: Iterations = 2
    """How often each pixel goes."""
    mode: SwapMode = "fast"
    """In "exact" a pixel may be taken along by the next ones, so some get further."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the key of the places."""
        params = (float(self.sigma), self.max_delta, self.iterations, self.mode)
        yield Effect("glass", params, rng.key())


class ZoomBlur(PixelTransform):
    """Blur as if the lens were zoomed in during the exposure.

    The mean of the picture and of what a growing zoom shows of it, after Hendrycks and Dietterich
    2019 (ImageNet-C). The zooms grow by equal factors that move the picture as far, on average,
    as the equal steps asked for: few enlargements then do for many zooms.

    >>> bool(A.ZoomBlur(p=1)(image=photo)["image"].std() < photo.std())
    True
    """

    max_factor: FactorRange = (1, 1.31)
    """The last zoom. A lone number x means (1, x)."""
    step_factor: StepRange = (0.01, 0.03)
    """How much each zoom is more than the one before. A lone number x means (0, x)."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the last zoom and how many there are."""
        step = rng.uniform(*self.step_factor)
        reach = max(rng.uniform(*self.max_factor) - 1.0, step)
        if reach == 0.0:
            return
        count = _MOST_ZOOMS
        if step * _MOST_ZOOMS > reach:
            count = max(2, math.ceil(reach / step - 1e-9))
            reach = step * (count - 1)
        yield Effect("zoom", (count, even_factors(count, 1.0 + reach)))


def even_factors(count: int, last: float) -> float:
    """The last of so many zooms by equal factors that move a picture as far as by equal steps.

    >>> even_factors(2, 1.5)
    1.5

    A zoom f moves what is at r from the middle by r·(1 - 1/f), so the sums of 1/f must be equal;
    the factor between zooms is found by Newton's method.
    """
    if count == 2 or last < 1.0 + _STILL:
        return last
    step = (last - 1.0) / (count - 1)
    wanted = sum(1.0 / (1.0 + i * step) for i in range(count))
    q = last ** (-1.0 / (count - 1))
    for _ in range(3):
        whole = (1.0 - q**count) / (1.0 - q)
        slope = (whole - count * q ** (count - 1)) / (1.0 - q)
        q -= (whole - wanted) / slope
    return float(q ** (1.0 - count))
