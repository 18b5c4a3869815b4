"""Plasma: fractal noise, the sum of octaves each twice as fine as the one before.

A. Fournier, D. Fussell and L. Carpenter, "Computer rendering of stochastic models", CACM 1982:
values between known ones are interpolated and displaced by noise whose strength changes from
octave to octave. Diamond-square does so in two half steps, and multiplies by the roughness in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anamorph.ir.noise import bits_of, octets

Bytes = npt.NDArray[np.uint8]
Size = tuple[int, int]

NEGLIGIBLE = 1e-3
"""Octaves weaker than this share of the strongest are left out."""
SOFTENING = (0.1, 0.8, 0.1)
"""Weights of a pixel and its neighbours that take the edge off the finest octave."""
LINEAR_UP_TO = 2
"""Patterns enlarged more than this are interpolated cubically, lest the grid be seen."""
_COARSEST = 4
"""Nodes along the longer side at which octaves begin: with fewer the whole would be one slope."""
_ROUGH = 0.7
"""Roughness from which on the finest octave is seen by itself."""
_GRAIN_SPAN = 0.5
_GRAIN_POWER = 1.49


@dataclass(frozen=True, slots=True)
class Octave:
    """One octave: the grid it is drawn on, and its strength."""

    grid: Size
    strength: float


def draws(made: tuple[Octave, ...], key: int) -> Iterator[tuple[Octave, Bytes]]:
    """Draw two bytes a node for each octave, (2, rows, columns): their sum is what displaces."""
    sizes = [2 * o.grid[0] * o.grid[1] if o.strength else 0 for o in made]
    drawn = octets(bits_of(key), sum(sizes))
    start = 0
    for octave, size in zip(made, sizes, strict=True):
        part = drawn[start : start + size]
        yield octave, part.reshape(2, *octave.grid) if size else part
        start += size


def grid_of(size: Size, cells: int) -> Size:
    """Size at which a pattern is made: at most so many cells along the longer side."""
    longer = max(size)
    if longer <= cells:
        return size
    return max(1, round(size[0] * cells / longer)), max(1, round(size[1] * cells / longer))


def octaves(grid: Size, roughness: float) -> tuple[Octave, ...]:
    """List the octaves from coarse to fine; the last has the grid itself.

    From octave to octave the strength is multiplied by the square of the roughness, and by two,
    which makes 1 the roughness at which every wavelength has its share. Those too weak to be seen
    are left out, and strengths are shares of the strongest; 0 is only enlarged.
    """
    grids = [grid]
    while max(grids[0]) > _COARSEST:
        rows, columns = grids[0]
        grids.insert(0, (max(1, (rows + 1) // 2), max(1, (columns + 1) // 2)))
    gain = math.log(2.0 * roughness**2)
    last = len(grids) - 1
    logs = [gain * i for i in range(len(grids))]
    strongest = max(logs)
    kept = [i for i in range(len(grids)) if logs[i] - strongest > math.log(NEGLIGIBLE)]
    made = [Octave(grids[i], math.exp(logs[i] - strongest)) for i in kept]
    if kept[-1] != last:
        made.append(Octave(grid, 0.0))
    return tuple(made)


def power_of(roughness: float) -> float:
    """The power that a pattern in [0, 1] is raised to: rough plasma is dark, smooth plasma even."""
    share = min(max((roughness - _ROUGH) / _GRAIN_SPAN, 0.0), 1.0)
    return 1.0 + (_GRAIN_POWER - 1.0) * share
