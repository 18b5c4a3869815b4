"""Resizing by weights of the old pixels in the new ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from anamorph.core import constants as K

Floats = npt.NDArray[np.float64]


def resized(image: Floats, size: tuple[int, int], kind: int, scale: float | None = None) -> Floats:
    """Resize (H, W) or (H, W, C) to (height, width), one axis after the other.

    Pixels beyond the borders are those of the borders. A scale stands for the sizes' ratio.
    """
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    name = kind if kind != K.INTER_AREA or shrinks else K.INTER_LINEAR
    for axis in (0, 1):
        weights = _weights(size[axis], image.shape[axis], _READS[name], scale)
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    return image


Read = Callable[[float, float, int], Mapping[int, float]]


def _weights(out: int, into: int, read: Read, scale: float | None = None) -> Floats:
    """Weights of the old pixels (columns) in the new ones (rows)."""
    step = 1.0 / scale if scale else into / out
    matrix = np.zeros((out, into))
    for i in range(out):
        for j, weight in read(i, step, into).items():
            matrix[i, min(max(j, 0), into - 1)] += weight
    normed: Floats = matrix / matrix.sum(1, keepdims=True)
    return normed


def _nearest(i: float, step: float, _: int) -> Mapping[int, float]:
    return {math.floor(i * step + 1e-9): 1.0}


def _nearest_exact(i: float, step: float, _: int) -> Mapping[int, float]:
    return {math.floor((i + 0.5) * step + 1e-9): 1.0}


def _linear(i: float, step: float, _: int) -> Mapping[int, float]:
    return _taps((i + 0.5) * step - 0.5, 1, lambda d: 1.0 - abs(d))


def _cubic(i: float, step: float, _: int) -> Mapping[int, float]:
    """Keys 1981, with the slope of -0.75 that OpenCV takes."""
    a = -0.75

    def weight(d: float) -> float:
        d = abs(d)
        if d <= 1:
            return ((a + 2) * d - (a + 3)) * d * d + 1
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return _taps((i + 0.5) * step - 0.5, 2, weight)


def _lanczos4(i: float, step: float, _: int) -> Mapping[int, float]:
    return _taps((i + 0.5) * step - 0.5, 4, lambda d: float(np.sinc(d) * np.sinc(d / 4)))


def _area(i: float, step: float, into: int) -> Mapping[int, float]:
    left, right = i * step, min((i + 1) * step, into)
    return {
        j: min(j + 1, right) - max(j, left)
        for j in range(math.floor(left), math.ceil(right))
        if min(j + 1, right) - max(j, left) > 1e-9
    }


def _taps(at: float, reach: int, weight: Callable[[float], float]) -> Mapping[int, float]:
    base = math.floor(at)
    return {j: weight(at - j) for j in range(base - reach + 1, base + reach + 1)}


_READS: Mapping[int, Read] = {
    K.INTER_NEAREST: _nearest,
    K.INTER_LINEAR: _linear,
    K.INTER_CUBIC: _cubic,
    K.INTER_AREA: _area,
    K.INTER_LANCZOS4: _lanczos4,
    K.INTER_LINEAR_EXACT: _linear,
    K.INTER_NEAREST_EXACT: _nearest_exact,
}
