"""Noise whose strength depends on the light: of photons, of film, of magnitudes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Boolean, FractionRange, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Noise, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["FilmGrain", "RicianNoise", "ShotNoise"]

ScaleRange = Annotated[Any, Span(0, lone="point")]
GrainRange = Annotated[Any, Span(1, 64, lone="point", unit="pixels")]
StdRange = Annotated[Any, Span(0, 1, lone="point", unit="white")]


class ShotNoise(PixelTransform):
    """Count photons: each value becomes a Poisson number with that mean.

    The light is linear, so values are taken to the power of 2.2, of which white is 1/scale
    photons, and back.

    >>> noisy = A.ShotNoise(p=1)(image=photo)["image"]
    >>> bool((noisy != photo).mean() > 0.5)
    True
    """

    scale_range: ScaleRange = (0.1, 0.3)
    """Light of one photon, as a share of white: the larger, the noisier."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the scale and the key."""
        scale = rng.uniform(*self.scale_range)
        if scale > 0.0:
            yield Noise("shot", (scale,), rng.key())


class FilmGrain(PixelTransform):
    """Add the grain of film: soft specks, the same for all channels, strongest in middle grays.

    In the model of Newson, Delon and Galerne 2017 (A Stochastic Film Grain Model for
    Resolution-Independent Rendering) grains cover a share u of the film where it is u bright, so
    what they add varies by u·(1 - u).

    >>> noisy = A.FilmGrain(p=1)(image=photo)["image"]
    >>> bool((noisy != photo).mean() > 0.5)
    True
    """

    intensity_range: FractionRange = (0.1, 0.3)
    """Standard deviation in white by that of grains as large as a pixel: half of it at gray."""
    grain_size_range: GrainRange = (1, 3)
    """Width of the specks."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw strength, size and key."""
        params = (rng.uniform(*self.intensity_range), rng.uniform(*self.grain_size_range))
        yield Noise("film", params, rng.key())


class RicianNoise(PixelTransform):
    """Add the noise of magnitude pictures of magnetic resonance.

    Both parts of a complex number get normal noise and its magnitude is shown, so the dark gets
    lighter (Gudbjartsson and Patz 1995).

    >>> bool(A.RicianNoise(p=1)(image=photo * 0)["image"].mean() > 10)
    True
    """

    std_range: StdRange = (0.05, 0.15)
    """Standard deviation of each part, as a share of white."""
    per_channel: Boolean = False
    """Whether each channel gets noise of its own, or all channels of a pixel the same."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the standard deviation and the key."""
        yield Noise("rice", (rng.uniform(*self.std_range), self.per_channel), rng.key())
