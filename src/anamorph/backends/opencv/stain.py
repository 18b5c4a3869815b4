"""Stains of histology: logarithm, a matrix and an exponential, block by block."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import by_rows
from anamorph.backends.opencv.color import needs_channels
from anamorph.backends.opencv.planes import SINGLE, Floats, Image
from anamorph.backends.opencv.scratch import lent
from anamorph.core.constants import WHITE
from anamorph.ir import stains
from anamorph.ir.ops import Effect
from anamorph.ir.principal import sampled


def stain(op: Effect, image: Image) -> Image:
    """Scale and shift the concentrations of two stains.

    params: the stains (two rows of optical densities, or the way to find them), two scales, two
    shifts, and whether bare glass changes too.
    """
    needs_channels(image, (3,), "a stain of hematoxylin and eosin")
    found, scales, shifts, everywhere = op.params
    white = WHITE[image.dtype.name]
    matrix = _found(found, image) if isinstance(found, str) else np.array(found)
    changed = _bent(stains.mixing(matrix, scales, shifts), white)
    kept = _bent(stains.mixing(matrix, (1.0, 1.0), (0.0, 0.0)), white)
    width = image.shape[1]

    def work(source: Image, target: Image, top: int, bottom: int) -> None:
        shape = (bottom - top, width, 3)
        values, mixed = lent("values", shape, SINGLE), lent("mixed", shape, SINGLE)
        np.copyto(values.reshape(source.shape), source)
        glass = None if everywhere else _glass(values, white)
        np.clip(values, np.float32(stains.DARKEST * white), np.float32(white), out=values)
        cv2.log(values, dst=values)
        cv2.transform(values, changed, dst=mixed)
        if glass is not None:
            other = cv2.transform(values, kept, dst=lent("other", shape, SINGLE))
            cv2.copyTo(other, glass, mixed)
        cv2.exp(mixed, dst=mixed)
        _store(mixed.reshape(source.shape), target)

    return by_rows(image, work)


def _bent(matrix: stains.Floats, white: int) -> Floats:
    """Make a matrix on logarithms of stored values of one on logarithms of intensities."""
    out = matrix.copy()
    shift = np.log(white)
    out[:, 3] += shift - shift * out[:, :3].sum(axis=1)
    return out.astype(np.float32)


def _glass(values: Floats, white: int) -> Image | None:
    """Find the pixels whose luma is that of bare glass; None if there are none."""
    luma = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)
    mask = np.greater_equal(luma, np.float32(stains.GLASS * white))
    return mask.view(np.uint8) if mask.any() else None


def _store(values: Floats, target: Image) -> None:
    """Write stored values, none below zero, to a picture."""
    if target.dtype == np.uint8:
        cv2.convertScaleAbs(values, dst=target)
        return
    white = WHITE[target.dtype.name]
    np.clip(values, np.float32(0), np.float32(white), out=values)  # quicker than a minimum
    np.copyto(target, values if white == 1 else np.rint(values, out=values), casting="unsafe")


def _found(way: str, image: Image) -> stains.Floats:
    """Find the stains of a picture from an even sample of its pixels."""
    return stains.find(way, sampled(image).astype(np.float64) / WHITE[image.dtype.name])


EFFECTS: Mapping[str, Kernel] = {"stain": stain}
