"""Curves: byte tables for 8 bits, word tables for 16, evaluation for floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import cv2
import numpy as np
import stringzilla as sz

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import by_rows
from anamorph.backends.opencv.planes import Floats, Image, Words, cut_off, flat, join, planes
from anamorph.backends.opencv.tables import look_up, look_up_words
from anamorph.core.constants import GRAY_WEIGHTS, WHITE
from anamorph.core.errors import DataError
from anamorph.ir import tone
from anamorph.ir.ops import IMAGE, Curve, Op, Target
from anamorph.ir.tone import Step

Steps = tuple[Step, ...]


_INVERT: Steps = (("invert",),)


def curve(op: Curve, image: Image) -> Image:
    """Apply tone steps."""
    return apply_steps(settled(op.steps, image), image)


def settled(steps: Steps, image: Image) -> Steps:
    """Put the picture's means into the steps, and check that their channels are the picture's.

    Raises:
        DataError: the steps hold numbers for another number of channels.
    """
    if tone.needs_mean(steps):
        steps = tone.resolve(steps, partial(_mean, image))
    width = tone.channels_of(steps)
    if width not in (1, image.shape[2]):
        raise DataError(
            f"a tone curve holds numbers for {width} channels and the picture has {image.shape[2]}"
        )
    return steps


def _mean(image: Image, steps: Steps, of: str) -> float:
    """Mean in [0, 1] of the picture after some steps."""
    if steps:
        image = apply_steps(steps, image)
    white = WHITE[image.dtype.name]
    if of == "gray" and image.shape[2] == 3:
        means = cv2.mean(image)
        return sum(w * m for w, m in zip(GRAY_WEIGHTS, means, strict=False)) / white
    plane = flat(image)
    if image.dtype == np.uint8:
        return sz.bytesum(plane.data) / (255.0 * plane.size)  # type: ignore[no-any-return]
    return float(cv2.mean(plane)[0]) / white


def apply_steps(steps: Steps, image: Image) -> Image:
    """Apply steps that hold no means."""
    return _BY_DTYPE[image.dtype](steps, image)


# -------------------------------------------------------------------------------- 8 bits


_RAMP = np.arange(256, dtype=np.uint8)[None]


def _line_of(steps: Steps) -> tuple[float, float] | None:
    """Scale and offset if the steps are one line for all channels."""
    if len(steps) != 1 or steps[0][0] != "linear":
        return None
    _, scale, offset = steps[0]
    return None if isinstance(scale, tuple) or isinstance(offset, tuple) else (scale, offset)


@lru_cache(maxsize=64)
def byte_tables(steps: Steps) -> tuple[bytes, ...]:
    """Make the table of 256 bytes, or one a channel. Fixed curves are found in the cache."""
    line = _line_of(steps)
    if line is not None:
        scale, offset = line
        return (cv2.addWeighted(_RAMP, scale, _RAMP, 0.0, 255.0 * offset).tobytes(),)
    table = np.rint(tone.tabulate(steps, 255) * 255.0).astype(np.uint8)
    if table.shape[1] == 1:
        return (table.tobytes(),)
    return tuple(column.tobytes() for column in np.ascontiguousarray(table.T))


def _bytes(steps: Steps, image: Image) -> Image:
    if steps == _INVERT:
        return np.bitwise_not(image)
    if _is_lines(steps):
        return _lines(steps[0], image)
    return look_up(image, byte_tables(steps))


def _is_lines(steps: Steps) -> bool:
    """Whether the steps are one line a channel, and few enough for a matrix."""
    return len(steps) == 1 and steps[0][0] == "linear" and 1 < tone.channels_of(steps) <= 4


def _lines(step: Step, image: Image) -> Image:
    """Scale and shift each channel of whole numbers."""
    channels, white = image.shape[2], WHITE[image.dtype.name]
    scale, offset = (np.broadcast_to(np.asarray(n, np.float32), channels) for n in step[1:])
    return cv2.transform(image, np.column_stack([np.diag(scale), offset * np.float32(white)]))


# ------------------------------------------------------------------------------- 16 bits


@lru_cache(maxsize=2)
def word_tables(steps: Steps) -> tuple[Words, ...]:
    """Make the table of 65536 words, or one a channel."""
    table = np.rint(tone.tabulate(steps, 65535) * 65535.0).astype(np.uint16)
    return tuple(np.ascontiguousarray(table.T))


def _words(steps: Steps, image: Image) -> Image:
    if steps == _INVERT:
        return np.bitwise_not(image)
    line = _line_of(steps)
    if line is not None:
        plane = flat(image)
        out = cv2.addWeighted(plane, line[0], plane, 0.0, 65535.0 * line[1])
        return out.reshape(image.shape)
    return _lines(steps[0], image) if _is_lines(steps) else _bent_words(steps, image)


def _bent_words(steps: Steps, image: Image) -> Image:
    if image.size < 65536:  # the table would cost more than the picture
        return np.rint(tone.evaluate(steps, image / 65535.0, 65535) * 65535.0).astype(np.uint16)
    tables = word_tables(steps)
    if len(tables) == 1:
        return look_up_words(flat(image), tables[0]).reshape(image.shape)
    parts = zip(planes(image), tables, strict=True)
    return join([look_up_words(plane, table) for plane, table in parts])


# -------------------------------------------------------------------------------- floats


def _floats(steps: Steps, image: Image) -> Image:
    """Evaluate block by block, all steps on a block while it is in the cache.

    Numbers a channel are laid along the rows, so that loops are long.
    """
    if steps == _INVERT:
        return np.subtract(np.float32(1), image)
    width = image.shape[1]
    calls = [
        (FLOAT_TONES[name], numbers if name == "points" else [_along(n, width) for n in numbers])
        for name, *numbers in steps
    ]

    def work(block: Image, target: Image, _: int, __: int) -> None:
        for function, numbers in calls:
            function(block, target, *numbers)
            block = target

    return by_rows(image, work)


def _along(number: Any, width: int) -> Any:
    if isinstance(number, tuple):
        return np.tile(np.asarray(number, np.float32), width)
    return np.float32(number)


def _linear(x: Floats, out: Floats, scale: Any, offset: Any) -> None:
    np.multiply(x, scale, out=out)
    np.add(out, offset, out=out)
    cut_off(out)  # the other tones keep [0, 1] by themselves


_TINY = 1e-37
"""Stands for black, which has no logarithm: the least that it may become."""
_ROOT = 0.5
_BRIGHTEST = np.finfo(np.float32).max
"""NumPy clips at both ends in a third of the time that a maximum takes it."""


def _gamma(x: Floats, out: Floats, exponent: Any) -> None:
    if np.min(exponent) < _ROOT:
        np.clip(x, np.float32(0), _BRIGHTEST, out=out)
        np.power(out, exponent, out=out)
        return
    # a third of the time of cv2.pow, where nothing becomes too small to be handled at full speed
    black = np.float32(_TINY ** (1.0 / max(1.0, float(np.max(exponent)))))
    np.clip(x, black, _BRIGHTEST, out=out)
    cv2.log(out, dst=out)
    np.multiply(out, exponent, out=out)
    cv2.exp(out, dst=out)


def _invert(x: Floats, out: Floats) -> None:
    np.subtract(np.float32(1), x, out=out)


def _solarize(x: Floats, out: Floats, threshold: Any) -> None:
    turn = np.float32(1) - x
    turn -= x
    turn *= x >= threshold  # a masked subtraction takes five times as long
    np.add(x, turn, out=out)


def _posterize(x: Floats, out: Floats, bits: Any) -> None:
    drop = np.exp2(np.float32(8) - bits)
    np.multiply(x, np.float32(255), out=out)
    np.rint(out, out=out)
    np.divide(out, drop, out=out)
    np.floor(out, out=out)
    np.multiply(out, drop / np.float32(255), out=out)


def _bezier(x: Floats, out: Floats, low: Any, high: Any) -> None:
    a, b, c = (w.astype(np.float32) for w in tone.bezier_weights(low, high))
    kept = x.copy() if x is out else x
    np.multiply(kept, c, out=out)
    np.add(out, b, out=out)
    np.multiply(out, kept, out=out)
    np.add(out, a, out=out)
    np.multiply(out, kept, out=out)


def _points(x: Floats, out: Floats, *tables: tuple[float, ...]) -> None:
    count = len(tables)
    for channel, values in enumerate(tables):
        dense = _dense(values)
        place = x[:, channel::count] * np.float32(len(dense) - 1)
        place += np.float32(0.5)
        out[:, channel::count] = np.take(dense, place.astype(np.intp), mode="clip")


@lru_cache(maxsize=16)
def _dense(values: tuple[float, ...]) -> Floats:
    """Lay out a table so finely that its nearest entry will do: a 65,000th of the range apart."""
    between = max(1, 65280 // (len(values) - 1))
    places = np.arange(between * (len(values) - 1) + 1) / between
    return np.interp(places, np.arange(len(values)), values).astype(np.float32)


FLOAT_TONES: Mapping[str, Callable[..., None]] = {
    "linear": _linear,
    "gamma": _gamma,
    "invert": _invert,
    "solarize": _solarize,
    "posterize": _posterize,
    "bezier": _bezier,
    "points": _points,
}
"""Name of a tone → function(source, target, *numbers); the two may be one array."""

_BY_DTYPE: Mapping[np.dtype[Any], Callable[[Steps, Image], Image]] = {
    np.dtype(np.uint8): _bytes,
    np.dtype(np.uint16): _words,
    np.dtype(np.float32): _floats,
}
"""dtype → what applies steps to it (NumPy takes a microsecond to find the name of a dtype)."""

KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Curve, IMAGE): curve}
