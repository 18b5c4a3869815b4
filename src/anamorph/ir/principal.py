"""The principal axes of a picture's colours, from an even sample of its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLED = 4096
"""Pixels that are looked at, about."""


def sampled_rows(image: npt.NDArray[Any], count: int = SAMPLED) -> npt.NDArray[Any]:
    """Pick pixels on an even grid, a row (C, N) a channel; small pictures are taken whole."""
    height, width, channels = image.shape
    step = max(1, int((height * width / count) ** 0.5))
    down, across = (min(step // 2, n - 1) for n in (height, width))
    return image[down::step, across::step].transpose(2, 0, 1).reshape(channels, -1)


def sampled(image: npt.NDArray[Any], count: int = SAMPLED) -> npt.NDArray[Any]:
    """Pick pixels (N, C) on an even grid."""
    return sampled_rows(image, count).T


def shift_along_axes(pixels: Floats, numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Add up the axes, strongest first, each times its variance times a number.

    Args:
        pixels: intensities (N, C).
        numbers: one an axis.
    """
    centered = pixels - pixels.mean(axis=0)
    variances, axes = np.linalg.eigh(centered.T @ centered / max(len(pixels) - 1, 1))
    axes = axes * np.where(axes.sum(axis=0) < 0, -1.0, 1.0)  # an axis has no sign of its own
    shift = axes[:, ::-1] @ (variances[::-1] * np.array(numbers))
    return tuple(shift.tolist())
