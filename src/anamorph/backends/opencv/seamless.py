"""The smoothest continuation of values into a region: what seamless pasting adds to a picture.

Pasting in the gradient domain (Pérez, Gangnet, Blake, Poisson Image Editing, 2003) keeps the
gradients of what is pasted and the pixels around it. What it adds to the pasted pixels is harmonic:
each value is the mean of its neighbours', and on the rim it is the difference to what was there.
It is solved by conjugate gradients with one multigrid cycle as the preconditioner (Tatebe, The
multigrid preconditioned conjugate gradient method, 1993): a handful of steps for any size.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]  # of float32
Flags = npt.NDArray[np.bool_]

_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
_SMALL = 4
"""Sides of grids that need no coarser one."""
_SWEEPS = 2
_FEW = 24
"""Sweeps on the coarsest grid."""
_DAMPED = np.float32(0.8)
_STEPS = 60


class _Grid:
    """Where a system is to be solved, and the memory in which it is."""

    __slots__ = ("change", "degree", "inside", "left", "share", "x")

    def __init__(self, inside: Flags, rim: Flags, channels: int) -> None:
        degree = _around((inside | rim).astype(np.float32), None) * inside
        share = np.divide(_DAMPED, degree, out=np.zeros_like(degree), where=degree > 0)
        self.share = _planes(share, channels)
        self.degree = _planes(degree, channels)
        self.inside = _planes(inside.astype(np.float32), channels)
        self.x = np.zeros_like(self.share)
        self.left = np.zeros_like(self.share)
        self.change = np.zeros_like(self.share)


def _planes(plane: Floats, channels: int) -> Floats:
    return np.repeat(plane[:, :, None], channels, axis=2)


def harmonic(values: Floats, inside: Flags, tolerance: float) -> Floats:
    """Continue values into a region.

    Args:
        values: (H, W, C) float32.
        inside: (H, W), where they are to be found; the pixels next to it are the rim.
        tolerance: the error that is small enough.

    Returns:
        (H, W, C) float32, meant only inside; zero if there is no rim.
    """
    h, w, channels = values.shape
    rim = _beside(inside) & ~inside
    if not rim.any():
        return np.zeros_like(values)
    levels = max(0, int(np.log2(max(1, min(h, w) // _SMALL))))
    side = 1 << levels
    size = -(-h // side) * side, -(-w // side) * side
    known = np.zeros((*size, channels), np.float32)
    known[:h, :w][rim] = values[rim]
    mean = values[rim].mean(axis=0, dtype=np.float64).astype(np.float32)
    known[:h, :w][rim] -= mean  # what is left to solve is small, and zero where nothing pulls
    grids = _grids(_padded(inside, size), _padded(rim, size), levels, channels)
    found = _solved(grids, known, tolerance)
    out: Floats = found[:h, :w] + mean
    return out


def _beside(flags: Flags) -> Flags:
    out = np.zeros_like(flags)
    out[1:] |= flags[:-1]
    out[:-1] |= flags[1:]
    out[:, 1:] |= flags[:, :-1]
    out[:, :-1] |= flags[:, 1:]
    return out


def _padded(flags: Flags, size: tuple[int, int]) -> Flags:
    out = np.zeros(size, np.bool_)
    out[: flags.shape[0], : flags.shape[1]] = flags
    return out


def _grids(inside: Flags, rim: Flags, levels: int, channels: int) -> list[_Grid]:
    """The finest grid and coarser ones of half the size each.

    A block of pixels with one of the rim belongs to the rim, so that what is held stays held.
    """
    grids = []
    for level in range(levels + 1):
        if level:
            blocks = rim.reshape(rim.shape[0] // 2, 2, rim.shape[1] // 2, 2)
            within = inside.reshape(blocks.shape).any(axis=(1, 3))
            rim = np.asarray(blocks.any(axis=(1, 3)))
            inside = np.asarray(within) & ~rim
        grids.append(_Grid(inside, rim, channels))
        if not inside.any():
            break
    return grids


def _around(values: Floats, out: Floats | None) -> Floats:
    """The sum of the four neighbours."""
    summed: Floats = cv2.filter2D(values, -1, _CROSS, out, borderType=cv2.BORDER_CONSTANT)
    return summed.reshape(values.shape)


def _solved(grids: list[_Grid], known: Floats, tolerance: float) -> Floats:
    """Solve degree·x - sum of the neighbours = sum of the rim's pixels, inside."""
    grid = grids[0]
    residual = _around(known, None)
    residual *= grid.inside
    x, direction, image = (np.zeros_like(residual) for _ in range(3))
    before = 1.0
    for step in range(_STEPS):
        guess = _cycle(grids, 0, residual)  # very nearly the error
        if max(float(guess.max()), -float(guess.min())) <= tolerance:
            x += guess
            break
        power = float(np.vdot(residual, guess))
        direction *= np.float32(power / before if step else 0.0)
        direction += guess
        _applied(grid, direction, image)
        length = power / float(np.vdot(direction, image))
        cv2.scaleAdd(direction.ravel(), length, x.ravel(), x.ravel())
        cv2.scaleAdd(image.ravel(), -length, residual.ravel(), residual.ravel())
        before = power
    return x


def _applied(grid: _Grid, x: Floats, out: Floats) -> None:
    """Write degree·x - sum of the neighbours."""
    _around(x, out)
    out *= grid.inside
    np.multiply(grid.degree, x, out=grid.change)
    np.subtract(grid.change, out, out=out)


def _cycle(grids: list[_Grid], level: int, right: Floats) -> Floats:
    """One V of damped Jacobi sweeps, the same up as down, so that it is symmetric."""
    grid = grids[level]
    last = level == len(grids) - 1
    np.multiply(right, grid.share, out=grid.x)
    for _ in range((_FEW if last else _SWEEPS) - 1):
        _sweep(grid, right)
    if last:
        return grid.x
    _applied(grid, grid.x, grid.left)
    np.subtract(right, grid.left, out=grid.left)
    h, w = grid.left.shape[:2]
    below = grids[level + 1]
    coarse = cv2.resize(grid.left, (w // 2, h // 2), interpolation=cv2.INTER_LINEAR)
    sums: Floats = coarse.reshape(below.x.shape) * np.float32(4.0)  # of means of 2 × 2
    sums *= below.inside
    _cycle(grids, level + 1, sums)
    cv2.resize(below.x, (w, h), grid.change, interpolation=cv2.INTER_NEAREST)
    grid.change *= grid.inside
    grid.x += grid.change
    for _ in range(_SWEEPS):
        _sweep(grid, right)
    return grid.x


def _sweep(grid: _Grid, right: Floats) -> None:
    _around(grid.x, grid.change)
    grid.change += right
    grid.change *= grid.share
    grid.x *= 1 - _DAMPED
    grid.x += grid.change
