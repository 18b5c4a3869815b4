"""TIFF files of many bands or pages.

OpenCV reads gray, and RGB whose bands lie together. Of others it silently returns the first band,
bands in disorder, or color multiplied by alpha; these are read through tifffile, or refused.
"""

from __future__ import annotations

import importlib
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, sides
from anamorph.data.reading import read_bytes
from anamorph.sources.directory import ORIENTATION, Directory, read_directory
from anamorph.sources.view import BrokenHeaderError, Memory

_PHOTOMETRIC, _SAMPLES, _PLANES, _EXTRA = 262, 277, 284, 338
_BLOCKS = ((273, 279), (324, 325))
"""Tags of where strips and tiles begin, and of their lengths."""

_COLORS = (2, 6)  # RGB, and YCbCr as JPEG within TIFF has it
_UNASSOCIATED = 2
_DTYPES = ("uint8", "uint16", "float32", "int16", "int32")


@final
@dataclass(frozen=True, slots=True)
class _Form:
    """How the pixels of a page lie in the file; ``plain`` if OpenCV returns them as stored."""

    samples: int
    plain: bool
    turned: bool

    @classmethod
    def of(cls, page: Directory) -> _Form:
        samples = page.first(_SAMPLES, 1)
        colors = samples in (3, 4) and page.first(_PHOTOMETRIC, 1) in _COLORS
        together = page.first(_PLANES, 1) == 1
        opaque = _UNASSOCIATED not in page.values(_EXTRA).tolist()
        plain = samples == 1 or (colors and together and opaque)
        return cls(samples, plain, page.first(ORIENTATION, 1) != 1)


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
    forms = _forms(data, path)
    if all(form.plain for form in forms):
        pages = _by_opencv(data, path)
    else:
        pages = _by_tifffile(data, path, max(form.samples for form in forms))
    if len(pages) != len(forms):
        raise DataError(f"{path} is corrupt: {len(pages)} of {len(forms)} pages decode")
    shapes = {page.shape for page in pages}
    if len(shapes) != 1:
        raise DataError(f"{path} has pages of {' and '.join(map(sides, sorted(shapes)))}")
    if pages[0].dtype.name not in _DTYPES:
        raise DataError(f"{path} holds {pages[0].dtype.name} pixels: {', '.join(_DTYPES)} are read")
    return pages


def _forms(data: bytes, path: str) -> list[_Form]:
    if data[:2] not in (b"II", b"MM"):
        raise DataError(f"{path} is no TIFF")
    try:
        forms = [_Form.of(page) for page in _directories(data)]
    except BrokenHeaderError as error:
        raise DataError(f"{path} {error}") from error
    if not forms:
        raise DataError(f"{path} is a TIFF without a picture")
    if any(form.turned for form in forms):
        raise DataError(f"{path} is stored turned: read_picture reads such a TIFF, of one page")
    return forms


def _directories(data: bytes) -> Iterator[Directory]:
    """The directory of each page, its pixels within the file.

    Raises:
        BrokenHeaderError: one is not within the file, or leads back to an earlier one.
    """
    seen: set[int] = set()
    form = ("<" if data[:1] == b"I" else ">") + (
        "Q" if data[2:3] == b"+" or data[3:4] == b"+" else "I"
    )
    link = 8 if form[1] == "Q" else 4
    (at,) = struct.unpack(form, Memory(data).take(link, struct.calcsize(form)))
    while at:
        if at in seen:
            raise BrokenHeaderError("is a corrupt TIFF, of pages in circles")
        seen.add(at)
        page = read_directory(_Page(data, link, struct.pack(form, at)))
        _check_pixels(page, len(data))
        yield page
        at = _next(data, at, form)


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


def _by_tifffile(data: bytes, path: str, samples: int) -> list[NDArray[Any]]:
    try:
        tifffile = importlib.import_module("tifffile")
    except ImportError as error:
        raise DataError(
            f"{path} has {samples} bands a pixel in a form that OpenCV does not "
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
