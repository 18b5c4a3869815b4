"""Histogram methods, written out level by level and pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.color import lab_to_rgb, rgb_to_lab
from anamorph.backends.reference.tone import Floats, Image, intensities, store
from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import UndefinedError
from anamorph.ir.ops import Effect

Counts = npt.NDArray[np.int64]
Table = npt.NDArray[np.float64]
LEVELS = np.arange(256, dtype=np.float64)


def _counts(x: Floats, where: npt.NDArray[np.bool_] | None = None) -> Counts:
    levels = np.rint(x * 255).astype(np.int64)
    counts: Counts = np.bincount(levels.ravel() if where is None else levels[where], minlength=256)
    return counts


def _look_up(x: Floats, table: Table) -> Floats:
    """Look intensities up in a table of levels, interpolating between them."""
    found: Floats = np.interp(x * 255, LEVELS, table) / 255
    return found


def _three_or_one(image: Image, what: str) -> None:
    if image.shape[2] not in (1, 3):
        raise UndefinedError(f"{what} needs 1 or 3 channels and the picture has {image.shape[2]}")


# --------------------------------------------------------------------------------- equalise


def _equal_cv(counts: Counts) -> Table:
    first = int(np.flatnonzero(counts)[0]) if counts.any() else 0
    others = counts.sum() - counts[first]
    if others == 0:
        return LEVELS
    table = np.zeros(256)
    passed = 0
    for level in range(first + 1, 256):
        passed += counts[level]
        table[level] = np.rint(np.float32(passed) * np.float32(255 / others))
    return table


def _equal_pil(counts: Counts) -> Table:
    filled = np.flatnonzero(counts)
    step = (counts.sum() - counts[filled[-1]]) // 255 if len(filled) > 1 else 0
    if step == 0:
        return LEVELS
    table = np.zeros(256)
    passed = step // 2
    for level in range(256):
        passed += counts[level]
        table[level] = min(passed // step, 255)
    return table


def _equal_below(counts: Counts) -> Table:
    filled = np.flatnonzero(counts)
    step = (counts.sum() - counts[filled[-1]]) // 255 if len(filled) > 1 else 0
    if step == 0:
        return LEVELS
    table = np.zeros(256)
    darker = step // 2
    for level in range(256):
        table[level] = min(darker // step, 255)
        darker += counts[level]
    return table


def equalize(op: Effect, image: Image) -> Image:
    """Equalise each channel, or the luma of YCrCb."""
    mode, by_channels, where = op.params
    make = {"cv": _equal_cv, "pil": _equal_pil, "below": _equal_below}[mode]
    x = intensities(image)
    mask = np.ones(image.shape, bool)
    if where is not None:
        given = np.frombuffer(where.data, where.dtype).reshape(where.shape) != 0
        mask = np.broadcast_to(given if given.ndim == 3 else given[:, :, None], image.shape)
    if by_channels or image.shape[2] == 1:
        planes = [_look_up(p, make(_counts(p, m))) for p, m in zip(x.T, mask.T, strict=True)]
        return store(np.stack(planes).T, image.dtype)
    _three_or_one(image, "Equalize with by_channels=False")
    luma = x @ np.array(GRAY_WEIGHTS)
    red, blue = (x[..., 0] - luma) * 0.713, (x[..., 2] - luma) * 0.564
    if image.dtype == np.uint8:
        luma, red, blue = (np.rint(c * 255) / 255 for c in (luma, red, blue))
    luma = _look_up(luma, make(_counts(luma, mask[:, :, 0])))
    rgb = [luma + 1.403 * red, luma - 0.714 * red - 0.344 * blue, luma + 1.773 * blue]
    return store(np.stack(rgb, axis=-1), image.dtype)


# ------------------------------------------------------------------------------ autocontrast


def autocontrast(op: Effect, image: Image) -> Image:
    """Stretch each channel's contrast."""
    cutoff, ignore, method = op.params
    x = intensities(image)
    out = np.empty_like(x)
    for c in range(image.shape[2]):
        counts = _counts(x[..., c])
        if ignore is not None:
            counts[ignore] = 0
        out[..., c] = _look_up(x[..., c], _stretch(counts, cutoff, method))
    if ignore is not None:
        out = np.where(np.rint(x * 255) == ignore, x, out)
    return store(out, image.dtype)


def _stretch(counts: Counts, cutoff: float, method: str) -> Table:
    below = counts.cumsum()
    if not counts.any():
        return LEVELS
    low, high = int(np.flatnonzero(counts)[0]), int(np.flatnonzero(counts)[-1])
    if cutoff > 0:
        low = next(i for i in range(256) if below[i] >= below[-1] * cutoff / 100) + 1
        high = next(i for i in range(256) if below[i] >= below[-1] * (1 - cutoff / 100))
    if low >= high or below[low] >= below[high]:
        return LEVELS
    place = below.astype(np.float64) if method == "cdf" else LEVELS
    stretched: Table = (place - place[low]) / (place[high] - place[low]) * 255
    return np.rint(np.clip(stretched, 0, 255))


# ------------------------------------------------------------------------------------ CLAHE


def clahe(op: Effect, image: Image) -> Image:
    """Equalise by tiles with a limit on contrast (Zuiderveld, Graphics Gems IV, 1994).

    Of three channels the lightness. What holds 8-bit values is treated as an 8-bit picture.
    """
    x = intensities(image)
    on_levels = np.abs(x - np.rint(x * 255) / 255).max() <= 1e-6
    dtype = np.dtype(np.uint8) if on_levels else image.dtype
    if image.shape[2] != 3:
        toned = [_by_tiles(op, x[..., c], dtype) for c in range(image.shape[2])]
        return store(np.stack(toned, axis=-1), image.dtype)
    lab = rgb_to_lab(x)
    if dtype == np.uint8:  # 8-bit Lab: L over 255 levels, a and b in whole steps
        lab[..., 0] = np.rint(lab[..., 0] * 2.55) / 2.55
        lab[..., 1:] = np.rint(lab[..., 1:])
    lab[..., 0] = _by_tiles(op, lab[..., 0] / 100, dtype) * 100
    rgb = lab_to_rgb(lab)
    return store(np.rint(rgb * 255) / 255 if dtype == np.uint8 else rgb, image.dtype)


def _by_tiles(op: Effect, plane: Floats, dtype: np.dtype[Any]) -> Floats:
    limit, (across, down) = op.params
    height, width = plane.shape
    padded = plane
    if height % down or width % across:
        sides = (0, down - height % down), (0, across - width % across)
        padded = _mirrored(plane, sides)
    th, tw = padded.shape[0] // down, padded.shape[1] // across
    tables = [
        [_tile_table(padded[j * th :, i * tw :][:th, :tw], limit) for i in range(across)]
        for j in range(down)
    ]
    out = np.empty_like(plane)
    for y in range(height):
        for x in range(width):
            out[y, x] = _mixed(plane[y, x], tables, y / th - 0.5, x / tw - 0.5)
    return np.rint(out * 255) / 255 if dtype == np.uint8 else out


def _mirrored(plane: Floats, sides: tuple[tuple[int, int], tuple[int, int]]) -> Floats:
    for axis, (_, after) in enumerate(sides):
        size = plane.shape[axis]
        period = max(2 * (size - 1), 1)
        index = np.arange(size + after) % period
        plane = np.take(plane, np.minimum(index, period - index) if size > 1 else index * 0, axis)
    return plane


def _tile_table(tile: Floats, limit: float) -> Table:
    counts = _counts(tile)
    most = max(int(limit * tile.size / 256), 1)
    excess = int(sum(max(c - most, 0) for c in counts.tolist()))
    counts = np.minimum(counts, most) + excess // 256
    rest = excess % 256
    if rest:
        for level in range(0, 256, max(256 // rest, 1))[:rest]:
            counts[level] += 1
    return np.minimum(np.rint(counts.cumsum() * np.float32(255 / tile.size)), 255)


def _mixed(value: float, tables: list[list[Table]], ty: float, tx: float) -> float:
    j, i = int(np.floor(ty)), int(np.floor(tx))
    total = 0.0
    for row, weight in ((j, 1 - (ty - j)), (j + 1, ty - j)):
        for column, part in ((i, 1 - (tx - i)), (i + 1, tx - i)):
            line = tables[min(max(row, 0), len(tables) - 1)]
            table = line[min(max(column, 0), len(line) - 1)]
            total += weight * part * float(np.interp(value * 255, LEVELS, table)) / 255
    return total


EFFECTS: Mapping[str, Kernel] = {
    "equalize": equalize,
    "autocontrast": autocontrast,
    "clahe": clahe,
}
