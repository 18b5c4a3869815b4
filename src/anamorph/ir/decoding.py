"""What a decoder is asked for, read off the head of a fused plan.

A plan is known before a pixel is decoded. Where it begins with a crop, the rest of the file need
not become pixels; where it shrinks the picture, a JPEG can be decoded at 1/2, 1/4 or 1/8 of its
size, which averages (the transform of its blocks is cut short) where reading four neighbours skips.
The picture is never decoded smaller than any direction of the result needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Op, Region, Sampling, Size, Warp
from anamorph.ir.rules import RESAMPLING, Step

UPRIGHT: Mapping[int, str] = {
    1: "e", 2: "h", 3: "r180", 4: "v", 5: "t", 6: "r270", 7: "hvt", 8: "r90",
}  # fmt: skip
"""EXIF orientation → the symmetry of the square that shows the stored picture upright."""
_EDGELESS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE})
_PICKING = frozenset({K.INTER_NEAREST, K.INTER_NEAREST_EXACT})
_MARGIN = 4
"""Decoded pixels around a place that an interpolation may read."""


@dataclass(frozen=True, slots=True)
class Need:
    """Decode at 1/denominator of the stored size; of that, the pixels of a region are used."""

    denominator: int
    region: Region

    @property
    def bottom(self) -> int:
        """The first stored row that is not needed."""
        return self.region[3] * self.denominator


def needed(
    steps: Sequence[Step], stored: Size, scales: Sequence[int], *, exact: bool = False
) -> tuple[Need, list[Step]]:
    """Find what a plan needs of a stored picture.

    Args:
        steps: the fused steps for the picture.
        stored: its height and width in the file.
        scales: the denominators that its decoder has.
        exact: leave out only what changes no pixel of the result.

    Returns:
        What to decode, and the steps that are left to do on the region that was decoded.
    """
    everything: Region = (0, 0, stored[1], stored[0])
    if not steps or not isinstance(steps[0].op, Warp):
        return Need(1, everything), list(steps)
    view = _view(steps[0].op, stored)
    if exact:
        return (Need(1, everything), list(steps)) if view is None else _cut(steps, view)
    if view is None:
        return _read(steps, steps[0].op.matrix, everything, scales)
    if len(steps) > 1 and isinstance(steps[1].op, Warp):
        joined = mx.matmul(steps[1].op.matrix, steps[0].op.matrix)
        need, left = _read(steps[1:], joined, view, scales)
        if need.denominator > 1:
            left[0].origins = steps[0].origins + left[0].origins
            return need, left
    return _cut(steps, view)


def _view(op: Warp, stored: Size) -> Region | None:
    """The stored pixels that a crop (a flipped or turned one too) shows; None if it is none."""
    if not mx.is_lattice(op.matrix):
        return None
    x0, y0, x1, y1 = mx.extent(mx.invert(op.matrix), op.size)
    if x0 < 0 or y0 < 0 or x1 > stored[1] or y1 > stored[0]:
        return None
    return round(x0), round(y0), round(x1), round(y1)


def _cut(steps: Sequence[Step], view: Region) -> tuple[Need, list[Step]]:
    """Decode the pixels of a crop alone."""
    first = steps[0]
    op: Warp = first.op  # type: ignore[assignment]
    moved = replace(op, matrix=mx.matmul(op.matrix, mx.translation(view[0], view[1])))
    left = Step(moved, first.origins, first.label, (view[3] - view[1], view[2] - view[0]))
    return Need(1, view), [left, *steps[1:]]


def _read(
    steps: Sequence[Step], m: Matrix, view: Region, scales: Sequence[int]
) -> tuple[Need, list[Step]]:
    """Decode for a warp of a view of the stored picture, m taking the one to the other.

    The edges of the view are edges of the picture that the warp sees: nothing beyond them enters.
    """
    first = steps[0]
    op: Warp = first.op  # type: ignore[assignment]
    seen = mx.extent(mx.invert(m), op.size) if mx.is_affine(m) else None
    inside = seen is not None and _within(seen, view)
    d = _denominator(m, op.sampling, scales)
    while d > 1 and not (inside or all(edge % d == 0 for edge in view)):
        d = max(s for s in scales if s < d)  # edges that show must be edges of decoded pixels
    x0, y0, x1, y1 = view[0] // d, view[1] // d, -(-view[2] // d), -(-view[3] // d)
    if seen is not None and (inside or op.sampling.border in _EDGELESS):
        y1 = min(max(math.ceil(seen[3] / d) + _MARGIN, y0 + 1), y1)
    local = mx.matmul(m, mx.matmul(mx.scaling(d, d), mx.translation(x0, y0)))
    sampling = replace(op.sampling, border=K.BORDER_REPLICATE) if d > 1 and inside else op.sampling
    left = Step(
        replace(op, matrix=mx.snapped(local), sampling=sampling),
        first.origins,
        first.label if d == 1 else RESAMPLING,
        (y1 - y0, x1 - x0),
    )
    return Need(d, (x0, y0, x1, y1)), [left, *steps[1:]]


def _denominator(m: Matrix, sampling: Sampling, scales: Sequence[int]) -> int:
    """The largest that is no larger than what the warp shrinks the picture by, in any direction."""
    if not mx.is_affine(m) or sampling.interpolation in _PICKING:
        return 1
    a, b, _, d, e = m[:5]
    # the larger singular value of the linear part: how far apart neighbours are at most
    squares, det = a * a + b * b + d * d + e * e, a * e - b * d
    widest = math.sqrt(0.5 * (squares + math.sqrt(max(0.0, squares * squares - 4.0 * det * det))))
    return max((s for s in scales if s * widest <= 1.0 + 1e-9), default=1)


def _within(seen: tuple[float, float, float, float], view: Region) -> bool:
    x0, y0, x1, y1 = seen
    slack = 1e-6
    return (
        x0 >= view[0] - slack
        and y0 >= view[1] - slack
        and x1 <= view[2] + slack
        and y1 <= view[3] + slack
    )


def upright(orientation: int, stored: Size) -> tuple[Op, ...]:
    """The ops that show a stored picture as its EXIF orientation says."""
    return () if orientation == 1 else (Warp.symmetry(UPRIGHT[orientation], stored),)
