"""Tones that follow from the histogram: equalisation, whole or by tiles, and stretched contrast.

Histograms have 256 levels whatever the dtype, so that a picture looks the same in 8 bits, 16 bits
and floats; between levels, words and floats are interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.color import from_float, needs_channels, to_float
from anamorph.backends.opencv.planes import (
    SINGLE,
    Bytes,
    Floats,
    Image,
    Words,
    flat,
    join,
    lent_planes,
    planes,
)
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.tables import look_up, look_up_words, translated
from anamorph.core.constants import WHITE
from anamorph.core.errors import DataError
from anamorph.ir.ops import Effect, Picture

Counts = npt.NDArray[np.float64]
Table = npt.NDArray[np.float64]


def _levels(plane: Image) -> Bytes:
    """Round a plane to 256 levels."""
    if plane.dtype == np.uint8:
        return plane
    return cv2.convertScaleAbs(plane, alpha=255.0 / WHITE[plane.dtype.name])


def counted(levels: Words, mask: Bytes | None = None, count: int = 256) -> Counts:
    """Count the values of each level, of bytes or of words."""
    histogram = cv2.calcHist([levels], [0], mask, [count], [0.0, float(count)])
    return histogram.ravel().astype(np.float64)


def _parts_of(image: Image) -> Image:
    """Give the channels (C, H, W): one channel as it is, others in lent memory."""
    if image.shape[2] > 1:
        return lent_planes(image)
    return np.ascontiguousarray(image.reshape(1, *image.shape[:2]))


def _apply(tables: list[Table], parts: Image) -> Image:
    """Look planes up in tables of levels, and put them together; lent planes are written over."""
    way = _on_levels if parts.dtype == np.uint8 else _between_levels
    if len(parts) == 1:
        return way(parts[0], tables[0], None)
    return join([way(p, t, p) for p, t in zip(parts, tables, strict=True)])


def _on_levels(plane: Bytes, table: Table, out: Image | None) -> Bytes:
    stored = table.astype(np.uint8).tobytes()
    return look_up(plane, (stored,)) if out is None else translated(plane, stored)


_SHARES = (np.arange(257, dtype=np.float32) / np.float32(257))[None]


def _between_levels(plane: Image, table: Table, out: Image | None) -> Image:
    """Look words or floats up, interpolating between the 256 levels of a table.

    A level is 257 words, so 65536 entries tell apart all that words can hold.
    """
    levels = (table / 255.0).astype(np.float32)
    dense = np.empty(65536, np.float32)
    between = dense[:-1].reshape(255, 257)
    np.multiply(np.diff(levels)[:, None], _SHARES, out=between)
    between += levels[:-1, None]
    dense[-1] = levels[-1]
    if plane.dtype == np.uint16:
        dense *= np.float32(65535)
        return look_up_words(plane, np.rint(dense, out=dense).astype(np.uint16), out)
    places = lent("places", plane.shape, np.dtype(np.uint16))
    cv2.addWeighted(plane, 65535.0, plane, 0.0, 0.0, places, cv2.CV_16U)
    return look_up_words(places, dense, out)


# --------------------------------------------------------------------------------- equalise

_IDENTITY: Table = np.arange(256, dtype=np.float64)


def _equal_cv(counts: Counts) -> Table:
    """Spread levels by the share of pixels below, the darkest level that occurs becoming black."""
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return _IDENTITY
    below = counts.cumsum() - counts[filled[0]]
    scale = np.float32(255.0 / below[-1])
    levels: Table = np.rint(below.astype(np.float32) * scale).astype(np.float64)
    return np.clip(levels, 0, 255)


def _equal_pil(counts: Counts) -> Table:
    """Spread levels in whole steps of an equal number of pixels."""
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return _IDENTITY
    step = (counts.sum() - counts[filled[-1]]) // 255
    if step == 0:
        return _IDENTITY
    levels: Table = (step // 2 + counts.cumsum()) // step
    return np.minimum(levels, 255)


def _equal_below(counts: Counts) -> Table:
    """Spread levels in such steps by the pixels that are darker, as Pillow itself does."""
    filled = np.flatnonzero(counts)
    step = (counts.sum() - counts[filled[-1]]) // 255 if len(filled) > 1 else 0
    if step == 0:
        return _IDENTITY
    levels: Table = (step // 2 + counts.cumsum() - counts) // step
    return np.minimum(levels, 255)


_EQUALIZERS: Mapping[str, Callable[[Counts], Table]] = {
    "cv": _equal_cv,
    "pil": _equal_pil,
    "below": _equal_below,
}


def equalize(op: Effect, image: Image) -> Image:
    """Equalise the histogram.

    params: mode ("cv", "pil" or "below"), whether each channel by itself (else the luma of YCrCb), and the
    mask of the pixels that count: a Picture (H, W) or (H, W, C), or None.
    """
    mode, by_channels, where = op.params
    masks = _masks(where, image)
    if by_channels or image.shape[2] == 1:
        parts = _parts_of(image)
        counts = [counted(_levels(p), m) for p, m in zip(parts, masks, strict=True)]
        return _apply([_EQUALIZERS[mode](c) for c in counts], parts)
    needs_channels(image, (1, 3), "Equalize with by_channels=False")
    source = image if image.dtype == np.uint8 else to_float(image)
    form = cv2.cvtColor(source, cv2.COLOR_RGB2YCrCb)
    luma = planes(form)[:1]
    toned = _apply([_EQUALIZERS[mode](counted(_levels(luma[0]), masks[0]))], luma)
    cv2.insertChannel(toned, form, 0)
    return _from_form(cv2.cvtColor(form, cv2.COLOR_YCrCb2RGB), image)


def _from_form(out: Image, image: Image) -> Image:
    if image.dtype == np.uint8:
        return out
    return from_float(np.clip(out, 0.0, 1.0, out=out), image.dtype)


def _masks(where: Picture | None, image: Image) -> list[Bytes | None]:
    """Give each channel's mask.

    Raises:
        DataError: the mask is not of the picture's size.
    """
    channels = image.shape[2]
    if where is None:
        return [None] * channels
    mask = np.frombuffer(where.data, where.dtype).reshape(where.shape)
    fits = mask.shape in (image.shape[:2], (*image.shape[:2], 1), image.shape)
    if not fits:
        raise DataError(f"Equalize.mask is {where.shape} and the picture is {image.shape}")
    if mask.ndim == 2 or mask.shape[2] == 1:
        return [mask.reshape(image.shape[:2])] * channels
    return [np.ascontiguousarray(mask[:, :, c]) for c in range(channels)]


# ------------------------------------------------------------------------------ autocontrast


def autocontrast(op: Effect, image: Image) -> Image:
    """Stretch each channel's contrast.

    params: percent to cut off at either end, a level of 256 to leave alone or None, and the
    method: "pil" stretches evenly, "cdf" by the share of pixels below.
    """
    cutoff, ignore, method = op.params
    plain = method == "pil" and cutoff == 0 and ignore is None
    parts = _parts_of(image)
    tables = []
    kept = []
    for part in parts:
        levels = _levels(part)
        kept.append(None if ignore is None else levels == ignore)
        if plain:
            low, high, _, _ = cv2.minMaxLoc(levels)
            tables.append(_even(low, high) if low < high else _IDENTITY)
        else:
            tables.append(_stretch(counted(levels), cutoff, ignore, method))
    if ignore is None:
        return _apply(tables, parts)
    before = parts.copy()
    out = np.atleast_3d(_apply(tables, parts))
    for c, keep in enumerate(kept):
        np.copyto(out[:, :, c], before[c], where=keep)
    return out


def _even(low: float, high: float) -> Table:
    return np.rint(np.clip((_IDENTITY - low) * (255.0 / (high - low)), 0, 255))


def _stretch(counts: Counts, cutoff: float, ignore: int | None, method: str) -> Table:
    if ignore is not None:
        counts[ignore] = 0
    below = counts.cumsum()
    ends = _ends(counts, below, cutoff)
    if ends is None:
        return _IDENTITY
    low, high = ends
    place, first, last = (
        (below, below[low], below[high]) if method == "cdf" else (_IDENTITY, low, high)
    )
    return np.rint(np.clip((place - first) * (255.0 / (last - first)), 0, 255))


def _ends(counts: Counts, below: Counts, cutoff: float) -> tuple[int, int] | None:
    """The darkest and the brightest level after cutting off; None if nothing lies between."""
    total = below[-1]
    if cutoff > 0:
        low = int(np.searchsorted(below, total * cutoff / 100)) + 1
        high = int(np.searchsorted(below, total * (1 - cutoff / 100)))
    else:
        filled = np.flatnonzero(counts)
        if len(filled) == 0:
            return None
        low, high = int(filled[0]), int(filled[-1])
    if low >= high or high > 255 or below[low] >= below[high]:
        return None
    return low, high


# ------------------------------------------------------------------------------------ CLAHE


def clahe(op: Effect, image: Image) -> Image:
    """Equalise by tiles with a limit on contrast.

    Of three channels the lightness (L of Lab), else each channel. Words and floats that hold 8-bit
    values come out as the 8-bit picture would.

    params: the limit, and the number of tiles across and down.
    """
    levels = image if image.dtype == np.uint8 else _eight_bits(image)
    source = to_float(image) if levels is None else levels
    out = _clahe_color(op, source) if image.shape[2] == 3 else _clahe_planes(op, source)
    if levels is image:
        return out
    return from_float(to_float(out), image.dtype)


def _eight_bits(image: Image) -> Bytes | None:
    """Give the levels of a picture that holds nothing but 8-bit values, else None."""
    if _levels_of(image[:1]) is None:  # most other pictures are told by a row
        return None
    return _levels_of(image)


def _levels_of(image: Image) -> Bytes | None:
    white = WHITE[image.dtype.name]
    plane = flat(image)
    levels = cv2.convertScaleAbs(plane, alpha=255.0 / white)
    back = np.multiply(levels, np.float32(white / 255.0), dtype=np.float32)
    back -= plane
    if max(back.max(), -back.min()) > _ON_LEVEL * white:
        return None
    return levels.reshape(image.shape)


_ON_LEVEL = 1e-6
"""How far, as a share of white, a value may lie from its level by its own rounding."""


def _clahe_planes(op: Effect, image: Image) -> Image:
    way = _clahe_bytes if image.dtype == np.uint8 else _clahe_floats
    return join([way(op, plane) for plane in planes(image)])


def _clahe_color(op: Effect, image: Image) -> Image:
    form = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    light = cv2.extractChannel(form, 0)
    if image.dtype == np.uint8:
        cv2.insertChannel(_clahe_bytes(op, light), form, 0)
        return cv2.cvtColor(form, cv2.COLOR_LAB2RGB, dst=form)
    light = _clahe_floats(op, light * np.float32(0.01)) * np.float32(100)
    cv2.insertChannel(light, form, 0)
    out = cv2.cvtColor(form, cv2.COLOR_LAB2RGB)
    return np.clip(out, 0.0, 1.0, out=out)


def _clahe_bytes(op: Effect, plane: Bytes) -> Bytes:
    limit, tiles = op.params
    return cv2.createCLAHE(limit, tiles).apply(plane)


def _clahe_floats(op: Effect, plane: Floats) -> Floats:
    """As OpenCV does it for bytes, but interpolating between levels as well."""
    limit, (across, down) = op.params
    height, width = plane.shape
    pads = [0 if not (height % down or width % across) else n - size % n
            for size, n in ((height, down), (width, across))]  # fmt: skip
    levels = cv2.copyMakeBorder(_levels(plane), 0, pads[0], 0, pads[1], cv2.BORDER_REFLECT_101)
    tile = levels.shape[0] // down, levels.shape[1] // across
    counts = np.stack([
        cv2.calcHist([levels[y : y + tile[0], x : x + tile[1]]], [0], None, [256], [0.0, 256.0])
        for y in range(0, tile[0] * down, tile[0])
        for x in range(0, tile[1] * across, tile[1])
    ])  # fmt: skip
    tables = _tile_tables(counts.reshape(-1, 256).astype(np.float64), limit)
    return _blend_tables(plane, tables.astype(np.float32).reshape(down, across, 256), tile)


def _tile_tables(counts: Counts, limit: float) -> Table:
    """Tables of tiles: what exceeds the limit is cut off its level and spread over all levels."""
    size = counts[0].sum()
    most = max(int(limit * size / 256), 1)
    excess = np.maximum(counts - most, 0).sum(axis=1).astype(np.int64)
    counts = np.minimum(counts, most) + (excess // 256)[:, None]
    for tile, rest in enumerate((excess % 256).tolist()):
        if rest:
            step = max(256 // rest, 1)
            counts[tile, : rest * step : step] += 1
    return np.clip(np.rint(counts.cumsum(axis=1) * np.float32(255.0 / size)), 0, 255) / 255.0


_WIDEST = 16384
"""Columns that a remap is asked for at once, and rows that it reads from; it takes 32766."""


def _blend_tables(plane: Floats, tables: Floats, tile: tuple[int, int]) -> Floats:
    """Look each pixel up in the tables of the four tiles about it, and weigh them by distance.

    For a row of pixels the tables of the tiles above and below are mixed first. What comes out, one
    table below the other, is a picture: its x is the level and its y the place between tiles, so a
    linear remap interpolates in both.
    """
    height, width = plane.shape
    down, across = tables.shape[:2]
    places = np.arange(width, dtype=np.float32) / tile[1] - np.float32(0.5)
    np.clip(places, 0, across - 1, out=places)
    beside = np.clip(np.arange(height) / tile[0] - 0.5, 0, down - 1)
    out = np.empty_like(plane)
    step = max(1, min(_WIDEST // across, CACHED // (across * 256)))
    for rows in _runs(beside.astype(int), step):
        upper = tables[int(beside[rows.start])]
        lower = tables[min(int(beside[rows.start]) + 1, down - 1)]
        share = (beside[rows] % 1).astype(np.float32)[:, None, None]
        mixed = lent("mixed tables", (len(share), across, 256), SINGLE)
        np.multiply(lower - upper, share, out=mixed)
        mixed += upper
        starts = np.arange(len(mixed), dtype=np.float32)[:, None] * np.float32(across)
        for left in range(0, width, _WIDEST):
            block = rows, np.s_[left : left + _WIDEST]
            level = plane[block] * np.float32(255)
            where = starts + places[block[1]]
            out[block] = cv2.remap(
                mixed.reshape(-1, 256), level, where, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
            )
    return out


def _runs(numbers: npt.NDArray[Any], longest: int) -> Iterator[slice]:
    """Cut ascending numbers into runs of equal ones, none of them too long."""
    ends = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for start, end in itertools.pairwise(ends):
        for top in range(start, end, longest):
            yield slice(top, min(top + longest, end))


EFFECTS: Mapping[str, Kernel] = {
    "equalize": equalize,
    "autocontrast": autocontrast,
    "clahe": clahe,
}
