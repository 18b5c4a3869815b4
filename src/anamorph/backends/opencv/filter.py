"""Convolutions, the median, sharpening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import linear, morphology, sums, unsharp
from anamorph.backends.opencv.groups import by_groups
from anamorph.backends.opencv.linear import clipped, in_groups
from anamorph.backends.opencv.scratch import lent
from anamorph.ir.ops import IMAGE, Convolve, Effect, Op, Target

Image = npt.NDArray[Any]

_NETWORK = 9
"""Up to this size a median by minima and maxima of whole rows beats a partition a pixel."""
_STRIP = 1 << 16


def convolve(op: Convolve, image: Image) -> Image:
    """Filter a picture, mirrored at its border."""
    return in_groups(image, linear.CHANNELS, lambda part: _CONVOLVE[op.kind](op, part))


def _disk(op: Convolve, image: Image) -> Image:
    radius = op.size[0] // 2
    sigma = op.sigma[0]
    if sigma > 0.0:
        taps = cv2.getGaussianKernel(3 if radius <= 8 else 5, sigma)
        if 1.0 - float(taps.max()) ** 2 > linear.UNSEEN[image.dtype.name]:
            image = linear.separable(image, taps, taps).reshape(image.shape)
    return sums.disk(image, radius)


def _gaussian(op: Convolve, image: Image) -> Image:
    (width, height), (sigma, other) = op.size, op.sigma
    if width == height and sigma == other:
        return linear.gaussian(image, width, sigma)
    return linear.separable(image, linear.taps(width, sigma), linear.taps(height, other))


def _box(op: Convolve, image: Image) -> Image:
    return cv2.blur(image, op.size)


_CONVOLVE: Mapping[str, Callable[[Convolve, Image], Image]] = {
    "kernel": lambda op, image: linear.with_kernel(np.array(op.kernel), image),
    "gaussian": _gaussian,
    "box": _box,
    "disk": _disk,
    "dilate": morphology.rank,
    "erode": morphology.rank,
}


def sharpen(op: Effect, image: Image) -> Image:
    """Add a share of what a Gaussian takes away."""
    return in_groups(np.ascontiguousarray(image), linear.CHANNELS, lambda part: _sharpen(op, part))


def _sharpen(op: Effect, image: Image) -> Image:
    alpha, size, sigma = op.params
    blurred = linear.gaussian(image, size, sigma, lent("blurred", image.shape, image.dtype))
    out = np.empty_like(image)
    flat, soft, target = (a.reshape(len(image), -1) for a in (image, blurred, out))
    cv2.addWeighted(flat, 1.0 + alpha, soft, -alpha, 0.0, target)
    return clipped(out)


def median(op: Effect, image: Image) -> Image:
    """Take the median of a square; the picture is continued by its edge pixels."""
    (size,) = op.params
    if image.dtype == np.uint8 or size <= 5:
        nothing = np.zeros(image.shape[2], image.dtype)
        return by_groups(
            image, nothing, lambda part, _, out: cv2.medianBlur(part, size, out), image.shape[:2]
        )
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
EFFECTS: Mapping[str, Kernel] = {
    "median": median,
    "sharpen": sharpen,
    "unsharp": unsharp.unsharp,
}
