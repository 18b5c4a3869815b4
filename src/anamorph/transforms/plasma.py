"""Plasma: clouds of fractal noise that change light and contrast from place to place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import FractionRange, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["PlasmaBrightnessContrast", "PlasmaShadow"]

StrengthRange = Annotated[Any, Span(-1, 1, lone="symmetric", unit="white")]
PlasmaSize = Annotated[int, Number(1, whole=True, unit="cells")]
Roughness = Annotated[float, Number(0, above=True)]


class PlasmaBrightnessContrast(PixelTransform):
    """Change brightness and contrast by a cloud of fractal noise.

    Where the cloud is 1 the full change is made, where it is 0 none. Contrast turns about the mean
    of the picture. A. Fournier, D. Fussell and L. Carpenter, CACM 1982.

    >>> A.PlasmaBrightnessContrast(p=1)(image=photo)["image"].shape == photo.shape
    True
    """

    brightness_range: StrengthRange = (-0.3, 0.3)
    """What is added, a share of white."""
    contrast_range: StrengthRange = (-0.3, 0.3)
    """By what share distances from the mean grow."""
    plasma_size: PlasmaSize = 256
    """Cells of the cloud along the longer side of the picture: the more, the finer its grain."""
    roughness: Roughness = 3.0
    """How much stronger fine noise is than coarse: clouds at 0.5, all alike at 1, grain above."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw how much brightness and contrast change, and the cloud."""
        brightness = rng.uniform(*self.brightness_range)
        contrast = rng.uniform(*self.contrast_range)
        cloud = (self.plasma_size, float(self.roughness))
        yield Effect("plasma_contrast", (brightness, contrast, *cloud), rng.key())


class PlasmaShadow(PixelTransform):
    """Darken by a cloud of fractal noise.

    >>> bool(A.PlasmaShadow(p=1)(image=photo)["image"].mean() < photo.mean())
    True
    """

    shadow_intensity_range: FractionRange = (0.3, 0.7)
    """The share of light that is lost where the cloud is densest."""
    plasma_size: PlasmaSize = 256
    """Cells of the cloud along the longer side of the picture: the more, the finer its grain."""
    roughness: Roughness = 3.0
    """How much stronger fine noise is than coarse: clouds at 0.5, all alike at 1, grain above."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the share, and the cloud."""
        share = rng.uniform(*self.shadow_intensity_range)
        yield Effect("plasma_shadow", (share, self.plasma_size, float(self.roughness)), rng.key())
