"""Conversions at the end of a plan: normalisation, layout, tensors, and the tones before them.

A curve on 8 bits that runs into a conversion keeps 16 bits on its way: its table is split into a
table of high bytes and one of low bytes, each a tenth of the cost of a table of floats.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.planes import Floats, Image, flat, join, lent_planes, planes
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.tables import look_up, translated
from anamorph.backends.opencv.tone import Steps, apply_steps, settled
from anamorph.core.errors import BackendError, DataError
from anamorph.ir import tone
from anamorph.ir.ops import IMAGE, MASK, Cast, Color, Effect, Op, Target

Numbers = tuple[float, ...]


def cast_into(op: Cast, image: Image, out: Image | None = None) -> Image:
    """Run tones, convert and lay out a picture.

    Args:
        op: the conversion.
        image: (H, W, C).
        out: a contiguous array of the result's shape and dtype to write into, or None.
    """
    steps = settled(op.steps, image)
    dtype = np.dtype(op.dtype or image.dtype)
    channels = image.shape[2]
    scale, offset = _spread(op.scale, channels), _spread(op.offset, channels)
    same = dtype == image.dtype and set(scale) == {1.0} and set(offset) == {0.0}
    if same or dtype != np.float32:
        image = apply_steps(steps, image) if steps else image
        image = image if same else _rounded(image, scale, offset, dtype)
        return _laid_out(image, op.layout, out)
    if op.layout == "CHW":
        return _to_planes(image, steps, scale, offset, out)
    return _to_pixels(image, steps, scale, offset, out)


def _spread(value: Color, channels: int) -> Numbers:
    if isinstance(value, int | float):
        return (float(value),) * channels
    if len(value) != channels:
        raise DataError(
            f"a conversion holds numbers for {len(value)} channels and the picture has {channels}"
        )
    return value


def _laid_out(image: Image, layout: str, out: Image | None) -> Image:
    if layout == "CHW":
        return planes(image, out)
    if out is None:
        return image
    np.copyto(out, image)
    return out


# --------------------------------------------------------------------------- tones in 16 bits


@lru_cache(maxsize=64)
def word_tables(steps: Steps) -> tuple[tuple[bytes, bytes], ...]:
    """Make the tables of high bytes and of low bytes, one pair for all channels or one a channel."""
    words = np.rint(tone.tabulate(steps, 255) * 65535.0).astype(np.uint16)
    high, low = (words >> 8).astype(np.uint8), (words & 255).astype(np.uint8)
    return tuple((high[:, c].tobytes(), low[:, c].tobytes()) for c in range(words.shape[1]))


def _widened(image: Image, tables: tuple[bytes, bytes]) -> Image:
    """Look bytes up as words: (H, W, C) of uint16."""
    order = tables if sys.byteorder == "big" else tables[::-1]
    parts = [flat(look_up(image, (table,))) for table in order]
    return cv2.merge(parts).view(np.uint16).reshape(image.shape)


# ------------------------------------------------------------------------------------- HWC


def _to_pixels(
    image: Image, steps: Steps, scale: Numbers, offset: Numbers, out: Floats | None
) -> Floats:
    out = np.empty(image.shape, np.float32) if out is None else out
    if steps and image.dtype == np.uint8:
        tables = word_tables(steps)
        scale = tuple(s / 257.0 for s in scale)
        if len(tables) > 1:
            return join(_toned_planes(image, tables, scale, offset), out)
        rows = max(1, CACHED // (image.shape[1] * image.shape[2]))
        for top in range(0, len(image), rows):  # words of the whole picture would leave the cache
            words = _widened(image[top : top + rows], tables[0])
            _affine(words, scale, offset, out[top : top + rows])
        return out
    if steps:
        image = apply_steps(steps, image)
    _affine(image, scale, offset, out)
    return out


def _affine(image: Image, scale: Numbers, offset: Numbers, out: Floats) -> None:
    """Write value·scale + offset in blocks that stay in the cache."""
    height, width, channels = image.shape
    alike = len(set(scale)) == 1 == len(set(offset))
    rows = max(1, CACHED // (width * channels))
    if alike and image.dtype.kind == "u" and scale[0] > 0:
        _convert(flat(image), scale[0], offset[0], out.reshape(height, -1))
        return
    if channels <= 4 and not alike:
        matrix = np.zeros((channels, channels + 1), np.float32)
        matrix[range(channels), range(channels)] = scale
        matrix[:, -1] = offset
        for top in range(0, height, rows):
            block = out[top : top + rows]
            np.copyto(block, image[top : top + rows])
            cv2.transform(block, matrix, dst=block)
        return
    factor: Any = np.float32(scale[0]) if alike else np.tile(np.array(scale, np.float32), width)
    shift: Any = np.float32(offset[0]) if alike else np.tile(np.array(offset, np.float32), width)
    source, target = flat(image), out.reshape(height, -1)
    for top in range(0, height, rows):
        lines = target[top : top + rows]
        np.multiply(source[top : top + rows], factor, out=lines, dtype=np.float32)
        if not alike or shift:
            np.add(lines, shift, out=lines)


def _convert(plane: Image, scale: float, offset: float, out: Floats) -> None:
    """Write whole numbers·scale + offset as floats; scale is positive.

    `cv2.normalize` is OpenCV's one conversion with a scale and an offset, and takes a third of the
    time of any arithmetic. It wants to know what the least and the greatest value become.
    """
    low, high, _, _ = cv2.minMaxLoc(plane)
    ends = low * scale + offset, high * scale + offset
    cv2.normalize(plane, out, *ends, cv2.NORM_MINMAX, cv2.CV_32F)


# ------------------------------------------------------------------------------------- CHW


def _to_planes(
    image: Image, steps: Steps, scale: Numbers, offset: Numbers, out: Floats | None
) -> Floats:
    height, width, channels = image.shape
    out = np.empty((channels, height, width), np.float32) if out is None else out
    if steps and image.dtype == np.uint8:
        scale = tuple(s / 257.0 for s in scale)
        return _toned_planes(image, word_tables(steps), scale, offset, out)
    image = apply_steps(steps, image) if steps else image
    parts = planes(image) if channels > 1 else image.transpose(2, 0, 1)
    whole = image.dtype.kind == "u"
    for part, s, o, target in zip(parts, scale, offset, out, strict=True):
        if whole and s > 0:
            _convert(part, s, o, target)
        else:
            cv2.addWeighted(part, s, part, 0, o, dst=target, dtype=cv2.CV_32F)
    return out


def _toned_planes(
    image: Image,
    tables: tuple[tuple[bytes, bytes], ...],
    scale: Numbers,
    offset: Numbers,
    out: Floats | None = None,
) -> Floats:
    """Look each plane up in its tables of high and low bytes, and weigh the two into floats."""
    parts = lent_planes(image)
    out = np.empty(parts.shape, np.float32) if out is None else out
    pairs = tables * len(parts) if len(tables) == 1 else tables
    for low, (t_high, t_low), s, o, target in zip(parts, pairs, scale, offset, out, strict=True):
        high = translated(low.copy(), t_high)
        translated(low, t_low)
        cv2.addWeighted(high, 256.0 * s, low, s, o, dst=target, dtype=cv2.CV_32F)
    return out


# -------------------------------------------------------------------- whole numbers and others

_DEPTHS: Mapping[str, int] = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U}


def _rounded(image: Image, scale: Numbers, offset: Numbers, dtype: np.dtype[Any]) -> Image:
    """Scale to another dtype; whole numbers are rounded to the nearest and saturate."""
    if dtype.kind == "u" and image.dtype.kind != "f":
        raise DataError(
            f"FromFloat needs a float32 picture with values in [0, 1], not one of {image.dtype}"
        )
    source = flat(image)
    if dtype.name in _DEPTHS and len(set(scale)) == 1 and not any(offset):
        if dtype == np.uint8 and cv2.minMaxLoc(source)[0] >= 0:
            out = cv2.convertScaleAbs(source, alpha=scale[0])
        else:
            out = cv2.addWeighted(source, scale[0], source, 0, 0, dtype=_DEPTHS[dtype.name])
        return out.reshape(image.shape)
    values = image.astype(np.float64) * scale + offset
    if dtype.kind == "u":
        values = np.clip(np.rint(values), 0, np.iinfo(dtype).max)
    return values.astype(dtype)


# --------------------------------------------------------------------------------- tensors


def tensor_of(array: npt.NDArray[Any]) -> Any:
    """Make a torch tensor over an array that nobody else holds.

    Raises:
        BackendError: PyTorch is not installed.
    """
    try:
        torch = import_module("torch")  # only here: the core never loads it
    except ModuleNotFoundError as error:
        raise BackendError("tensors need PyTorch: pip install anamorph[torch]") from error
    return torch.from_numpy(array)


def cast(op: Cast, image: Image) -> Any:
    """Convert a picture; a tensor never shares memory with what was given."""
    array = cast_into(op, image)
    if not op.tensor:
        return array
    if np.may_share_memory(array, image) or not array.flags.c_contiguous:
        array = array.copy()
    return tensor_of(array)


def cast_to(op: Cast, image: Image, out: Image) -> Image:
    """Convert a picture to given memory of the result's shape; floats may be shorter there."""
    dtype = np.dtype(op.dtype or image.dtype)
    if out.dtype == dtype:
        return cast_into(op, image, out)
    _shorten(cast_into(op, image, lent("shortened", out.shape, dtype)), out)
    return out


_TO_HALVES = int(cv2.__version__.split(".")[0]) >= 5
"""Whether OpenCV writes float16, in a tenth of the time that NumPy takes."""


def _shorten(values: Floats, out: Image) -> None:
    if _TO_HALVES and out.dtype == np.float16:
        source = flat(values)
        cv2.addWeighted(source, 1.0, source, 0.0, 0.0, dst=flat(out), dtype=cv2.CV_16F)
    else:
        np.copyto(out, values, casting="same_kind")


def mask_cast(op: Cast, mask: Image) -> Any:
    """Hand a mask out as a tensor of its own: (H, W), (H, W, C), or (C, H, W) if asked."""
    if not op.tensor:
        return mask
    if mask.shape[2] == 1:
        return tensor_of(mask[:, :, 0].copy())
    laid = mask.transpose(2, 0, 1) if op.transpose_mask else mask
    return tensor_of(laid.copy(order="C"))


# ---------------------------------------------------------- normalisation by own statistics

_EPS = 1e-4
_STEEP = 1000.0
_FARTHEST = 20.0


def normalize_stats(op: Effect, image: Image) -> Floats:
    """Normalise a picture by what it holds: by mean and deviation, or by minimum and maximum.

    params: one of "image", "image_per_channel", "min_max", "min_max_per_channel".
    """
    kind: str = op.params[0]
    image = image if image.flags.c_contiguous else np.ascontiguousarray(image)
    parts = planes(image) if kind.endswith("per_channel") else [flat(image)]
    moments = [_center_and_spread(part, kind) for part in parts]
    count = image.shape[2] // len(moments)
    center = tuple(c for c, _ in moments for _ in range(count))
    scale = tuple(1.0 / (s + _EPS) for _, s in moments for _ in range(count))
    out = np.empty(image.shape, np.float32)
    offset = tuple(-c * s for c, s in zip(center, scale, strict=True))
    if max(map(abs, offset)) < _STEEP:
        _affine(image, scale, offset, out)
    else:  # almost constant: the difference first, or its digits would drown in the offset
        np.subtract(image, np.array(center, np.float32), out=out, dtype=np.float32)
        out *= np.array(scale, np.float32)
    if "image" in kind and _may_leave(image, scale, offset):
        np.clip(out, -_FARTHEST, _FARTHEST, out=out)
    return out


def _center_and_spread(part: Image, kind: str) -> tuple[float, float]:
    if "image" in kind:
        mean, deviation = cv2.meanStdDev(part)
        return float(mean[0, 0]), float(deviation[0, 0])
    low, high, _, _ = cv2.minMaxLoc(part)
    return low, high - low


def _may_leave(image: Image, scale: Numbers, offset: Numbers) -> bool:
    if image.dtype.kind == "f":
        return True
    white = float(np.iinfo(image.dtype).max)
    ends = [abs(end) for s, o in zip(scale, offset, strict=True) for end in (o, white * s + o)]
    return max(ends) > _FARTHEST


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Cast, IMAGE): cast,
    (Cast, MASK): mask_cast,
}
INTO: Mapping[tuple[type[Op], Target], Kernel] = {(Cast, IMAGE): cast_to}
EFFECTS: Mapping[str, Kernel] = {"normalize_stats": normalize_stats}
