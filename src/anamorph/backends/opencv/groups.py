"""Warp any number of channels in groups of 1, 3 or 4.

For these (and uint8, uint16, float32) OpenCV has kernels that agree on every pixel they pick,
interpolate without rounding the place to 1/32 pixel, and run two to four times as fast as its
general ones: taking a picture apart and putting it together again still wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.lattice import CHANNEL_LIMIT, Array, channels_of
from anamorph.backends.opencv.scratch import lent

Fill4 = tuple[float, ...]
Size = tuple[int, int]
Call = Callable[[Array, Fill4, Array | None], Array]
"""Warps a picture of 1, 3 or 4 channels, given the fill and perhaps memory for the result."""

_MANY = 1024
"""Pixels from which a fourth channel pays for the two copies that it takes, …"""
_WORTH = 8
"""… unless the picture has more than this many times the pixels of the result."""
_WIDE = {1: np.uint32, 2: np.uint64, 4: np.complex128}
_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint16, 8: np.uint16}


def by_groups(x: Array, fill: Array, call: Call, size: Size, *, linear: bool = False) -> Array:
    """Warp a picture of any number of channels.

    Args:
        x: (H, W, C) or (H, W).
        fill: one value a channel.
        call: what warps each group.
        size: height and width of the result.
        linear: whether pixels are interpolated linearly.
    """
    channels = channels_of(x)
    if channels == 3 and linear and _MANY < x.shape[0] * x.shape[1] < size[0] * size[1] * _WORTH:
        return _with_fourth(x, fill, call, size)
    if channels in (1, 3, 4):
        return call(x, tuple(fill.tolist()), None)
    if channels % 4 == 0 and x.itemsize in _WIDE and x.strides[-1] == x.itemsize:
        return _by_fours(x, fill, call, size)
    return _by_lists(x, fill, call, size)


def _with_fourth(x: Array, fill: Array, call: Call, size: Size) -> Array:
    """Warp three channels as four: the same values, in little more than half the time."""
    wide = cv2.cvtColor(x, cv2.COLOR_RGB2RGBA, dst=_room("part", x.shape[:2], 4, x))
    done = call(wide, (*fill.tolist(), 0.0), _room("warped", size, 4, x))
    return cv2.cvtColor(done, cv2.COLOR_RGBA2RGB)


def _by_fours(x: Array, fill: Array, call: Call, size: Size) -> Array:
    """Four channels at a time are copied as one wide item each."""
    wide: Array = x.view(_WIDE[x.itemsize])
    h, w, n = wide.shape
    out = np.empty((*size, n), wide.dtype)
    part = _room("part", (h, w), 4, x)
    for k in range(n):
        np.copyto(part.view(wide.dtype)[..., 0], wide[..., k])
        done = call(part, tuple(fill[4 * k : 4 * k + 4].tolist()), _room("warped", size, 4, x))
        out[..., k] = done.view(wide.dtype)[..., 0]
    return out.view(x.dtype)


def sizes(channels: int) -> list[int]:
    """Split a number of channels into groups of 4, 3 and 1."""
    if channels == 2:
        return [1, 1]
    rest = channels % 4
    if rest == 2:
        return [4] * (channels // 4 - 1) + [3, 3]
    return [4] * (channels // 4) + ([rest] if rest else [])


def _by_lists(x: Array, fill: Array, call: Call, size: Size) -> Array:
    channels = channels_of(x)
    mixes = channels <= CHANNEL_LIMIT
    out = np.empty((*size, channels), x.dtype)
    start = 0
    for k in sizes(channels):
        part = _extract(x, start, k) if mixes else np.ascontiguousarray(x[..., start : start + k])
        done = call(part, tuple(fill[start : start + k].tolist()), _room("warped", size, k, x))
        done = done.reshape(*size, k)
        if mixes:
            cv2.mixChannels([done], [out], [v for j in range(k) for v in (j, start + j)])
        else:
            out[..., start : start + k] = done
        start += k
    return out


def _room(use: str, size: tuple[int, ...], channels: int, like: Array) -> Array:
    return lent(f"{use} {channels}", (*size, channels), like.dtype)


def _extract(x: Array, start: int, k: int) -> Array:
    part = _room("part", x.shape[:2], k, x)
    cv2.mixChannels([x], [part], [v for j in range(k) for v in (start + j, j)])
    return part


def as_bits(x: Array, fill: Array) -> tuple[Array, Array]:
    """Show pixels and fill as dtypes whose values survive being picked, whatever their bits.

    float32 stays; other items of 4 and 8 bytes become 2 and 4 of uint16, as some of their bit
    patterns would be no numbers.
    """
    if x.dtype == np.float32 and channels_of(x) in (1, 3, 4):
        return x, fill
    x = x if x.strides[-1] == x.itemsize else np.ascontiguousarray(x)
    x = x if x.ndim == 3 else x[..., None]
    carrier: npt.DTypeLike = _BITS[x.itemsize]
    size = x.itemsize * x.shape[2]
    if size == 2:
        carrier = np.uint16
    elif size == 4:
        carrier = np.uint8
    return x.view(carrier), fill.view(carrier)


def from_bits(done: Array, like: Array) -> Array:
    """Show picked pixels as what they were."""
    if done.dtype == like.dtype:
        return done
    h, w = done.shape[:2]
    out: Array = np.ascontiguousarray(done).reshape(h, w, -1).view(like.dtype)
    return out.reshape(h, w, *like.shape[2:])


def clipped(values: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> Array:
    """Bring interpolated numbers back to the dtype they came from, rounded to the nearest."""
    if dtype.kind == "b":
        return values >= 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        # the largest 64-bit integers have no float64 of their own: stay one step below
        high = np.nextafter(float(info.max), 0) if info.bits == 64 else info.max
        return np.rint(values).clip(info.min, high).astype(dtype)
    return values.astype(dtype)
