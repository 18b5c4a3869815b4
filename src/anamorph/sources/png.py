"""PNG files: the chunks, their checksums, and palettes whose indices are labels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from anamorph.core.errors import sides
from anamorph.sources.exif import orientation_of
from anamorph.sources.form import Header
from anamorph.sources.view import BrokenHeaderError, Memory, View

_GRAY, _COLOR, _PALETTE, _GRAY_ALPHA, _COLOR_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GRAY: 1, _COLOR: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _COLOR_ALPHA: 4}
_CHANNELS = {
    # (color, whether some of it is transparent by tRNS) → as decoded
    (_GRAY, False): 1,
    (_GRAY, True): 1,
    (_COLOR, False): 3,
    (_COLOR, True): 4,
    (_PALETTE, False): 3,
    (_PALETTE, True): 4,
    (_GRAY_ALPHA, False): 4,
    (_COLOR_ALPHA, False): 4,
}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _COLOR: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _COLOR_ALPHA: (8, 16),
}
_MOST_EXIF = 1 << 20
_DEFLATE = 1032
"""Bytes that deflate makes of one, at most."""


def parse(view: View) -> Header:
    """Hop from chunk to chunk; the pixels are not read."""
    width, height, depth, color = _first(view)
    orientation, clear = 1, False
    for name, at, length in _places(view):
        if name == b"eXIf":
            orientation = orientation_of(view.take(at, min(length, _MOST_EXIF)))
        elif name == b"tRNS":
            clear = color in (_GRAY, _COLOR, _PALETTE)
    return Header(
        "png",
        width,
        height,
        orientation,
        channels=_CHANNELS[color, clear],
        dtype="uint16" if depth == 16 else "uint8",
        palette=depth if color == _PALETTE else 0,
    )


def check_whole(data: bytes, found: Header) -> None:
    """Every checksum holds, and the compressed bytes can be so many pixels."""
    _, _, depth, color = _first(Memory(data))
    packed, names = 0, set()
    for name, body in _chunks(data):
        names.add(name)
        packed += len(body) if name == b"IDAT" else 0
    if not {b"IDAT", b"IEND"} <= names:
        raise BrokenHeaderError("is truncated")
    row = (found.width * _SAMPLES[color] * depth + 7) // 8
    if found.height * row > packed * _DEFLATE:
        raise BrokenHeaderError(
            f"is corrupt: {packed} compressed bytes cannot hold {sides(found.stored)} pixels"
        )


def without_palette(data: bytes) -> bytes:
    """Rewrite the head of a palette PNG so that it decodes as gray, which is its indices."""
    out = [data[:8]]
    for name, body in _chunks(data):
        if name in (b"PLTE", b"tRNS"):
            continue
        chunk = body[:9] + b"\0" + body[10:] if name == b"IHDR" else body
        out.append(_chunk(name, chunk))
    return b"".join(out)


def _first(view: View) -> tuple[int, int, int, int]:
    """Width, height, bits and color of the chunk that must come first."""
    length, name, width, height, depth, color = struct.unpack(">I4sIIBB", view.take(8, 18))
    if name != b"IHDR" or length != 13 or depth not in _DEPTHS.get(color, ()):
        raise BrokenHeaderError("is a corrupt PNG")
    return width, height, depth, color


def _places(view: View) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each chunk up to the last."""
    at, name = 8, b""
    while name != b"IEND":
        length, name = struct.unpack(">I4s", view.take(at, 8))
        if at + 12 + length > view.size:
            raise BrokenHeaderError("is truncated")
        yield name, at + 8, length
        at += 12 + length


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk; their checksums hold."""
    for name, at, length in _places(Memory(data)):
        body = data[at : at + length]
        (checksum,) = struct.unpack_from(">I", data, at + length)
        if zlib.crc32(body, zlib.crc32(name)) != checksum:
            raise BrokenHeaderError("is corrupt: a checksum in it does not hold")
        yield name, body


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)
