"""Boundaries of masks, and how well they agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.core.params import Number
from anamorph.nn.metrics.arrays import Array, array

Mask = npt.NDArray[np.bool_]


def pixels(width: float, size: tuple[int, ...]) -> int:
    """A width in whole pixels: as it is, or, below 1, as a share of the picture's diagonal.

    >>> pixels(0.02, (300, 400)), pixels(3, (300, 400))
    (10, 3)
    """
    Number(0, above=True).check("width", width)
    if width >= 1:
        return round(width)
    return max(1, round(width * math.hypot(*size)))


def boundary(mask: Any, width: float = 0.02) -> Mask:
    """The part of a mask that is at most `width` from what is outside, the picture's edge included.

    Cheng et al. 2021 (arXiv 2103.16562): the mask less its erosion by a square of 2·width + 1.

    Args:
        mask: (H, W), 0 or 1.
        width: in pixels, or below 1 as a share of the diagonal.

    >>> boundary(np.ones((4, 5)), 1).astype(int)
    array([[1, 1, 1, 1, 1],
           [1, 0, 0, 0, 1],
           [1, 0, 0, 0, 1],
           [1, 1, 1, 1, 1]])
    """
    there = _mask(mask)
    near = pixels(width, there.shape)
    inside = _covered(_covered(there, near, 0) & there, near, 1)
    return there & ~inside


def boundary_iou(prediction: Any, target: Any, width: float = 0.02) -> float:
    """Intersection over union of the boundaries of two masks; NaN if both are empty.

    >>> boundary_iou(np.ones((8, 8)), np.ones((8, 8)))
    1.0
    """
    said, there = boundary(prediction, width), boundary(target, width)
    union = (said | there).sum()
    return float((said & there).sum() / union) if union else float("nan")


def boundary_f(prediction: Any, target: Any, width: float = 0.0075) -> float:
    """F1 of boundary pixels that are within `width` of the other's; NaN if both are empty.

    Csurka et al. 2013, Perazzi et al. 2016 (DAVIS): boundaries are one pixel wide, distances
    Euclidean.

    Args:
        prediction: (H, W), 0 or 1.
        target: (H, W), 0 or 1.
        width: in pixels, or below 1 as a share of the diagonal.

    >>> boundary_f(np.eye(9), np.eye(9))
    1.0
    """
    said, there = boundary(prediction, 1), boundary(target, 1)
    if not said.any() or not there.any():
        return float("nan") if said.any() == there.any() else 0.0
    near = pixels(width, said.shape)
    precision = (said & _grown(there, near)).sum() / said.sum()
    recall = (there & _grown(said, near)).sum() / there.sum()
    both = precision + recall
    return float(2 * precision * recall / both) if both else 0.0


def _mask(value: Any) -> Mask:
    mask = array(value)
    if mask.ndim != 2:
        raise DataError(f"a mask of shape {mask.shape}: it must be (H, W)")
    return mask.astype(bool)


def _sums(mask: Mask, radius: int, axis: int) -> Array:
    """How many of the 2·radius + 1 places around each are set, by running sums."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (radius + 1, radius)
    running = np.pad(mask.astype(np.int32), pad).cumsum(axis)
    length = mask.shape[axis]
    upper = np.take(running, np.arange(2 * radius + 1, 2 * radius + 1 + length), axis)
    return np.asarray(upper - np.take(running, np.arange(length), axis))


def _covered(mask: Mask, radius: int, axis: int) -> Mask:
    return np.asarray(_sums(mask, radius, axis) == 2 * radius + 1)


def _grown(mask: Mask, radius: int) -> Mask:
    """What is within a Euclidean distance of a mask."""
    height = len(mask)
    out = np.zeros_like(mask)
    for shift in range(-min(radius, height - 1), min(radius, height - 1) + 1):
        reach = int(np.sqrt(radius * radius - shift * shift))
        wide = _sums(mask, reach, 1) > 0
        to, of = (
            slice(max(0, shift), height + min(0, shift)),
            slice(max(0, -shift), height - max(0, shift)),
        )
        out[to] |= wide[of]
    return out
