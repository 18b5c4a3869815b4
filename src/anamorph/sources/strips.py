"""TIFF pixels that are stored plainly or deflated: any number of bands, in strips or tiles."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.sources import directory as tags
from anamorph.sources.directory import Directory
from anamorph.sources.view import BrokenHeaderError

PLAIN = 1
DEFLATE = (8, 32946)
_COLOR = 2
_APART = 2
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_SIZES = {"u": (8, 16, 32), "i": (8, 16, 32), "f": (32, 64)}
_AS_IS, _STEPS, _FLOAT_STEPS = 1, 2, 3
_OVERLAP = 8
"""Times that bytes may be used by several strips, on average: blank ones are often shared."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of one page lie in the file."""

    size: tuple[int, int]
    samples: int
    form: np.dtype[Any]
    """Type and byte order of a value."""
    packing: int
    predictor: int
    planes: int
    """1, or as many as samples: each band is a picture of its own."""
    block: tuple[int, int]
    """Height and width of a strip or tile."""
    tiled: bool

    @property
    def together(self) -> int:
        """Values that stand together for a pixel."""
        return self.samples // self.planes


def layout_of(page: Directory) -> Layout | None:
    """The layout, or None if it is one for another decoder."""
    kind = _KINDS.get(page.first(tags.FORMAT, 1), "")
    samples = page.first(tags.SAMPLES, 1)
    bits = set(page.values(tags.BITS).tolist())
    packing, predictor = page.first(tags.COMPRESSION, PLAIN), page.first(tags.PREDICTOR, _AS_IS)
    fit = (
        packing in (PLAIN, *DEFLATE)
        and page.first(tags.PHOTOMETRIC, 1) <= _COLOR
        and page.first(tags.FILL, 1) == 1
        and samples >= 1
        and len(bits) == 1
        and bits <= set(_SIZES.get(kind, ()))
        and (predictor in (_AS_IS, _STEPS) or (predictor == _FLOAT_STEPS and kind == "f"))
    )
    if not fit:
        return None
    size = page.first(tags.HEIGHT, 0), page.first(tags.WIDTH, 0)
    tiled = tags.TILE_WIDTH in page.entries
    strip = min(page.first(tags.ROWS, size[0]), size[0]), size[1]
    return Layout(
        size,
        samples,
        np.dtype(f"{page.order}{kind}{bits.pop() // 8}"),
        packing,
        predictor,
        samples if page.first(tags.PLANES, 1) == _APART else 1,
        (page.first(tags.TILE_HEIGHT, 0), page.first(tags.TILE_WIDTH, 0)) if tiled else strip,
        tiled,
    )


def decode(data: bytes, page: Directory, layout: Layout) -> npt.NDArray[Any]:
    """Decode all pixels as H×W×C, in the byte order of this machine.

    Raises:
        BrokenHeaderError: strips are missing, or hold too little.
    """
    pieces = _pieces(data, page, layout)
    high, wide = layout.block
    out = np.empty((*layout.size, layout.samples), layout.form.newbyteorder("="))
    number = 0
    for plane in range(layout.planes):
        bands = slice(plane * layout.together, (plane + 1) * layout.together)
        for top in range(0, layout.size[0], high):
            rows = high if layout.tiled else min(high, layout.size[0] - top)
            for left in range(0, layout.size[1], wide):
                part = out[top : top + high, left : left + wide, bands]
                block = _block(pieces[number], layout, rows)
                part[:] = block[: part.shape[0], : part.shape[1]]
                number += 1
    return out


def _pieces(data: bytes, page: Directory, layout: Layout) -> list[memoryview]:
    """The bytes of each strip or tile; those that were never written are empty."""
    where = (tags.TILE_OFFSETS, tags.TILE_LENGTHS) if layout.tiled else (tags.OFFSETS, tags.LENGTHS)
    begin, count = page.values(where[0]), page.values(where[1])
    high, wide = layout.block
    if high < 1 or wide < 1:
        raise BrokenHeaderError("is a corrupt TIFF")
    wanted = layout.planes * -(-layout.size[0] // high) * -(-layout.size[1] // wide)
    if min(begin.size, count.size) < wanted:
        raise BrokenHeaderError("is a corrupt TIFF: some of its strips are missing")
    if int(count.sum()) > _OVERLAP * len(data):
        raise BrokenHeaderError("is a corrupt TIFF: its strips overlap")
    whole = memoryview(data)
    pairs = zip(begin[:wanted].tolist(), count[:wanted].tolist(), strict=True)
    return [whole[at : at + length] for at, length in pairs]


def _block(piece: memoryview, layout: Layout, rows: int) -> npt.NDArray[Any]:
    """The values of one strip or tile, rows × width × together."""
    shape = rows, layout.block[1], layout.together
    length = rows * shape[1] * shape[2] * layout.form.itemsize
    if not piece:
        return np.zeros(shape, layout.form)
    raw = piece[:length] if layout.packing == PLAIN else _inflated(piece, length)
    if len(raw) < length:
        raise BrokenHeaderError("is truncated or corrupt")
    if layout.predictor == _FLOAT_STEPS:
        return _from_float_steps(raw, shape, layout)
    block = np.frombuffer(raw, layout.form).reshape(shape)
    if layout.predictor == _STEPS:
        block = block.astype(layout.form.newbyteorder("="))
        np.add.accumulate(_whole(block), axis=1, out=_whole(block))
    return block


def _whole(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values as the whole numbers that their differences were taken of."""
    return block.view(f"u{block.itemsize}")


def _from_float_steps(
    raw: bytes | memoryview, shape: tuple[int, int, int], layout: Layout
) -> npt.NDArray[Any]:
    """Adobe's technical note 3: differences of bytes, the first bytes of all values first."""
    rows, wide, together = shape
    steps = np.frombuffer(raw, np.uint8).reshape(rows, -1, together)
    sums = np.add.accumulate(steps, axis=1, dtype=np.uint8)
    bytes_first = sums.reshape(rows, layout.form.itemsize, wide * together)
    values = np.ascontiguousarray(bytes_first.swapaxes(1, 2))
    return values.view(layout.form.newbyteorder(">")).reshape(shape)


def _inflated(piece: memoryview, length: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(piece, length)
    except zlib.error as error:
        raise BrokenHeaderError("is corrupt: a strip cannot be unpacked") from error
