"""What the first bytes of a picture file say: kind, size, orientation, form of the pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from anamorph.core.errors import sides
from anamorph.sources import bmp, jpeg, png, tiff, webp
from anamorph.sources.form import Header
from anamorph.sources.view import BrokenHeaderError, View

_MAGIC = 12


def parse(view: View) -> Header:
    """Read kind, size and orientation of an encoded picture, and nothing of its pixels.

    Raises:
        BrokenHeaderError: for an unknown kind of file, or one that ends too early.
    """
    if not view.size:
        raise BrokenHeaderError("is empty")
    start = view.take(0, min(_MAGIC, view.size))
    for magic, reader in _READERS:
        if magic.match(start):
            return _sound(_read(reader, view))
    raise BrokenHeaderError("is no JPEG, PNG, WebP, BMP or TIFF picture")


def check_whole(data: bytes, found: Header) -> None:
    """Walk over all the bytes of a picture file.

    Raises:
        BrokenHeaderError: it ends too early, or a checksum in it does not hold.
    """
    try:
        _WHOLE[found.kind](data, found)
    except struct.error as error:
        raise BrokenHeaderError("is truncated or corrupt") from error


def _read(reader: Callable[[View], Header], view: View) -> Header:
    try:
        return reader(view)
    except (struct.error, IndexError) as error:
        raise BrokenHeaderError("is truncated or corrupt") from error


def _sound(found: Header) -> Header:
    if found.width < 1 or found.height < 1:
        raise BrokenHeaderError(f"is corrupt: its header says {sides(found.stored)} pixels")
    return found


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[View], Header]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), jpeg.parse),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), png.parse),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), webp.parse),
    (re.compile(rb"BM"), bmp.parse),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), tiff.parse),
)

_WHOLE: dict[str, Callable[[bytes, Header], None]] = {
    "jpeg": jpeg.check_whole,
    "png": png.check_whole,
    "webp": webp.check_whole,
    "bmp": bmp.check_whole,
    "tiff": tiff.check_whole,
}
