"""Weighted sums of neighbours, by the cheapest of the ways that OpenCV has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv import sums
from anamorph.backends.opencv.planes import SINGLE, cut_off, stored
from anamorph.backends.opencv.scratch import lent
from anamorph.ir.gaussian import USUAL, usual_sigma

Image = npt.NDArray[Any]
Parts = list[tuple[Image, Image]]

CHANNELS = 64
"""Channels a call: OpenCV 5 takes 128, OpenCV 4 takes 512."""
UNSEEN: Mapping[str, float] = {"uint8": 1.0 / 255, "uint16": 2e-5, "float32": 2e-5}
"""Sum of weights that may be left out: they can move a pixel by half a level at most."""
_LARGE = 7
"""From this size on OpenCV's plain filter is slow, and from 12 on very slow."""
_DIRECT = 121
"""Cells of a kernel that OpenCV goes through one by one; of more it takes a Fourier transform."""
_FEW_TAPS = 5
_SPARSE = 64
_APART: Mapping[str, float] = {"uint8": 1.0 / 255, "uint16": 1e-4, "float32": 1e-4}
"""Sum of weights by which a sum of separable kernels may differ from the one that is wanted."""
_COSTS: Mapping[str, tuple[float, float]] = {"u": (60, 38), "f": (85, 25)}
"""Kind of dtype → times of each tap of a separable filter, and of each weight of a plain one."""
_SPECTRAL = 14_000
"""Time of any filter that OpenCV does by Fourier transforms."""


def in_groups(image: Image, most: int, work: Callable[[Image], Image]) -> Image:
    """Work on at most so many channels at a time."""
    channels = image.shape[2]
    if channels <= most:
        return work(image)
    out = None
    for start in range(0, channels, most):
        part = np.ascontiguousarray(image[:, :, start : start + most])
        done = work(part)
        done = done.reshape(*done.shape[:2], -1)
        if out is None:
            out = np.empty((*done.shape[:2], channels), image.dtype)
        out[:, :, start : start + most] = done
    return image if out is None else out


def clipped(image: Image) -> Image:
    """Bring fresh floats back to [0, 1]; whole numbers were saturated by OpenCV."""
    if image.dtype.kind == "f":
        cut_off(image)
    return image


def taps(size: int, sigma: float) -> Image:
    """Weights of a Gaussian; a sigma of zero stands for the usual one of a size."""
    if sigma == 0.0 and size in USUAL:
        return np.array(USUAL[size]).reshape(-1, 1)
    return cv2.getGaussianKernel(size, sigma or usual_sigma(size))


def gaussian(image: Image, size: int, sigma: float, out: Image | None = None) -> Image:
    """Blur by a square Gaussian. OpenCV's own is quicker for bytes and few taps only."""
    if image.dtype == np.uint8 and size <= _FEW_TAPS:
        return cv2.GaussianBlur(image, (size, size), sigma, out)
    line = taps(size, sigma)
    return separable(image, line, line, out)


def separable(image: Image, across: Image, down: Image, out: Image | None = None) -> Image:
    """Filter rows, then columns."""
    if image.dtype != np.uint16:
        return cv2.sepFilter2D(image, -1, across, down, out)
    return _by_floats(image, lambda wide, to: cv2.sepFilter2D(wide, -1, across, down, to), out)


def with_kernel(weights: Image, image: Image) -> Image:
    """Filter with any kernel."""
    overshoots = bool((weights < 0.0).any()) or float(weights.sum()) > 1.0 + 1e-6
    out = _large(weights, image) if min(weights.shape) >= _LARGE else _small(weights, image)
    return clipped(out) if overshoots else out


def _small(weights: Image, image: Image) -> Image:
    return _plain(_telling(weights, image.dtype), image)


def _plain(weights: Image, image: Image) -> Image:
    used, middle = _used(weights)
    single = used.astype(np.float32)
    if image.dtype != np.uint16:
        return cv2.filter2D(image, -1, single, anchor=middle)
    return _by_floats(image, lambda wide, out: cv2.filter2D(wide, -1, single, out, middle))


def _used(weights: Image) -> tuple[Image, tuple[int, int]]:
    """Cut off rows and columns of zeros around a kernel, and say where its middle comes to lie."""
    y, x = weights.shape[0] // 2, weights.shape[1] // 2
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    if not len(rows):
        return weights, (x, y)
    top, left = min(int(rows[0]), y), min(int(columns[0]), x)
    bottom, right = max(int(rows[-1]), y) + 1, max(int(columns[-1]), x) + 1
    return weights[top:bottom, left:right], (x - left, y - top)


def _by_floats(
    image: Image, work: Callable[[Image, Image], Image], out: Image | None = None
) -> Image:
    """Filter words as floats: OpenCV is four times as fast with them."""
    wide = lent("wide", image.shape, SINGLE)
    np.copyto(wide, image)
    filtered = work(wide, lent("filtered", image.shape, SINGLE))
    return stored(filtered, 1.0, image.dtype, out)


def _telling(weights: Image, dtype: np.dtype[Any]) -> Image:
    """Drop the weights that do not tell; zeros cost nothing."""
    if weights.shape[0] <= 3:
        return weights
    share = np.abs(weights).reshape(-1)
    order = np.argsort(share)
    dropped = order[np.cumsum(share[order]) < UNSEEN[dtype.name]]
    kept = weights.copy()
    kept.reshape(-1)[dropped] = 0.0
    remaining = float(kept.sum())
    return kept * (float(weights.sum()) / remaining) if remaining else weights


def _large(weights: Image, image: Image) -> Image:
    """Sums of rows for even weights; sums of separable filters where few will do."""
    used = weights[weights != 0.0]
    even = 0 < len(used) <= _SPARSE and np.ptp(used) < 1e-9
    if even and _used(weights)[0].size > _DIRECT:
        return sums.even_kernel(image, weights)
    told = _telling(weights, image.dtype)
    each_tap, each_weight = _COSTS["u" if image.dtype == np.uint8 else "f"]
    plain = np.count_nonzero(told) * each_weight
    tap = max(weights.shape) * each_tap
    if plain <= 2 * tap:
        return _plain(told, image)
    parts = _separated(weights, _APART[image.dtype.name])
    if len(parts) * tap > min(plain, _SPECTRAL):
        return _plain(told, image)
    if image.dtype == np.uint8:
        return _sum_of_bytes(parts, image)
    wide = image
    if image.dtype == np.uint16:
        wide = lent("wide", image.shape, SINGLE)
        np.copyto(wide, image)
    total: Image = cv2.sepFilter2D(wide, cv2.CV_32F, *parts[0])
    for part in parts[1:]:
        more = cv2.sepFilter2D(wide, cv2.CV_32F, *part, lent("more", total.shape, SINGLE))
        np.add(total, more, out=total)
    return total if image.dtype.kind == "f" else stored(total, 1.0, image.dtype)


def _sum_of_bytes(parts: Parts, image: Image) -> Image:
    """Filter bytes; sums are kept in 16 bits with six binary digits behind the point."""
    total, more = (lent(use, image.shape, np.dtype(np.int16)) for use in ("total", "more"))
    for i, (across, down) in enumerate(parts):
        into = more if i else total
        cv2.sepFilter2D(image, cv2.CV_16S, across * 64.0, down, into)
        if i:
            np.add(total, more, out=total)
    np.clip(total, 0, None, out=total)
    return cv2.convertScaleAbs(total.reshape(len(image), -1), alpha=1.0 / 64.0).reshape(image.shape)


def _separated(weights: Image, tolerance: float) -> Parts:
    """Rows and columns whose products add up to the weights, the fewest within a tolerance.

    Those of a kernel that is the same from both sides are made exactly so: OpenCV is faster then.
    """
    left, strength, right = np.linalg.svd(weights)
    rest = weights.copy()
    parts = []
    for u, s, v in zip(left.T, strength, right, strict=False):
        root = float(np.sqrt(s))
        across, down = _evened(v * root), _evened(u * root)
        parts.append((across, down))
        rest -= np.outer(down, across)
        if float(np.abs(rest).sum()) < tolerance:
            break
    return parts


def _evened(line: Image) -> Image:
    mirrored = line[::-1]
    return (line + mirrored) / 2 if np.allclose(line, mirrored, rtol=0, atol=1e-9) else line
