"""Blocks of rows: passes over a block go on while it is in the cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anamorph.backends.opencv.planes import Image, flat

CACHED = 98304
"""Values of float32 in a block that passes go over: well within the second-level cache."""


def by_rows(image: Image, work: Callable[[Image, Image, int, int], None]) -> Image:
    """Work on blocks of rows (rows, W·C) that fit the cache: work(source, target, top, bottom)."""
    source = flat(image)
    out = np.empty_like(source)
    step = max(1, CACHED // source.shape[1])
    for top in range(0, len(source), step):
        bottom = min(top + step, len(source))
        work(source[top:bottom], out[top:bottom], top, bottom)
    return out.reshape(image.shape)
