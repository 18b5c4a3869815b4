"""TIFF files: the first directory, and whether the pixels that it names are in the file."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from anamorph.core.errors import sides
from anamorph.sources.directory import FORMS, ORIENTATION, Directory, read_directory
from anamorph.sources.form import Header
from anamorph.sources.view import BrokenHeaderError, Memory, View

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _EXTRA, _FORMAT = 277, 338, 339
_AS_IS = 1
"""Of the orientation: upright; of an extra sample: the colors were multiplied by it before."""
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_STRIPS, _TILES = (273, 279), (324, 325)
_PALETTE, _INKS, _SUBSAMPLED = 3, 5, 6
_FORMATS = {1: "uint", 2: "int", 3: "float", 4: "uint"}
_ROOM = 1 << 24
"""Pixels that a tile may have though the picture has fewer."""
_PLAIN = 1
_FACTORS = {_PLAIN: 1, 5: 4096, 8: 1032, 32946: 1032, 32773: 64}
"""Bytes that a compression makes of one, at most: none, LZW, deflate twice, PackBits."""
_DTYPES = (
    "uint8",
    "uint16",
    "uint32",
    "int8",
    "int16",
    "int32",
    "float32",
    "float64",
)


def parse(view: View) -> Header:
    """Read size, orientation and form of the pixels of the first page."""
    page = read_directory(view)
    if _WIDTH not in page.entries or _HEIGHT not in page.entries:
        raise BrokenHeaderError("is a TIFF without a picture")
    width, height = page.first(_WIDTH, 0), page.first(_HEIGHT, 0)
    tile = page.first(_TILE_WIDTH, 0) * page.first(_TILE_HEIGHT, 0)
    if tile > max(width * height, _ROOM):
        raise BrokenHeaderError("is a corrupt TIFF: its tiles are larger than the picture")
    turned = page.first(ORIENTATION, 1)
    samples = page.first(_SAMPLES, 1)
    return Header(
        "tiff",
        width,
        height,
        turned if 1 <= turned <= 8 else 1,
        channels=_channels(page, samples),
        dtype=_dtype(page),
        refusal=_refusal(page, samples),
    )


def check_whole(data: bytes, found: Header) -> None:
    """The strips or tiles that the directory names lie in the file, and can be so many pixels."""
    page = read_directory(Memory(data))
    packed = 0
    for where, lengths in (_STRIPS, _TILES):
        begin, count = page.values(where), page.values(lengths)
        if begin.size != count.size or not begin.size:
            continue
        if begin.min() < 0 or count.min() < 0 or int((begin + count).max()) > len(data):
            raise BrokenHeaderError("is truncated")
        packed += int(count.sum())
    factor = _FACTORS.get(page.first(_COMPRESSION, _PLAIN))
    if factor is None or page.first(_PHOTOMETRIC, 1) == _SUBSAMPLED:
        return
    pixels = found.height * found.width * page.first(_SAMPLES, 1) * page.first(_BITS, 1) // 8
    if pixels > packed * factor:
        raise BrokenHeaderError(
            f"is corrupt: {packed} bytes of pixels cannot hold {sides(found.stored)} pixels"
        )


def as_stored(data: bytes) -> bytes:
    """Rewrite what makes a decoder turn the pixels, or multiply them by their alpha."""
    page = read_directory(Memory(data))
    out = data
    for tag in (ORIENTATION, _EXTRA):
        entry = page.entries.get(tag)
        if entry is not None and entry.count == 1 and page.first(tag, _AS_IS) != _AS_IS:
            at = entry.at + (12 if page.big else 8)
            value = np.array(_AS_IS, page.order + FORMS[entry.kind]).tobytes()
            out = out[:at] + value + out[at + len(value) :]
    return out


def _channels(page: Directory, samples: int) -> int:
    if page.first(_PHOTOMETRIC, 1) == _PALETTE:
        return 3
    return 1 if samples <= 2 else samples


def _dtype(page: Directory) -> str:
    if page.first(_PHOTOMETRIC, 1) == _PALETTE:
        return "uint8"
    bits = page.values(_BITS)
    widest = int(bits.max()) if bits.size else 1
    wide = next((w for w in (8, 16, 32) if widest <= w), 64)
    return f"{_FORMATS.get(page.first(_FORMAT, 1), 'uint')}{wide}"


def _refusal(page: Directory, samples: int) -> str:
    if page.first(_PHOTOMETRIC, 1) == _INKS:
        return "is a TIFF of inks (CMYK): it must be RGB or gray"
    if _dtype(page) not in _DTYPES:
        return f"is a TIFF of {_dtype(page)} pixels, which cannot be read"
    if samples > 4 and find_spec("tifffile") is None:
        return f"is a TIFF of {samples} bands: pip install tifffile to read more than 4"
    return ""
