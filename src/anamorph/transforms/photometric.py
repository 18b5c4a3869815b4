"""Photometric distortions of the classics: Krizhevsky's colour noise and the detector SSD's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import ColorMatrix, Curve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels
from anamorph.transforms.color import more_saturated

__all__ = ["FancyPCA", "PhotoMetricDistort"]

Strength = Annotated[float, Number(0)]
FactorRange = Annotated[Any, Span(0, lone="around")]
HueTurns = Annotated[Any, Span(-0.5, 0.5, unit="turns")]


class FancyPCA(PixelTransform):
    """Shift all pixels along the principal axes of the picture's colours.

    A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with deep convolutional
    neural networks", NIPS 2012: the sum of the axes, each times its variance times a normal number.
    The covariance is that of a sample of the pixels.

    >>> flat = np.full_like(photo, 90)  # has no colours that vary
    >>> bool((A.FancyPCA(p=1)(image=flat)["image"] == flat).all())
    True
    """

    alpha: Strength = 0.1
    """Standard deviation of the normal numbers."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a normal number an axis, the strongest first."""
        numbers = tuple(rng.gauss(0.0, self.alpha) for _ in range(scene.channels))
        yield Effect("principal_shift", numbers)


class PhotoMetricDistort(PixelTransform):
    """Change brightness, contrast, saturation, hue and the order of channels, each by chance.

    Contrast comes before saturation or after hue, as a coin decides. W. Liu et al., "SSD: single
    shot multibox detector", ECCV 2016, in torchvision's form. Grey pictures of one channel get
    brightness and contrast.

    >>> A.PhotoMetricDistort(distort_p=1, p=1)(image=photo)["image"].shape == photo.shape
    True
    """

    brightness_range: FactorRange = (0.875, 1.125)
    contrast_range: FactorRange = (0.5, 1.5)
    """About the mean of the grey picture."""
    saturation_range: FactorRange = (0.5, 1.5)
    hue_range: HueTurns = (-0.05, 0.05)
    distort_p: Probability = 0.5
    """Probability of each of the five."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw which changes are made, how strong, and when contrast comes.

        Raises:
            UndefinedError: the picture has neither one nor three channels.
        """
        need_channels(self, scene, 1, 3)
        colored = scene.channels == 3
        if rng.chance(self.distort_p):
            yield Curve((("linear", rng.uniform(*self.brightness_range), 0.0),))
        early = rng.random() < 0.5
        contrast = self._contrast(rng)
        if early:
            yield from contrast
        if colored:
            yield from self._colors(rng)
        if not early:
            yield from contrast
        if colored and rng.chance(self.distort_p):
            yield _shuffled(rng)

    def _contrast(self, rng: Rng) -> list[Op]:
        if not rng.chance(self.distort_p):
            return []
        factor = rng.uniform(*self.contrast_range)
        return [Curve((("mean", factor, 1.0 - factor, "gray"),))]

    def _colors(self, rng: Rng) -> Iterator[Op]:
        if rng.chance(self.distort_p):
            yield more_saturated(rng.uniform(*self.saturation_range))
        if rng.chance(self.distort_p):
            yield Effect("hsv", (180.0 * rng.uniform(*self.hue_range), 0.0, 0.0))


def _shuffled(rng: Rng) -> ColorMatrix:
    order = [0, 1, 2]
    rng.shuffle(order)
    return ColorMatrix(tuple((*(float(i == c) for i in range(3)), 0.0) for c in order))
