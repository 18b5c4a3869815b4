"""Filters whose weights are all alike: sums of shifted rows, which cost an addition a cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.scratch import lent

Image = npt.NDArray[Any]
Rows = Callable[[Image, Image, int, int], None]

_BLOCK = 1 << 18
"""Bytes of a block of sums: it stays in the second-level cache with what it is made of."""
_COUNTED = 257
"""So many bytes add up to 16 bits."""


def even_kernel(image: Image, weights: Image) -> Image:
    """Filter with weights of which all but the zeros are the same."""
    height, width = weights.shape
    ys, xs = np.nonzero(weights)
    cells = list(zip(ys.tolist(), xs.tolist(), strict=True))
    top, left = height // 2, width // 2
    sides = (top, height - 1 - top, left, width - 1 - left)

    def add_up(block: Image, total: Image, channels: int, _: int) -> None:
        rows, columns = total.shape
        (y, x), *rest = cells
        np.copyto(total, block[y : y + rows, x * channels : x * channels + columns])
        for y, x in rest:
            total += block[y : y + rows, x * channels : x * channels + columns]

    return _filtered(image, sides, len(cells), float(weights[ys[0], xs[0]]), add_up)


def disk(image: Image, radius: int) -> Image:
    """Average over a disk: columns of a height are summed once, then shifted to where they are."""
    heights = [math.isqrt(radius * radius - x * x) for x in range(radius + 1)]
    count = sum(2 * h + 1 for h in heights) * 2 - (2 * heights[0] + 1)
    columns_of = [[x for x in range(radius + 1) if heights[x] == h] for h in range(radius + 1)]

    def add_up(block: Image, total: Image, channels: int, drop: int) -> None:
        rows, columns = total.shape
        tall = lent("tall", (rows, block.shape[1]), block.dtype)
        np.copyto(tall, block[radius : radius + rows])
        total[...] = 0
        for h, found in enumerate(columns_of):
            if h:
                tall += block[radius - h : radius - h + rows]
                tall += block[radius + h : radius + h + rows]
            column = tall
            if drop and found:
                column = lent("dropped", tall.shape, tall.dtype)
                np.right_shift(tall, drop, out=column)
            for x in found:
                for shift in {radius - x, radius + x}:
                    total += column[:, shift * channels : shift * channels + columns]

    return _filtered(image, (radius,) * 4, count, 1.0 / count, add_up)


def _filtered(
    image: Image, sides: tuple[int, int, int, int], count: int, weight: float, add_up: Rows
) -> Image:
    """Sum up blocks of rows in numbers wide enough, and weigh the sums.

    Args:
        image: the picture.
        sides: how far the filter reaches up, down, left and right.
        count: number of cells of the filter.
        weight: of each cell.
        add_up: takes a block of rows with what is around it, sums to write, the channels, and how
            many binary digits of sums of columns are to be dropped for the total to fit.
    """
    height, width, channels = image.shape
    tall, broad = height + sides[0] + sides[1], width + sides[2] + sides[3]
    around = lent("around", (tall, broad, channels), image.dtype)
    cv2.copyMakeBorder(image, *sides, cv2.BORDER_REFLECT_101, around)
    source = around.reshape(tall, -1)
    out = np.empty((height, width * channels), image.dtype)
    wide = np.dtype(np.uint16 if image.dtype == np.uint8 else np.float32)
    drop = (count // _COUNTED).bit_length() if wide == np.uint16 else 0
    rows = max(1, min(height, _BLOCK // (wide.itemsize * source.shape[1])))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        part = source[top : bottom + sides[0] + sides[1]]
        block = lent("block", part.shape, wide)
        np.copyto(block, part)
        total = lent("total", (bottom - top, width * channels), wide)
        add_up(block, total, channels, drop)
        _weigh(total, weight * 2.0**drop, out[top:bottom])
    return out.reshape(image.shape)


def _weigh(total: Image, weight: float, out: Image) -> None:
    if out.dtype == np.uint8:
        cv2.convertScaleAbs(total, out, weight)
    elif out.dtype == np.uint16:
        total *= np.float32(weight)
        np.clip(np.rint(total, out=total), 0.0, 65535.0, out=total)
        out[...] = total
    else:
        np.multiply(total, np.float32(weight), out=out)
