"""TIFF files of many bands or pages.

OpenCV reads gray, and RGB whose bands lie together. Of others it silently returns the first band,
bands in disorder, or color multiplied by alpha; these are read through tifffile, or refused.
"""

from __future__ import annotations

import importlib
import io
import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, sides
from anamorph.data.read import read_bytes
from anamorph.sources import tiff
from anamorph.sources.directory import ORIENTATION, Directory, read_directory
from anamorph.sources.view import BrokenHeaderError, Memory

_PHOTOMETRIC, _SAMPLES, _PLANES, _EXTRA = 262, 277, 284, 338
_COLORS = (2, 6)  # RGB, and YCbCr as JPEG within TIFF has it
_UNASSOCIATED = 2
_DTYPES = ("uint8", "uint16", "float32", "int16", "int32")


def read_bands(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a TIFF as one picture: all bands of its only page, or each page as a band.

    Returns:
        H×W×C, or H×W where there is one band, of the dtype in the file; RGB in that order.

    Raises:
        DataError: it is no TIFF, is broken, its pages differ in size, or it needs tifffile.
    """
    pages = _pages(os.fspath(path))
    if len(pages) == 1:
        return pages[0]
    bands = [page if page.ndim == 3 else page[..., None] for page in pages]
    return np.concatenate(bands, axis=-1)


def read_pages(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the pages of a TIFF as a stack: a volume, or the frames of a clip.

    Returns:
        N×H×W or N×H×W×C, of the dtype in the file; RGB in that order.

    Raises:
        DataError: it is no TIFF, is broken, its pages differ in size, or it needs tifffile.
    """
    return np.stack(_pages(os.fspath(path)))


def _pages(path: str) -> list[NDArray[Any]]:
    data = read_bytes(path)
    if data[:2] not in (b"II", b"MM"):
        raise DataError(f"{path} is no TIFF")
    try:
        first = read_directory(Memory(data))
        tiff.check_whole(data, tiff.parse(Memory(data)))
    except BrokenHeaderError as error:
        raise DataError(f"{path} {error}") from error
    if first.first(ORIENTATION, 1) != 1:
        raise DataError(f"{path} is stored turned: read_picture reads such a TIFF, of one page")
    pages = _by_opencv(data, path) if _is_plain(first) else _by_tifffile(data, path, first)
    shapes = {page.shape for page in pages}
    if len(shapes) != 1:
        raise DataError(f"{path} has pages of {' and '.join(map(sides, sorted(shapes)))}")
    if pages[0].dtype.name not in _DTYPES:
        raise DataError(f"{path} holds {pages[0].dtype.name} pixels: {', '.join(_DTYPES)} are read")
    return pages


def _is_plain(page: Directory) -> bool:
    """Whether OpenCV returns what is stored."""
    samples = page.first(_SAMPLES, 1)
    if samples == 1:
        return True
    together = page.first(_PLANES, 1) == 1
    opaque = _UNASSOCIATED not in page.values(_EXTRA).tolist()
    return samples in (3, 4) and page.first(_PHOTOMETRIC, 1) in _COLORS and together and opaque


def _by_opencv(data: bytes, path: str) -> list[NDArray[Any]]:
    try:
        read, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error
    if not read or not pages:
        raise DataError(f"{path} is corrupt: it cannot be decoded")
    return [_red_first(page) for page in pages]


def _red_first(page: NDArray[Any]) -> NDArray[Any]:
    return (
        page if page.ndim == 2 else np.ascontiguousarray(page[..., [2, 1, 0, 3][: page.shape[2]]])
    )


def _by_tifffile(data: bytes, path: str, first: Directory) -> list[NDArray[Any]]:
    try:
        tifffile = importlib.import_module("tifffile")
    except ImportError as error:
        raise DataError(
            f"{path} has {first.first(_SAMPLES, 1)} bands a pixel in a form that OpenCV does not "
            'read: install tifffile (pip install "anamorph[tiff]")'
        ) from error
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return [_last(page.asarray(), page.axes) for page in file.pages]
    except Exception as error:  # what tifffile and its codecs raise is written down nowhere
        raise DataError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error


def _last(page: NDArray[Any], axes: str) -> NDArray[Any]:
    """Bands last; tifffile gives those of separate planes first."""
    return np.ascontiguousarray(np.moveaxis(page, 0, -1)) if axes == "SYX" else page
