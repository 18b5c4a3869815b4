"""Smooth random displacements, made at the resolution that their smoothness needs.

White noise a pixel, filtered with a Gaussian, is the elastic distortion of Simard, Steinkraus and
Platt (2003). The sum of the noise over a cell of s × s pixels is again noise, s times as strong, so
cells of half a sigma give the same field at a small part of the cost. Beyond the border the
noise of the outermost pixels goes on for ever, as in Albumentations 2.0.8: that makes displacements
at the border larger than inside, and users have tuned their strengths to it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anamorph.core.rng import generator

__all__ = ["elastic"]

Single = npt.NDArray[np.float32]

_APPROXIMATE_TAPS = 17
_ROWS, _COLUMNS = 32, 64
"""Size of the blocks that are filtered at once."""


def elastic(
    alpha: float, sigma: float, size: tuple[int, int], key: int, **options: bool
) -> tuple[npt.NDArray[np.float64], int]:
    """Draw displacements in pixels at nodes (k - 0.5)·step.

    Args:
        alpha: factor of the filtered noise, which lies in [-1, 1] before filtering.
        sigma: standard deviation of the Gaussian in pixels, at least 1.
        size: height and width of the canvas.
        key: seed of the noise.
        options: ``uniform`` noise instead of normal, ``same`` noise for both directions,
            ``approximate``: cut the Gaussian to 17 taps.

    Returns:
        Displacements (rows, columns, 2) and the step in pixels.
    """
    step = max(1, int(sigma / 2))
    if options["approximate"]:
        step = min(step, 2)
    filters = [_filter(sigma, n, step, options["approximate"]) for n in size]
    rng = generator(key)
    count = 1 if options["same"] else 2
    noise = [_noise(rng, size, step, uniform=options["uniform"]) for _ in range(count)]
    down = _smooth(_beside(noise), filters[0], size[0], step)
    turned = _beside([part.T for part in np.split(down, count, axis=1)])
    done = np.split(_smooth(turned, filters[1], size[1], step), count, axis=1)
    strength = alpha * _strength(size, uniform=options["uniform"])
    shift = np.empty((*done[0].T.shape, 2))
    for axis, part in enumerate((done[0], done[-1])):
        np.multiply(part.T, strength, out=shift[..., axis])
    return shift, step


def _beside(parts: list[Single]) -> Single:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _taps(sigma: float, *, short: bool) -> npt.NDArray[np.float64]:
    """Give the Gaussian by whole pixels, as OpenCV cuts it for floats."""
    reach = (_APPROXIMATE_TAPS - 1) // 2 if short else round(sigma * 4)
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    taps = np.exp(-(x**2) / (2 * sigma**2))
    return np.asarray(taps / taps.sum())


def _strength(size: tuple[int, int], *, uniform: bool) -> float:
    """Standard deviation of noise that is scaled so that the largest value of both is 1."""
    if uniform:
        return 1 / math.sqrt(3)
    values = 2 * size[0] * size[1]
    largest = NormalDist().inv_cdf(1 - (1 - 0.5 ** (1 / values)) / 2)
    return min(1.0, 1 / largest)


def _noise(rng: np.random.Generator, size: tuple[int, int], step: int, *, uniform: bool) -> Single:
    """Sum unit noise over cells; the first and last row and column hold single pixels.

    Where a result sums fifty cells or more it comes out normal from uniform noise too, at a sixth
    of the cost; only the single pixels of the border show their own distribution.
    """
    rows, columns = _counts(size[0], step), _counts(size[1], step)
    shape = len(rows), len(columns)
    if uniform or step > 1:
        white = rng.random(shape, dtype=np.float32) * np.float32(12**0.5) - np.float32(3**0.5)
    else:
        white = rng.standard_normal(shape, dtype=np.float32)
    if not uniform:
        white[:: shape[0] - 1] = rng.standard_normal((2, shape[1]), dtype=np.float32)
        white[:, :: shape[1] - 1] = rng.standard_normal((shape[0], 2), dtype=np.float32)
    white *= np.sqrt(rows, dtype=np.float32)[:, None]
    white *= np.sqrt(columns, dtype=np.float32)
    return white


def _counts(length: int, step: int) -> npt.NDArray[np.int64]:
    """Pixels a cell, with the two border pixels apart from the cells they lie in."""
    cells = -(-length // step)
    counts = np.full(cells + 2, step, np.int64)
    counts[-2] = length - (cells - 1) * step
    counts[1] -= 1
    counts[-2] -= 1
    counts[0] = counts[-1] = 1
    return np.maximum(counts, 0)


class _Filter(NamedTuple):
    """A Gaussian along one axis: weights of cells, and those of the noise beyond either border."""

    band: Single
    """Weights for some nodes (rows) of the cells about them."""
    half: int
    low: Single
    """For the first nodes, as many as the noise before the first pixel reaches."""
    high: Single
    """For the last nodes."""


@lru_cache(maxsize=32)
def _filter(sigma: float, length: int, step: int, short: bool) -> _Filter:  # noqa: FBT001 - a key
    taps = _taps(sigma, short=short)
    reach = len(taps) // 2
    total = np.concatenate([[0.0], np.cumsum(taps)])  # weight to the left of t - 0.5 - reach
    ends = np.arange(len(total)) - reach - 0.5
    half = math.ceil((reach + 0.5) / step + 0.5)
    edges = (np.arange(-half, half + 2) - 0.5) * step
    kernel = np.diff(np.interp(edges, ends, total)) / step
    kernel *= math.sqrt((taps**2).sum() / ((kernel**2).sum() * step))  # cells blur a little
    places = (np.arange(_nodes(length, step)) - 0.5) * step
    low = np.interp(-places, ends, total).astype(np.float32)
    high = np.interp(places - length, ends, total).astype(np.float32)
    band = np.zeros((_ROWS, _ROWS + 2 * half), np.float32)
    for row in range(_ROWS):
        band[row, row : row + len(kernel)] = kernel
    first, last = np.count_nonzero(low), np.count_nonzero(high)
    return _Filter(band, half, low[:first, None], high[len(high) - last :, None])


def _nodes(length: int, step: int) -> int:
    return -(-length // step) + 2


def _smooth(noise: Single, how: _Filter, length: int, step: int) -> Single:
    """Filter along the first axis, from border pixel, cells, border pixel to nodes."""
    nodes = _nodes(length, step)
    if length == 1:
        return np.repeat(noise[:1], nodes, axis=0)
    out = _filtered(noise, how.band, how.half, nodes)
    out[: len(how.low)] += how.low * noise[0]
    out[nodes - len(how.high) :] += how.high * noise[-1]
    return out


def _filtered(noise: Single, band: Single, half: int, nodes: int) -> Single:
    """Correlate along the first axis as products of blocks of a banded matrix.

    The border pixels count with the cells that they lie in.

    Node k stands between cells k - 1 and k, at the centre of cell k - 1; the kernel spans
    ``half`` cells to each side. The blocks are so small that no BLAS spreads them over threads,
    which would wait for each other where workers keep all cores busy.
    """
    down, across = -(-nodes // _ROWS), -(-noise.shape[1] // _COLUMNS)
    deep = _ROWS + 2 * half
    padded = np.zeros((down * _ROWS + 2 * half, across * _COLUMNS), np.float32)
    first = half + 1  # the first node lies one cell before the first cell
    inner = padded[first : first + len(noise) - 2, : noise.shape[1]]
    inner[...] = noise[1:-1]
    inner[0] += noise[0]
    inner[-1] += noise[-1]
    y, x = padded.strides
    shape = down, across, deep, _COLUMNS
    blocks = np.lib.stride_tricks.as_strided(padded, shape, (_ROWS * y, _COLUMNS * x, y, x))
    done = np.empty((down, _ROWS, across, _COLUMNS), np.float32)
    np.matmul(band, blocks, out=done.transpose(0, 2, 1, 3))
    return done.reshape(down * _ROWS, -1)[:nodes, : noise.shape[1]]
