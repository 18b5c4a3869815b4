"""Convolutions, the median, sharpening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import morphology, sums
from anamorph.backends.opencv.tone import lent
from anamorph.ir.ops import IMAGE, Convolve, Effect, Op, Target

Image = npt.NDArray[Any]

_CHANNELS = 64
"""Channels a call: OpenCV 5 takes 128, OpenCV 4 takes 512."""
_LARGE = 7
"""From this size on OpenCV's plain filter is slow, and from 12 on very slow."""
_SPARSE = 64
_UNSEEN: Mapping[str, float] = {"uint8": 0.3 / 255, "uint16": 1e-6, "float32": 1e-7}
"""Sum of weights that may be left out."""
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
    weights = np.array(op.kernel)
    overshoots = bool((weights < 0.0).any()) or float(weights.sum()) > 1.0 + 1e-6
    if min(weights.shape) >= _LARGE:
        out = _with_large_kernel(weights, image)
    else:
        out = cv2.filter2D(image, -1, _telling(weights, image.dtype))
    return clipped(out) if overshoots else out


def _telling(weights: Image, dtype: np.dtype[Any]) -> Image:
    """Drop weights that together cannot move a pixel by a third of a level; zeros cost nothing."""
    if weights.shape[0] <= 3:
        return weights
    share = np.abs(weights).reshape(-1)
    order = np.argsort(share)
    dropped = order[np.cumsum(share[order]) < _UNSEEN[dtype.name]]
    kept = weights.copy()
    kept.reshape(-1)[dropped] = 0.0
    remaining = float(kept.sum())
    return kept * (float(weights.sum()) / remaining) if remaining else weights


def _with_large_kernel(weights: Image, image: Image) -> Image:
    """Sums of rows for even weights; sums of separable filters where few will do."""
    used = weights[weights != 0.0]
    if len(used) <= _SPARSE and np.ptp(used) < 1e-9:
        return sums.even_kernel(image, weights)
    parts = _separated(weights, _UNSEEN[image.dtype.name])
    if len(parts) * 3 > min(weights.shape):
        return cv2.filter2D(image, -1, weights)
    if image.dtype != np.uint8:
        total = sum(cv2.sepFilter2D(image, cv2.CV_32F, across, down) for across, down in parts)
        return (
            total
            if image.dtype.kind == "f"
            else cv2.addWeighted(total, 1.0, total, 0.0, 0.0, dtype=cv2.CV_16U)
        )
    return _sum_of_separable(parts, image)


def _sum_of_separable(parts: list[tuple[Image, Image]], image: Image) -> Image:
    """Filter bytes; sums are kept in 16 bits with as many binary digits as fit."""
    scale = 64.0
    total: Image | None = None
    for across, down in parts:
        more = cv2.sepFilter2D(image, cv2.CV_16S, across * scale, down)
        total = more if total is None else cv2.add(total, more, total)
    return cv2.convertScaleAbs(np.maximum(total, 0, out=total), alpha=1.0 / scale)


def _separated(weights: Image, tolerance: float) -> list[tuple[Image, Image]]:
    """Rows and columns whose products add up to the weights, the fewest within a tolerance."""
    left, strength, right = np.linalg.svd(weights)
    rest = weights.copy()
    parts = []
    for u, s, v in zip(left.T, strength, right, strict=False):
        parts.append((v * s, u))
        rest -= np.outer(u * s, v)
        if float(np.abs(rest).sum()) < tolerance:
            break
    return parts


def _disk(op: Convolve, image: Image) -> Image:
    radius = op.size[0] // 2
    sigma = op.sigma[0]
    if sigma > 0.0:
        taps = cv2.getGaussianKernel(3 if radius <= 8 else 5, sigma)
        if 1.0 - float(taps.max()) ** 2 > _UNSEEN[image.dtype.name]:
            image = cv2.sepFilter2D(image, -1, taps, taps)
            image = image.reshape(*image.shape[:2], -1)
    return sums.disk(image, radius)


def unsharp(op: Effect, image: Image) -> Image:
    """Add a share of the difference to a Gaussian blur where it exceeds a threshold."""
    wide = np.ascontiguousarray(image)
    work = _unsharp_bytes if image.dtype == np.uint8 else _unsharp
    return in_groups(wide, _CHANNELS, lambda part: work(op, part))


def _unsharp(op: Effect, image: Image) -> Image:
    alpha, size, sigma, threshold = op.params
    top = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
    taps = _taps(size, sigma)
    values = image.astype(np.float32)
    change = values - cv2.sepFilter2D(values, -1, taps, taps).reshape(image.shape)
    told = (np.abs(change) > np.float32(threshold / 255.0 * top)).astype(np.float32)
    soft = cv2.sepFilter2D(told, -1, taps, taps).reshape(image.shape)
    change *= np.float32(alpha)
    change = np.clip(values + change, 0.0, top, out=change)
    change -= values
    change *= soft
    change += values
    return change if image.dtype.kind == "f" else np.rint(change).astype(image.dtype)


def _unsharp_bytes(op: Effect, image: Image) -> Image:
    """In bytes. The places' edges are softened by the box that is as wide as the Gaussian."""
    alpha, size, sigma, threshold = op.params
    taps = _taps(size, sigma)
    blurred = cv2.sepFilter2D(image, -1, taps, taps, lent("blurred", image.shape, image.dtype))
    told = lent("told", image.shape, image.dtype)
    out = np.empty_like(image)
    rows = [
        tuple(a[top : top + 64].reshape(1, -1) for a in (image, blurred, told, out))
        for top in range(0, len(image), 64)
    ]
    for source, around, told_row, _ in rows:
        cv2.absdiff(source, around, told_row)
        cv2.threshold(told_row, threshold, 255, cv2.THRESH_BINARY, told_row)
    side = _box_like(taps)
    soft = cv2.blur(told, (side, side), lent("soft", image.shape, image.dtype))
    for row, (source, around, change, target) in enumerate(rows):
        cv2.absdiff(source, around, change)
        part = soft[row * 64 : row * 64 + 64].reshape(1, -1)
        cv2.multiply(change, part, change, alpha / 255.0)
        cv2.subtract(source, change, target)
        cv2.add(source, change, change)
        cv2.compare(source, around, cv2.CMP_GT, around)
        cv2.copyTo(change, around, target)
    return out


def _box_like(taps: Image) -> int:
    """Side of the box whose variance is nearest to that of a Gaussian."""
    x = np.arange(len(taps)) - len(taps) // 2
    variance = float((taps[:, 0] * x * x).sum())
    return min(range(1, len(taps) + 1, 2), key=lambda n: abs((n * n - 1) / 12.0 - variance))


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
    "disk": _disk,
    "dilate": morphology.rank,
    "erode": morphology.rank,
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
EFFECTS: Mapping[str, Kernel] = {"median": median, "sharpen": sharpen, "unsharp": unsharp}
