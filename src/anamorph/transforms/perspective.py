"""Random change of the point of view."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Final

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.params import (
    Boolean,
    Border,
    Fill,
    Interpolation,
    MaskFill,
    Probability,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix, Point
from anamorph.ir.ops import Op, Size, Warp
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["Perspective"]

JitterRange = Annotated[Any, Span(0, lone="from")]
Quad = tuple[Point, Point, Point, Point]

_WRAP: Final = 0.32
"""No corner moves further, as a fraction of a side: so the four stay a convex quadrilateral."""
_GROWTH: Final = 4
"""How many times larger than the picture a canvas that shows all of it may become."""
_DUST: Final = 1e-6


class Perspective(SpatialTransform):
    """Take a random quadrilateral out of the picture and spread it over the canvas.

    Each corner moves inwards by |N(0, s)| of the width and of the height, with s drawn from
    ``scale``.

    >>> A.Perspective(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    scale: JitterRange = (0.05, 0.1)
    """Standard deviation of the corners' moves; 0.05 to 0.1 is moderate."""
    keep_size: Boolean = True
    """Give the result the size of the picture, instead of the size of the quadrilateral."""
    fit_output: Boolean = False
    """Show the whole picture: nothing of it is cut off."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the corners."""
        size = scene.size
        sigma = rng.uniform(*self.scale)
        moves = [abs(rng.gauss(0, sigma)) % _WRAP for _ in range(8)] if sigma else [0.0] * 8
        matrix, canvas = (_whole if self.fit_output else _part)(moves, size)
        if self.keep_size and canvas != size:
            matrix = mx.matmul(mx.scaling(size[1] / canvas[1], size[0] / canvas[0]), matrix)
            canvas = size
        yield Warp(mx.snapped(matrix), canvas, self._sampling)


def _part(moves: list[float], size: Size) -> tuple[Matrix, Size]:
    """Spread the quadrilateral over a canvas as large as its longer sides."""
    quad = _quad(moves, size)
    high, wide = _longer_sides(quad)
    return mx.homography(quad, mx.corners(high, wide)), (high, wide)


def _whole(moves: list[float], size: Size) -> tuple[Matrix, Size]:
    """Do the same, then grow the canvas around the whole picture.

    A strong perspective can put a corner of the picture behind the horizon, or very far away.
    Then the corners move half as much, until all of the picture can be shown.
    """
    matrix, _ = _part(moves, size)
    x0, y0, x1, y1 = mx.bounds(matrix, mx.corners(*size))
    high, wide = y1 - y0, x1 - x0
    if not (high <= _GROWTH * max(size[0], 4) and wide <= _GROWTH * max(size[1], 4)):
        return _whole([m / 2 for m in moves], size)
    canvas = max(1, math.ceil(high - _DUST)), max(1, math.ceil(wide - _DUST))
    dx, dy = (canvas[1] - wide) / 2 - x0, (canvas[0] - high) / 2 - y0
    return mx.matmul(mx.translation(dx, dy), matrix), canvas


def _quad(moves: list[float], size: Size) -> Quad:
    """Corners of the picture moved inwards, clockwise from the top left."""
    h, w = size
    a, b, c, d, e, f, g, i = moves
    return (a * w, b * h), (w - c * w, d * h), (w - e * w, h - f * h), (g * w, h - i * h)


def _longer_sides(quad: Quad) -> Size:
    p, q, r, s = quad
    wide = max(math.dist(p, q), math.dist(s, r))
    high = max(math.dist(p, s), math.dist(q, r))
    return max(1, int(high + _DUST)), max(1, int(wide + _DUST))
