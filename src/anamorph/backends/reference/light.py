"""Light that differs from place to place, pixel by pixel in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.resize import resized
from anamorph.backends.reference.tone import Floats, Image, intensities, store
from anamorph.core.constants import INTER_CUBIC, INTER_LINEAR
from anamorph.ir import plasma
from anamorph.ir.ops import Effect, Size


def light(op: Effect, image: Image) -> Image:
    """Multiply by a pattern: params are its name, strength and place."""
    name, strength, *place = op.params
    pattern = _PATTERNS[name](image.shape[:2], strength, *place)
    return store(intensities(image) * pattern[:, :, None], image.dtype)


def _linear(size: Size, strength: float, angle: float) -> Floats:
    y, x = np.indices(size)
    u, v = x / max(size[1] - 1, 1), y / max(size[0] - 1, 1)
    turn = math.radians(angle)
    pattern: Floats = 1 - strength + 2 * strength * (u * math.cos(turn) + v * math.sin(turn))
    return pattern


def _corner(size: Size, strength: float, corner: int) -> Floats:
    y, x = np.indices(size)
    if corner in (1, 2):
        x = size[1] - 1 - x
    if corner in (2, 3):
        y = size[0] - 1 - y
    pattern: Floats = 1 + strength * (1 - np.hypot(x, y) / math.hypot(*size))
    return pattern


def _gaussian(size: Size, strength: float, x: float, y: float, sigma: float) -> Floats:
    rows, columns = np.indices(size)
    square = (columns - x * size[1]) ** 2 + (rows - y * size[0]) ** 2
    pattern: Floats = 1 + strength * np.exp(-square / (2 * (sigma * max(size)) ** 2))
    return pattern


def _vignette(size: Size, strength: float, x: float, y: float) -> Floats:
    rows, columns = np.indices(size) + 0.5
    square = (columns - x * size[1]) ** 2 + (rows - y * size[0]) ** 2
    farthest = max(
        (cx - x * size[1]) ** 2 + (cy - y * size[0]) ** 2
        for cx in (0, size[1])
        for cy in (0, size[0])
    )
    pattern: Floats = 1 + strength * square / farthest
    return pattern


_PATTERNS: Mapping[str, Callable[..., Floats]] = {
    "linear": _linear,
    "corner": _corner,
    "gaussian": _gaussian,
    "vignette": _vignette,
}

# --------------------------------------------------------------------------------- plasma


def cloud(size: Size, cells: int, roughness: float, key: int) -> Floats:
    """Make a plasma pattern in [0, 1]."""
    grid = plasma.grid_of(size, cells)
    made: Floats | None = None
    for octave, pair in plasma.draws(plasma.octaves(grid, roughness), key):
        made = None if made is None else resized(made, octave.grid, INTER_CUBIC)
        if octave.strength:
            drawn = (pair.sum(axis=0, dtype=np.float64) / 255 - 1) * octave.strength
            made = drawn if made is None else made + drawn
    if made is None:  # there is always one octave
        return np.full(size, 0.5)
    made = _softened(_softened(made).T).T
    if np.ptp(made) < 1e-9:
        return np.full(size, 0.5)
    made = ((made - made.min()) / np.ptp(made)) ** plasma.power_of(roughness)
    way = INTER_LINEAR if max(size) <= plasma.LINEAR_UP_TO * max(grid) else INTER_CUBIC
    return np.clip(resized(made, size, way), 0.0, 1.0)


def _softened(x: Floats) -> Floats:
    """Mix each value with those above and below, the border mirrored without its edge."""
    side, middle, _ = plasma.SOFTENING
    wide = np.pad(x, ((1, 1), (0, 0)), mode="reflect" if len(x) > 1 else "edge")
    return np.asarray(side * wide[:-2] + middle * wide[1:-1] + side * wide[2:])


def plasma_shadow(op: Effect, image: Image) -> Image:
    """Darken by a plasma pattern."""
    share, cells, roughness = op.params
    pattern = cloud(image.shape[:2], cells, roughness, op.key)
    return store(intensities(image) * (1 - share * pattern[:, :, None]), image.dtype)


def plasma_contrast(op: Effect, image: Image) -> Image:
    """Add a share of a plasma pattern, then turn contrast about the mean by it."""
    brightness, contrast, cells, roughness = op.params
    pattern = cloud(image.shape[:2], cells, roughness, op.key)[:, :, None]
    lit = intensities(image) + brightness * pattern
    return store(lit + contrast * pattern * (lit - lit.mean()), image.dtype)


EFFECTS: Mapping[str, Kernel] = {
    "light": light,
    "plasma_shadow": plasma_shadow,
    "plasma_contrast": plasma_contrast,
}
