"""Random values put on a picture strip by strip: what is in between stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import stringzilla as sz

from anamorph.backends.opencv.tables import look_up_words
from anamorph.ir import noise
from anamorph.ir.ops import Noise

Image = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

Streams = tuple[noise.Bits, noise.Bits]
Strip = Callable[[Image, Streams, int, int, Image], None]

DEPTH: Mapping[str, int] = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U, "float32": cv2.CV_32F}


def white(dtype: np.dtype[Any]) -> int:
    """The value of white in a picture of a dtype."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def flat(image: Image) -> Image:
    """The picture as one row, so that OpenCV does not count channels."""
    return np.ascontiguousarray(image).reshape(1, -1)


def strips(count: int) -> Iterator[slice]:
    """Cut so many values into strips."""
    for start in range(0, count, noise.STRIP):
        yield slice(start, min(start + noise.STRIP, count))


def spread(row: Image, times: int) -> Image:
    """Repeat each value of a row, as for the channels of a pixel."""
    if times == 1:
        return row
    if times == 3:
        return cv2.cvtColor(row, cv2.COLOR_GRAY2RGB).reshape(1, -1)
    return np.repeat(row, times, axis=1)


def looked_up(values: Bytes, table: bytes, out: Image) -> None:
    """Look bytes up, into other memory."""
    np.copyto(out, values.reshape(out.shape))
    sz.translate(out.data, table, inplace=True)


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
    source = flat(image)
    out = np.empty_like(source)
    times = 1 if per_channel else image.shape[2]
    streams = noise.bits_of(op.key), noise.bits_of(op.key, 1)
    for part in strips(source.shape[1] // times):
        row = slice(part.start * times, part.stop * times)
        work(source[:, row], streams, part.stop - part.start, times, out[:, row])
    return out.reshape(image.shape)
