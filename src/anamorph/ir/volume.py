"""Ops of whole volumes: what happens to slices together, not to each alone.

They touch volumes, 3-D masks and keypoints with depth. Sizes are (depth, height, width); matrices
map source to result in continuous x, y, z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from anamorph.core import constants as K
from anamorph.core.errors import NotInvertibleError
from anamorph.ir import matrix3 as mx
from anamorph.ir.matrix3 import Matrix3, Size3
from anamorph.ir.ops import IMAGE, MASK, PLAIN, POINTS, Color, Op, Sampling, Size, Target

Cuboid = tuple[int, int, int, int, int, int]
"""x0, y0, z0, x1, y1, z1."""
Sides3 = tuple[int, int, int, int, int, int]
"""Voxels before the first slice, after the last, above, below, left, right."""

_MOVED = frozenset({IMAGE, MASK, POINTS})
_NEAREST = frozenset({K.INTER_NEAREST, K.INTER_NEAREST_EXACT})


@dataclass(frozen=True, slots=True)
class SolidOp(Op):
    """Abstract base of ops of whole volumes."""

    touches: ClassVar[frozenset[Target]] = _MOVED
    solid: ClassVar[bool] = True

    @property
    def drawn_for(self) -> Size3 | None:
        """Size of the volume that it was drawn for; None if it acts on any."""
        return None


@dataclass(frozen=True, slots=True)
class Warp3(SolidOp):
    """Resample a volume through a 3×4 matrix onto a canvas.

    Interpolation is nearest or trilinear: every other than nearest counts as trilinear.
    """

    matrix: Matrix3
    size: Size3
    source: Size3
    sampling: Sampling = PLAIN

    @property
    def drawn_for(self) -> Size3:
        return self.source

    def size_after(self, size: Size) -> Size:
        return self.size[1:]

    def depth_after(self, depth: int) -> int:
        return self.size[0]

    @staticmethod
    def crop(source: Size3, start: Sequence[int], size: Size3) -> Warp3:
        """Cut out a block that begins at slice, row and column ``start``."""
        z, y, x = start
        return Warp3(mx.translation(-x, -y, -z), size, source)

    @staticmethod
    def pad(source: Size3, sides: Sides3, sampling: Sampling = PLAIN) -> Warp3:
        """Add voxels on the six sides."""
        front, back, top, bottom, left, right = sides
        depth, height, width = source
        size = depth + front + back, height + top + bottom, width + left + right
        return Warp3(mx.translation(left, top, front), size, source, sampling)

    @staticmethod
    def resize(source: Size3, to: Size3, sampling: Sampling = PLAIN) -> Warp3:
        """Scale a volume of one size to another."""
        z, y, x = (b / a for a, b in zip(source, to, strict=True))
        return Warp3(mx.scaling(x, y, z), to, source, sampling)

    @staticmethod
    def symmetry(source: Size3, axes: Sequence[int], flips: Sequence[bool]) -> Warp3:
        """Exchange axes as `numpy.transpose` does, then reverse some of the result.

        Args:
            source: size of the volume.
            axes: for depth, height and width of the result, which of these it was.
            flips: which of depth, height and width of the result are reversed.
        """
        size = source[axes[0]], source[axes[1]], source[axes[2]]
        linear, shift = [], []
        for k in (2, 1, 0):  # the rows are x, y, z
            sign = -1.0 if flips[k] else 1.0
            linear.append([sign * (axes[k] == from_axis) for from_axis in (2, 1, 0)])
            shift.append(float(size[k]) if flips[k] else 0.0)
        return Warp3(mx.joined(linear, shift), size, source)


@dataclass(frozen=True, slots=True)
class Remap3(SolidOp):
    """Read each voxel of a volume from a place given by a smooth field of displacements.

    ``kind`` and ``params`` name the field, see `anamorph.ir.volume_field`.
    """

    kind: str
    params: tuple[Any, ...]
    size: Size3
    sampling: Sampling = PLAIN

    @property
    def drawn_for(self) -> Size3:
        return self.size


@dataclass(frozen=True, slots=True)
class Fill3(SolidOp):
    """Overwrite cuboids of a volume with a value."""

    regions: tuple[Cuboid, ...]
    value: Color = 0
    mask_value: Color | None = None

    @property
    def targets(self) -> frozenset[Target]:
        return _MOVED if self.mask_value is not None else _MOVED - {MASK}


@dataclass(frozen=True, slots=True)
class Tensor3(SolidOp):
    """Hand volumes out as torch tensors (C, D, H, W)."""

    touches: ClassVar[frozenset[Target]] = frozenset({IMAGE, MASK})


@dataclass(frozen=True, slots=True)
class Coarsen3(SolidOp):
    """Shrink a volume along one axis (0 is depth) to a number of slices, and enlarge it again.

    ``mean`` averages over the voxels of a thick slice; else its middle is interpolated.
    """

    axis: int
    slices: int
    mean: bool = True

    touches: ClassVar[frozenset[Target]] = frozenset({IMAGE})


VOLUME_OPS = {op.__name__: op for op in (Warp3, Remap3, Fill3, Coarsen3, Tensor3)}


def picks(interpolation: int) -> bool:
    """Tell whether an interpolation takes voxels as they are; the others are trilinear."""
    return interpolation in _NEAREST


# ------------------------------------------------------------------------- fusing, inverting


def joined(a: Warp3, b: Warp3) -> tuple[Warp3, bool] | None:
    """Make one warp of two, as far as nothing that was cut off could come back.

    Returns:
        The warp and whether it is equal bit by bit; None if the two must stay apart.
    """
    a_grid, b_grid = mx.is_lattice(a.matrix), mx.is_lattice(b.matrix)
    lossless = mx.maps_inside(a.matrix, a.source, a.size)
    covers = lossless and mx.covers(a.matrix, a.source, a.size)
    exact = a_grid and b_grid
    if covers and a_grid:  # a symmetry of the cube: the second does as it would have done
        return _product(a, b, b.sampling), exact
    inside = _looks_inside(b)
    if inside and b_grid:
        return _product(a, b, a.sampling), exact
    cropped = inside and not lossless and a_grid  # a crop is a view and keeps its own border
    if cropped or not (inside or lossless) or not (exact or _read_alike(a, b, a_grid=a_grid)):
        return None
    border = _border_of(a, b, inside=inside, covers=covers)
    if border is None:
        return None
    reading = b.sampling if a_grid else a.sampling
    sampling = replace(
        border,
        interpolation=reading.interpolation,
        mask_interpolation=reading.mask_interpolation,
    )
    return _product(a, b, sampling), exact


def _product(a: Warp3, b: Warp3, sampling: Sampling) -> Warp3:
    return Warp3(mx.snapped(mx.matmul(b.matrix, a.matrix)), b.size, a.source, sampling)


def _looks_inside(b: Warp3) -> bool:
    try:
        return mx.maps_inside(mx.invert(b.matrix), b.size, b.source)
    except NotInvertibleError:
        return False


def _read_alike(a: Warp3, b: Warp3, *, a_grid: bool) -> bool:
    if a_grid or mx.is_lattice(b.matrix):
        return True
    s, t = a.sampling, b.sampling
    return picks(s.interpolation) == picks(t.interpolation) and picks(
        s.mask_interpolation
    ) == picks(t.mask_interpolation)


def _border_of(a: Warp3, b: Warp3, *, inside: bool, covers: bool) -> Sampling | None:
    """Whose border the result shows; None if it would be a mix."""
    s, t = a.sampling, b.sampling
    if covers:
        return t if inside or t.border != K.BORDER_REFLECT_101 else None
    if inside:
        return s
    agree = s.fill == t.fill and s.fill_mask == t.fill_mask
    return t if s.border == t.border == K.BORDER_CONSTANT and agree else None


def united(a: Fill3, b: Fill3) -> Fill3 | None:
    """Unite cuboids of equal value."""
    if a.value != b.value or a.mask_value != b.mask_value:
        return None
    return replace(a, regions=a.regions + b.regions)


def inverse(op: Warp3) -> Warp3:
    """The warp that brings masks and keypoints of the result home."""
    return Warp3(mx.snapped(mx.invert(op.matrix)), op.source, op.size, op.sampling)
