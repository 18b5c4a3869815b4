"""Losses of storage: compression, low resolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.params import Choice, FractionRange, Keyed, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Encode, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["Downscale", "ImageCompression"]

Codec = Annotated[str, Choice(("jpeg", "webp"))]
QualityRange = Annotated[Any, Span(1, 100, lone="point", whole=True)]
_WAYS = ("downscale", "upscale")
InterpolationPair = Annotated[
    Any, Keyed(_WAYS, Choice(tuple(K.INTERPOLATIONS), names=tuple(K.INTERPOLATIONS.values())))
]


class ImageCompression(PixelTransform):
    """Compress with losses, and read back.

    Three channels are coded together in the order in which they lie, as in Albumentations; other
    numbers of channels in groups of three and singly. 16-bit and float pictures go through 8 bits.

    >>> A.ImageCompression(quality_range=(5, 5), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    compression_type: Codec = "jpeg"
    quality_range: QualityRange = (99, 100)
    """1 is the smallest file, 100 the best picture."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the quality."""
        yield Encode(self.compression_type, rng.integer(*self.quality_range))


class Downscale(PixelTransform):
    """Make the picture small and large again: what is left has a lower resolution.

    >>> low = A.Downscale(scale_range=(0.25, 0.25), p=1)(image=photo)["image"]
    >>> bool((low[0, 0] == low[1, 1]).all())
    True
    """

    scale_range: FractionRange = (0.25, 0.25)
    """Size of the small picture, by that of the picture; no side gets smaller than a pixel."""
    interpolation_pair: InterpolationPair = {  # noqa: RUF012 - stored as it is checked, never changed
        "downscale": K.INTER_NEAREST,
        "upscale": K.INTER_NEAREST,
    }
    p: Probability = 0.5

    def check(self) -> None:
        """Refuse half a pair."""
        if len(self.interpolation_pair) < len(_WAYS):
            raise ParameterError(
                f"Downscale.interpolation_pair = {self.interpolation_pair!r}: "
                "it must have both keys 'downscale' and 'upscale'"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the scale."""
        scale = rng.uniform(*self.scale_range)
        pair = self.interpolation_pair
        yield Effect("downscale", (scale, pair["downscale"], pair["upscale"]))
