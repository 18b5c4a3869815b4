"""The tone functions that a Curve is made of, and how they are tabulated.

A step is a plain tuple: the name, then its numbers, each one for all channels or a tuple with one
a channel. Intensities run over [0, 1], and each step ends by clipping to it, as a picture would.
A step that needs the mean of the picture names it; `resolve` puts the number in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Step = tuple[Any, ...]

GRAY_WEIGHTS = (0.299, 0.587, 0.114)


def _column(value: Any) -> Any:
    return np.asarray(value, np.float64) if isinstance(value, tuple) else value


def _linear(x: Array, _: int, scale: Any, offset: Any) -> Array:
    return x * _column(scale) + _column(offset)


def _gamma(x: Array, _: int, exponent: Any) -> Array:
    return np.power(x, _column(exponent))


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
    return np.floor(np.round(x * top) / drop) * drop / top


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
    "points": _points,
}
"""name → function(intensities, levels, *numbers). Levels: 255, 65535, or 0 for floats."""

MEAN = "mean"
"""A step ("mean", scale, share, of): x·scale + share·m, m being the mean of what enters the step:
over all channels (of="image") or of its luma (of="gray")."""


def needs_mean(steps: tuple[Step, ...]) -> bool:
    """Tell whether a step waits for the mean of the picture."""
    return any(step[0] == MEAN for step in steps)


def resolve(
    steps: tuple[Step, ...], channel_means: Callable[[tuple[Step, ...]], tuple[float, ...]]
) -> tuple[Step, ...]:
    """Put numbers in place of means.

    Args:
        steps: the tone steps, in order.
        channel_means: gives the mean of each channel in [0, 1] after the steps that come before.
    """
    done: tuple[Step, ...] = ()
    for step in steps:
        if step[0] == MEAN:
            _, scale, share, of = step
            means = channel_means(done)
            weighted = zip(GRAY_WEIGHTS, means, strict=False)
            gray = of == "gray" and len(means) == 3
            mean = sum(w * m for w, m in weighted) if gray else sum(means) / len(means)
            done = (*done, ("linear", scale, share * mean))
        else:
            done = (*done, step)
    return done


def evaluate(steps: tuple[Step, ...], x: Array, levels: int) -> Array:
    """Run steps over intensities in [0, 1], channels last, in double precision."""
    for name, *numbers in steps:
        x = np.clip(TONES[name](x, levels, *numbers), 0.0, 1.0)
    return x


def has_channels(steps: tuple[Step, ...]) -> bool:
    """Tell whether a step treats channels differently."""
    for name, *numbers in steps:
        if name == "points":
            if len(numbers) > 1:
                return True
        elif any(isinstance(n, tuple) for n in numbers):
            return True
    return False


def tabulate(steps: tuple[Step, ...], levels: int, channels: int) -> Array:
    """Make the table of intensities: (levels+1, 1), or (levels+1, channels) if they differ."""
    width = channels if has_channels(steps) else 1
    x = np.repeat(np.linspace(0.0, 1.0, levels + 1)[:, None], width, axis=1)
    return evaluate(steps, x, levels)


def linear_parts(steps: tuple[Step, ...]) -> list[tuple[Any, Any]] | None:
    """Give (scale, offset) a step if all are linear, for kernels that multiply and add."""
    parts: list[tuple[Any, Any]] = []
    for step in steps:
        if step[0] == "linear":
            parts.append((step[1], step[2]))
        elif step[0] == "invert":
            parts.append((-1.0, 1.0))
        else:
            return None
    return parts
