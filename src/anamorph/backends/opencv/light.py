"""Light that differs from place to place: smooth patterns, made row by row as they are used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import by_rows
from anamorph.backends.opencv.planes import DEPTH, SINGLE, Floats, Image, cut_off, flat, spread
from anamorph.backends.opencv.scratch import lent
from anamorph.core.constants import WHITE
from anamorph.ir import plasma
from anamorph.ir.ops import Effect

Rows = Callable[[int, int, Floats], None]
"""rows(top, bottom, target): write the pattern of some rows, (rows, W·C) with channels repeated."""


def multiplied(image: Image, rows: Rows, *, darkens: bool) -> Image:
    """Multiply by a pattern, saturating; what only darkens has nothing to saturate."""
    depth = DEPTH[image.dtype.name]
    bounded = image.dtype == np.float32 and not darkens

    def work(source: Image, target: Image, top: int, bottom: int) -> None:
        pattern = lent("pattern", source.shape, SINGLE)
        rows(top, bottom, pattern)
        cv2.multiply(source, pattern, dst=target, dtype=depth)
        if bounded:
            cut_off(target)

    return by_rows(image, work)


# ------------------------------------------------------------------------- smooth patterns


def light(op: Effect, image: Image) -> Image:
    """Multiply by 1 + strength · a pattern.

    params: the pattern's name, the strength, and where it lies (see the patterns).
    """
    name, strength, *place = op.params
    darkens = strength < 0 and name != "linear"  # which is lighter at one end
    return multiplied(image, _PATTERNS[name](image.shape, strength, *place), darkens=darkens)


def _steps(count: int) -> Floats:
    return np.arange(count, dtype=np.float32)


def _planes(width: int, channels: int, write: Callable[[int, int, Floats], None]) -> Rows:
    """A pattern that is written for one channel and repeated for the others."""

    def rows(top: int, bottom: int, target: Floats) -> None:
        plane = lent("plane", (bottom - top, width), SINGLE)
        write(top, bottom, plane)
        spread(plane, channels, target)

    return rows


def _sum_of(across: Floats, down: Floats, channels: int) -> Rows:
    """A pattern that is a sum of what goes across and what goes down."""
    across, down = across.astype(np.float32), down.astype(np.float32)[:, None]

    def write(top: int, bottom: int, plane: Floats) -> None:
        np.add(across, down[top:bottom], out=plane)

    return _planes(len(across), channels, write)


def _linear(shape: tuple[int, ...], strength: float, angle: float) -> Rows:
    """From 1 - strength at the top left, in a direction in degrees."""
    height, width, channels = shape
    turn = math.radians(angle)
    across = _steps(width) * (2 * strength * math.cos(turn) / max(width - 1, 1))
    down = _steps(height) * (2 * strength * math.sin(turn) / max(height - 1, 1))
    return _sum_of(across + (1 - strength), down, channels)


def _vignette(shape: tuple[int, ...], strength: float, x: float, y: float) -> Rows:
    """By the square of the distance from a centre, in shares of the sides; 1 at the far corner."""
    height, width, channels = shape
    farthest = (max(x, 1 - x) * width) ** 2 + (max(y, 1 - y) * height) ** 2
    across, down = (
        (_steps(n) + np.float32(0.5 - c * n)) ** 2 * (strength / farthest)
        for n, c in ((width, x), (height, y))
    )
    return _sum_of(across + 1, down, channels)


def _corner(shape: tuple[int, ...], strength: float, corner: int) -> Rows:
    """Fall off evenly from a corner: 0 to 3, clockwise from the top left."""
    height, width, channels = shape
    reach = math.hypot(height, width)
    across, down = _steps(width), _steps(height)
    if corner in (1, 2):
        across = across[::-1]
    if corner in (2, 3):
        down = down[::-1]
    across = (across / np.float32(reach)) ** 2
    down = ((down / np.float32(reach)) ** 2)[:, None]

    def write(top: int, bottom: int, plane: Floats) -> None:
        np.add(across, down[top:bottom], out=plane)
        cv2.sqrt(plane, dst=plane)
        plane *= np.float32(-strength)
        plane += np.float32(1 + strength)

    return _planes(width, channels, write)


def _gaussian(shape: tuple[int, ...], strength: float, x: float, y: float, sigma: float) -> Rows:
    """A spot: centre in shares of the sides, sigma in shares of the longer one."""
    height, width, channels = shape
    scale = -0.5 / (sigma * max(height, width)) ** 2
    across, down = (
        np.exp((_steps(n) - np.float32(c * n)) ** 2 * scale).astype(np.float32)
        for n, c in ((width, x), (height, y))
    )
    down = (down * np.float32(strength))[:, None]

    def write(top: int, bottom: int, plane: Floats) -> None:
        np.multiply(across, down[top:bottom], out=plane)
        plane += np.float32(1)

    return _planes(width, channels, write)


_PATTERNS: Mapping[str, Callable[..., Rows]] = {
    "linear": _linear,
    "corner": _corner,
    "gaussian": _gaussian,
    "vignette": _vignette,
}


# --------------------------------------------------------------------------------- plasma


_SOFTENING = np.array(plasma.SOFTENING)


def cloud(size: tuple[int, int], cells: int, roughness: float, key: int) -> Floats:
    """Make a plasma pattern in [0, 1]."""
    grid = plasma.grid_of(size, cells)
    made = _cloud(grid, roughness, key)
    if grid == size:
        return made
    if max(size) <= plasma.LINEAR_UP_TO * max(grid):
        return cv2.resize(made, size[::-1])
    large = cv2.resize(made, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0.0, 1.0, out=large)


@lru_cache(maxsize=1)
def _cloud(grid: tuple[int, int], roughness: float, key: int) -> Floats:
    """Make a pattern on its grid; the last one is kept for the other slices of a volume."""
    made: Floats = cv2.sepFilter2D(_grown(grid, roughness, key), -1, _SOFTENING, _SOFTENING)
    low, high, _, _ = cv2.minMaxLoc(made)
    if high - low < 1e-9:
        return np.full(grid, 0.5, np.float32)
    np.subtract(made, np.float32(low), out=made)
    np.multiply(made, np.float32(1.0 / (high - low)), out=made)
    power = plasma.power_of(roughness)
    if power != 1.0:
        cv2.pow(np.maximum(made, 0.0, out=made), power, dst=made)
    return made


def _grown(grid: tuple[int, int], roughness: float, key: int) -> Floats:
    """Add octave to octave, enlarging in between."""
    total: Floats | None = None
    for octave, pair in plasma.draws(plasma.octaves(grid, roughness), key):
        if total is not None:
            total = cv2.resize(total, octave.grid[::-1], interpolation=cv2.INTER_CUBIC)
        if octave.strength == 0.0:
            continue
        share = octave.strength / 255.0
        drawn = cv2.addWeighted(pair[0], share, pair[1], share, -octave.strength, None, cv2.CV_32F)
        total = drawn if total is None else cv2.add(total, drawn, dst=total)
    return np.zeros(grid, np.float32) if total is None else total


def plasma_shadow(op: Effect, image: Image) -> Image:
    """Darken by a plasma pattern: params are the strength, the pattern's cells and roughness."""
    share, cells, roughness = op.params
    pattern = cloud(image.shape[:2], cells, roughness, op.key)

    def write(top: int, bottom: int, plane: Floats) -> None:
        np.multiply(pattern[top:bottom], np.float32(-share), out=plane)
        plane += np.float32(1)

    return multiplied(image, _planes(image.shape[1], image.shape[2], write), darkens=True)


def plasma_contrast(op: Effect, image: Image) -> Image:
    """Change brightness, then contrast about the mean, by a plasma pattern P.

    params: what is added to white, what distances from the mean grow by, cells and roughness.
    With g = x + brightness·P the result is g + contrast·P·(g - mean of g).
    """
    brightness, contrast, cells, roughness = op.params
    pattern = cloud(image.shape[:2], cells, roughness, op.key)
    white = WHITE[image.dtype.name]
    mean = cv2.mean(flat(image))[0] / white + brightness * cv2.mean(pattern)[0]
    width, channels = image.shape[1:]
    depth = DEPTH[image.dtype.name]

    def work(source: Image, target: Image, top: int, bottom: int) -> None:
        block = pattern[top:bottom]
        plane = lent("plane", (bottom - top, width), SINGLE)
        wide = lent("pattern", source.shape, SINGLE)
        product = lent("product", source.shape, SINGLE)
        np.multiply(block, np.float32(contrast), out=plane)
        plane += np.float32(1)
        spread(plane, channels, wide)
        cv2.multiply(source, wide, dst=product, dtype=cv2.CV_32F)
        np.multiply(block, np.float32(white * brightness * contrast), out=plane)
        plane += np.float32(white * (brightness - mean * contrast))
        plane *= block
        spread(plane, channels, wide)
        cv2.add(product, wide, dst=target, dtype=depth)
        if white == 1:
            cut_off(target)

    return by_rows(image, work)


EFFECTS: Mapping[str, Kernel] = {
    "light": light,
    "plasma_shadow": plasma_shadow,
    "plasma_contrast": plasma_contrast,
}
