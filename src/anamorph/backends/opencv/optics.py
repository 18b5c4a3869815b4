"""Glass and zoom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.filter import in_groups
from anamorph.backends.opencv.tone import lent
from anamorph.ir import glass as frost
from anamorph.ir import noise
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]

_FARTHEST = 32_000
"""OpenCV keeps places in 16 bits."""
_CHANNELS = 64
_ROWS = 1 << 17
_WORD = 65535
_PLACE = np.dtype(np.int16)


# --------------------------------------------------------------------------------- glass


def glass(op: Effect, image: Image) -> Image:
    """Blur, show each pixel what lies near it, blur: params are sigma, delta, times and mode."""
    sigma, *steps = op.params
    places = frost.offsets(*steps)
    blurred = _softened(image, sigma)
    size = image.shape[:2]
    if max(size) + int(np.abs(places).max()) > _FARTHEST:
        rows, columns = frost.places(op.key, size, places)
        return _softened(blurred[rows, columns], sigma)
    maps = _maps(op.key, size, places)
    moved = in_groups(blurred, _CHANNELS, lambda part: _moved(part, maps))
    return _softened(moved.reshape(image.shape), sigma)


def _moved(image: Image, maps: Image) -> Image:
    return cv2.remap(image, maps, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)


def _maps(key: int, size: tuple[int, ...], places: Image) -> Image:
    """Where each pixel is read, x and y: its own place and a random offset each."""
    height, width = size
    table = places.astype(np.int16)
    maps = lent("places", (height, width, 2), _PLACE)
    flat = maps.reshape(height, 2 * width)
    own = np.zeros((1, width, 2), np.int16)
    own[0, :, 0] = np.arange(width)
    bits = noise.bits_of(key)
    rows = max(1, _ROWS // (2 * width) // 4 * 4)  # so that no random byte is lost
    for top in range(0, height, rows):
        part = flat[top : top + rows]
        cv2.LUT(noise.octets(bits, part.size).reshape(part.shape), table, part)
        own_rows = np.repeat(own, len(part), axis=0)
        own_rows[:, :, 1] = np.arange(top, top + len(part))[:, None]
        part += own_rows.reshape(part.shape)
    return maps


def _softened(image: Image, sigma: float) -> Image:
    size = frost.taps(sigma, image.dtype == np.uint8)
    if size == 1:
        return image
    taps = cv2.getGaussianKernel(size, sigma)
    return in_groups(image, _CHANNELS, lambda part: cv2.sepFilter2D(part, -1, taps, taps)).reshape(
        image.shape
    )


# ---------------------------------------------------------------------------------- zoom


def zoom(op: Effect, image: Image) -> Image:
    """Average over zooms: params are their number and the last factor."""
    return in_groups(image, _CHANNELS, lambda part: _zoomed(op, part))


def _zoomed(op: Effect, image: Image) -> Image:
    """Sum up n zooms by their binary digits.

    With S(n) the sum of the powers 0 to n - 1 of a zoom Z, S(2n) = S(n) + Zⁿ·S(n) and
    S(n + 1) = 1 + Z·S(n): a few enlargements do for any n. Bytes are summed in 16 bits.
    """
    count, last = op.params
    work = _words if image.dtype == np.uint8 else _floats
    source, weight = work(image, count)
    step = last ** (1.0 / (count - 1))
    total = lent("total", source.shape, source.dtype)
    np.copyto(total, source)
    more = lent("more", source.shape, source.dtype)
    n = 1
    for digit in f"{count:b}"[1:]:
        total += _enlarged(total, step**n, more)
        n *= 2
        if digit == "1":
            np.add(source, _enlarged(total, step, more), out=total)
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


def _enlarged(image: Image, factor: float, out: Image) -> Image:
    """Show the middle of a picture enlarged; margins are whole pixels, the same on both sides."""
    height, width = image.shape[:2]
    y, x = (round(side * (1.0 - 1.0 / factor) / 2.0) for side in (height, width))
    if x == y == 0:
        return image
    part = image[y : height - y, x : width - x]
    return cv2.resize(part, (width, height), out).reshape(image.shape)


EFFECTS: Mapping[str, Kernel] = {"glass": glass, "zoom": zoom}
