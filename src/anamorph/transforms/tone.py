"""Tones: brightness, contrast, gamma and other curves over intensity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.errors import DataError
from anamorph.core.params import Boolean, Either, FractionRange, Listed, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Curve, Op
from anamorph.ir.tone import within_range
from anamorph.transforms.base import PixelTransform, Scene

__all__ = [
    "InvertImg",
    "Posterize",
    "RandomBrightnessContrast",
    "RandomGamma",
    "RandomToneCurve",
    "Solarize",
]

ShareRange = Annotated[Any, Span()]
GammaRange = Annotated[Any, Span(1, lone="from", start=1, unit="percent")]
_BITS = Span(1, 8, lone="point", whole=True, unit="bits")
Bits = Annotated[Any, Either((_BITS, Listed(_BITS, empty=False)))]
CurveStrength = Annotated[float, Number(0, 1)]


class RandomBrightnessContrast(PixelTransform):
    """Multiply by 1 + contrast and add brightness.

    >>> t = A.RandomBrightnessContrast(brightness_limit=(0.2, 0.2), contrast_limit=0, p=1)
    >>> t(image=np.zeros_like(photo))["image"][0, 0].tolist()
    [51, 51, 51]
    """

    brightness_limit: ShareRange = (-0.2, 0.2)
    """What is added: a share of white, or of the picture's mean (see ``brightness_by_max``)."""
    contrast_limit: ShareRange = (-0.2, 0.2)
    brightness_by_max: Boolean = True
    """Whether brightness is a share of white, else of the picture's mean over all channels."""
    ensure_safe_range: Boolean = False
    """Whether both are brought to the nearest values with which nothing is clipped."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw contrast, then brightness."""
        scale = 1.0 + rng.uniform(*self.contrast_limit)
        share = rng.uniform(*self.brightness_limit)
        if not self.brightness_by_max:
            yield Curve((("mean", scale, share, "image", self.ensure_safe_range),))
            return
        if self.ensure_safe_range:
            scale, share = within_range(scale, share)
        yield Curve((("linear", scale, share),))


class RandomGamma(PixelTransform):
    """Raise intensities to a power: below 1 the picture gets lighter.

    >>> t = A.RandomGamma(gamma_limit=(200, 200), p=1)
    >>> bool(t(image=photo)["image"].mean() < photo.mean())
    True
    """

    gamma_limit: GammaRange = (80, 120)
    """The power in percent."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one power."""
        yield Curve((("gamma", rng.uniform(*self.gamma_limit) / 100.0),))


class InvertImg(PixelTransform):
    """Make the negative: white less the picture.

    >>> bool((A.InvertImg(p=1)(image=photo)["image"] == 255 - photo).all())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing."""
        yield Curve((("invert",),))


class Solarize(PixelTransform):
    """Invert the intensities at or above a threshold.

    >>> bool((A.Solarize((0, 0), p=1)(image=photo)["image"] == 255 - photo).all())
    True
    """

    threshold_range: FractionRange = (0.5, 0.5)
    """A share of white."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one threshold."""
        yield Curve((("solarize", rng.uniform(*self.threshold_range)),))


class Posterize(PixelTransform):
    """Keep only the highest bits of each value.

    Floats are taken as values of 8 bits.

    >>> int(A.Posterize(1, p=1)(image=photo)["image"].max())
    128
    """

    num_bits: Bits = 4
    """A number, a range, or a sequence of ranges with one a channel."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the number of bits, for all channels or for each.

        Raises:
            DataError: there are ranges for another number of channels than the picture has.
        """
        bits = self.num_bits
        if not isinstance(bits[0], tuple):
            yield Curve((("posterize", rng.integer(*bits)),))
            return
        if len(bits) != scene.channels:
            raise DataError(
                f"Posterize.num_bits has ranges for {len(bits)} channels "
                f"and the picture has {scene.channels}"
            )
        drawn = tuple(rng.integer(*each) for each in bits)
        yield Curve((("posterize", drawn if len(drawn) > 1 else drawn[0]),))


class RandomToneCurve(PixelTransform):
    """Bend the tone curve: a Bézier curve from black to white with two random control points.

    The points lie at a third and two thirds, at heights of a quarter and three quarters to which
    normal numbers are added: without them, contrast rises a little.

    >>> bool(A.RandomToneCurve(scale=0, p=1)(image=photo)["image"].std() > photo.std())
    True
    """

    scale: CurveStrength = 0.1
    """Standard deviation of the two points, as a share of white."""
    per_channel: Boolean = False
    """Whether each channel gets a curve of its own."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the two points, for all channels or for each."""
        count = scene.channels if self.per_channel else 1
        low = tuple(self._point(rng, 0.25) for _ in range(count))
        high = tuple(self._point(rng, 0.75) for _ in range(count))
        yield Curve((("bezier", *((low, high) if count > 1 else (low[0], high[0]))),))

    def _point(self, rng: Rng, rest: float) -> float:
        return min(max(rng.gauss(rest, self.scale), 0.0), 1.0)
