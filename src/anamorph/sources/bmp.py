"""BMP files: one header, then rows."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from anamorph.sources.form import Header
from anamorph.sources.view import BrokenHeaderError, Memory, View

_PLAIN, _MASKED = 0, 3
_WITH_ALPHA = 56
"""Bytes of the shortest header with a mask of alpha, which ends it."""
_BITS = (1, 4, 8, 15, 16, 24, 32)


@dataclass(frozen=True, slots=True)
class _Head:
    pixels: int
    """Where they begin."""
    header: int
    """Bytes of the header."""
    width: int
    height: int
    bits: int
    packing: int = _PLAIN
    colors: int = 0


def parse(view: View) -> Header:
    """Read the header, and the palette: one of grays makes a gray picture."""
    head = _head(view)
    return Header("bmp", head.width, abs(head.height), channels=_channels(view, head))


def check_whole(data: bytes, found: Header) -> None:
    """Uncompressed rows are all there."""
    head = _head(Memory(data))
    if head.packing in (_PLAIN, _MASKED):
        row = (found.width * head.bits + 31) // 32 * 4
        if head.pixels + row * found.height > len(data):
            raise BrokenHeaderError("is truncated")


def _head(view: View) -> _Head:
    pixels, header = struct.unpack("<II", view.take(10, 8))
    if header == 12:
        width, height, _, bits = struct.unpack("<HHHH", view.take(18, 8))
        head = _Head(pixels, header, width, height, bits)
    else:
        width, height, _, bits, packing, _, _, _, colors = struct.unpack(
            "<iiHHIIiiI", view.take(18, 32)
        )
        head = _Head(pixels, header, width, height, bits, packing, colors)
    if head.bits not in _BITS:
        raise BrokenHeaderError("is a corrupt BMP")
    return head


def _channels(view: View, head: _Head) -> int:
    if head.bits > 8:
        return 4 if _has_alpha(view, head) else 3
    step = 3 if head.header == 12 else 4
    count = min(head.colors or 1 << head.bits, 1 << head.bits)
    palette = view.take(14 + head.header, count * step)
    gray = palette[0::step] == palette[1::step] == palette[2::step]
    return 1 if gray else 3


def _has_alpha(view: View, head: _Head) -> bool:
    """Whether the masks of the channels name one for alpha."""
    masked = head.bits == 32 and head.packing == _MASKED and head.header >= _WITH_ALPHA
    return masked and any(view.take(66, 4))
