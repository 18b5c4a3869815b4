"""TIFF files: the first directory, and whether the pixels that it names are in the file."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from anamorph.core.errors import sides
from anamorph.sources import directory as tags
from anamorph.sources.directory import FORMS, Directory, read_directory
from anamorph.sources.form import Header
from anamorph.sources.strips import DEFLATE, PLAIN, layout_of
from anamorph.sources.view import BrokenHeaderError, Memory, View

_WHITE, _COLOR, _PALETTE, _INKS, _SUBSAMPLED = 0, 2, 3, 5, 6
_ALPHA = (1, 2)
_AS_IS = 1
"""Of the orientation: upright; of an extra sample: the colors were multiplied by it before."""
_APART = 2
_OPENCV = (PLAIN, 2, 3, 4, 5, 6, 7, 32773, *DEFLATE)
"""Compressions that OpenCV knows: of facsimiles, LZW, JPEG, PackBits, deflate."""
_FORMATS = {1: "uint", 2: "int", 3: "float", 4: "uint"}
_ROOM = 1 << 24
"""Pixels that a tile may have though the picture has fewer."""
_FACTORS = {PLAIN: 1, 5: 4096, 32773: 64} | dict.fromkeys(DEFLATE, 1032)
"""Bytes that a compression makes of one, at most: none, LZW, PackBits, deflate."""
_DTYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


def parse(view: View) -> Header:
    """Read size, orientation and form of the pixels of the first page."""
    page = read_directory(view)
    if tags.WIDTH not in page.entries or tags.HEIGHT not in page.entries:
        raise BrokenHeaderError("is a TIFF without a picture")
    width, height = page.first(tags.WIDTH, 0), page.first(tags.HEIGHT, 0)
    tile = page.first(tags.TILE_WIDTH, 0) * page.first(tags.TILE_HEIGHT, 0)
    if tile > max(width * height, _ROOM):
        raise BrokenHeaderError("is a corrupt TIFF: its tiles are larger than the picture")
    turned = page.first(tags.ORIENTATION, 1)
    return Header(
        "tiff",
        width,
        height,
        turned if 1 <= turned <= 8 else 1,
        channels=_channels(page),
        dtype=_dtype(page),
        refusal=_refusal(page),
    )


def check_whole(data: bytes, found: Header) -> None:
    """The strips or tiles that the directory names lie in the file, and can be so many pixels."""
    page = read_directory(Memory(data))
    begin, count = page.values(tags.OFFSETS), page.values(tags.LENGTHS)
    if not begin.size:
        begin, count = page.values(tags.TILE_OFFSETS), page.values(tags.TILE_LENGTHS)
    if not begin.size or begin.size != count.size:
        raise BrokenHeaderError("is a TIFF without pixels")
    if begin.min() < 0 or count.min() < 0 or int((begin + count).max()) > len(data):
        raise BrokenHeaderError("is truncated")
    packed = int(count.sum())
    factor = _FACTORS.get(page.first(tags.COMPRESSION, PLAIN))
    if factor is None or page.first(tags.PHOTOMETRIC, 1) == _SUBSAMPLED or not count.all():
        return
    bits = page.first(tags.SAMPLES, 1) * page.first(tags.BITS, 1)
    if found.height * found.width * bits // 8 > packed * factor:
        raise BrokenHeaderError(
            f"is corrupt: {packed} bytes of pixels cannot hold {sides(found.stored)} pixels"
        )


def as_stored(data: bytes) -> bytes:
    """Rewrite what makes a decoder turn the pixels, or multiply them by their alpha."""
    page = read_directory(Memory(data))
    out = data
    for tag in (tags.ORIENTATION, tags.EXTRA):
        entry = page.entries.get(tag)
        if entry is not None and entry.count == 1 and page.first(tag, _AS_IS) != _AS_IS:
            at = entry.at + (12 if page.big else 8)
            value = np.array(_AS_IS, page.order + FORMS[entry.kind]).tobytes()
            out = out[:at] + value + out[at + len(value) :]
    return out


def is_white_zero(page: Directory) -> bool:
    """Whether a gray picture has white zeros, so that its values are to be turned round."""
    return _channels(page) == 1 and page.first(tags.PHOTOMETRIC, 1) == _WHITE


def is_for_opencv(page: Directory) -> bool:
    """Whether OpenCV reads the page rightly: it takes bands for colors, and planes for pixels."""
    samples, meant = page.first(tags.SAMPLES, 1), page.first(tags.PHOTOMETRIC, 1)
    if page.first(tags.COMPRESSION, PLAIN) not in _OPENCV:
        return False
    if samples == 1:
        return True
    if page.first(tags.PLANES, 1) == _APART:
        return False
    if samples == 2:
        return _is_gray_alpha(page) and _dtype(page) == "uint8"
    return samples <= 4 and meant >= _COLOR


def _is_gray_alpha(page: Directory) -> bool:
    return page.first(tags.SAMPLES, 1) == 2 and page.first(tags.EXTRA, 0) in _ALPHA


def _channels(page: Directory) -> int:
    if page.first(tags.PHOTOMETRIC, 1) == _PALETTE:
        return 3
    return 1 if _is_gray_alpha(page) else page.first(tags.SAMPLES, 1)


def _dtype(page: Directory) -> str:
    if page.first(tags.PHOTOMETRIC, 1) == _PALETTE:
        return "uint8"
    bits = page.values(tags.BITS)
    widest = int(bits.max()) if bits.size else 1
    wide = next((w for w in (8, 16, 32) if widest <= w), 64)
    return f"{_FORMATS.get(page.first(tags.FORMAT, 1), 'uint')}{wide}"


def _refusal(page: Directory) -> str:
    samples = page.first(tags.SAMPLES, 1)
    if page.first(tags.PHOTOMETRIC, 1) == _INKS:
        return "is a TIFF of inks (CMYK): it must be RGB or gray"
    if _dtype(page) not in _DTYPES:
        return f"is a TIFF of {_dtype(page)} pixels, which cannot be read"
    if is_for_opencv(page) or layout_of(page) is not None or find_spec("tifffile") is not None:
        return ""
    packing = page.first(tags.COMPRESSION, PLAIN)
    return f"is a TIFF of {samples} bands packed by way {packing}: pip install tifffile to read it"
