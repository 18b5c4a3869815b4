"""Where pixels go behind frosted glass."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from anamorph.ir import noise

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_TAKEN_ALONG = 0.54
"""How many more times a pixel goes if it may be taken along by those after it, on average."""
_MOST_TIMES = 12


def taps(sigma: float, in_bytes: bool) -> int:  # noqa: FBT001
    """Size of the Gaussian, as OpenCV chooses it: three sigmas for bytes, four for the others."""
    return int(2.0 * sigma * (3.0 if in_bytes else 4.0) + 1.5) | 1 if sigma > 0.0 else 1


@lru_cache(maxsize=8)
def offsets(delta: int, times: int, mode: str) -> Indices:
    """256 equally likely offsets along an axis.

    At a time, one of two partners goes by -delta to delta - 1 and the other by the opposite.
    """
    at_once = np.full(2 * delta + 1, 1.0)
    at_once[[0, -1]] = 0.5
    at_once /= at_once.sum()
    if mode == "exact":
        at_once = _taken_along(at_once)
    spread = np.ones(1)
    for _ in range(times):
        spread = np.convolve(spread, at_once)
    reach = len(spread) // 2
    shares = np.cumsum(spread)
    middle = (np.arange(256) + 0.5) / 256
    return np.searchsorted(shares, middle).astype(np.int64) - reach


def _taken_along(at_once: Floats) -> Floats:
    """Mix the sums of one and more steps: a Poisson number of them comes on top."""
    reach = len(at_once) // 2
    total = np.zeros(2 * reach * _MOST_TIMES + 1)
    path, share = at_once, np.exp(-_TAKEN_ALONG)
    for k in range(1, _MOST_TIMES + 1):
        margin = (len(total) - len(path)) // 2
        total[margin : margin + len(path)] += share * path
        path = np.convolve(path, at_once)
        share *= _TAKEN_ALONG / k
    mixed: Floats = total / total.sum()
    return mixed


def places(key: int, size: tuple[int, ...], table: Indices) -> tuple[Indices, Indices]:
    """Row and column that each pixel shows; the picture is mirrored at its border (reflect-101)."""
    height, width = size
    drawn = noise.octets(noise.bits_of(key), 2 * height * width).reshape(height, width, 2)
    across, down = table[drawn[..., 0]], table[drawn[..., 1]]
    columns = across + np.arange(width)
    rows = down + np.arange(height)[:, None]
    return _mirrored(rows, height), _mirrored(columns, width)


def _mirrored(at: Indices, length: int) -> Indices:
    if length == 1:
        return np.zeros_like(at)
    period = 2 * (length - 1)
    at = np.abs(at) % period
    return np.minimum(at, period - at)
