"""A crop and the warp after it as one op: the warp reads a window of the source.

The rules of fusion leave a crop at the head of a plan alone, because a view costs nothing. In a
batch every sample has a view of another size, so here the two go together: the crop's edges are
kept as the bounds that the warp may read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import EVERYTHING, Op, Region, Sampling, Size, Target, Warp


@dataclass(frozen=True, slots=True)
class Windowed(Op):
    """Read region x0, y0, x1, y1 of the source as if it were all of it, through a warp."""

    region: Region
    warp: Warp

    touches: ClassVar[frozenset[Target]] = EVERYTHING

    def size_after(self, size: Size) -> Size:
        return self.warp.size

    @property
    def matrix(self) -> Matrix:
        """Maps the region, whose corner is (0, 0), onto the canvas."""
        return self.warp.matrix

    @property
    def size(self) -> Size:
        """The canvas."""
        return self.warp.size

    @property
    def sampling(self) -> Sampling:
        """How pixels are read."""
        return self.warp.sampling


AnyWarp = Warp | Windowed


def windowed(ops: Sequence[Op], size: Size) -> list[Op]:
    """Join each crop with the warp that comes next.

    >>> windowed([Warp.crop(2, 1, 6, 5), Warp.resize((4, 4), (8, 8))], (9, 9))[0].region
    (2, 1, 6, 5)
    """
    out: list[Op] = []
    sources: list[Size] = []
    for op in ops:
        first = out[-1] if out else None
        if type(op) is Warp and type(first) is Warp and _is_crop(first, sources[-1]):
            out[-1] = _joined(first, op)
        else:
            out.append(op)
            sources.append(size)
        size = op.size_after(size)
    return out


def _is_crop(op: Warp, source: Size) -> bool:
    """Tell whether it only cuts: where it mirrors, nearest pixels would be told apart otherwise."""
    still = op.matrix[:2] + op.matrix[3:5] == (1.0, 0.0, 0.0, 1.0)
    inside = mx.is_lattice(op.matrix) and mx.maps_inside(mx.invert(op.matrix), op.size, source)
    return still and inside


def _joined(crop: Warp, warp: Warp) -> Windowed:
    x, y = -round(crop.matrix[2]), -round(crop.matrix[5])
    return Windowed((x, y, x + crop.size[1], y + crop.size[0]), warp)
