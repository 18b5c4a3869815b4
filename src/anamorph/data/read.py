"""Pictures and masks from files: RGB order, upright, in their own bit depth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.sources import header

Picture: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

_DTYPES = ("uint8", "uint16", "float32")
_MASK_DTYPES = (*_DTYPES, "int16", "int32")

_UPRIGHT: dict[int, tuple[int, ...]] = {
    # EXIF orientation → the OpenCV calls that make it upright: flips -1, 0, 1; 2 transposes.
    1: (),
    2: (1,),
    3: (-1,),
    4: (0,),
    5: (2,),
    6: (2, 1),
    7: (2, -1),
    8: (2, 0),
}


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read a JPEG, PNG, WebP, BMP or TIFF picture, upright as its EXIF orientation says.

    Returns:
        HxW (gray), HxWx3 (RGB) or HxWx4 (RGBA) of uint8, uint16 or float32, as stored.

    Raises:
        DataError: when the file is absent, empty, truncated, corrupt or of another kind.
    """
    return decode_picture(read_bytes(path), path)


def read_mask(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a mask with its stored values; a palette PNG gives its indices, not its colors."""
    return decode_mask(read_bytes(path), path)


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width of a picture as :func:`read_picture` would return it, from its header."""
    return picture_size(read_bytes(path), path)


def picture_size(data: bytes, path: str | os.PathLike[str] = "the picture") -> tuple[int, int]:
    """Height and width of an encoded picture, upright; ``path`` names it in errors."""
    return _header(data, path).size


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file, or say in one sentence why not."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{os.fspath(path)} cannot be read: {reason}") from error


def decode_picture(data: bytes, path: str | os.PathLike[str] = "the picture") -> Picture:
    """Decode the bytes of a picture file; ``path`` names it in errors."""
    found = _header(data, path)
    picture = _upright(_decode(_plain(data, found), path), found.orientation)
    if picture.dtype.name not in _DTYPES:
        raise DataError(
            f"{os.fspath(path)} holds {picture.dtype.name} pixels: "
            f"a picture is uint8, uint16 or float32"
        )
    return picture


def decode_mask(data: bytes, path: str | os.PathLike[str] = "the mask") -> NDArray[Any]:
    """Decode the bytes of a mask file; ``path`` names it in errors."""
    found = _header(data, path)
    if found.palette:
        gray = _decode(header.without_palette(data), path)
        # A decoder stretches gray of few bits to 0..255; an index is the value before that.
        mask = gray // np.uint8(255 // (2**found.palette - 1))
    else:
        mask = _decode(_plain(data, found), path)
    if mask.dtype.name not in _MASK_DTYPES:
        raise DataError(
            f"{os.fspath(path)} holds {mask.dtype.name} pixels: a mask is uint8, uint16, "
            f"int16, int32 or float32"
        )
    return _upright(mask, found.orientation)


def _header(data: bytes, path: str | os.PathLike[str]) -> header.Header:
    try:
        return header.parse(data)
    except header.BrokenHeaderError as error:
        raise DataError(f"{os.fspath(path)} {error}") from error


def _plain(data: bytes, found: header.Header) -> bytes:
    """The bytes such that every OpenCV returns the pixels as stored, not turned."""
    return header.upright_tiff(data) if found.kind == "tiff" else data


def _decode(data: bytes, path: str | os.PathLike[str]) -> NDArray[Any]:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError(f"{os.fspath(path)} cannot be decoded: {error.err}") from error
    if pixels is None:
        raise DataError(f"{os.fspath(path)} is corrupt: it cannot be decoded")
    if pixels.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return _swap(pixels, order)
    return pixels


def _swap(pixels: NDArray[Any], order: int) -> NDArray[Any]:
    if pixels.dtype.name in _DTYPES:
        return cv2.cvtColor(pixels, order)
    channels = [2, 1, 0, 3][: pixels.shape[2]]
    return np.ascontiguousarray(pixels[..., channels])


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    for step in _UPRIGHT[orientation]:
        pixels = cv2.transpose(pixels) if step == 2 else cv2.flip(pixels, step)
    return pixels
