"""Noise of a chosen distribution, for the picture, its pixels or its channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Choice,
    Fraction,
    Listed,
    Open,
    Probability,
    Rule,
    Span,
    plain,
    refuse,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Curve, Noise, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["AdditiveNoise"]

Distribution = Annotated[str, Choice(("uniform", "gaussian", "laplace", "beta"))]
SpatialMode = Annotated[str, Choice(("constant", "per_pixel", "shared"))]

_MEAN: Final = Span(-1, 1, lone="point")
_SHARE: Final = Span(0, 1, lone="point")
_SHAPE: Final = Span(0, lone="point", above=True)
_RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "uniform": {"ranges": Listed(_MEAN, empty=False)},
    "gaussian": {"mean_range": _MEAN, "std_range": _SHARE},
    "laplace": {"mean_range": _MEAN, "scale_range": _SHARE},
    "beta": {"alpha_range": _SHAPE, "beta_range": _SHAPE, "scale_range": _SHARE},
}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "uniform": {"ranges": ((-0.1, 0.1),)},
    "gaussian": {"mean_range": (0.0, 0.0), "std_range": (0.05, 0.15)},
    "laplace": {"mean_range": (0.0, 0.0), "scale_range": (0.05, 0.15)},
    "beta": {"alpha_range": (0.5, 1.5), "beta_range": (0.5, 1.5), "scale_range": (0.1, 0.3)},
}


class _Numbers(Open):
    """A dictionary of ranges; the transform checks them by the distribution."""

    def check(self, place: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return plain(value)


NoiseParams = Annotated[Any, _Numbers("a dictionary of ranges, or None")]


class AdditiveNoise(PixelTransform):
    """Add noise of a chosen distribution.

    >>> noisy = A.AdditiveNoise("laplace", "per_pixel", p=1)(image=photo)["image"]
    >>> bool((noisy != photo).mean() > 0.5)
    True
    """

    noise_type: Distribution = "uniform"
    spatial_mode: SpatialMode = "constant"
    """"constant" draws a value a channel, "per_pixel" one a pixel and channel, "shared" one a
    pixel."""
    noise_params: NoiseParams = None
    """Ranges of the distribution's numbers, by shares of white, one dictionary a type:
    uniform: ``ranges``, one (low, high) or one a channel; gaussian: ``mean_range``,
    ``std_range``; laplace: ``mean_range``, ``scale_range``; beta, stretched to plus and minus
    its scale: ``alpha_range``, ``beta_range``, ``scale_range``."""
    approximation: Fraction = 1.0
    """Below 1 the noise of pixels is drawn at this share of the size and enlarged."""
    p: Probability = 0.5

    @cached_property
    def ranges(self) -> Mapping[str, Any]:
        """The ranges of the numbers that are drawn."""
        if self.noise_params is None:
            return _DEFAULTS[self.noise_type]
        rules = _RULES[self.noise_type]
        place = "AdditiveNoise.noise_params"
        given = self.noise_params
        wanted = f"a dictionary with keys {', '.join(rules)} for noise_type {self.noise_type!r}"
        if not isinstance(given, Mapping):
            raise refuse(place, given, wanted)
        given = {k: v for k, v in given.items() if (k, v) != ("noise_type", self.noise_type)}
        if set(given) != set(rules):
            raise refuse(place, self.noise_params, wanted)
        return {k: rule.check(f"{place}[{k!r}]", given[k]) for k, rule in rules.items()}

    def check(self) -> None:
        """Refuse numbers that are not those of the distribution."""
        _ = self.ranges

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the numbers of the distribution, and one value a channel or a key."""
        constant = self.spatial_mode == "constant"
        numbers = self._numbers(rng, scene, each=self.spatial_mode != "shared")
        if constant:
            values = tuple(
                self._value(rng, tuple(n[i] if isinstance(n, tuple) else n for n in numbers))
                for i in range(scene.channels)
            )
            yield Curve((("linear", 1.0, values),))
            return
        each = self.spatial_mode == "per_pixel"
        if self.noise_type == "gaussian":
            yield Noise("gauss", (*numbers, each, float(self.approximation)), rng.key())
        else:
            params = (self.noise_type, numbers, each, float(self.approximation))
            yield Noise("additive", params, rng.key())

    def _numbers(self, rng: Rng, scene: Scene, *, each: bool) -> tuple[Any, ...]:
        if self.noise_type != "uniform":
            return tuple(rng.uniform(*span) for span in self.ranges.values())
        spans = self.ranges["ranges"]
        if len(spans) == 1 or not each:
            return spans[0]  # type: ignore[no-any-return]
        if len(spans) < scene.channels:
            raise ParameterError(
                f"AdditiveNoise.noise_params['ranges'] = {spans!r}: it must have one range, or "
                f"one for each of the {scene.channels} channels"
            )
        return tuple(zip(*spans[: scene.channels], strict=True))

    def _value(self, rng: Rng, numbers: tuple[float, ...]) -> float:
        """Draw one value of the distribution."""
        if self.noise_type == "uniform":
            return rng.uniform(*numbers)
        if self.noise_type == "gaussian":
            return rng.gauss(*numbers)
        if self.noise_type == "laplace":
            mean, scale = numbers
            return mean + scale * math.log((1.0 - rng.random()) / (1.0 - rng.random()))
        alpha, beta, scale = numbers
        return (2.0 * rng.betavariate(alpha, beta) - 1.0) * scale
