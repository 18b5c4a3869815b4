"""Random fields made from keys, shared by the backends that run on a CPU.

All start from the raw words of a bit generator, whose stream NumPy keeps the same from version to
version, so that a plan replays to the same pixels.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = np.random.SFC64
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

STRIP = 98_304
"""Values that are worked on at a time. A multiple of 16, so that no random bits are lost between
strips."""
_LEVELS = 256
_FEW = 16
_COARSE = 8.0
"""From this sigma on 16 levels are told apart when they are rounded."""
_BLOCK = 1 << 15
"""Values drawn at a time: what is in between stays in the cache, and needs no fresh pages."""
DENSE = 0.1
"""Above this share of hits it is cheaper to try each place."""
_ONE_TABLE = 1.5
"""Below this sigma, in gray levels, one byte resolves the distribution; two add only rounding."""


def bits_of(key: int, stream: int = 0) -> Bits:
    """Start a stream of raw bits that belongs to a key; streams of a key are independent."""
    return np.random.SFC64(key if stream == 0 else (key, stream))


def octets(bits: Bits, count: int) -> Bytes:
    """Draw whole numbers from 0 to 255."""
    return bits.random_raw((count + 7) // 8).view(np.uint8)[:count]


def uniforms(bits: Bits, count: int) -> Floats:
    """Draw numbers from the open interval (0, 1), with 53 random bits each."""
    out = np.empty(count)
    for start in range(0, count, _BLOCK):
        part = out[start : start + _BLOCK]
        np.right_shift(bits.random_raw(len(part)), np.uint64(11), out=part, casting="unsafe")
    out += 0.5
    out *= 2.0**-53
    return out


def coarse_uniforms(bits: Bits, count: int) -> Singles:
    """Draw numbers from (0, 1) in single precision, with 24 random bits each."""
    out = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK):
        part = out[start : start + _BLOCK]
        words = bits.random_raw((len(part) + 1) // 2).view(np.uint32)[: len(part)]
        np.right_shift(words, np.uint32(8), out=part, casting="unsafe")
    out += np.float32(0.5)
    out *= np.float32(2.0**-24)
    return out


def any_values(bits: Bits, count: int, dtype: str) -> npt.NDArray[np.generic]:
    """Draw values evenly from all that a picture of a dtype may hold."""
    if dtype == "uint8":
        return octets(bits, count)
    if dtype == "uint16":
        return octets(bits, 2 * count).view(np.uint16)
    return coarse_uniforms(bits, count)


def normals(bits: Bits, count: int) -> Singles:
    """Draw standard normal numbers in single precision, with 16 random bits each."""
    drawn: Singles = np.take(normal_words(), words(bits, count))
    return drawn


def words(bits: Bits, count: int) -> npt.NDArray[np.uint16]:
    """Draw whole numbers from 0 to 65535."""
    return octets(bits, 2 * count).view(np.uint16)


@cache
def word_shares() -> Floats:
    """Shares of a distribution, between 0 and 1, that random words stand for."""
    return (np.arange(65536) + 0.5) / 65536


@cache
def normal_words() -> Singles:
    """65536 equally likely levels with the variance of a standard normal; they reach 4.2 sigma."""
    normal = NormalDist()
    half = np.array([normal.inv_cdf((i + 0.5) / 65536) for i in range(32768)])
    z = np.concatenate([half, -half[::-1]])
    scaled: Singles = (z / z.std()).astype(np.float32)
    return scaled


def positions(bits: Bits, count: int, p: float) -> Indices:
    """Draw which of ``count`` places are hit if each is hit with probability p, in order.

    The gaps between hits of independent trials are geometric, so the cost goes with the hits.
    """
    if p <= 0.0 or count == 0:
        return np.zeros(0, np.int64)
    if p >= 1.0:
        return np.arange(count)
    if p > DENSE:
        return np.flatnonzero(trials(bits, count, p))
    found: list[Indices] = []
    last = -1
    while last < count:
        left = count - last
        gaps = uniforms(bits, int(left * p + 6.0 * math.sqrt(left * p)) + 16)
        np.log(gaps, out=gaps)
        gaps /= math.log1p(-p)
        np.minimum(gaps, count, out=gaps)  # keeps the sums below from running over
        hits = gaps.astype(np.int64)
        hits += 1
        np.cumsum(hits, out=hits)
        hits += last
        found.append(hits)
        last = int(hits[-1])
    every = found[0] if len(found) == 1 else np.concatenate(found)
    return every[: int(np.searchsorted(every, count))]


def trials(bits: Bits, count: int, p: float) -> npt.NDArray[np.bool_]:
    """Try each place by itself: a random byte decides, and where it ties, more bits do."""
    values = octets(bits, count)
    below = int(p * 256.0)
    hit: npt.NDArray[np.bool_] = values < below
    ties = np.flatnonzero(values == below)
    hit[ties] = uniforms(bits, len(ties)) < p * 256.0 - below
    return hit


def at_least_one(bits: Bits, count: int, rate: float) -> Indices:
    """Draw Poisson numbers of which it is known that they are not zero."""
    out = np.ones(count, np.int64)
    if count == 0:
        return out
    u = uniforms(bits, count) * -math.expm1(-rate)
    term = total = rate * math.exp(-rate)
    k = 1
    while k < _LEVELS and (more := u > total).any():
        out += more
        k += 1
        term *= rate / k
        total += term
    return out


@cache
def quantiles_of_normal(levels: int = _LEVELS) -> Floats:
    """Equally likely levels with the variance and the kurtosis of a standard normal.

    The levels are quantiles but for the outermost two, which stand for the tails: they are put
    where the fourth moment comes out right.
    """
    normal = NormalDist()
    q = np.array([normal.inv_cdf((i + 0.5) / levels) for i in range(levels)])
    second, fourth = float((q[1:-1] ** 2).sum()), float((q[1:-1] ** 4).sum())
    a, b, c = 2.0 * levels - 12.0, -12.0 * second, levels * fourth - 3.0 * second**2
    tail = math.sqrt((-b + math.sqrt(b * b - 4.0 * a * c)) / (2.0 * a))
    q[0], q[-1] = -tail, tail
    q /= math.sqrt(float((q**2).mean()))
    return q


def byte_tables(mean: float, sigma: float) -> tuple[Indices, Indices]:
    """Make two tables of whole gray levels, whose sum is normal noise.

    The first is for a random byte, the second for another or, if it is short, for half of one
    (see `halves`). The sum has tails of nearly four sigma, where one table of 256 levels would
    end at three, and the variance of rounded normal noise.
    """
    if sigma < _ONE_TABLE:
        return _rounded(mean, sigma, _LEVELS), np.zeros(_FEW, np.int64)
    levels, part = _LEVELS, 0.5
    if sigma >= _COARSE:  # the first takes as much of the variance as fits a byte
        levels, part = _FEW, min(0.6, max(0.35, 1.0 - (83.0 / sigma) ** 2))
    ends = quantiles_of_normal(), quantiles_of_normal(levels)
    shares = sigma * math.sqrt(1.0 - part), sigma * math.sqrt(part)
    scale = 1.0
    for _ in range(2):
        rounded = [np.rint(q * (scale * share)) for q, share in zip(ends, shares, strict=True)]
        variance = sum(float(table.dot(table)) / len(table) for table in rounded)
        scale *= math.sqrt((sigma**2 + 1.0 / 12.0) / variance)
    return (
        _rounded(mean, scale * shares[0], _LEVELS),
        _rounded(0.0, scale * shares[1], levels),
    )


def _rounded(mean: float, sigma: float, levels: int) -> Indices:
    return np.rint(mean + sigma * quantiles_of_normal(levels)).astype(np.int64)


def halves(bits: Bits, count: int) -> Bytes:
    """Draw whole numbers from 0 to 15, two from a random byte.

    Of each strip the first half are the lower halves of bytes, the rest their upper halves.
    """
    out = np.empty(count, np.uint8)
    for start in range(0, count, STRIP):
        part = out[start : start + STRIP]
        drawn = octets(bits, (len(part) + 1) // 2)
        np.bitwise_and(drawn, 15, out=part[: len(drawn)])
        np.right_shift(drawn[: len(part) - len(drawn)], 4, out=part[len(drawn) :])
    return out


def quantiles(name: str, numbers: tuple[Any, ...], u: Floats) -> Floats:
    """Values of a distribution below which shares u of it lie, by shares of white.

    ``numbers`` are low and high for "uniform", mean and scale for "laplace", and alpha, beta and
    scale for "beta", which is stretched to [-scale, scale].
    """
    if name == "uniform":
        low, high = (np.asarray(n, np.float64) for n in numbers)
        return low + (high - low) * u
    if name == "laplace":
        mean, scale = numbers
        near = np.log(2.0 * np.minimum(u, 1.0 - u))
        return mean + np.where(u < 0.5, near, -near) * scale  # type: ignore[no-any-return]
    alpha, beta, scale = numbers
    shares, places = _beta_shares(alpha, beta)
    return (2.0 * np.interp(u, shares, places) - 1.0) * scale  # type: ignore[no-any-return]


@lru_cache(maxsize=4)
def _beta_shares(alpha: float, beta: float) -> tuple[Floats, Floats]:
    """Shares of a beta distribution below places in [0, 1].

    Places are the squares of evenly spaced sines, which lie dense where the density may be
    infinite.
    """
    steps = 2048
    middle = (np.arange(steps) + 0.5) * (math.pi / 2 / steps)
    mass = np.sin(middle) ** (2.0 * alpha - 1.0) * np.cos(middle) ** (2.0 * beta - 1.0)
    shares = np.concatenate([[0.0], np.cumsum(mass)])
    places = np.sin(np.arange(steps + 1) * (math.pi / 2 / steps)) ** 2
    return shares / shares[-1], places


def tables_of(name: str, numbers: tuple[Any, ...]) -> tuple[Indices, Indices]:
    """Make two tables of whole gray levels, for two random bytes: their sum has a distribution.

    A Laplace number is the difference of two exponential ones; the others need one byte.
    """
    u = (np.arange(_LEVELS) + 0.5) / _LEVELS
    if name == "laplace":
        tail = -np.log1p(-u)
        tail *= numbers[1] * 255.0 / float(tail.std())
        return np.rint(numbers[0] * 255.0 + tail).astype(np.int64), np.rint(-tail).astype(np.int64)
    return np.rint(quantiles(name, numbers, u) * 255.0).astype(np.int64), np.zeros(256, np.int64)


def small_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Size at which coarse noise is drawn before it is enlarged."""
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def negligible_hue(sigma: float, levels: int) -> bool:
    """Tell whether hue noise of so many degrees stays below half a level of whole numbers.

    Hue moves a channel by at most levels/60 a degree; 4.5 sigma leaves 7 in a million.
    """
    return sigma == 0.0 or (levels > 0 and 4.5 * sigma * levels / 60.0 < 0.5)
