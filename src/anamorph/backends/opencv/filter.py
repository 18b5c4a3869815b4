"""Convolutions, the median, sharpening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.ir.ops import IMAGE, Convolve, Effect, Op, Target

Image = npt.NDArray[Any]

_CHANNELS = 64
"""Channels a call: OpenCV 5 takes 128, OpenCV 4 takes 512."""
_NETWORK = 9
"""Up to this size a median by minima and maxima of whole rows beats a partition a pixel."""
_STRIP = 1 << 16


def in_groups(image: Image, most: int, work: Callable[[Image], Image]) -> Image:
    """Work on at most so many channels at a time."""
    channels = image.shape[2]
    if channels <= most:
        return work(image)
    out = np.empty(image.shape, image.dtype)
    for start in range(0, channels, most):
        part = np.ascontiguousarray(image[:, :, start : start + most])
        out[:, :, start : start + most] = work(part).reshape(part.shape)
    return out


def clipped(image: Image) -> Image:
    """Bring fresh floats back to [0, 1]; whole numbers were saturated by OpenCV."""
    if image.dtype.kind == "f":
        np.maximum(image, 0.0, out=image)
        np.minimum(image, 1.0, out=image)
    return image


def convolve(op: Convolve, image: Image) -> Image:
    """Filter a picture, mirrored at its border."""
    return in_groups(image, _CHANNELS, lambda part: _CONVOLVE[op.kind](op, part))


def _with_kernel(op: Convolve, image: Image) -> Image:
    weights = np.array(op.kernel, np.float32)
    out = cv2.filter2D(image, -1, weights)
    overshoots = bool((weights < 0.0).any()) or float(weights.sum()) > 1.0 + 1e-6
    return clipped(out) if overshoots else out


def _gaussian(op: Convolve, image: Image) -> Image:
    across = down = _taps(op.size[0], op.sigma[0])
    if op.size[0] != op.size[1] or op.sigma[0] != op.sigma[1]:
        down = _taps(op.size[1], op.sigma[1])
    return cv2.sepFilter2D(image, -1, across, down)  # a quarter faster than GaussianBlur


def _taps(size: int, sigma: float) -> Image:
    """Weights of a Gaussian; a sigma of zero stands for the usual one of a size."""
    return cv2.getGaussianKernel(size, sigma or 0.3 * ((size - 1) * 0.5 - 1.0) + 0.8)


def _box(op: Convolve, image: Image) -> Image:
    return cv2.blur(image, op.size)


_CONVOLVE: Mapping[str, Callable[[Convolve, Image], Image]] = {
    "kernel": _with_kernel,
    "gaussian": _gaussian,
    "box": _box,
}


def sharpen(op: Effect, image: Image) -> Image:
    """Add a share of what a Gaussian takes away."""
    alpha, size, sigma = op.params
    wide = np.ascontiguousarray(image)
    blurred = convolve(Convolve("gaussian", (size, size), (sigma, sigma)), wide)
    flat = wide.reshape(wide.shape[0], -1)
    out = cv2.addWeighted(flat, 1.0 + alpha, blurred.reshape(flat.shape), -alpha, 0.0)
    return clipped(out).reshape(image.shape)


def median(op: Effect, image: Image) -> Image:
    """Take the median of a square; the picture is continued by its edge pixels."""
    (size,) = op.params
    if image.dtype == np.uint8 or size <= 5:
        if image.shape[2] in {1, 3, 4}:
            return cv2.medianBlur(image, size)
        return in_groups(image, 1, lambda part: cv2.medianBlur(part, size))
    return _exact_median(image, size)


def _exact_median(image: Image, size: int) -> Image:
    """Large medians of 16-bit and float pictures, which OpenCV would only do in 8 bits."""
    r = size // 2
    height, width, channels = image.shape
    padded = np.pad(image, ((r, r), (r, r), (0, 0)), mode="edge")
    out = np.empty(image.shape, image.dtype)
    work = _by_network if size <= _NETWORK else _by_partition
    rows = max(1, _STRIP // (width * channels * (1 if size <= _NETWORK else size)))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        out[top:bottom] = work(padded[top : bottom + 2 * r], size)
    return out


def _by_partition(strip: Image, size: int) -> Image:
    windows = np.lib.stride_tricks.sliding_window_view(strip, (size, size), (0, 1))
    flat = windows.reshape(*windows.shape[:3], size * size)
    middle = size * size // 2
    return np.partition(flat, middle, axis=-1)[..., middle]


def _by_network(strip: Image, size: int) -> Image:
    """Forget the least and the greatest of a pool again and again; what stays is the median."""
    height, width, channels = strip.shape
    height, width = height - size + 1, width - size + 1
    waiting = [
        strip[y : y + height, x : x + width].reshape(height, -1).copy()
        for y in range(size)
        for x in range(size)
    ]
    pool = [waiting.pop() for _ in range(size * size // 2 + 2)]
    while True:
        for i in range(len(pool) - 1):  # the greatest ends up last
            _sort(pool, i, i + 1)
        for i in range(len(pool) - 2, 0, -1):  # the least ends up first
            _sort(pool, i - 1, i)
        pool = pool[1:-1]
        if not waiting:
            return pool[0].reshape(height, width, channels)
        pool.append(waiting.pop())


def _sort(pool: list[Image], low: int, high: int) -> None:
    a, b = pool[low], pool[high]
    pool[low] = cv2.min(a, b).reshape(a.shape)
    cv2.max(a, b, b)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Convolve, IMAGE): convolve}
EFFECTS: Mapping[str, Kernel] = {"median": median, "sharpen": sharpen}
