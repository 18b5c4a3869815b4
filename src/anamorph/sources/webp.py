"""WebP files: chunks of a RIFF container."""

from __future__ import annotations

import struct
from collections.abc import Callable

from anamorph.sources.exif import orientation_of
from anamorph.sources.form import Header
from anamorph.sources.view import BrokenHeaderError, View

_MOST_EXIF = 1 << 20


def parse(view: View) -> Header:
    """Hop from chunk to chunk; the pixels are not read."""
    (length,) = struct.unpack("<I", view.take(4, 4))
    if length + 8 > view.size:
        raise BrokenHeaderError("is truncated")
    found: dict[bytes, tuple[int, int, bool]] = {}
    orientation, at = 1, 12
    while at + 8 <= length + 8:
        name, count = struct.unpack("<4sI", view.take(at, 8))
        if name in _FRAMES and name not in found:
            found[name] = _FRAMES[name](view.take(at + 8, 10))
        elif name == b"EXIF":
            block = view.take(at + 8, min(count, _MOST_EXIF))
            orientation = orientation_of(block.removeprefix(b"Exif\0\0"))
        at += 8 + count + count % 2
    return _header(found, orientation)


def check_whole(data: bytes, found: Header) -> None:
    """The container's length was held against the file's when its header was read."""


def _header(found: dict[bytes, tuple[int, int, bool]], orientation: int) -> Header:
    if not found:
        raise BrokenHeaderError("is a WebP file without a picture")
    width, height, alpha = found[min(found, key=list(_FRAMES).index)]
    return Header("webp", width, height, orientation, channels=4 if alpha else 3)


def _vp8x(body: bytes) -> tuple[int, int, bool]:
    width = int.from_bytes(body[4:7], "little") + 1
    return width, int.from_bytes(body[7:10], "little") + 1, bool(body[0] & 0x10)


def _vp8(body: bytes) -> tuple[int, int, bool]:
    if body[3:6] != b"\x9d\x01\x2a":
        raise BrokenHeaderError("is a corrupt WebP")
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF, False


def _vp8l(body: bytes) -> tuple[int, int, bool]:
    if body[0] != 0x2F:
        raise BrokenHeaderError("is a corrupt WebP")
    (bits,) = struct.unpack_from("<I", body, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


_FRAMES: dict[bytes, Callable[[bytes], tuple[int, int, bool]]] = {
    # in this order, the first that is there says the size, and whether there is alpha
    b"VP8X": _vp8x,
    b"VP8 ": _vp8,
    b"VP8L": _vp8l,
}
