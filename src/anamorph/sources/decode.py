"""From bytes to stored pixels: not turned, red first."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.sources import bands, strips, tiff, turbo
from anamorph.sources.directory import read_directory
from anamorph.sources.form import Header, Part
from anamorph.sources.view import Memory

_SWAPS = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_SWAPPED = ("uint8", "uint16", "float32")
_COLOR = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_GRAY = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def decode(data: bytes, found: Header, name: str) -> npt.NDArray[Any]:
    """Decode all pixels.

    Raises:
        DataError: the file is corrupt, or of a form that no decoder here knows.
    """
    if found.kind == "jpeg":
        return decode_jpeg(data, found, name, Part(found.height))
    if found.kind == "tiff":
        return _tiff(data, found, name)
    # left to itself OpenCV takes a BMP of old without a palette for gray
    plain = found.kind == "bmp" and found.channels == 3
    return _by_opencv(data, name, cv2.IMREAD_COLOR if plain else cv2.IMREAD_UNCHANGED)


def decode_jpeg(data: bytes, found: Header, name: str, part: Part) -> npt.NDArray[Any]:
    """Decode at least the rows of a JPEG that are needed.

    Raises:
        DataError: the file is corrupt.
    """
    if turbo.is_fit(found):
        return turbo.decode(data, found, name, part)
    if part.denominator == 1:
        return _by_opencv(data, name, cv2.IMREAD_UNCHANGED)
    flags = (_GRAY if found.channels == 1 else _COLOR)[part.denominator]
    return _by_opencv(data, name, flags | cv2.IMREAD_IGNORE_ORIENTATION)


def _tiff(data: bytes, found: Header, name: str) -> npt.NDArray[Any]:
    page = read_directory(Memory(data))
    layout, upside_down = strips.layout_of(page), tiff.is_white_zero(page)
    if layout is not None:
        pixels = strips.decode(data, page, layout)
    elif tiff.is_for_opencv(page):
        pixels = _by_opencv(tiff.as_stored(data), name, cv2.IMREAD_UNCHANGED)
        upside_down = upside_down and pixels.dtype != np.uint8  # those it has turned round
    else:
        pixels = bands.decode(data, found, name)
    if found.channels == 1 and pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    return ~pixels if upside_down and pixels.dtype.kind == "u" else pixels


def _by_opencv(data: bytes, name: str, flags: int) -> npt.NDArray[Any]:
    """Decode by OpenCV, then put red first.

    Raises:
        DataError: it does not decode.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        reason = " ".join((error.err or str(error)).split())
        raise DataError(f"{name} cannot be decoded: {reason}") from error
    if pixels is None:
        raise DataError(f"{name} is corrupt: it cannot be decoded")
    if pixels.ndim == 2:
        return pixels
    if pixels.dtype.name in _SWAPPED:
        return cv2.cvtColor(pixels, _SWAPS[pixels.shape[2]])
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
