"""Glass and zoom, from their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import gaussian_taps, stored, windows
from anamorph.ir import glass as frost
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def glass(op: Effect, image: Image) -> Image:
    """Blur, show each pixel what lies near it, blur."""
    sigma, *steps = op.params
    rows, columns = frost.places(op.key, image.shape[:2], frost.offsets(*steps))
    blurred = _softened(image, sigma)
    return _softened(blurred[rows, columns], sigma)


def _softened(image: Image, sigma: float) -> Image:
    size = frost.taps(sigma, image.dtype == np.uint8)
    if size == 1:
        return image
    taps = gaussian_taps(size, sigma)
    near = windows(image, (size, size), "mirror")
    return stored(np.einsum("abcij,i,j->abc", near, taps, taps), image.dtype)


def zoom(op: Effect, image: Image) -> Image:
    """Average the picture and its zooms by equal factors, each read bilinearly from it."""
    count, last = op.params
    total = image.astype(np.float64)
    for i in range(count):
        total = total + _enlarged(image.astype(np.float64), last ** (i / (count - 1)))
    return stored(total / (count + 1), image.dtype)


def _enlarged(image: Floats, factor: float) -> Floats:
    for axis in (0, 1):
        n = image.shape[axis]
        at = (np.arange(n) + 0.5 - n / 2) / factor + n / 2 - 0.5
        left = np.clip(np.floor(at).astype(np.int64), 0, n - 1)
        part = np.clip(at - left, 0.0, 1.0).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        right = np.minimum(left + 1, n - 1)
        image = image.take(left, axis) * (1 - part) + image.take(right, axis) * part
    return image


EFFECTS: Mapping[str, Kernel] = {"glass": glass, "zoom": zoom}
