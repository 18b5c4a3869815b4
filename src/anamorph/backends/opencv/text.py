"""Writing on pictures: only the pixels under a line are touched."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.glyphs import coverage
from anamorph.backends.opencv.planes import Image
from anamorph.core.constants import WHITE
from anamorph.ir.ops import Effect
from anamorph.ir.text import background


def text(op: Effect, image: Image) -> Image:
    """Write lines of text.

    params: file of the font, lines (box, text, size of the font), color a channel in [0, 1], and
    whether the boxes are cleared first.
    """
    font, lines, color, clear = op.params
    out = image.copy(order="C")
    ink = np.array(color, np.float32) * np.float32(WHITE[image.dtype.name])
    for box, words, size in lines:
        if clear:
            x0, y0, x1, y1 = box
            _put(background(out, box), out[y0:y1, x0:x1])
        place, cover = coverage(words, font, size)
        _write(out, (box[0] + place[0], box[1] + place[1]), cover, ink)
    return out


def _write(out: Image, corner: tuple[int, int], cover: Image, ink: Image) -> None:
    """Mix ink into what lies under it, as far as the picture reaches."""
    (x, y), (height, width) = corner, cover.shape
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, out.shape[1]), min(y + height, out.shape[0])
    if left >= right or top >= bottom:
        return
    under = out[top:bottom, left:right]
    share = cover[top - y : bottom - y, left - x : right - x, None] * np.float32(1 / 255)
    _put(under + share * (ink - under), under)


def _put(values: Image, place: Image) -> None:
    if place.dtype.kind == "u":
        values = np.rint(values)
    np.copyto(place, np.clip(values, 0, WHITE[place.dtype.name]), casting="unsafe")


EFFECTS: Mapping[str, Kernel] = {"text": text}
