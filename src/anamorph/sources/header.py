"""What the first bytes of a picture file say: kind, size, orientation, and whether it is whole."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["jpeg", "png", "webp", "bmp", "tiff"]

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_ORIENTATION, _WIDTH, _HEIGHT = 274, 256, 257


class BrokenHeaderError(ValueError):
    """The bytes are no whole picture; the message is the end of a sentence about the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """Kind, stored size and EXIF orientation of one encoded picture.

    ``palette`` is the bit depth of a PNG whose pixels are indices into a palette, else 0.
    """

    kind: Kind
    width: int
    height: int
    orientation: int = 1
    palette: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as shown, after the orientation is applied."""
        if self.orientation >= 5:
            return self.width, self.height
        return self.height, self.width


def parse(data: bytes) -> Header:
    """Read kind, size and orientation of an encoded picture.

    Raises:
        BrokenHeaderError: for an unknown kind of file, or one that ends too early.
    """
    if not data:
        raise BrokenHeaderError("is empty")
    for magic, reader in _READERS:
        if magic.match(data):
            try:
                return reader(data)
            except (struct.error, IndexError) as error:
                raise BrokenHeaderError("is truncated or corrupt") from error
    raise BrokenHeaderError("is no JPEG, PNG, WebP, BMP or TIFF picture")


def without_palette(data: bytes) -> bytes:
    """Rewrite the head of a palette PNG so that it decodes as gray, which is its indices."""
    out = [data[:8]]
    for name, body in _png_chunks(data):
        if name in (b"PLTE", b"tRNS"):
            continue
        chunk = body[:9] + b"\0" + body[10:] if name == b"IHDR" else body
        out.append(_png_chunk(name, chunk))
    return b"".join(out)


def upright_tiff(data: bytes) -> bytes:
    """Rewrite the orientation of a TIFF to 1, so that every decoder returns it as stored."""
    entry = _tiff_entries(data).get(_ORIENTATION)
    if entry is None:
        return data
    at, order, _ = entry
    return data[: at + 8] + struct.pack(order + "H", 1) + data[at + 10 :]


def _jpeg(data: bytes) -> Header:
    size, orientation = None, 1
    at = 2
    while True:
        at, marker, body = _jpeg_segment(data, at)
        if marker == 0xD9:
            break
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, 1)
            size = width, height
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(body[6:])
        elif marker == 0xDA:
            at = _after_scan(data, at)
    if size is None:
        raise BrokenHeaderError("is a JPEG without a frame")
    return Header("jpeg", *size, orientation)


def _jpeg_segment(data: bytes, at: int) -> tuple[int, int, bytes]:
    """Where the next segment starts, and marker and body of this one."""
    while data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    if data[at] != 0xFF:
        raise BrokenHeaderError("is a corrupt JPEG")
    marker = data[at + 1]
    if marker in _STANDALONE or marker == 0xD9:
        return at + 2, marker, b""
    (length,) = struct.unpack_from(">H", data, at + 2)
    end = at + 2 + length
    if end > len(data):
        raise BrokenHeaderError("is truncated")
    return end, marker, data[at + 4 : end]


def _after_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded bytes that begin at ``at`` end."""
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise BrokenHeaderError("is truncated")
    return found.start()


def _png(data: bytes) -> Header:
    width = height = depth = color = 0
    orientation, names = 1, set()
    for name, body in _png_chunks(data):
        names.add(name)
        if name == b"IHDR":
            width, height, depth, color = struct.unpack_from(">IIBB", body)
        elif name == b"eXIf":
            orientation = _exif_orientation(body)
    if not {b"IHDR", b"IDAT", b"IEND"} <= names:
        raise BrokenHeaderError("is truncated")
    return Header("png", width, height, orientation, depth if color == 3 else 0)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each chunk; their checksums hold."""
    at, name = 8, b""
    while name != b"IEND" and at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(body, zlib.crc32(name)) != checksum:
            raise BrokenHeaderError("is corrupt: a checksum in it does not hold")
        yield name, body
        at += 12 + length


def _png_chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def _webp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise BrokenHeaderError("is truncated")
    size, orientation = None, 1
    at = 12
    while at + 8 <= length + 8:
        name = data[at : at + 4]
        (count,) = struct.unpack_from("<I", data, at + 4)
        body = data[at + 8 : at + 8 + count]
        if name in _WEBP_SIZES and size is None:
            size = _WEBP_SIZES[name](body)
        elif name == b"EXIF":
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        at += 8 + count + count % 2
    if size is None:
        raise BrokenHeaderError("is a WebP file without a picture")
    return Header("webp", *size, orientation)


def _vp8(body: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _vp8l(body: bytes) -> tuple[int, int]:
    (bits,) = struct.unpack_from("<I", body, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _vp8x(body: bytes) -> tuple[int, int]:
    return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1


_WEBP_SIZES: dict[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"VP8 ": _vp8,
    b"VP8L": _vp8l,
    b"VP8X": _vp8x,
}


def _bmp(data: bytes) -> Header:
    pixels, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("bmp", width, height)
    width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    if packing in (0, 3) and pixels + (width * bits + 31) // 32 * 4 * abs(height) > len(data):
        raise BrokenHeaderError("is truncated")
    return Header("bmp", width, abs(height))


def _tiff(data: bytes) -> Header:
    entries = _tiff_entries(data)
    if _WIDTH not in entries or _HEIGHT not in entries:
        raise BrokenHeaderError("is a TIFF without a picture")
    return Header("tiff", entries[_WIDTH][2], entries[_HEIGHT][2], _orientation(entries))


def _tiff_entries(data: bytes) -> dict[int, tuple[int, str, int]]:
    """Place, byte order and first value of each entry of the first directory, by tag."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    entries = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        form = {1: "B", 3: "H"}.get(kind, "I")
        (value,) = struct.unpack_from(order + form, data, at + 8)
        entries[tag] = (at, order, value)
    return entries


def _exif_orientation(block: bytes) -> int:
    """The orientation in an EXIF block; a block that cannot be read says nothing."""
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        return _orientation(_tiff_entries(block))
    except struct.error:
        return 1


def _orientation(entries: dict[int, tuple[int, str, int]]) -> int:
    value = entries[_ORIENTATION][2] if _ORIENTATION in entries else 1
    return value if 1 <= value <= 8 else 1


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Header]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"II\*\0|MM\0\*"), _tiff),
)
