"""What artefacts of magnetic resonance imaging do to frequencies, shared by the backends on a CPU.

Along one axis an artefact weighs each line of k-space. Lines are counted as scanners show them, from
the lowest negative frequency to the highest positive one; the centre, no. length // 2, is the mean.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from anamorph.ir.noise import bits_of, normals

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Size = tuple[int, int]
Spike = tuple[float, float, float, float]
"""Place down and across k-space, in [0, 1); strength as a share of the mean's; phase in radians."""


def field_nodes(key: int, size: Size, scale: float, std: float, fields: int) -> Singles:
    """Draw the logarithms of bias fields (fields, rows, columns) at a share of the size."""
    rows, columns = (max(2, math.ceil(scale * side)) for side in size)
    drawn = normals(bits_of(key), fields * rows * columns) * np.float32(std)
    return drawn.reshape(fields, rows, columns)


def ghost_lines(length: int, count: int, intensity: float, restore: float) -> Floats:
    """Weigh the lines of k-space for ghosts: every count-th is weaker, but for the centre."""
    weights = np.ones(length)
    weights[::count] = 1.0 - intensity
    kept = math.ceil(restore * length)
    first = length // 2 - kept // 2
    weights[first : first + kept] = 1.0
    return weights


def pose_lines(length: int, cuts: tuple[float, ...]) -> list[Flags]:
    """Tell which lines were measured in which pose: first those of the pose at the centre."""
    edges = [0, *(math.ceil(cut * length) for cut in sorted(cuts)), length]
    lines = np.arange(length)
    parts = [(lines >= a) & (lines < b) for a, b in pairwise(edges)]
    centre = next(i for i, part in enumerate(parts) if part[length // 2])
    return [parts[centre], *parts[:centre], *parts[centre + 1 :]]


def for_real(lines: npt.NDArray[np.generic]) -> Floats:
    """Weights of the frequencies 0, 1, … whose result is the real part of what the lines give."""
    length = len(lines)
    by_frequency = np.fft.ifftshift(lines.astype(np.float64))
    opposite = by_frequency[-np.arange(length) % length]
    return (0.5 * (by_frequency + opposite))[: length // 2 + 1]


def kept_reach(length: int, fraction: float) -> int:
    """The highest frequency that is kept of a side if a fraction of k-space is."""
    return int(fraction * length / 2)


def spike_place(spike: Spike, size: Size) -> tuple[int, int]:
    """Waves down and across a picture that a spike stands for; never none at all."""
    (height, width), (v, u) = size, spike[:2]
    down, across = int(v * height) - height // 2, int(u * width) - width // 2
    if down == across == 0:
        return (0, 1) if width > 1 else (1, 0)
    return down, across
