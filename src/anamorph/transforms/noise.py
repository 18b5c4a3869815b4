"""Noise of cameras and of lines of transmission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Boolean, FractionRange, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Curve, Noise, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels

__all__ = ["GaussNoise", "ISONoise", "MultiplicativeNoise", "SaltAndPepper"]

MeanRange = Annotated[Any, Span(-1, 1, lone="point", unit="white")]
StdRange = Annotated[Any, Span(0, 1, lone="point", unit="white")]
ScaleFactor = Annotated[float, Number(0, 1, above=True)]
IntensityRange = Annotated[Any, Span(0, lone="point")]
FactorRange = Annotated[Any, Span(0, lone="point")]


class GaussNoise(PixelTransform):
    """Add normal noise.

    >>> noisy = A.GaussNoise(std_range=(0.1, 0.1), p=1)(image=photo)["image"]
    >>> bool(20 < (noisy.astype(float) - photo)[200:].std() < 27)
    True
    """

    std_range: StdRange = (0.2, 0.44)
    """Standard deviation, as a share of white: 0.1 is 25.5 levels of 255."""
    mean_range: MeanRange = (0.0, 0.0)
    """Mean, as a share of white."""
    per_channel: Boolean = True
    """Whether each channel gets noise of its own, or all channels of a pixel the same."""
    noise_scale_factor: ScaleFactor = 1
    """Below 1 the noise is drawn at this share of the size and enlarged: coarser, and weaker."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw mean and standard deviation."""
        sigma = rng.uniform(*self.std_range)
        mean = rng.uniform(*self.mean_range)
        params = (mean, sigma, self.per_channel, float(self.noise_scale_factor))
        yield Noise("gauss", params, rng.key())


class ISONoise(PixelTransform):
    """Imitate the noise of a camera at high sensitivity: lighter specks and shifts of hue.

    In hue, lightness and saturation: hue gets normal noise with a standard deviation of
    color shift × intensity degrees; lightness goes towards white in steps of ``intensity``, a
    Poisson number of them whose mean is the lightness' standard deviation over the picture ×
    intensity. Needs three channels.

    >>> bool(A.ISONoise(p=1)(image=photo)["image"].mean() > photo.mean())
    True
    """

    color_shift: FractionRange = (0.01, 0.05)
    intensity: IntensityRange = (0.1, 0.5)
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw both strengths.

        Raises:
            UndefinedError: the picture has not three channels.
        """
        need_channels(self, scene, 3)
        params = (rng.uniform(*self.color_shift), rng.uniform(*self.intensity))
        yield Noise("iso", params, rng.key())


class MultiplicativeNoise(PixelTransform):
    """Multiply the picture, its channels, or each of its pixels by a random factor.

    >>> bool(A.MultiplicativeNoise(multiplier=(0.5, 0.5), p=1)(image=photo)["image"].mean() < 80)
    True
    """

    multiplier: FactorRange = (0.9, 1.1)
    per_channel: Boolean = False
    """Whether each channel gets its own factor."""
    elementwise: Boolean = False
    """Whether each pixel gets its own factor."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the factors, or the key that makes them."""
        low, high = self.multiplier
        if self.elementwise:
            yield Noise("multiply", (low, high, self.per_channel), rng.key())
        elif self.per_channel:
            factors = tuple(rng.uniform(low, high) for _ in range(scene.channels))
            yield Curve((("linear", factors, 0.0),))
        else:
            yield Curve((("linear", rng.uniform(low, high), 0.0),))


class SaltAndPepper(PixelTransform):
    """Set single pixels to white or to black.

    >>> A.SaltAndPepper(amount=(1, 1), p=1)(image=photo)["image"].mean().round() in range(90, 165)
    True
    """

    amount: FractionRange = (0.01, 0.06)
    """Share of pixels that are set."""
    salt_vs_pepper: FractionRange = (0.4, 0.6)
    """Share of white ones among them."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw both shares."""
        params = (rng.uniform(*self.amount), rng.uniform(*self.salt_vs_pepper))
        yield Noise("salt_pepper", params, rng.key())
