"""Convolutions, the median, sharpening: from their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference import morphology
from anamorph.ir.gaussian import USUAL, usual_sigma
from anamorph.ir.ops import IMAGE, Convolve, Effect, Op, Target

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def stored(values: Floats, dtype: np.dtype[Any]) -> Image:
    """Round and saturate to what a picture of a dtype can hold."""
    if dtype.kind == "f":
        return np.clip(values, 0.0, 1.0).astype(dtype)
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)


def windows(image: Image, size: tuple[int, int], mode: str) -> Floats:
    """Neighbourhoods of (width, height) about each pixel: (H, W, C, height, width)."""
    w, h = size
    left, top = w // 2, h // 2
    x = _continued(image.shape[1], left, w - 1 - left, mode)
    y = _continued(image.shape[0], top, h - 1 - top, mode)
    padded = image.astype(np.float64)[y][:, x]
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, (h, w), (0, 1))
    return windows


def _continued(length: int, before: int, after: int, mode: str) -> npt.NDArray[np.int64]:
    """Index of the pixel that stands for each place from -before to length - 1 + after."""
    i = np.arange(-before, length + after)
    if mode == "edge" or length == 1:
        return np.clip(i, 0, length - 1)
    period = 2 * (length - 1)
    i = np.abs(i) % period
    return np.where(i < length, i, period - i)


def gaussian_taps(size: int, sigma: float) -> Floats:
    """Weights of a Gaussian, by their sum; a sigma of zero stands for the usual one of a size."""
    if sigma == 0.0 and size in USUAL:
        return np.array(USUAL[size])
    s = sigma if sigma > 0.0 else usual_sigma(size)
    x = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(x**2) / (2.0 * s * s))
    normed: Floats = taps / taps.sum()
    return normed


def disk_weights(size: int, sigma: float) -> Floats:
    """Equal weights on a disk that touches the sides, smoothed by a Gaussian."""
    radius = size // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    cells = x * x + y * y <= radius * radius
    disk: Floats = cells / cells.sum()
    if sigma == 0.0:
        return disk
    taps = gaussian_taps(3 if radius <= 8 else 5, sigma)
    wide = np.pad(disk, 2 * (len(taps) // 2))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (len(taps), len(taps)))
    smooth: Floats = np.einsum("abij,i,j->ab", windows, taps, taps)
    return smooth


def weights_of(op: Convolve) -> Floats:
    """The full matrix of weights of a convolution, as it is laid over the picture."""
    if op.kind == "kernel":
        return np.array(op.kernel, np.float64)
    if op.kind == "gaussian":
        across = gaussian_taps(op.size[0], op.sigma[0])
        return np.outer(gaussian_taps(op.size[1], op.sigma[1]), across)
    if op.kind == "disk":
        return disk_weights(op.size[0], op.sigma[0])
    return np.full((op.size[1], op.size[0]), 1.0 / (op.size[0] * op.size[1]))


def convolve(op: Convolve, image: Image) -> Image:
    """Sum the neighbours by weight, or take the greatest or the least of them."""
    if op.kind in {"dilate", "erode"}:
        return morphology.rank(op, image)
    weights = weights_of(op)
    near = windows(image, (weights.shape[1], weights.shape[0]), "mirror")
    return stored(np.einsum("abcij,ij->abc", near, weights), image.dtype)


def sharpen(op: Effect, image: Image) -> Image:
    """Add a share of what a Gaussian takes away."""
    alpha, size, sigma = op.params
    taps = gaussian_taps(size, sigma)
    near = windows(image, (size, size), "mirror")
    blurred = np.einsum("abcij,i,j->abc", near, taps, taps)
    return stored(image + alpha * (image - blurred), image.dtype)


def unsharp(op: Effect, image: Image) -> Image:
    """Add a share of the difference to a Gaussian blur where it exceeds a threshold."""
    alpha, size, sigma, threshold = op.params
    top = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
    taps = gaussian_taps(size, sigma)
    values = image / top
    blurred = np.einsum("abcij,i,j->abc", windows(values, (size, size), "mirror"), taps, taps)
    told = np.abs(values - blurred) * 255.0 > threshold
    soft = np.einsum("abcij,i,j->abc", windows(told, (size, size), "mirror"), taps, taps)
    sharp = np.clip(values + alpha * (values - blurred), 0.0, 1.0)
    return stored((values + soft * (sharp - values)) * top, image.dtype)


def median(op: Effect, image: Image) -> Image:
    """Take the middle one of the sorted neighbours."""
    (size,) = op.params
    near = windows(image, (size, size), "edge")
    return stored(np.median(near, axis=(3, 4)), image.dtype)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Convolve, IMAGE): convolve}
EFFECTS: Mapping[str, Kernel] = {"median": median, "sharpen": sharpen, "unsharp": unsharp}
