"""Mixing channels: colour matrices, shifts in HSV, and the ways of making grey."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.planes import (
    MAX_PLANES,
    Floats,
    Image,
    cut_off,
    flat,
    join,
    lent_planes,
    planes,
    spread,
)
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.tables import translated
from anamorph.backends.opencv.tone import apply_steps
from anamorph.core.constants import GRAY_WEIGHTS, WHITE
from anamorph.core.errors import DataError, UndefinedError
from anamorph.ir.ops import IMAGE, ColorMatrix, Effect, Op, Target
from anamorph.ir.principal import sampled, shift_along_axes

Rows = tuple[tuple[float, ...], ...]

_LUMA = np.array((*GRAY_WEIGHTS, 0.0), np.float32)


def needs_channels(image: Image, counts: tuple[int, ...], what: str) -> None:
    """Refuse a picture of another number of channels.

    Raises:
        UndefinedError: the picture has not one of these numbers of channels.
    """
    if image.shape[2] not in counts:
        wanted = " or ".join(map(str, counts))
        raise UndefinedError(f"{what} needs {wanted} channels and the picture has {image.shape[2]}")


def to_float(image: Image) -> Floats:
    """Bring stored values to float32 in [0, 1]."""
    if image.dtype == np.float32:
        return image
    return np.multiply(image, np.float32(1.0 / WHITE[image.dtype.name]), dtype=np.float32)


def from_float(x: Floats, dtype: np.dtype[Any]) -> Image:
    """Bring float32 in [0, 1] to a picture's dtype, changing x on the way."""
    if dtype == np.float32:
        return x
    x *= np.float32(WHITE[dtype.name])
    np.rint(x, out=x)
    np.clip(x, 0, WHITE[dtype.name], out=x)
    return x.astype(dtype)


# ----------------------------------------------------------------------------- ColorMatrix


class Mix(NamedTuple):
    """What a matrix amounts to, found once a matrix."""

    kind: Literal["pick", "keep", "luma", "gray", "full"]
    picks: tuple[int, ...]
    safe: bool
    """Whether no intensity can leave [0, 1]."""
    shifts: bool
    """Whether anything is added to a channel."""
    matrix: Floats


@lru_cache(maxsize=256)
def _read(rows: Rows) -> Mix:
    """Recognise matrices that only move channels, blank some, or make grey."""
    low = min(r[-1] + sum(w for w in r[:-1] if w < 0) for r in rows)
    high = max(r[-1] + sum(w for w in r[:-1] if w > 0) for r in rows)
    safe = low >= 0.0 and high <= 1.0 + 1e-6
    picks = tuple(_picked(row) for row in rows)
    shifts = any(row[-1] for row in rows)
    return Mix(_kind(rows, picks), picks, safe, shifts, np.array(rows, np.float32))


def _kind(rows: Rows, picks: tuple[int, ...]) -> Literal["pick", "keep", "luma", "gray", "full"]:
    if min(picks) >= 0:
        return "pick"
    if _only_blanks(rows, picks):
        return "keep"
    if len(rows) == 1 or len(set(rows)) > 1:
        return "full"
    return "luma" if np.array_equal(np.array(rows[0], np.float32), _LUMA) else "gray"


def _picked(row: tuple[float, ...]) -> int:
    """The one channel that a row passes on unchanged, or -1."""
    used = [i for i, weight in enumerate(row) if weight != 0.0]
    whole = len(used) == 1 and used[0] < len(row) - 1 and row[used[0]] == 1.0
    return used[0] if whole else -1


def _only_blanks(rows: Rows, picks: tuple[int, ...]) -> bool:
    """Whether each channel stays or becomes one value in [0, 1]."""
    if len(rows) != len(rows[0]) - 1:
        return False
    return all(
        pick == i or (not any(row[:-1]) and 0.0 <= row[-1] <= 1.0)
        for i, (row, pick) in enumerate(zip(rows, picks, strict=True))
    )


def color_matrix(op: ColorMatrix, image: Image) -> Image:
    """Mix channels on intensities."""
    columns = len(op.rows[0]) - 1
    if columns != image.shape[2]:
        raise DataError(
            f"a color matrix mixes {columns} channels and the picture has {image.shape[2]}"
        )
    mix = _read(op.rows)
    return _MIXERS[mix.kind](mix, image)


def _pick(mix: Mix, image: Image) -> Image:
    picks, channels = mix.picks, image.shape[2]
    if picks == tuple(range(channels)):
        return image
    if channels == 1:
        return _repeated(image[:, :, 0], len(picks))
    if picks == (2, 1, 0) and channels == 3:
        return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return _full(mix, image) if max(channels, len(picks)) <= 4 else _picked_out(picks, image)


def _picked_out(picks: tuple[int, ...], image: Image) -> Image:
    if max(image.shape[2], len(picks)) > MAX_PLANES:
        return image.take(picks, axis=2)
    out = np.empty((*image.shape[:2], len(picks)), image.dtype)
    pairs = [index for pair in zip(picks, range(len(picks)), strict=True) for index in pair]
    cv2.mixChannels([image], [out], pairs)
    return out


def _keep(mix: Mix, image: Image) -> Image:
    channels = len(mix.picks)
    if channels <= _SCALAR and image.size > channels and image.dtype.kind == "u":
        return _kept_bits(mix, image)  # one pixel by itself would be taken for numbers a channel
    white = WHITE[image.dtype.name]
    kept = np.array(mix.picks) >= 0
    values = mix.matrix[:, -1] * white  # 0 where a channel is kept
    whole = image.dtype.kind == "u"
    stored = (np.rint(values) if whole else values).astype(image.dtype)
    width = image.shape[1]
    pass_on = np.tile((kept * white).astype(image.dtype), width)
    if image.itemsize > 1 and int(kept.sum()) * 2 >= len(kept):
        out = image.copy()
        for c in np.flatnonzero(~kept):
            out[:, :, c] = stored[c]
        return out
    combine, add = (np.bitwise_and, np.bitwise_or) if whole else (np.multiply, np.add)
    out = combine(flat(image), pass_on)
    if values.any():
        add(out, np.tile(stored, width), out=out)
    blanked: Image = out.reshape(image.shape)
    return blanked


_SCALAR = 4
"""Channels that OpenCV takes one number each for."""


def _kept_bits(mix: Mix, image: Image) -> Image:
    """Keep all bits of some channels and none of the others."""
    white = 255 if image.dtype == np.uint8 else 65535
    kept: Any = tuple(white if pick >= 0 else 0 for pick in mix.picks)
    out: Image = cv2.bitwise_and(image, kept)
    if mix.shifts:  # and not where a channel is kept
        blank: Any = tuple(np.rint(mix.matrix[:, -1] * white).tolist())
        cv2.bitwise_or(out, blank, dst=out)
    return out


def _luma(mix: Mix, image: Image) -> Image:
    plane = lent("luma", image.shape[:2], image.dtype)
    return _repeated(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, dst=plane), len(mix.matrix))


def _gray(mix: Mix, image: Image) -> Image:
    return _repeated(_full(mix._replace(matrix=mix.matrix[:1]), image), len(mix.matrix))


def _repeated(plane: Image, count: int) -> Image:
    return spread(plane, count).reshape(*plane.shape, count)


def _full(mix: Mix, image: Image) -> Image:
    matrix = mix.matrix
    if max(matrix.shape) > MAX_PLANES:
        mixed = to_float(image) @ matrix[:, :-1].T
        mixed += matrix[:, -1]
        return from_float(np.clip(mixed, 0, 1, out=mixed), image.dtype)
    if mix.shifts:
        matrix = matrix.copy()
        matrix[:, -1] *= WHITE[image.dtype.name]
    if image.dtype == np.float32 and not mix.safe:
        return _bounded(image, matrix)
    return cv2.transform(image, matrix)


def _bounded(image: Floats, matrix: Floats) -> Floats:
    """Mix and clip rows while they are in the cache."""
    out = np.empty((*image.shape[:2], len(matrix)), np.float32)
    rows = max(1, CACHED // (image.shape[1] * max(matrix.shape)))
    for top in range(0, len(image), rows):
        part = out[top : top + rows]
        mixed = cv2.transform(image[top : top + rows], matrix, dst=part)
        cut_off(mixed)
    return out


_MIXERS: Mapping[str, Callable[[Mix, Image], Image]] = {
    "pick": _pick,
    "keep": _keep,
    "luma": _luma,
    "gray": _gray,
    "full": _full,
}


# -------------------------------------------------------------------------------------- HSV


@lru_cache(maxsize=32)
def _shift_table(part: int, shift: float) -> bytes:
    """Table of a shifted byte: hue goes around, the others saturate, and no saturation stays so."""
    levels = np.rint(np.arange(256) + shift)
    levels = np.clip(levels, 0, 255) if part else np.mod(levels, 180)
    if part == 1:
        levels[0] = 0
    table: bytes = levels.astype(np.uint8).tobytes()
    return table


def hsv(op: Effect, image: Image) -> Image:
    """Shift hue, saturation and value.

    params: the hue's shift in 180ths of a turn, the others' in 255ths of full. 8-bit pictures go
    through 8-bit HSV with a hue of 180 levels; others stay in floats. What is grey stays grey:
    it has no hue that more saturation could bring out.
    """
    needs_channels(image, (3,), "a shift of hue")
    if not any(op.params):
        return image
    if image.dtype == np.uint8:
        return _hsv_bytes(op.params, image)
    form = cv2.cvtColor(to_float(image), cv2.COLOR_RGB2HSV)
    parts = lent_planes(form)
    hue, saturation, value = op.params
    if hue:
        parts[0] += np.float32(2.0 * hue % 360.0)  # OpenCV takes hues beyond the turn as well
    if saturation:
        grey = parts[1] == 0.0
        _shift(parts[1], saturation)
        parts[1][grey] = 0.0
    if value:
        _shift(parts[2], value)
    return from_float(cv2.cvtColor(join(parts, form), cv2.COLOR_HSV2RGB, dst=form), image.dtype)


def _shift(plane: Image, levels: float) -> None:
    plane += np.float32(levels / 255.0)
    cut_off(plane)


def _hsv_bytes(shifts: tuple[float, ...], image: Image) -> Image:
    form = lent("form", image.shape, image.dtype)
    cv2.cvtColor(image, cv2.COLOR_RGB2HSV, dst=form)
    moved = [i for i, shift in enumerate(shifts) if shift]
    if len(moved) == 1:
        i = moved[0]
        part = translated(cv2.extractChannel(form, i), _shift_table(i, shifts[i]))
        cv2.insertChannel(part, form, i)
    else:
        tables = map(_shift_table, range(3), shifts)
        join(map(translated, lent_planes(form), tables), form)
    return cv2.cvtColor(form, cv2.COLOR_HSV2RGB)


# ------------------------------------------------------------------------------------- grey


def gray(op: Effect, image: Image) -> Image:
    """Make grey in a way that is no matrix.

    params: "max", "desaturation", "from_lab" or "pca", and the number of channels to give.
    """
    method, count = op.params
    return _repeated(_WAYS_TO_GRAY[method](image), count)


def _brightest(image: Image) -> Image:
    high: Image = reduce(cv2.max, planes(image))
    return high


def _desaturated(image: Image) -> Image:
    parts = planes(image)
    high: Image = reduce(cv2.max, parts)
    low: Image = reduce(cv2.min, parts)
    return cv2.addWeighted(high, 0.5, low, 0.5, 0)


def _lightness(image: Image) -> Image:
    needs_channels(image, (3,), "grey by lightness")
    if image.dtype == np.uint8:
        return cv2.extractChannel(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), 0)
    light = cv2.extractChannel(cv2.cvtColor(to_float(image), cv2.COLOR_RGB2LAB), 0)
    return from_float(light * np.float32(0.01), image.dtype)


def _principal(image: Image) -> Image:
    """Project on the direction in which colours vary most, and stretch to the full range.

    The direction is the one of the two in which colours rather rise than fall.
    """
    white = WHITE[image.dtype.name]
    parts = planes(image).astype(np.float32)
    parts -= np.array([cv2.mean(part)[0] for part in parts], np.float32)[:, None, None]
    vectors = parts.reshape(len(parts), -1)
    scatter = [[float(np.dot(a, b)) for b in vectors] for a in vectors]
    axis = np.linalg.eigh(np.array(scatter))[1][:, -1]
    score = np.zeros(image.shape[:2], np.float32)
    for weight, part in zip(-axis if axis.sum() < 0 else axis, parts, strict=True):
        cv2.scaleAdd(part, float(weight), score, dst=score)
    low, high, _, _ = cv2.minMaxLoc(score)
    if high - low < 1e-6 * white:  # one colour: as light as its channels are on average
        return from_float(to_float(image).mean(axis=2), image.dtype)
    score -= np.float32(low)
    score *= np.float32(1.0 / (high - low))
    return from_float(score, image.dtype)


_WAYS_TO_GRAY: Mapping[str, Callable[[Image], Image]] = {
    "max": _brightest,
    "desaturation": _desaturated,
    "from_lab": _lightness,
    "pca": _principal,
}

# --------------------------------------------------------------------------- principal axes


def principal_shift(op: Effect, image: Image) -> Image:
    """Shift along the principal axes of the picture's colours: params are a number an axis."""
    pixels = sampled(image).astype(np.float64) / WHITE[image.dtype.name]
    shift = shift_along_axes(pixels, op.params)
    return apply_steps((("linear", 1.0, shift if len(shift) > 1 else shift[0]),), image)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(ColorMatrix, IMAGE): color_matrix}
EFFECTS: Mapping[str, Kernel] = {"hsv": hsv, "gray": gray, "principal_shift": principal_shift}
