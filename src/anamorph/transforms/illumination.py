"""Light that falls unevenly, and lamps of another colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.errors import ParameterError
from anamorph.core.params import Choice, FractionRange, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Curve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels

__all__ = ["Illumination", "PlanckianJitter", "Vignetting"]

LightMode = Annotated[str, Choice(("linear", "corner", "gaussian"))]
LightEffect = Annotated[str, Choice(("brighten", "darken", "both"))]
IntensityRange = Annotated[Any, Span(0.01, 0.2, lone="point", unit="white")]
TurnRange = Annotated[Any, Span(0, 360, lone="point", unit="degrees")]
SpreadRange = Annotated[Any, Span(0.2, 1, lone="point", unit="the longer side")]
LampMode = Annotated[str, Choice(("blackbody", "cied"))]
KelvinRange = Annotated[Any, Span(3000, 15000, lone="point", unit="kelvin", optional=True)]
Sampling = Annotated[str, Choice(("uniform", "gaussian"))]


class Illumination(PixelTransform):
    """Multiply by a smooth pattern of light.

    ``linear`` goes across the picture, from 1 - intensity at the top left in a drawn direction;
    ``corner`` falls off from a drawn corner; ``gaussian`` is a spot.

    >>> t = A.Illumination(effect_type="darken", mode="gaussian", p=1)
    >>> bool(t(image=photo)["image"].mean() < photo.mean())
    True
    """

    mode: LightMode = "linear"
    intensity_range: IntensityRange = (0.01, 0.2)
    effect_type: LightEffect = "both"
    """With ``both``, a coin decides whether to brighten or to darken."""
    angle_range: TurnRange = (0, 360)
    """Directions of ``linear``, clockwise from the right."""
    center_range: FractionRange = (0.1, 0.9)
    """Where the spot lies across and down, in shares of width and height."""
    sigma_range: SpreadRange = (0.2, 1.0)
    """The spot's standard deviation."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the intensity, its sign, and where the light comes from."""
        intensity = rng.uniform(*self.intensity_range)
        darkens = self.effect_type == "darken" or (self.effect_type == "both" and rng.chance(0.5))
        yield Effect("light", (self.mode, -intensity if darkens else intensity, *self._place(rng)))

    def _place(self, rng: Rng) -> tuple[float, ...]:
        if self.mode == "linear":
            return (rng.uniform(*self.angle_range),)
        if self.mode == "corner":
            return (rng.integer(0, 3),)
        across, down = rng.uniform(*self.center_range), rng.uniform(*self.center_range)
        return across, down, rng.uniform(*self.sigma_range)


class Vignetting(PixelTransform):
    """Darken towards the edges, by the square of the distance from a centre.

    The first term of the usual radial polynomial: D. B. Goldman, "Vignette and exposure
    calibration and compensation", PAMI 2010.

    >>> dark = A.Vignetting(p=1)(image=np.full_like(photo, 200))["image"]
    >>> bool(dark.max() >= 198 and dark.min() < 165)
    True
    """

    intensity_range: FractionRange = (0.2, 0.5)
    """The share of light that is lost at the farthest corner."""
    center_range: FractionRange = (0.3, 0.7)
    """Where the centre lies across and down, in shares of width and height."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the loss and the centre."""
        loss = rng.uniform(*self.intensity_range)
        across, down = rng.uniform(*self.center_range), rng.uniform(*self.center_range)
        yield Effect("light", ("vignette", -loss, across, down))


# ----------------------------------------------------------------------------------- lamps

WHITE_KELVIN = 6000.0
"""The lamp from which warmer and cooler ones are told apart."""
_WARM = 0.4
"""Share of draws that go to warmer lamps."""
_STEP = 500.0
_LOWEST: Mapping[str, float] = {"blackbody": 3000.0, "cied": 4000.0}
_LAMPS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "blackbody": (
        (1.6736, 1.4811, 1.3538, 1.2616, 1.1907, 1.1335, 1.0862, 1.0461, 1.0115, 0.9810, 0.9543,
         0.9302, 0.9086, 0.8891, 0.8713, 0.8552, 0.8402, 0.8262, 0.8134, 0.8015, 0.7905, 0.7802,
         0.7704, 0.7615, 0.7529),
        (0.0032, 0.3923, 0.5748, 0.7077, 0.8133, 0.9008, 0.9747, 1.0386, 1.0939, 1.1423, 1.1852,
         1.2233, 1.2573, 1.2879, 1.3155, 1.3406, 1.3633, 1.3840, 1.4029, 1.4203, 1.4367, 1.4513,
         1.4651, 1.4779, 1.4899),
    ),
    "cied": (
        (1.3185, 1.2207, 1.1464, 1.0873, 1.0388, 0.9972, 0.9618, 0.9301, 0.9021, 0.8772, 0.8543,
         0.8334, 0.8142, 0.7966, 0.7804, 0.7649, 0.7508, 0.7374, 0.7249, 0.7131, 0.7021, 0.6915,
         0.6818),
        (0.5175, 0.6530, 0.7622, 0.8534, 0.9309, 0.9972, 1.0549, 1.1053, 1.1496, 1.1889, 1.2238,
         1.2548, 1.2829, 1.3085, 1.3316, 1.3523, 1.3715, 1.3891, 1.4052, 1.4202, 1.4338, 1.4465,
         1.4582),
    ),
}  # fmt: skip
"""Mode → gains of red and of blue against green, every 500 K from the lowest temperature on."""


def gains(mode: str, kelvin: float) -> tuple[float, float, float]:
    """Give the gains of red, green and blue under a lamp."""
    lowest, (reds, blues) = _LOWEST[mode], _LAMPS[mode]
    place = min(max((kelvin - lowest) / _STEP, 0.0), len(reds) - 1.0)
    i = min(int(place), len(reds) - 2)
    share = place - i
    red, blue = (table[i] + share * (table[i + 1] - table[i]) for table in (reds, blues))
    return red, 1.0, blue


class PlanckianJitter(PixelTransform):
    """Light the picture by a lamp of another temperature.

    S. Zini, A. Gomez-Villa, M. Buzzelli, B. Twardowski, A. D. Bagdanov and J. van de Weijer,
    "Planckian Jitter", ICLR 2023. Four draws in ten are warmer than 6000 K, six are cooler.

    >>> warm = A.PlanckianJitter(temperature_limit=(3000, 6000), p=1)
    >>> bool(warm(image=photo)["image"][..., 2].mean() <= photo[..., 2].mean())
    True
    """

    mode: LampMode = "blackbody"
    """Planck's radiator, or the daylight series (D) of the CIE, which begins at 4000 K."""
    temperature_limit: KelvinRange = None
    """None is all of the mode's range; 6000 K must lie within."""
    sampling_method: Sampling = "uniform"
    """``gaussian`` draws mostly near 6000 K: a third of the way to the limit is one sigma."""
    p: Probability = 0.5

    def check(self) -> None:
        """See that the range fits the mode."""
        lowest = _LOWEST[self.mode]
        low, high = self._limits
        if low < lowest or not low <= WHITE_KELVIN <= high:
            raise ParameterError(
                f"PlanckianJitter.temperature_limit = {self.temperature_limit!r}: with "
                f"mode={self.mode!r} it must begin at {lowest:g} kelvin or above and hold 6000"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one temperature.

        Raises:
            UndefinedError: the picture has not three channels.
        """
        need_channels(self, scene, 3)
        yield Curve((("linear", gains(self.mode, self._kelvin(rng)), 0.0),))

    @cached_property
    def _limits(self) -> tuple[float, float]:
        low, high = self.temperature_limit or (_LOWEST[self.mode], 15000.0)
        return low, high

    def _kelvin(self, rng: Rng) -> float:
        low, high = self._limits
        end = low if rng.random() < _WARM else high
        if self.sampling_method == "uniform":
            return rng.uniform(WHITE_KELVIN, end)
        away = abs(rng.gauss(0.0, 1.0)) * (end - WHITE_KELVIN) / 3.0
        return min(max(WHITE_KELVIN + away, low), high)
