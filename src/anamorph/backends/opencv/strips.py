"""Random values put on a picture strip by strip: what is in between stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.planes import as_row
from anamorph.backends.opencv.tables import look_up_words
from anamorph.ir import noise
from anamorph.ir.ops import Noise

Image = npt.NDArray[Any]

Streams = tuple[noise.Bits, noise.Bits]
Strip = Callable[[Image, Streams, int, int, Image], None]


def strips(count: int) -> Iterator[slice]:
    """Cut so many values into strips."""
    for start in range(0, count, noise.STRIP):
        yield slice(start, min(start + noise.STRIP, count))


def normals(bits: noise.Bits, count: int) -> Image:
    """The same numbers as `anamorph.ir.noise.normals` gives, in half of its time."""
    out = np.empty((1, count), np.float32)
    table = noise.normal_words()
    for part in strips(count):
        words = noise.words(bits, part.stop - part.start).reshape(1, -1)
        out[:, part] = look_up_words(words, table)
    return out


def by_strips(op: Noise, image: Image, per_channel: bool, work: Strip) -> Image:  # noqa: FBT001
    """Put random values on a picture strip by strip.

    Args:
        op: the noise; its key starts two streams of bits.
        image: the picture.
        per_channel: whether each value gets its own draw, or each pixel.
        work: takes a row of the picture, two streams, the number of draws for the row and how
            often each is to be repeated, and writes into the row given last.
    """
    source = as_row(image)
    out = np.empty_like(source)
    times = 1 if per_channel else image.shape[2]
    streams = noise.bits_of(op.key), noise.bits_of(op.key, 1)
    for part in strips(source.shape[1] // times):
        row = slice(part.start * times, part.stop * times)
        work(source[:, row], streams, part.stop - part.start, times, out[:, row])
    return out.reshape(image.shape)
