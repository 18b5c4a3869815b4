"""Stains of histology: hematoxylin and eosin, taken apart and put together in other shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from anamorph.core.errors import ParameterError
from anamorph.core.params import Boolean, Choice, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels

__all__ = ["HEStain"]

Stains = tuple[tuple[float, float, float], tuple[float, float, float]]

PRESETS: Mapping[str, Stains] = {
    "ruifrok": ((0.644211, 0.716556, 0.266844), (0.092789, 0.954111, 0.283111)),
    "macenko": ((0.5626, 0.7201, 0.4062), (0.2159, 0.8012, 0.5581)),
    "standard": ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)),
    "high_contrast": ((0.55, 0.88, 0.11), (0.12, 0.86, 0.49)),
    "h_heavy": ((0.75, 0.61, 0.32), (0.04, 0.93, 0.36)),
    "e_heavy": ((0.60, 0.75, 0.28), (0.17, 0.95, 0.25)),
    "dark": ((0.78, 0.55, 0.28), (0.09, 0.97, 0.21)),
    "light": ((0.57, 0.71, 0.38), (0.15, 0.89, 0.42)),
}
"""Name → optical densities of red, green and blue of hematoxylin, and of eosin."""

StainMethod = Annotated[str, Choice(("preset", "random_preset", "vahadane", "macenko"))]
Preset = Annotated[Any, Choice(tuple(PRESETS), optional=True)]
ScaleRange = Annotated[Any, Span(0, lone="around")]
ShiftRange = Annotated[Any, Span(-1, 1)]


class HEStain(PixelTransform):
    """Change how strongly hematoxylin and eosin have stained a slide.

    Optical densities are taken apart into the two stains (A. C. Ruifrok and D. A. Johnston, 2001),
    each concentration is scaled and shifted, and the picture is put together again. What is no
    mixture of the two stains is lost.

    >>> t = A.HEStain(method="preset", preset="standard", p=1)
    >>> t(image=photo)["image"].shape == photo.shape
    True
    """

    method: StainMethod = "random_preset"
    """A table of densities, one drawn from all tables, or densities found in the picture:
    ``macenko`` by the extreme directions of the principal plane (M. Macenko et al., ISBI 2009),
    ``vahadane`` by sparse non-negative factors (A. Vahadane et al., TMI 2016)."""
    preset: Preset = None
    """The table for ``method="preset"``; None is ``standard``."""
    intensity_scale_range: ScaleRange = (0.7, 1.3)
    intensity_shift_range: ShiftRange = (-0.2, 0.2)
    augment_background: Boolean = False
    """Whether concentrations change even where the slide's luma is 0.85 or more: bare glass."""
    p: Probability = 0.5

    def check(self) -> None:
        """See that a table is named only where one is used."""
        if self.preset is not None and self.method != "preset":
            raise ParameterError(
                f"HEStain.preset = {self.preset!r}: it goes with method='preset', "
                f"and the method is {self.method!r}"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the table, and a scale and a shift for each stain.

        Raises:
            UndefinedError: the picture has not three channels.
        """
        need_channels(self, scene, 3)
        scales = tuple(rng.uniform(*self.intensity_scale_range) for _ in range(2))
        shifts = tuple(rng.uniform(*self.intensity_shift_range) for _ in range(2))
        yield Effect("stain", (self._stains(rng), scales, shifts, self.augment_background))

    def _stains(self, rng: Rng) -> Stains | str:
        if self.method == "random_preset":
            return PRESETS[rng.pick(tuple(PRESETS))]
        if self.method == "preset":
            return PRESETS[self.preset or "standard"]
        return self.method
