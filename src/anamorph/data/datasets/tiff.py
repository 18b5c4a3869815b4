"""TIFF files of many bands or pages, with their stored values."""

from __future__ import annotations

import importlib
import io
import os
import struct
from collections.abc import Iterator
from typing import Any, final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, sides
from anamorph.data.reading import read_bytes
from anamorph.sources import Limit, open_source, strips, tiff
from anamorph.sources import directory as tags
from anamorph.sources.directory import Directory, read_directory
from anamorph.sources.turn import upright
from anamorph.sources.view import BrokenHeaderError, Memory

_UNASSOCIATED = 2
_WITH_ALPHA = 2
"""Bands of a gray picture with alpha, which is left out where a picture is asked for."""

_BLOCKS = ((tags.OFFSETS, tags.LENGTHS), (tags.TILE_OFFSETS, tags.TILE_LENGTHS))
_DTYPES = ("uint8", "uint16", "float32", "int16", "int32")
_LIMIT = Limit()


def read_bands(path: str | os.PathLike[str], limit: Limit = _LIMIT) -> NDArray[Any]:
    """Read a TIFF as one picture: all bands of its only page, or each page as a band.

    Returns:
        H×W×C, or H×W where there is one band, of the dtype in the file; RGB in that order.

    Raises:
        DataError: it is no TIFF, is broken, asks for more than the limit, its pages differ in size,
            or it is packed in a way that needs tifffile.
    """
    pages = _pages(os.fspath(path), limit)
    if len(pages) == 1:
        return pages[0]
    return np.concatenate([np.atleast_3d(page) for page in pages], axis=-1)


def read_pages(path: str | os.PathLike[str], limit: Limit = _LIMIT) -> NDArray[Any]:
    """Read the pages of a TIFF as a stack: a volume, or the frames of a clip.

    Returns:
        N×H×W or N×H×W×C, of the dtype in the file; RGB in that order.

    Raises:
        DataError: as :func:`read_bands`.
    """
    return np.stack(_pages(os.fspath(path), limit))


def _pages(path: str, limit: Limit) -> list[NDArray[Any]]:
    data = read_bytes(path)
    if data[:2] not in (b"II", b"MM"):
        raise DataError(f"{path} is no TIFF")
    try:
        directories = list(_directories(data))
        _admit(directories, path, limit)
        pages = _decoded(data, directories, path)
    except BrokenHeaderError as error:
        raise DataError(f"{path} {error}") from error
    if len(pages) != len(directories):
        raise DataError(f"{path} is corrupt: {len(pages)} of {len(directories)} pages decode")
    kinds = {(page.shape, page.dtype.name) for page in pages}
    if len(kinds) != 1:
        told = " and ".join(f"{sides(shape)} {dtype}" for shape, dtype in sorted(kinds))
        raise DataError(f"{path} has pages of {told}")
    if pages[0].dtype.name not in _DTYPES:
        raise DataError(f"{path} holds {pages[0].dtype} pixels: {', '.join(_DTYPES)} are read")
    return pages


def _decoded(data: bytes, pages: list[Directory], path: str) -> list[NDArray[Any]]:
    """The pages by the first decoder that knows all of them."""
    layouts = [strips.layout_of(page) for page in pages]
    plain = [(page, lay) for page, lay in zip(pages, layouts, strict=True) if lay is not None]
    if len(plain) == len(pages):
        return [_plain(data, page, layout) for page, layout in plain]
    if len(pages) == 1 and pages[0].first(tags.SAMPLES, 1) != _WITH_ALPHA:
        return [open_source(data, path).read_mask()]
    if any(page.first(tags.ORIENTATION, 1) != 1 for page in pages):
        raise DataError(f"{path} has packed pages that are stored turned, which are not read")
    if all(map(_is_for_opencv, pages)):
        return _by_opencv(data, pages, path)
    return _by_tifffile(data, path)


def _plain(data: bytes, page: Directory, layout: strips.Layout) -> NDArray[Any]:
    pixels = strips.decode(data, page, layout)
    turned = page.first(tags.ORIENTATION, 1)
    pixels = upright(pixels, turned if 1 <= turned <= 8 else 1)
    pixels = pixels.reshape(pixels.shape[:2]) if layout.samples == 1 else pixels
    return ~pixels if tiff.is_white_zero(page) and pixels.dtype.kind == "u" else pixels


def _is_for_opencv(page: Directory) -> bool:
    """Whether OpenCV returns what is stored: not if an alpha is dropped, or colors multiplied by it."""
    if page.first(tags.SAMPLES, 1) == _WITH_ALPHA:
        return False
    return tiff.is_for_opencv(page) and _UNASSOCIATED not in page.values(tags.EXTRA).tolist()


def _by_opencv(data: bytes, directories: list[Directory], path: str) -> list[NDArray[Any]]:
    try:
        read, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error
    if not read or len(pages) != len(directories):
        raise DataError(f"{path} is corrupt: {len(pages)} of {len(directories)} pages decode")
    return [_as_meant(pixels, page) for pixels, page in zip(pages, directories, strict=True)]


def _as_meant(pixels: NDArray[Any], page: Directory) -> NDArray[Any]:
    """Red first; where zero is white, turned round, which OpenCV does for uint8 alone."""
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    return ~pixels if tiff.is_white_zero(page) and pixels.dtype == np.uint16 else pixels


def _by_tifffile(data: bytes, path: str) -> list[NDArray[Any]]:
    try:
        tifffile = importlib.import_module("tifffile")
    except ImportError as error:
        raise DataError(
            f"{path} has pages of bands that are packed in a rare way: install tifffile to read "
            'them (pip install "anamorph[tiff]")'
        ) from error
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return [_last(page.asarray(), page.axes) for page in file.pages]
    except Exception as error:  # what tifffile and its codecs raise is written down nowhere
        raise DataError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error


def _last(page: NDArray[Any], axes: str) -> NDArray[Any]:
    """Bands last; tifffile gives those of separate planes first."""
    return np.ascontiguousarray(np.moveaxis(page, 0, -1)) if axes == "SYX" else page


def _directories(data: bytes) -> Iterator[Directory]:
    """The directory of each page, its pixels within the file.

    Raises:
        BrokenHeaderError: one is not within the file, or leads back to an earlier one; or there
            is none.
    """
    seen: set[int] = set()
    big = b"+" in data[2:4]
    form = ("<" if data[:1] == b"I" else ">") + ("Q" if big else "I")
    link = 8 if big else 4
    (at,) = struct.unpack(form, Memory(data).take(link, struct.calcsize(form)))
    while at:
        if at in seen:
            raise BrokenHeaderError("is a corrupt TIFF, of pages in circles")
        seen.add(at)
        page = read_directory(_Page(data, link, struct.pack(form, at)))
        _check_pixels(page, len(data))
        yield page
        at = _next(data, at, form)
    if not seen:
        raise BrokenHeaderError("is a TIFF without a picture")


def _next(data: bytes, at: int, form: str) -> int:
    """Where the directory after the one at a place begins; 0 if there is none."""
    counted, entry = ("Q", 20) if form[1] == "Q" else ("H", 12)
    wide = struct.calcsize(form[0] + counted)
    (count,) = struct.unpack(form[0] + counted, Memory(data).take(at, wide))
    link = Memory(data).take(at + wide + count * entry, struct.calcsize(form))
    return int(struct.unpack(form, link)[0])


def _check_pixels(page: Directory, length: int) -> None:
    for where, lengths in _BLOCKS:
        begins, counts = page.values(where), page.values(lengths)
        if begins.size != counts.size:
            raise BrokenHeaderError("is a corrupt TIFF")
        if begins.size and (begins.min() < 0 or int((begins + counts).max()) > length):
            raise BrokenHeaderError("is truncated")


def _admit(pages: list[Directory], path: str, limit: Limit) -> None:
    """Refuse before memory is asked for: what counts is the whole stack."""
    rows = sum(page.first(tags.HEIGHT, 0) for page in pages)
    width = max(page.first(tags.WIDTH, 0) for page in pages)
    values = max(page.first(tags.SAMPLES, 1) * page.first(tags.BITS, 1) for page in pages)
    limit.check_size(path, (rows, width), -(-values // 8))


@final
class _Page(Memory):
    """A file as it would be if another page were its first."""

    __slots__ = ("_head",)

    def __init__(self, data: bytes, link: int, place: bytes) -> None:
        super().__init__(data)
        self._head = data[:link] + place + data[link + len(place) : 16]

    def take(self, at: int, count: int) -> bytes:
        if at + count <= len(self._head):
            return self._head[at : at + count]
        return super().take(at, count)
