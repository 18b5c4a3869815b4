"""The first directory of a TIFF file or EXIF block: its entries by tag."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anamorph.sources.view import BrokenHeaderError, View

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL = 256, 257, 258, 259, 262, 266
OFFSETS, ORIENTATION, SAMPLES, ROWS, LENGTHS, PLANES = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_LENGTHS = 317, 322, 323, 324, 325
EXTRA, FORMAT = 338, 339

FORMS = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}
"""NumPy's name of each type of entry that holds whole numbers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the values of a tag are, and of which form."""

    at: int
    kind: int
    count: int
    inline: bytes
    """The last field of the entry: the values if they fit, else where they are."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The entries of one directory, by tag."""

    view: View
    order: str
    big: bool
    entries: dict[int, Entry]

    def first(self, tag: int, default: int) -> int:
        """The first value of a tag; the default if it is absent or no whole number."""
        found = self.entries.get(tag)
        if found is None or found.kind not in FORMS or not found.count:
            return default
        form = np.dtype(FORMS[found.kind])
        if found.count * form.itemsize > len(found.inline):
            return int(self.values(tag)[0])
        raw = found.inline[: form.itemsize]
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def values(self, tag: int) -> npt.NDArray[np.int64]:
        """All values of a tag; none if it is absent or holds no whole numbers."""
        found = self.entries.get(tag)
        if found is None or found.kind not in FORMS:
            return np.empty(0, np.int64)
        form = np.dtype(self.order + FORMS[found.kind])
        length = found.count * form.itemsize
        raw = found.inline[:length]
        if length > len(found.inline):
            (at,) = struct.unpack(self.order + ("Q" if self.big else "I"), found.inline)
            raw = self.view.take(at, length)
        return np.frombuffer(raw, form).astype(np.int64)


def read_directory(view: View) -> Directory:
    """Read the first directory; no other is followed, so none can lead in circles.

    Raises:
        BrokenHeaderError: the bytes end before it does.
    """
    start = view.take(0, 8)
    order = "<" if start[:2] == b"II" else ">"
    big = 0x2B in start[2:4]
    count_form, form = (order + "Q", order + "HHQ8s") if big else (order + "H", order + "HHI4s")
    (at,) = (
        struct.unpack(order + "Q", view.take(8, 8))
        if big
        else struct.unpack(order + "I", start[4:])
    )
    wide = struct.calcsize(count_form)
    (count,) = struct.unpack(count_form, view.take(at, wide))
    if count > 0xFFFF:
        raise BrokenHeaderError("is a corrupt TIFF")
    step = struct.calcsize(form)
    entries: dict[int, Entry] = {}
    table = view.take(at + wide, count * step)
    for index, (tag, kind, values, inline) in enumerate(struct.iter_unpack(form, table)):
        entries.setdefault(tag, Entry(at + wide + index * step, kind, values, inline))
    return Directory(view, order, big, entries)
