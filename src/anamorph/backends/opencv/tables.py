"""Looking up: bytes in tables of 256, words in tables of 65536."""

from __future__ import annotations

import cv2
import numpy as np
import stringzilla as sz

from anamorph.backends.opencv.planes import Bytes, Image, Words, join, lent_planes

_TO_TARGET = "out (" in (sz.translate.__doc__ or "")
"""Whether stringzilla writes to given memory (from 5 on), which saves a pass."""
_WORD_LOOKUP = int(cv2.__version__.split(".", maxsplit=1)[0]) >= 5
"""Whether cv2.LUT knows tables of 65536 words: twice the speed of np.take."""


def look_up(image: Bytes, tables: tuple[bytes, ...]) -> Image:
    """Look the bytes of a picture up in one table, or in one a channel."""
    if len(tables) == 1:
        return translated_copy(image, tables[0])
    return join(map(translated, lent_planes(image), tables))


def translated_copy(image: Bytes, table: bytes) -> Bytes:
    """Look bytes up, into fresh memory."""
    if _TO_TARGET and image.flags.c_contiguous:
        out = np.empty_like(image)
        sz.translate(image.data, table, out=out.data)
        return out
    out = image.copy(order="C")
    sz.translate(out.data, table, inplace=True)
    return out


def translated(plane: Bytes, table: bytes) -> Bytes:
    """Look bytes up in place."""
    sz.translate(plane.data, table, inplace=True)
    return plane


def translated_into(values: Bytes, table: bytes, out: Bytes) -> None:
    """Look bytes up, into other memory."""
    np.copyto(out, values.reshape(out.shape))
    sz.translate(out.data, table, inplace=True)


def look_up_words(plane: Words, table: Image, out: Image | None = None) -> Image:
    """Look words up in a table of 65536 words or floats, writing to memory that may be given."""
    if _WORD_LOOKUP:
        return cv2.LUT(plane, table, out)
    return np.take(table, plane, out=out, mode="clip")
