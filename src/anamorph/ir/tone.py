"""The tone functions that a Curve is made of, and how they are tabulated.

A step is a plain tuple: the name, then its numbers, each one for all channels or a tuple with one
a channel. Intensities run over [0, 1] and stay in it: what would leave it is clipped after the
step, as a picture would.
A step that needs the mean of the picture names it; `resolve` puts the number in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Step = tuple[Any, ...]


def _column(value: Any) -> Any:
    return np.asarray(value, np.float64) if isinstance(value, tuple) else value


def _linear(x: Array, _: int, scale: Any, offset: Any) -> Array:
    y: Array = x * _column(scale) + _column(offset)
    return np.minimum(np.maximum(y, 0.0), 1.0)  # a quarter of the time of np.clip on a table


def _gamma(x: Array, _: int, exponent: Any) -> Array:
    y: Array = np.power(np.maximum(x, 0.0), _column(exponent))
    return y


def bezier_weights(low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Give a, b, c of a·x + b·x² + c·x³: the Bézier curve over (0, 0), low, high and (1, 1).

    Its control points lie at even intensities, so the curve's parameter is the intensity itself.
    """
    low, high = _column(low), _column(high)
    return 3.0 * low, 3.0 * high - 6.0 * low, 1.0 + 3.0 * low - 3.0 * high


def _bezier(x: Array, _: int, low: Any, high: Any) -> Array:
    a, b, c = bezier_weights(low, high)
    y: Array = x * (a + x * (b + x * c))
    return y


def _invert(x: Array, _: int) -> Array:
    return 1.0 - x


def _solarize(x: Array, levels: int, threshold: float) -> Array:
    """Invert what lies at or above the threshold, decided on the values a picture can hold."""
    q = np.round(x * levels) / levels if levels else x
    return np.where(q >= threshold, 1.0 - q, q)


def _posterize(x: Array, levels: int, bits: Any) -> Array:
    """Keep the highest bits; floats are posterised on the 8-bit grid, as a picture file would be."""
    top = levels or 255
    drop = np.power(2.0, (8 if top == 255 else 16) - _column(bits))
    y: Array = np.floor(np.round(x * top) / drop) * drop / top
    return y


def _points(x: Array, _: int, *tables: tuple[float, ...]) -> Array:
    """Follow a table of values at even intensities, one table or one a channel."""
    if len(tables) == 1:
        return np.interp(x, np.linspace(0, 1, len(tables[0])), tables[0])
    out = np.empty_like(x)
    for i, table in enumerate(tables):
        out[..., i] = np.interp(x[..., i], np.linspace(0, 1, len(table)), table)
    return out


TONES: Mapping[str, Callable[..., Array]] = {
    "linear": _linear,
    "gamma": _gamma,
    "invert": _invert,
    "solarize": _solarize,
    "posterize": _posterize,
    "bezier": _bezier,
    "points": _points,
}
"""name → function(intensities, levels, *numbers). Levels: 255, 65535, or 0 for floats."""

MEAN = "mean"
"""A step ("mean", scale, share, of): x·scale + share·m, m being the mean of what enters the step:
over all channels (of="image") or of its luma (of="gray", for three channels). A fifth item True
brings scale and share·m to the nearest that keep [0, 1] within [0, 1]."""


def needs_mean(steps: tuple[Step, ...]) -> bool:
    """Tell whether a step waits for the mean of the picture."""
    return any(step[0] == MEAN for step in steps)


def resolve(
    steps: tuple[Step, ...], mean: Callable[[tuple[Step, ...], str], float]
) -> tuple[Step, ...]:
    """Put numbers in place of means.

    Args:
        steps: the tone steps, in order.
        mean: gives the mean in [0, 1] of the picture after the steps that come before, over all
            channels ("image") or of the luma ("gray").
    """
    done: tuple[Step, ...] = ()
    for step in steps:
        if step[0] == MEAN:
            scale, share, of = step[1:4]
            offset = share * mean(done, of)
            if len(step) > 4 and step[4]:
                scale, offset = within_range(scale, offset)
            done = (*done, ("linear", scale, offset))
        else:
            done = (*done, step)
    return done


def within_range(scale: float, offset: float) -> tuple[float, float]:
    """Find the nearest line x·scale + offset that maps [0, 1] into [0, 1]."""
    offset = min(max(offset, 0.0), 1.0)
    return min(max(scale, -offset), 1.0 - offset), offset


def evaluate(steps: tuple[Step, ...], x: Array, levels: int) -> Array:
    """Run steps over intensities in [0, 1], channels last, in double precision."""
    for name, *numbers in steps:
        x = TONES[name](x, levels, *numbers)
    return x


def channels_of(steps: tuple[Step, ...]) -> int:
    """Count the channels that the steps tell apart; 1 if they treat all alike."""
    for name, *numbers in steps:
        if name == "points":
            if len(numbers) > 1:
                return len(numbers)
            continue
        for number in numbers:
            if isinstance(number, tuple):
                return len(number)
    return 1


@lru_cache(maxsize=4)
def _ramp(levels: int) -> Array:
    ramp = np.linspace(0.0, 1.0, levels + 1)[:, None]
    ramp.flags.writeable = False
    return ramp


def tabulate(steps: tuple[Step, ...], levels: int) -> Array:
    """Make the table of intensities: (levels+1, 1), or (levels+1, channels) if they differ."""
    width = channels_of(steps)
    ramp = _ramp(levels)
    if width > 1:  # a channel's levels lie side by side, so that loops are long
        ramp = np.repeat(ramp.T, width, axis=0).T
    return evaluate(steps, ramp, levels)
