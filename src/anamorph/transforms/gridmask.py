"""A lattice of stripes dropped."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees, pi
from typing import Annotated, Any

from anamorph.core.params import DropFill, MaskFill, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir import ops
from anamorph.ir.ops import Op, Region, Size
from anamorph.ir.stencil import LATTICE
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.drop import check_value

__all__ = ["GridMask"]

CellCount = Annotated[Any, Span(1, lone="point", whole=True, unit="cells")]
LineShare = Annotated[Any, Span(0, 1, lone="point", above=True)]
Radians = Annotated[Any, Span(-2 * pi, 2 * pi, unit="radians")]


class GridMask(SpatialTransform):
    """Overwrite the lines of a grid, upright or turned; squares of the picture stay.

    P. Chen et al., "GridMask data augmentation", 2020; `GridDropout` overwrites the squares. Boxes
    shrink to what stays visible of them and go when nothing does; keypoints on a line go, unless
    the caller keeps invisible ones.

    >>> t = A.GridMask(num_grid_range=(4, 4), line_width_range=(0.5, 0.5), fill=255, p=1)
    >>> 0.7 < float((t(image=photo)["image"] == 255).all(2).mean()) < 0.8
    True
    """

    num_grid_range: CellCount = (3, 7)
    """Number of cells along the shorter side. Cells are square."""
    line_width_range: LineShare = (0.2, 0.5)
    """Width of the lines, as a share of the cells' side."""
    rotation_range: Radians = (0, 0)
    """Angle of the grid, counter-clockwise. A lone number x means (-x, x)."""
    fill: DropFill = 0
    """As in CoarseDropout."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw cells, width, angle and place of the grid."""
        check_value("GridMask.fill", self.fill, scene)
        size = scene.size
        cell = max(1, min(size) // rng.integer(*self.num_grid_range))
        width = max(1, int(cell * rng.uniform(*self.line_width_range)))
        angle = rng.uniform(*self.rotation_range)
        x, y = rng.integer(0, cell - 1), rng.integer(0, cell - 1)
        key = rng.key() if isinstance(self.fill, str) else 0
        if angle == 0:
            yield ops.Fill(_lines(size, cell, width, (x, y)), self.fill, self.fill_mask, key)
            return
        stencil = (LATTICE, cell, width, x, y, degrees(angle))
        whole = ((0, 0, size[1], size[0]),)
        yield ops.Fill(whole, self.fill, self.fill_mask, key, stencil)


def _lines(size: Size, cell: int, width: int, offset: tuple[int, int]) -> tuple[Region, ...]:
    """The lines of an upright grid, one of which begins at the offset, in the picture."""
    height, wide = size
    xs, ys = (
        [(max(0, a), min(a + width, side)) for a in range(start - cell, side, cell)]
        for start, side in zip(offset, (wide, height), strict=True)
    )
    upright = [(a, 0, b, height) for a, b in xs if b > a]
    return (*upright, *((0, a, wide, b) for a, b in ys if b > a))
