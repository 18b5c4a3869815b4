"""Noise whose distribution depends on the gray level: a table of 256 likely values for each level.

A random byte picks one of a level's values, so that noise costs one look-up a value, whatever its
distribution. Each table is drawn anew from the op's key: over keys the values have exactly the
distribution they stand for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.ir import noise

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Counts = npt.NDArray[np.unsignedinteger[Any]]

LEVELS = 256
GAMMA = 2.2
_COUNTED = 128
"""Up to so many photons are counted one by one."""
_BRIGHT = 50.0
"""From this mean on the quantiles of a Poisson number are those of a bent normal one."""
_TABLES = 7
"""The stream of bits that tables are drawn from; pixels use the first ones."""
FINEST_SHOTS = 1e-3
"""Below this scale a gray level of 255 more is so many photons more that it would show as noise."""


def shot_values(scale: float, most: int) -> Floats:
    """Values in [0, 1] of 0 to so many photons, ``scale`` being the light of one."""
    light = np.minimum(np.arange(most + 1) * scale, 1.0)
    values: Floats = light ** (1.0 / GAMMA)
    return values


def shot_counts(scale: float, key: int) -> Counts:
    """Draw 256 Poisson numbers for each level, one from each of 256 equally likely ranges.

    Returns:
        Numbers of photons (level, byte), rising with the byte. From where white is reached on
        they are not told apart.
    """
    means = (np.arange(LEVELS) / (LEVELS - 1)) ** GAMMA / scale
    shifts = noise.uniforms(noise.bits_of(key, _TABLES), 2 * LEVELS).reshape(2, LEVELS)
    most = math.ceil(1.0 / scale)
    shares = _poisson_shares(means, min(most, _COUNTED))
    until = np.ceil(shares * LEVELS - shifts[0][:, None]).astype(np.int64)
    until = np.maximum(np.minimum(until, LEVELS), 0)
    runs = np.diff(until, axis=1, prepend=0, append=LEVELS)
    every = np.tile(np.arange(runs.shape[1], dtype=np.uint16), LEVELS)
    counts = np.repeat(every, runs.reshape(-1)).reshape(LEVELS, LEVELS)
    if most > _COUNTED:
        counts = counts.astype(np.uint32)
        bright = means > _BRIGHT
        counts[bright] = _many(means[bright], shifts[1][bright])
    return counts


def _poisson_shares(means: Floats, most: int) -> Floats:
    """Probabilities of at most 0, 1, … most - 1, a row a mean."""
    k = np.arange(most)
    logs = np.concatenate([[0.0], np.cumsum(np.log(k[1:]))])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.log(means)[:, None] * k
    terms[:, 0] = 0.0  # a mean of zero to the power of zero
    return np.cumsum(np.exp(terms - logs - means[:, None]), axis=1)


def _many(means: Floats, shifts: Floats) -> Indices:
    """Quantiles of Poisson numbers with large means (Cornish and Fisher 1938), rounded at random."""
    z = noise.quantiles_of_normal()
    bent = means[:, None] + np.sqrt(means)[:, None] * z + (z * z - 1.0) / 6.0
    counts: Indices = np.floor(bent + shifts[:, None]).astype(np.int64)
    return np.maximum(counts, 0)


def dithered(light: Any, octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Round intensities in [0, 1] to levels, up or down at random so that the mean is kept."""
    fine = np.rint(np.asarray(light) * 65280.0).astype(np.uint16)
    fine += octets.reshape(fine.shape)
    return (fine >> 8).astype(np.uint8)


def shot(light: Any, normal: Any, scale: float) -> Any:
    """Intensities from linear light and normal numbers, where photons are too many to count."""
    photons = light / scale
    photons = photons + np.sqrt(photons) * normal
    return (np.maximum(photons, 0.0) * scale) ** (1.0 / GAMMA)


def rice_table(sigma: float, key: int) -> npt.NDArray[np.float32]:
    """Table of magnitudes, by random byte and level.

    Args:
        sigma: that of the normal noise in both parts, white being 1.
        key: that of the op.
    """
    z = (sigma * noise.quantiles_of_normal()).astype(np.float32)
    other = noise.octets(noise.bits_of(key, _TABLES), LEVELS * LEVELS).reshape(LEVELS, LEVELS)
    across = np.take(z * z, other)
    along = np.arange(LEVELS, dtype=np.float32) / np.float32(LEVELS - 1) + z[:, None]
    np.multiply(along, along, out=along)
    np.add(along, across, out=along)
    return np.sqrt(along, out=along)  # type: ignore[no-any-return]


# ----------------------------------------------------------------------------------- film


def grain_taps(size: float) -> Floats:
    """Weights of the Gaussian that makes specks of a width out of single pixels, by their squares.

    The correlation of what comes out falls to a half at half the width: that of white noise behind
    a Gaussian at a distance d is exp(-d² / 4·sigma²).
    """
    sigma = 0.3 * size
    half = max(1, math.ceil(2.5 * sigma))
    x = np.arange(-half, half + 1)
    taps = np.exp(-(x**2) / (2.0 * sigma * sigma))
    return taps / math.sqrt(float((taps * taps).sum()))


def grain_strengths(intensity: float, levels: int = LEVELS) -> Floats:
    """Standard deviation of film grain, as a share of white, at evenly spaced luminances."""
    u = np.arange(levels) / (levels - 1)
    strengths: Floats = intensity * np.sqrt(u * (1.0 - u))
    return strengths
