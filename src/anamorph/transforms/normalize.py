"""Conversions between stored values and those a network wants."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Choice, Either, Listed, Number, Probability
from anamorph.core.rng import Rng
from anamorph.ir.ops import Cast, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["FromFloat", "Normalize", "ToFloat"]

_ABOVE_0 = Number(0, above=True)
Means = Annotated[Any, Either((Number(), Listed(Number(), empty=False)), optional=True)]
Deviations = Annotated[Any, Either((_ABOVE_0, Listed(_ABOVE_0, empty=False)), optional=True)]
OptionalWhite = Annotated[Any, Number(0, above=True, optional=True)]
Normalization = Annotated[
    str, Choice(("standard", "image", "image_per_channel", "min_max", "min_max_per_channel"))
]
WholeType = Annotated[str, Choice(("uint8", "uint16", "uint32"))]

_WHITE = {"uint8": 255.0, "uint16": 65535.0, "uint32": 4294967295.0}


class Normalize(PixelTransform):
    """Bring values to mean 0 and deviation 1; the result is float32.

    ``standard`` computes (value - mean·max_pixel_value) / (std·max_pixel_value). The others take
    the picture's own statistics, of all channels or of each: ``image`` its mean and deviation,
    clipped to [-20, 20], ``min_max`` its extremes, mapped to 0 and 1.

    >>> out = A.Normalize(mean=0.5, std=0.5)(image=photo)["image"]
    >>> out.dtype.name, float(abs(out).max().round(3)) <= 1
    ('float32', True)
    """

    mean: Means = (0.485, 0.456, 0.406)
    """One for all channels or one a channel, as shares of ``max_pixel_value``. Pictures with fewer
    channels take the first, pictures with twice as many take all twice."""
    std: Deviations = (0.229, 0.224, 0.225)
    max_pixel_value: OptionalWhite = 255.0
    """What stands for white: 255 for uint8, 65535 for uint16, 1 for floats."""
    normalization: Normalization = "standard"
    p: Probability = 1.0

    def check(self) -> None:
        """See that what ``standard`` needs is there, and that lengths agree."""
        needed = ("mean", "std", "max_pixel_value")
        for name in needed:
            if getattr(self, name) is None and self.normalization == "standard":
                raise ParameterError(
                    f"Normalize.{name} = None: normalization='standard' needs a number"
                )
        lengths = {len(v) for v in (self.mean, self.std) if isinstance(v, tuple)} - {1}
        if len(lengths) > 1:
            raise ParameterError(
                f"Normalize.std = {self.std!r}: it must have as many numbers as mean = "
                f"{self.mean!r}, or one"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing.

        Raises:
            DataError: there are numbers for another number of channels than the picture has.
        """
        if self.normalization == "standard":
            scale, offset = self._numbers
            if len(scale) == 1:
                yield Cast("float32", scale[0], offset[0])
            else:
                channels = scene.channels
                yield Cast("float32", self._spread(scale, channels), self._spread(offset, channels))
        else:
            yield Effect("normalize_stats", (self.normalization,))
            yield Cast("float32")  # says what the effect has made

    @cached_property
    def _numbers(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Scale and offset: x·scale + offset."""
        means = self.mean if isinstance(self.mean, tuple) else (self.mean,)
        deviations = self.std if isinstance(self.std, tuple) else (self.std,)
        length = max(len(means), len(deviations))
        means = means * length if len(means) == 1 else means
        deviations = deviations * length if len(deviations) == 1 else deviations
        scale = tuple(1.0 / (s * self.max_pixel_value) for s in deviations)
        return scale, tuple(-m / s for m, s in zip(means, deviations, strict=True))

    @staticmethod
    def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
        if channels == len(values):
            return values
        if channels < len(values):
            return values[:channels]
        if channels % len(values):
            raise DataError(
                f"Normalize.mean and std hold numbers for {len(values)} channels "
                f"and the picture has {channels}"
            )
        return values * (channels // len(values))


class ToFloat(PixelTransform):
    """Divide by white; the result is float32. Pictures that are float32 stay as they are.

    >>> float(A.ToFloat()(image=photo)["image"].max()) <= 1
    True
    """

    max_value: OptionalWhite = None
    """What becomes 1. None is the largest value of the picture's dtype, 1 for floats."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing."""
        if scene.dtype != "float32":
            yield Cast("float32", 1.0 / (self.max_value or _WHITE[scene.dtype]))


class FromFloat(PixelTransform):
    """Multiply a float picture by white, round, and store whole numbers.

    A picture that has the dtype already stays as it is.

    >>> back = A.Compose([A.ToFloat(), A.FromFloat()])(image=photo)["image"]
    >>> bool((back == photo).all())
    True
    """

    dtype: WholeType = "uint8"
    max_value: OptionalWhite = None
    """What 1 becomes. None is the largest value of ``dtype``."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing."""
        if scene.dtype != self.dtype:
            yield Cast(self.dtype, float(self.max_value or _WHITE[self.dtype]))
