"""JPEG through simplejpeg where that is installed: silent, in given memory, fewer rows."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, sides
from anamorph.sources.form import Header, Part
from anamorph.sources.scratch import lent

_SAMPLINGS = {(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4)}
"""Of the first of three components, the others being 1×1: what TurboJPEG has names for."""
_LEAST = 8
"""Pixels from which on the sizes at all scales differ: it is told a size, not a scale."""


@cache
def is_installed() -> bool:
    """Whether the package is there."""
    return find_spec("simplejpeg") is not None


@cache
def _package() -> ModuleType:
    return import_module("simplejpeg")


def is_fit(found: Header) -> bool:
    """Whether simplejpeg is there and can decode such a file as OpenCV does."""
    frame = found.frame
    if frame is None or frame.process > 2 or max(found.stored) < _LEAST:
        return False
    first, *others = frame.samplings
    usual = not others or (len(others) == 2 and first in _SAMPLINGS and set(others) == {(1, 1)})
    return usual and is_installed()


def decode(data: bytes, found: Header, name: str, part: Part) -> npt.NDArray[np.uint8]:
    """Decode the rows that are needed, or more, of a file that is fit.

    Raises:
        DataError: the file is corrupt.
    """
    height = _stop(found, part)
    shape = (-(-height // part.denominator), -(-found.width // part.denominator), found.channels)
    count = shape[0] * shape[1] * shape[2]
    room = lent("pixels", count) if part.lent else np.empty(count, np.uint8)
    try:
        pixels = _package().decode_jpeg(
            _ending_at(data, found, height),
            "GRAY" if found.channels == 1 else "RGB",
            min_height=shape[0],
            min_width=shape[1],
            min_factor=1,
            buffer=room,
            strict=False,
        )
    except ValueError as error:
        raise DataError(f"{name} is corrupt: {' '.join(str(error).split())}") from error
    if pixels.shape != shape:
        raise DataError(f"{name} is corrupt: it decodes to {sides(pixels.shape)} values")
    return room.reshape(shape if found.channels > 1 else shape[:2])


def _stop(found: Header, part: Part) -> int:
    """The height to claim: the row above the last is not touched by where a picture ends."""
    if found.frame is None or not found.frame.sequential:
        return found.height
    return min(max(part.rows + part.denominator, _LEAST), found.height)


def _ending_at(data: bytes, found: Header, height: int) -> bytes | npt.NDArray[np.uint8]:
    """The file with a frame of that height, so that the decoder stops there."""
    if found.frame is None or height == found.height:
        return data
    copy = lent("file", len(data))
    copy[:] = np.frombuffer(data, np.uint8)
    at = found.frame.at
    copy[at : at + 2] = height >> 8, height & 255
    return copy
