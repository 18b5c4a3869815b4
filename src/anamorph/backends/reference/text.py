"""Writing on pictures, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.glyphs import coverage
from anamorph.backends.reference.tone import Image, intensities, store
from anamorph.core.constants import WHITE
from anamorph.ir.ops import Effect
from anamorph.ir.text import background


def text(op: Effect, image: Image) -> Image:
    """Write lines of text, one after the other."""
    font, lines, color, clear = op.params
    out = image.copy()
    for box, words, size in lines:
        x = intensities(out)
        if clear:
            x0, y0, x1, y1 = box
            x[y0:y1, x0:x1] = background(out, box) / WHITE[image.dtype.name]
            x = intensities(store(x, image.dtype))
        (left, top), cover = coverage(words, font, size)
        for (row, column), share in np.ndenumerate(cover):
            i, k = box[1] + top + row, box[0] + left + column
            if 0 <= i < image.shape[0] and 0 <= k < image.shape[1]:
                x[i, k] += share / 255 * (np.array(color) - x[i, k])
        out = store(x, image.dtype)
    return out


EFFECTS: Mapping[str, Kernel] = {"text": text}
