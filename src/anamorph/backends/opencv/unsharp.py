"""Sharpening where it tells."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import stringzilla as sz

from anamorph.backends.opencv.linear import CHANNELS, gaussian, in_groups, taps
from anamorph.backends.opencv.planes import SINGLE
from anamorph.backends.opencv.scratch import lent
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]

_BLOCK = 1 << 19
"""Bytes of a block that passes go over: it stays in the cache with some others."""


def unsharp(op: Effect, image: Image) -> Image:
    """Add a share of the difference to a Gaussian blur where it exceeds a threshold.

    Params are alpha, size, sigma, and the threshold in levels of 255.
    """
    wide = np.ascontiguousarray(image)
    work = _bytes if image.dtype == np.uint8 else _floats
    return in_groups(wide, CHANNELS, lambda part: work(op, part))


def _coded() -> tuple[Image, bytes]:
    """The 64 differences that are told apart, and the code (shifted by two) of each of 256."""
    told = np.array([*range(32), *range(32, 64, 2), *range(67, 128, 8), *range(135, 256, 16)])
    codes = np.abs(np.arange(256)[:, None] - told).argmin(axis=1)
    return told, (codes << 2).astype(np.uint8).tobytes()


_DIFFERENCES, _CODES = _coded()


def _floats(op: Effect, image: Image) -> Image:
    alpha, size, sigma, threshold = op.params
    top = np.float32(1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max)
    line = taps(size, sigma)
    values = image
    if image.dtype == np.uint16:
        values = lent("values", image.shape, SINGLE)
        np.copyto(values, image)
    blurred = lent("blurred", image.shape, SINGLE)
    cv2.sepFilter2D(values, -1, line, line, blurred)
    told = lent("told", image.shape, SINGLE)
    for source, around, places in _blocks(values, blurred, told):
        cv2.absdiff(source, around, places)
        cv2.threshold(places, threshold / 255.0 * float(top), 1.0, cv2.THRESH_BINARY, places)
    soft = lent("soft", image.shape, SINGLE)
    cv2.sepFilter2D(told, -1, line, line, soft)
    out = np.empty_like(image)
    for source, change, part, target in _blocks(values, blurred, soft, out):
        np.subtract(source, change, out=change)
        np.multiply(change, np.float32(alpha), out=change)
        np.add(change, source, out=change)
        np.clip(change, 0.0, top, out=change)
        np.subtract(change, source, out=change)
        np.multiply(change, part, out=change)
        np.add(change, source, out=change)
        target[...] = change if top == 1.0 else np.rint(change, out=change)
    return out


def _bytes(op: Effect, image: Image) -> Image:
    """The edges of the places are softened by the box that is as wide as the Gaussian.

    How much to add is looked up by six bits of the difference and two of the softened places. All
    is done to some rows at a time, with those around them that they depend on.
    """
    alpha, size, sigma, threshold = op.params
    side = _box_like(taps(size, sigma))
    added = np.rint(alpha * np.outer(_DIFFERENCES, np.arange(4) / 3.0)).astype(np.uint8).tobytes()
    reach = size // 2 + side // 2
    height = len(image)
    rows = max(4 * reach, _BLOCK * height // image.nbytes)
    shape = (min(height, rows + 2 * reach), *image.shape[1:])
    memory = [lent(use, shape, image.dtype) for use in ("around", "change", "by")]
    out = np.empty_like(image)
    for top in range(0, height, rows):
        first, last = max(0, top - reach), min(height, top + rows + reach)
        around, change, soft = (m[: last - first] for m in memory)
        gaussian(image[first:last], size, sigma, around)
        cv2.absdiff(_row(image[first:last]), _row(around), _row(change))
        cv2.threshold(_row(change), threshold, 3, cv2.THRESH_BINARY, _row(change))
        cv2.blur(change, (side, side), soft)
        inner = slice(top - first, min(top + rows, height) - first)
        parts = (around[inner], change[inner], soft[inner], image[top : top + rows])
        _sharpen(tuple(map(_row, parts)), added, _row(out[top : top + rows]))
    return out


def _sharpen(parts: tuple[Image, ...], added: bytes, out: Image) -> None:
    """Move rows away from what they are blurred to, by what is looked up."""
    around, change, soft, source = parts
    cv2.absdiff(source, around, change)
    sz.translate(change.data, _CODES, inplace=True)
    np.bitwise_or(change, soft, out=change)
    sz.translate(change.data, added, inplace=True)
    cv2.subtract(source, change, out)
    cv2.add(source, change, change)
    cv2.compare(source, around, cv2.CMP_GT, around)
    cv2.copyTo(change, around, out)


def _row(block: Image) -> Image:
    """Some rows as one, so that OpenCV does not count channels."""
    return block.reshape(1, -1)


def _blocks(*arrays: Image) -> list[tuple[Image, ...]]:
    """Rows of several arrays at a time, each as one row, so that OpenCV does not count channels."""
    first = arrays[0]
    rows = max(1, _BLOCK * len(first) // first.nbytes)
    return [
        tuple(a[top : top + rows].reshape(1, -1) for a in arrays)
        for top in range(0, len(first), rows)
    ]


def _box_like(line: Image) -> int:
    """Side of the box whose variance is nearest to that of a Gaussian."""
    x = np.arange(len(line)) - len(line) // 2
    variance = float((line[:, 0] * x * x).sum())
    return min(range(1, len(line) + 1, 2), key=lambda n: abs((n * n - 1) / 12.0 - variance))
