"""Lenses that bend colours differently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import INTER_LINEAR
from anamorph.core.params import Choice, Interpolation, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels

__all__ = ["ChromaticAberration"]

DistortionRange = Annotated[Any, Span(unit="the picture's sides")]
FringeMode = Annotated[str, Choice(("green_purple", "red_blue", "random"))]


class ChromaticAberration(PixelTransform):
    """Distort red and blue radially, each by its own lens; green stays.

    The two terms of Brown's radial model ("Decentering distortion of lenses", 1966), distances
    counted in shares of width and height from the centre.

    >>> out = A.ChromaticAberration(p=1)(image=photo)["image"]
    >>> bool((out[..., 1] == photo[..., 1]).all())
    True
    """

    primary_distortion_limit: DistortionRange = (-0.02, 0.02)
    """Coefficient of the squared distance."""
    secondary_distortion_limit: DistortionRange = (-0.05, 0.05)
    """Coefficient of its fourth power."""
    mode: FringeMode = "green_purple"
    """Whether red and blue go the same way (purple fringes), opposite ways, or as it happens."""
    interpolation: Interpolation = INTER_LINEAR
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw two coefficients for red and two for blue.

        Raises:
            UndefinedError: the picture has not three channels.
        """
        need_channels(self, scene, 3)
        red, blue = self._lens(rng), self._lens(rng)
        if self.mode != "random" and (red[0] * blue[0] < 0) == (self.mode == "green_purple"):
            blue = -blue[0], -blue[1]
        yield Effect("aberration", (*red, *blue, self.interpolation))

    def _lens(self, rng: Rng) -> tuple[float, float]:
        """Draw a barrel or a cushion: both coefficients have the sign of the first."""
        first = rng.uniform(*self.primary_distortion_limit)
        second = abs(rng.uniform(*self.secondary_distortion_limit))
        return first, second if first >= 0 else -second
