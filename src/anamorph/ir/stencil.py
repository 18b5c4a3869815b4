"""Regions that are no rectangles: which pixels of the picture a Fill covers.

A stencil is a plain tuple: its name, then its numbers.

``("objects", picture…)``: one picture a region, not zero where pixels of the region are covered.
``("lattice", cell, width, x, y, degrees)``: two families of parallel stripes at right angles. One
stripe begins every ``cell`` pixels and is ``width`` pixels wide; the lattice is turned
counter-clockwise about the centre of the picture, and (x, y) shifts it before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from anamorph.ir.matrix import cos_sin
from anamorph.ir.ops import Fill, Picture, Size

Flags = npt.NDArray[np.bool_]

OBJECTS, LATTICE = "objects", "lattice"


def covered(op: Fill, size: Size) -> Flags:
    """Tell for each pixel (H, W) whether a Fill covers it."""
    name, *numbers = op.stencil or ("rectangles",)
    out: Flags = STENCILS[name](op, size, *numbers)
    return out


def flags_of(picture: Picture) -> Flags:
    """Read the pixels of one object."""
    out: Flags = np.frombuffer(picture.data, np.uint8).reshape(picture.shape) != 0
    return out


def _rectangles(op: Fill, size: Size) -> Flags:
    out = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in op.regions:
        out[y0:y1, x0:x1] = True
    return out


def _objects(op: Fill, size: Size, *pictures: Picture) -> Flags:
    out = np.zeros(size, np.bool_)
    for (x0, y0, x1, y1), picture in zip(op.regions, pictures, strict=True):
        out[y0:y1, x0:x1] |= flags_of(picture)
    return out


def lattice_axes(
    size: Size, x: float, y: float, degrees: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Give a, b, c of the place a·column + b·row + c of a pixel's centre across both families."""
    c, s = cos_sin(degrees)
    dx, dy = 0.5 - size[1] / 2, 0.5 - size[0] / 2
    return (c, -s, c * dx - s * dy - x), (s, c, s * dx + c * dy - y)


def _lattice(
    _: Fill, size: Size, cell: float, width: float, x: float, y: float, degrees: float
) -> Flags:
    rows, columns = np.indices(size, np.float64)
    first, second = (
        (a * columns + b * rows + c) % cell < width for a, b, c in lattice_axes(size, x, y, degrees)
    )
    return first | second


STENCILS: Mapping[str, Callable[..., Flags]] = {
    "rectangles": _rectangles,
    OBJECTS: _objects,
    LATTICE: _lattice,
}
"""Name → function(op, size of the picture, *numbers)."""
