"""The smoothest continuation of values into a region: what seamless pasting adds to a picture.

Pasting in the gradient domain (Pérez, Gangnet, Blake, Poisson Image Editing, 2003) keeps the
gradients of what is pasted and the pixels around it. What it adds to the pasted pixels is harmonic:
each value is the mean of its neighbours', and on the rim it is the difference to what was there.
It is solved by conjugate gradients from coarse to fine (Bornemann and Deuflhard, The cascadic
multigrid method for elliptic problems, 1996): each grid begins with the solution of the coarser
one, so that a few steps are enough.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]  # of float32
Flags = npt.NDArray[np.bool_]

_SMALL = 6
"""Sides of grids that need no coarser one."""
_STEPS = 200
_ENOUGH = 1e-4
"""The residual, as a part of the range of the rim, at which a grid is solved."""


def harmonic(values: Floats, inside: Flags) -> Floats:
    """Continue values into a region.

    Args:
        values: (H, W, C) float32.
        inside: (H, W), where they are to be found; the pixels next to it are the rim.

    Returns:
        (H, W, C) float32, meant only inside; zero if there is no rim.
    """
    rim = _next_to(inside) & ~inside
    if not rim.any():
        return np.zeros_like(values)
    known = np.where(rim[:, :, None], values, np.float32(0.0))
    return _solved(known, rim, inside)


def _next_to(flags: Flags) -> Flags:
    out = np.zeros_like(flags)
    out[1:] |= flags[:-1]
    out[:-1] |= flags[1:]
    out[:, 1:] |= flags[:, :-1]
    out[:, :-1] |= flags[:, 1:]
    return out


def _solved(known: Floats, rim: Flags, inside: Flags) -> Floats:
    start = _guess(known, rim, inside)
    return _conjugate_gradients(known, rim, inside, start)


def _guess(known: Floats, rim: Flags, inside: Flags) -> Floats:
    """The solution of a grid of half the resolution."""
    mean = known.sum(axis=(0, 1)) / np.float32(rim.sum())
    h, w = inside.shape
    if min(h, w) <= _SMALL:
        return np.broadcast_to(mean, known.shape).astype(np.float32)
    weights = _halved(rim.astype(np.float32)[:, :, None])
    coarse_rim = weights[:, :, 0] > 0.0
    coarse = _halved(known) / np.where(weights > 0.0, weights, np.float32(1.0))
    coarse_inside = (_halved(inside.astype(np.float32)[:, :, None])[:, :, 0] > 0.0) & ~coarse_rim
    if coarse_inside.any():
        coarse = np.where(
            coarse_inside[:, :, None], _solved(coarse, coarse_rim, coarse_inside), coarse
        )
    coarse = np.where((coarse_inside | coarse_rim)[:, :, None], coarse, mean)
    return _doubled(coarse, (h, w))


def _halved(values: Floats) -> Floats:
    """Sums of blocks of 2 × 2, the last row and column standing alone where the size is odd."""
    h, w = values.shape[:2]
    even = np.pad(values, ((0, h % 2), (0, w % 2), (0, 0)))
    out: Floats = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return out


def _doubled(values: Floats, size: tuple[int, int]) -> Floats:
    h, w = values.shape[:2]
    channels = values.shape[2]
    wide = [
        cv2.resize(np.ascontiguousarray(values[:, :, k]), (2 * w, 2 * h)) for k in range(channels)
    ]
    return np.stack(wide, axis=2)[: size[0], : size[1]]


def _conjugate_gradients(known: Floats, rim: Flags, inside: Flags, start: Floats) -> Floats:
    """Solve degree·x - sum of the neighbours = 0 inside, the rim being held."""
    weight = inside[:, :, None].astype(np.float32)
    degree = _sum_of_neighbours((inside | rim).astype(np.float32)[:, :, None])
    degree *= weight
    x = start * weight
    residual = (_sum_of_neighbours(known + x) - degree * x) * weight
    enough = _ENOUGH * max(float(np.ptp(known[rim])), 1e-6)
    direction = residual.copy()
    power = float(np.vdot(residual, residual))
    for _ in range(_STEPS):
        if float(np.abs(residual).max()) <= enough:
            break
        image = (degree * direction - _sum_of_neighbours(direction)) * weight
        step = np.float32(power / float(np.vdot(direction, image)))
        x += step * direction
        residual -= step * image
        before, power = power, float(np.vdot(residual, residual))
        direction *= np.float32(power / before)
        direction += residual
    return x


def _sum_of_neighbours(values: Floats) -> Floats:
    out = np.zeros_like(values)
    out[1:] += values[:-1]
    out[:-1] += values[1:]
    out[:, 1:] += values[:, :-1]
    out[:, :-1] += values[:, 1:]
    return out
