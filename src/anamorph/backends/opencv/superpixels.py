"""Superpixels: patches found on a small picture and filled with their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.linear import CHANNELS, clipped, in_groups
from anamorph.core.constants import WHITE
from anamorph.ir import noise, slic
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]


def superpixels(op: Effect, image: Image) -> Image:
    """Fill patches: params are their share, number, the longest side, and how to resize."""
    share, count, longest, how = op.params
    height, width, channels = image.shape
    small = image
    if longest is not None and longest < max(height, width):
        factor = longest / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = _resized(image, size, how)
    labels, patches = slic.segment(_colors(small), count)
    filled = noise.uniforms(noise.bits_of(op.key), patches) < share
    if not filled.any():
        return image
    out = _filled(small.reshape(-1, channels), labels.reshape(-1), filled).reshape(small.shape)
    return _resized(out, (width, height), how) if small is not image else out


def _resized(image: Image, size: tuple[int, int], how: int) -> Image:
    def work(part: Image) -> Image:
        return cv2.resize(part, size, interpolation=how)

    return clipped(in_groups(image, CHANNELS, work)).reshape(size[1], size[0], -1)


def _colors(image: Image) -> Image:
    """Planes (C, H, W) in which distances are as large as differences look, white being 100."""
    values: Image = image.astype(np.float32)
    values *= np.float32((1.0 if image.shape[2] == 3 else 100.0) / WHITE[image.dtype.name])
    if image.shape[2] == 3:
        values = cv2.cvtColor(values, cv2.COLOR_RGB2LAB)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def _filled(pixels: Image, labels: Image, filled: Image) -> Image:
    """Give the pixels of some patches the patch's mean."""
    held = np.maximum(np.bincount(labels, minlength=len(filled)), 1)
    means = np.empty((len(filled), pixels.shape[1]))
    for channel in range(pixels.shape[1]):
        sums = np.bincount(labels, weights=pixels[:, channel], minlength=len(filled))
        means[:, channel] = sums / held
    if pixels.dtype.kind != "f":
        np.rint(means, out=means)
    out = pixels.copy()
    there = np.flatnonzero(filled[labels])
    out[there] = means.astype(pixels.dtype)[labels[there]]
    return out


EFFECTS: Mapping[str, Kernel] = {"superpixels": superpixels}
