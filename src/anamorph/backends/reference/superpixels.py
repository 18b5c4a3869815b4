"""Superpixels: SLIC, each pixel and each patch by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.color import rgb_to_lab
from anamorph.backends.reference.filter import stored
from anamorph.backends.reference.resize import resized
from anamorph.ir import noise, slic
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def superpixels(op: Effect, image: Image) -> Image:
    """Fill some patches of a small picture with their mean."""
    share, count, longest, how = op.params
    size = image.shape[:2]
    small = image
    if longest is not None and longest < max(size):
        factor = longest / max(size)
        fit = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        small = stored(resized(image.astype(np.float64), fit, how, None), image.dtype)
    labels, patches = segment(_colors(small), count)
    filled = noise.uniforms(noise.bits_of(op.key), patches) < share
    if not filled.any():
        return image
    out = small.copy()
    for patch in np.flatnonzero(filled):
        there = labels == patch
        if there.any():
            out[there] = stored(small[there].astype(np.float64).mean(axis=0), image.dtype)
    if small is image:
        return out
    return stored(resized(out.astype(np.float64), (size[0], size[1]), how, None), image.dtype)


def _colors(image: Image) -> Floats:
    values = image / (1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max))
    return rgb_to_lab(values) if image.shape[2] == 3 else values * 100.0


def segment(colors: Floats, count: int) -> tuple[Indices, int]:
    """Begin with the cells of a grid; give each pixel to the nearest of nine means, anew and anew.

    Returns:
        The patch (H, W) of each pixel, and the number of patches.
    """
    tall, wide = colors.shape[:2]
    grid = slic.Grid((tall, wide), count)
    y, x = np.mgrid[:tall, :wide]
    scale = slic.COMPACTNESS / grid.step
    features = np.concatenate([colors, y[..., None] * scale, x[..., None] * scale], axis=2)
    row, column = y // grid.height, x // grid.width
    labels = row * grid.columns + column
    patches = grid.rows * grid.columns
    centres = np.array([features[labels == k].mean(axis=0) for k in range(patches)])
    for _ in range(slic.ROUNDS):
        least = np.full((tall, wide), np.inf)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                r, c = row + dy, column + dx
                there = (r >= 0) & (r < grid.rows) & (c >= 0) & (c < grid.columns)
                k = np.where(there, r * grid.columns + c, 0)
                distance = ((features - centres[k]) ** 2).sum(axis=2)
                closer = there & (distance < least)
                least[closer], labels[closer] = distance[closer], k[closer]
        for patch in range(patches):
            if (labels == patch).any():
                centres[patch] = features[labels == patch].mean(axis=0)
    return labels, patches


EFFECTS: Mapping[str, Kernel] = {"superpixels": superpixels}
