"""Pictures and masks to files: same bytes for the same pixels, and never half a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.atomic import PART, write_atomically
from anamorph.core.errors import DataError, UnknownNameError, nearest

__all__ = [
    "PART",
    "encode_mask",
    "encode_picture",
    "known_suffix",
    "mask_suffix",
    "write_atomically",
    "write_mask",
    "write_picture",
]

_QUALITY = 95
"""JPEG and WebP quality. High enough that a second encoding is not seen."""

_DEPTHS: Mapping[str, tuple[str, ...]] = {
    ".jpg": ("uint8",),
    ".jpeg": ("uint8",),
    ".jpe": ("uint8",),
    ".webp": ("uint8",),
    ".bmp": ("uint8",),
    ".png": ("uint8", "uint16"),
    ".tif": ("uint8", "uint16", "float32", "int16", "int32"),
    ".tiff": ("uint8", "uint16", "float32", "int16", "int32"),
}
"""What each file format can hold; also the list of formats that are written."""

_OPAQUE = (".jpg", ".jpeg", ".jpe", ".bmp")


def write_picture(
    path: str | os.PathLike[str], picture: NDArray[Any], quality: int = _QUALITY
) -> None:
    """Write a picture (RGB order) in the format that the name's ending asks for, atomically."""
    write_atomically(path, encode_picture(picture, Path(path).suffix, quality, path))


def write_mask(path: str | os.PathLike[str], mask: NDArray[Any]) -> None:
    """Write a mask without loss (PNG or TIFF), atomically."""
    write_atomically(path, encode_mask(mask, Path(path).suffix, path))


def encode_picture(
    picture: NDArray[Any],
    suffix: str,
    quality: int = _QUALITY,
    path: str | os.PathLike[str] = "the picture",
) -> bytes:
    """Encode a picture; equal pixels give equal bytes.

    Raises:
        DataError: when the format cannot hold the picture's type or number of channels.
    """
    ending = known_suffix(suffix)
    if picture.dtype.name not in _DEPTHS[ending]:
        raise DataError(
            f"{os.fspath(path)} would hold {picture.dtype.name} pixels: {ending} holds "
            f"{' or '.join(_DEPTHS[ending])}"
        )
    opaque = _drop_alpha(_channels(picture, path), ending)
    params = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(".jpg" if ending in (".jpeg", ".jpe") else ending, [])
    return _encode(ending, opaque, params, path)


def encode_mask(
    mask: NDArray[Any], suffix: str = ".png", path: str | os.PathLike[str] = "the mask"
) -> bytes:
    """Encode a mask without loss; bool becomes 0 and 255, wide integers shrink if they fit."""
    ending = known_suffix(suffix)
    if ending not in (".png", ".tif", ".tiff"):
        raise DataError(f"{os.fspath(path)} would lose values: a mask is written as .png or .tiff")
    fitted = _fitted(np.asarray(mask), ending, path)
    return _encode(ending, _channels(fitted, path), [], path)


def mask_suffix(mask: NDArray[Any]) -> str:
    """The lossless format for a mask: PNG, or TIFF for what PNG cannot hold."""
    if mask.dtype.kind in "bui" and (mask.size == 0 or (mask.min() >= 0 and mask.max() < 65536)):
        return ".png"
    return ".tiff"


def known_suffix(suffix: str) -> str:
    """The ending in small letters, if pictures can be written with it."""
    ending = suffix.lower()
    if ending not in _DEPTHS:
        raise UnknownNameError(
            f"pictures are not written as {suffix!r}: use one of {', '.join(_DEPTHS)}"
            f"{nearest(ending, _DEPTHS)}"
        )
    return ending


def _channels(picture: NDArray[Any], path: str | os.PathLike[str]) -> NDArray[Any]:
    """The picture as HxW, HxWx3 or HxWx4, in OpenCV's order of colors."""
    shape = picture.shape
    if 0 in shape or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise DataError(
            f"{os.fspath(path)} would have shape {shape}: HxW, HxWx1, HxWx3 or HxWx4 is wanted"
        )
    if len(shape) == 2 or shape[2] == 1:
        return np.ascontiguousarray(picture.reshape(shape[:2]))
    return np.ascontiguousarray(picture[..., [2, 1, 0, 3][: shape[2]]])


def _drop_alpha(pixels: NDArray[Any], ending: str) -> NDArray[Any]:
    if ending in _OPAQUE and pixels.ndim == 3 and pixels.shape[2] == 4:
        return np.ascontiguousarray(pixels[..., :3])
    return pixels


def _fitted(mask: NDArray[Any], ending: str, path: str | os.PathLike[str]) -> NDArray[Any]:
    """The mask in a type that the format holds, with the same values."""
    if mask.dtype == np.bool_:
        return mask.astype(np.uint8) * np.uint8(255)
    if mask.dtype.name in _DEPTHS[ending]:
        return mask
    for name in _DEPTHS[ending]:
        shrunk = mask.astype(name)
        if np.array_equal(shrunk, mask):
            return shrunk
    raise DataError(
        f"{os.fspath(path)} would hold {mask.dtype.name} values from {mask.min()} to {mask.max()}: "
        f"{ending} holds {' or '.join(_DEPTHS[ending])}"
    )


def _encode(
    ending: str, pixels: NDArray[Any], params: list[int], path: str | os.PathLike[str]
) -> bytes:
    try:
        done, data = cv2.imencode(ending, pixels, params)
    except cv2.error as error:
        raise DataError(f"{os.fspath(path)} cannot be encoded: {error.err}") from error
    if not done:
        raise DataError(f"{os.fspath(path)} cannot be encoded as {ending}")
    return data.tobytes()
