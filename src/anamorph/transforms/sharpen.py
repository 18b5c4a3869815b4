"""Sharpening."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Choice, FractionRange, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["Sharpen"]

LightnessRange = Annotated[Any, Span(0, lone="point")]
SharpenMethod = Annotated[str, Choice(("kernel", "gaussian"))]
KernelSize = Annotated[int, Number(3, whole=True, unit="pixels")]
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
