"""How two stains are found in a picture, and the matrix that changes their concentrations.

Optical density is the negative logarithm of intensity; by the law of Beer and Lambert the densities
of a pixel are its concentrations times the densities of the stains (A. C. Ruifrok and
D. A. Johnston, "Quantification of histochemical staining by color deconvolution", 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import GRAY_WEIGHTS

Floats = npt.NDArray[np.float64]

DARKEST = 1e-6
"""Intensities below are taken for this, so that they have a logarithm."""
GLASS = 0.85
"""Luma from which on a pixel is taken for bare glass."""
_REGULAR = 1e-6
"""Added to the diagonal that is inverted, for stains that are the same."""
_FAINTEST = 0.15
"""Density below which a channel tells nothing of a stain (beta in Macenko's paper)."""
_EXTREMES = (1.0, 99.0)
"""Percentiles of the angle between which tissue lies (alpha in Macenko's paper)."""
_SPARSITY = 0.1
"""Price of a concentration (lambda in Vahadane's paper)."""
_ROUNDS = 60
_START: Floats = np.array(((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)))
"""Stains to begin with, and to take where a picture has none."""
_FEWEST = 16
"""Pixels of tissue below which nothing can be found."""


def mixing(stains: Floats, scales: Any, shifts: Any) -> Floats:
    """Give the 3×4 matrix on logarithms that scales and shifts concentrations.

    Args:
        stains: two rows of densities.
        scales: a factor for the concentrations of each stain.
        shifts: what is added to them then.
    """
    inverse = stains.T @ np.linalg.inv(stains @ stains.T + _REGULAR * np.eye(2))
    weights = (inverse * np.asarray(scales)) @ stains
    offset = -(np.asarray(shifts) @ stains)
    return np.asarray(np.hstack([weights.T, offset[:, None]]))


def find(way: str, pixels: Floats) -> Floats:
    """Find the densities of hematoxylin and eosin, each of length one.

    Args:
        way: "macenko" or "vahadane".
        pixels: intensities (N, 3) in [0, 1].
    """
    pixels = pixels[pixels @ np.array(GRAY_WEIGHTS) < GLASS]
    densities = -np.log(np.maximum(pixels, DARKEST))
    densities = densities[(densities > _FAINTEST).all(axis=1) & (pixels > DARKEST).all(axis=1)]
    if len(densities) < _FEWEST:
        return _unit(_START)
    return _in_order(_WAYS[way](densities))


def _unit(stains: Floats) -> Floats:
    length = np.linalg.norm(stains, axis=1, keepdims=True)
    return np.asarray(stains / np.maximum(length, 1e-12))


def _in_order(stains: Floats) -> Floats:
    """Put hematoxylin first: it takes more of the red than eosin does."""
    stains = _unit(stains)
    return np.asarray(stains if stains[0, 0] >= stains[1, 0] else stains[::-1])


def _macenko(densities: Floats) -> Floats:
    """Take the directions between which nearly all tissue lies in the plane that holds most of it.

    M. Macenko et al., "A method for normalizing histology slides for quantitative analysis", 2009.
    """
    axes = np.linalg.eigh(np.cov(densities.T))[1][:, :0:-1]
    axes = axes * np.where(axes.sum(axis=0) < 0, -1.0, 1.0)
    plane = densities @ axes
    angles = np.arctan2(plane[:, 1], plane[:, 0])
    ends = np.percentile(angles, _EXTREMES)
    directions = np.stack([np.cos(ends), np.sin(ends)], axis=1) @ axes.T
    return np.asarray(np.maximum(directions, 0.0))


def _vahadane(densities: Floats) -> Floats:
    """Factor densities into sparse concentrations and stains, neither of them negative.

    A. Vahadane et al., "Structure-preserving color normalization and sparse stain separation",
    2016, by the multiplicative steps of P. O. Hoyer, "Non-negative sparse coding", 2002.
    """
    stains = _unit(_START)
    amounts = np.maximum(densities @ np.linalg.pinv(stains), 0.01)
    for _ in range(_ROUNDS):
        amounts *= (densities @ stains.T) / (amounts @ (stains @ stains.T) + _SPARSITY)
        stains *= (amounts.T @ densities) / (amounts.T @ amounts @ stains + 1e-9)
        length = np.maximum(np.linalg.norm(stains, axis=1), 1e-12)
        stains /= length[:, None]
        amounts *= length
    return stains


_WAYS: Mapping[str, Callable[[Floats], Floats]] = {"macenko": _macenko, "vahadane": _vahadane}
