"""A picture file: what its header says at once, its pixels when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, ParameterError, sides
from anamorph.sources import decode as decoders
from anamorph.sources import header, jpeg, png, turbo
from anamorph.sources.feed import Feed, check_source
from anamorph.sources.form import Frame, Header, Part
from anamorph.sources.limit import Limit
from anamorph.sources.turn import upright
from anamorph.sources.view import BrokenHeaderError

_PICTURES = ("uint8", "uint16", "float32")
_MASKS = (*_PICTURES, "int16", "int32")
_SCALES = (1, 2, 4, 8)
_LIMIT = Limit()


def open_source(given: object, name: str = "image", limit: Limit = _LIMIT) -> Source:
    """Name a picture file; nothing of it is read before something is asked.

    Args:
        given: a path, an address that fsspec knows (``s3://…``), the bytes of a file, or a file
            opened in binary mode, which is read from where it stands to its end.
        name: what errors call it; a path is called by itself.
        limit: what it may ask for.

    Raises:
        DataTypeError: it is none of these.
    """
    check_source(given, name)
    if isinstance(given, str | os.PathLike):
        name = os.fsdecode(given)
    return Source(given, name, limit)


@final
class Source:
    """One picture file; made by :func:`open_source`.

    Whatever is asked of it raises a DataError when the file is absent, empty, truncated, corrupt
    or of another kind, or asks for more than the limit allows.
    """

    __slots__ = ("_feed", "_found", "_limit", "name")

    def __init__(self, given: object, name: str, limit: Limit) -> None:
        self.name: str = name
        self._feed = Feed(given, name, limit)
        self._limit = limit
        self._found: Header | None = None

    def __repr__(self) -> str:
        return f"<Source {self.name}>"

    @property
    def header(self) -> Header:
        """What the first bytes say."""
        if self._found is None:
            with self._telling(), self._feed.view() as view:
                self._found = header.parse(view)
        return self._found

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, upright."""
        return self.header.size

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width as they are in the file."""
        return self.header.stored

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""
        return self.header.orientation

    @property
    def channels(self) -> int:
        """1 (arrays of H×W), 3 (RGB), 4 (RGBA), or more in a TIFF of many bands."""
        return self.header.channels

    @property
    def dtype(self) -> str:
        """The type of the pixels."""
        return self.header.dtype

    @property
    def kind(self) -> str:
        """One of jpeg, png, webp, bmp, tiff."""
        return self.header.kind

    @property
    def scales(self) -> tuple[int, ...]:
        """The denominators that :meth:`decode` takes."""
        frame = self.header.frame
        return (1,) if frame is None or frame.process == 3 else _SCALES

    @property
    def skips_rows(self) -> bool:
        """Whether :meth:`decode` saves time by leaving out rows at the bottom."""
        frame = self.header.frame
        return frame is not None and frame.sequential and turbo.is_fit(self.header)

    def read(self) -> npt.NDArray[Any]:
        """Decode the whole picture, upright; the file was walked over to its end.

        Returns:
            H×W (gray), H×W×3 (RGB), H×W×4 (RGBA) or H×W×C of uint8, uint16 or float32.
        """
        found = self.header
        return upright(self._checked(self._whole(), found.stored), found.orientation)

    def read_mask(self) -> npt.NDArray[Any]:
        """Decode the whole file with its stored values; a palette PNG gives its indices."""
        found = self.header
        if found.palette:
            self._admit(found.stored)
            data = self._sound()
            gray = decoders.decode(png.without_palette(data), found, self.name)
            # A decoder stretches gray of few bits to 0..255; an index is the value before that.
            mask = gray // np.uint8(255 // (2**found.palette - 1))
        else:
            mask = self._whole()
        if mask.dtype.name not in _MASKS:
            raise DataError(
                f"{self.name} holds {mask.dtype.name} pixels: a mask is uint8, uint16, int16, "
                "int32 or float32"
            )
        return upright(mask, found.orientation)

    def decode(
        self, denominator: int = 1, bottom: int | None = None, *, lent: bool = False
    ) -> npt.NDArray[Any]:
        """Decode what is needed of the stored picture: not turned, red first.

        Args:
            denominator: one of `scales`; sides are divided by it and rounded up.
            bottom: the stored rows above this one are needed. The array may end below
                ``ceil(bottom / denominator)`` rows; those it has are as in the whole picture.
            lent: the array may be memory that the thread's next call with ``lent`` overwrites.
        """
        found = self.header
        if denominator not in self.scales:
            raise ParameterError(
                f"Source.decode.denominator = {denominator!r}: it must be one of "
                f"{', '.join(map(str, self.scales))}"
            )
        if found.frame is None:
            return self._checked(self._whole(), found.stored)
        size = -(-found.height // denominator), -(-found.width // denominator)
        rows = found.height if bottom is None else min(max(bottom, 1), found.height)
        self._admit(size)
        data = self._ended(found.frame)
        with self._telling():
            pixels = decoders.decode_jpeg(data, found, self.name, Part(rows, denominator, lent))
        return self._checked(pixels, (min(size[0], pixels.shape[0]), size[1]))

    def _whole(self) -> npt.NDArray[Any]:
        """All pixels as stored, of a file that was walked over to its end."""
        self._admit(self.header.stored)
        data = self._sound()
        with self._telling():
            return decoders.decode(data, self.header, self.name)

    def _admit(self, size: tuple[int, int]) -> None:
        """Refuse before memory is asked for."""
        found = self.header
        if found.refusal:
            raise DataError(f"{self.name} {found.refusal}")
        pixel = found.channels * np.dtype(found.dtype).itemsize
        if found.frame is not None and not found.frame.sequential:
            # the decoder keeps a coefficient of two bytes for each value of the whole picture
            size, pixel = found.stored, pixel * 3
        self._limit.check_size(self.name, size, pixel)

    def _sound(self) -> bytes:
        data = self._feed.whole()
        with self._telling():
            header.check_whole(data, self.header)
        return data

    def _ended(self, frame: Frame) -> bytes:
        """The bytes of a JPEG whose end is there; only one of several scans is walked over."""
        if not frame.sequential:
            return self._sound()
        data = self._feed.whole()
        with self._telling():
            jpeg.check_end(data, self.header, frame)
        return data

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Whose fault it is."""
        try:
            yield
        except BrokenHeaderError as error:
            raise DataError(f"{self.name} {error}") from error
        except MemoryError as error:
            raise DataError(f"{self.name} needs more memory than there is") from error

    def _checked(self, pixels: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
        """The pixels in the form that the header promised."""
        if pixels.dtype.name not in _PICTURES:
            raise DataError(
                f"{self.name} holds {pixels.dtype.name} pixels: "
                "a picture is uint8, uint16 or float32"
            )
        wide = (*size, self.channels) if self.channels > 1 else size
        if pixels.shape != wide or pixels.dtype.name != self.dtype:
            raise DataError(
                f"{self.name} is corrupt: it holds {sides(pixels.shape)} of {pixels.dtype.name} "
                f"where its header says {sides(wide)} of {self.dtype}"
            )
        return pixels
