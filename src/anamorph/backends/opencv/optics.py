"""Glass and zoom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.linear import CHANNELS, in_groups, separable
from anamorph.backends.opencv.scratch import lent
from anamorph.ir import glass as frost
from anamorph.ir import noise
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]

_FARTHEST = 32_000
"""OpenCV keeps places in 16 bits."""
_ROWS = 1 << 17
_WORD = 65535
_PLACE = np.dtype(np.int16)
_NO_MAP: Any = None


# --------------------------------------------------------------------------------- glass


def glass(op: Effect, image: Image) -> Image:
    """Blur, show each pixel what lies near it, blur: params are sigma, delta, times and mode."""
    sigma, *steps = op.params
    places = frost.offsets(*steps)
    size = image.shape[:2]
    if max(size) + int(np.abs(places).max()) > _FARTHEST:
        where = frost.places(op.key, size, places)
        return _softened(_softened(image, sigma)[where], sigma)
    maps = _maps(op.key, size, places)
    return in_groups(image, CHANNELS, lambda part: _behind_glass(part, maps, sigma))


def _behind_glass(image: Image, maps: Image, sigma: float) -> Image:
    soft = _softened(image, sigma, lent("blurred", image.shape, image.dtype))
    moved = np.empty_like(image) if soft is image else lent("moved", image.shape, image.dtype)
    cv2.remap(soft, maps, _NO_MAP, cv2.INTER_NEAREST, moved, cv2.BORDER_REFLECT_101)
    return _softened(moved, sigma)


def _maps(key: int, size: tuple[int, ...], places: Image) -> Image:
    """Where each pixel is read, x and y: its own place and a random offset each."""
    height, width = size
    table = places.astype(np.int16)
    maps = lent("places", (height, width, 2), _PLACE)
    flat = maps.reshape(height, 2 * width)
    bits = noise.bits_of(key)
    rows = min(height, max(4, _ROWS // (2 * width) // 4 * 4))  # so that no random byte is lost
    own = lent("own", (rows, width, 2), _PLACE)
    own[:, :, 0] = np.arange(width)
    own[:, :, 1] = np.arange(rows)[:, None]
    down = np.tile(np.array([0, rows], np.int16), width)
    for top in range(0, height, rows):
        part = flat[top : top + rows]
        cv2.LUT(noise.octets(bits, part.size).reshape(part.shape), table, part)
        part += own.reshape(rows, -1)[: len(part)]
        np.add(own.reshape(rows, -1), down, out=own.reshape(rows, -1))
    return maps


def _softened(image: Image, sigma: float, out: Image | None = None) -> Image:
    size = frost.taps(sigma, image.dtype == np.uint8)
    if size == 1:
        return image
    line = cv2.getGaussianKernel(size, sigma)
    return in_groups(image, CHANNELS, lambda part: separable(part, line, line, out))


# ---------------------------------------------------------------------------------- zoom


def zoom(op: Effect, image: Image) -> Image:
    """Average over zooms: params are their number and the last factor."""
    return in_groups(image, CHANNELS, lambda part: _zoomed(op, part))


def _zoomed(op: Effect, image: Image) -> Image:
    """Sum up n zooms by their binary digits.

    With S(n) the sum of the powers 0 to n - 1 of a zoom Z, S(2n) = S(n) + Zⁿ·S(n) and
    S(n + 1) = 1 + Z·S(n): a few enlargements do for any n. Bytes are summed in 16 bits.
    """
    count, last = op.params
    work = _words if image.dtype == np.uint8 else _floats
    source, weight = work(image, count)
    step = last ** (1.0 / (count - 1))
    total, more = (lent(use, source.shape, source.dtype) for use in ("total", "more"))
    np.copyto(total, source)
    reached = [1.0, 1.0]
    n = 1
    for digit in f"{count:b}"[1:]:
        total += _enlarged(total, step ** (2 * n - 1), reached, more)
        n *= 2
        if digit == "1":
            np.add(source, _enlarged(total, step**n, reached, more), out=total)
            n += 1
    total += source
    return _weighed(total, weight, image.dtype)


def _words(image: Image, count: int) -> tuple[Image, float]:
    """Bytes in 16 bits, with as many binary digits behind the point as the sum leaves room for."""
    digits = int(np.log2(_WORD / (255 * (count + 1))))
    out = lent("words", image.shape, np.dtype(np.uint16))
    np.copyto(out, image)
    out <<= digits
    return out, 1.0 / ((count + 1) << digits)


def _floats(image: Image, count: int) -> tuple[Image, float]:
    out = lent("floats", image.shape, np.dtype(np.float32))
    np.copyto(out, image)
    return out, 1.0 / (count + 1)


def _weighed(total: Image, weight: float, dtype: np.dtype[Any]) -> Image:
    if dtype == np.uint8:
        return cv2.convertScaleAbs(total, alpha=weight)
    total *= np.float32(weight)
    return total.copy() if dtype.kind == "f" else np.rint(total, out=total).astype(dtype)


def _enlarged(image: Image, wanted: float, reached: list[float], out: Image) -> Image:
    """Show the middle of a picture enlarged, so that its largest zoom becomes the one wanted.

    Margins are whole pixels, the same on both sides; what is lost by that, the next one makes up
    for: ``reached`` are the largest zooms down and across, brought up to date.
    """
    sides = image.shape[:2]
    y, x = (
        max(0, round(side * (1.0 - done / wanted) / 2.0))
        for side, done in zip(sides, reached, strict=True)
    )
    y, x = min(y, (sides[0] - 1) // 2), min(x, (sides[1] - 1) // 2)
    if x == y == 0:
        return image
    for axis, margin in enumerate((y, x)):
        reached[axis] *= sides[axis] / (sides[axis] - 2 * margin)
    part = image[y : sides[0] - y, x : sides[1] - x]
    return cv2.resize(part, sides[::-1], out).reshape(image.shape)


EFFECTS: Mapping[str, Kernel] = {"glass": glass, "zoom": zoom}
