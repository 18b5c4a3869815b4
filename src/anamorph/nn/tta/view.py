"""One view of a batch: its way there, and the ways home of what a model says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import torch
from torch import Tensor

from anamorph.backends.torch import render_ops
from anamorph.core import constants as K
from anamorph.core.errors import NotInvertibleError
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import PLAIN, Sampling, Size, Target, Warp
from anamorph.ir.plan import Plan

_HERE = mx.IDENTITY
_READING = Sampling(mask_interpolation=K.INTER_LINEAR, border=K.BORDER_REPLICATE)
"""How maps are read: what lies beyond their edge goes on as the edge, coverage says what counts."""
_SEEN = 1e-6
"""By how many pixels a place may lie beyond a canvas and still count as seen."""
_FAINT = 1e-3
"""Weight of what is seen together with the frame: it counts where nothing else is known."""

COORDINATES: Mapping[str, tuple[float, bool]] = {
    "pixels": (0.5, False),
    "continuous": (0.0, False),
    "normalized": (0.0, True),
}
"""Name → what is added to make coordinates continuous, and whether they are shares of the sides.
Of "pixels" the centre of the first is 0, of "continuous" ones its outer edge, as of boxes."""


@dataclass(frozen=True)
class View:
    """A plan for pictures of one size, rendered on batches and inverted on predictions.

    Predictions may have any resolution: a map is taken to show the whole view.

    >>> from anamorph.nn.tta import Symmetries, View
    >>> turned = View(Symmetries("rot90").plans((10, 20))[1])
    >>> turned.size
    (20, 10)
    >>> turned.boxes(torch.tensor([[0.0, 17.0, 3.0, 20.0]])).tolist()
    [[0.0, 0.0, 3.0, 3.0]]
    """

    plan: Plan

    def __post_init__(self) -> None:
        _ = self.matrix  # refuse what cannot be brought home now, not after the model has run

    @cached_property
    def size(self) -> Size:
        """Height and width of the view."""
        return self.plan.sizes[-1]

    @cached_property
    def matrix(self) -> Matrix:
        """From the view home, in pixels of pictures."""
        return mx.snapped(reduce(lambda done, op: mx.matmul(op.matrix, done), self._back, _HERE))

    @cached_property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged, seen from the picture."""
        a, b, c, d, e, f, g, h, i = self.matrix
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0

    @cached_property
    def whole(self) -> bool:
        """Whether all of the picture is seen."""
        return all(mx.maps_inside(matrix, self.plan.size, size) for matrix, size in self._moves)

    @cached_property
    def _back(self) -> tuple[Warp, ...]:
        """The warps that lead home."""
        back = self.plan.inverse().ops
        for op in back:
            if not isinstance(op, Warp):
                raise NotInvertibleError(
                    f"a view holds {type(op).__name__}: it may flip, turn, scale, crop, pad, tilt"
                )
        return tuple(op for op in back if isinstance(op, Warp))

    @cached_property
    def _moves(self) -> tuple[tuple[Matrix, Size], ...]:
        """From the picture onto each canvas on the way, and the size of that canvas."""
        matrix, found = _HERE, []
        canvases = (*(op.size for op in reversed(self._back[:-1])), self.size)
        for op, size in zip(reversed(self._back), canvases, strict=False):
            matrix = mx.snapped(mx.matmul(mx.invert(op.matrix), matrix))
            found.append((matrix, size))
        return tuple(found)

    # ------------------------------------------------------------------------- the way there

    def render(self, batch: Tensor) -> Tensor:
        """Show a batch (N, C, H, W) in this view, in the memory format that it has."""
        if not self.plan.ops:
            return batch
        last = batch.is_contiguous(memory_format=torch.channels_last) and not batch.is_contiguous()
        memory = torch.channels_last if last else torch.contiguous_format
        return render_ops(self.plan.ops, batch, Target.IMAGE).contiguous(memory_format=memory)

    # ---------------------------------------------------------------------------- ways home

    def home(self, out: Size) -> Size:
        """Size that the picture's own map has, if this view's has size ``out``."""
        down, right = out[0] / self.size[0], out[1] / self.size[1]
        a, b, _, d, e, *_ = self.matrix
        if abs(b) + abs(d) > abs(a) + abs(e):  # about a quarter turn: sides have changed places
            down, right = right, down
        height, width = self.plan.size
        return max(1, round(height * down)), max(1, round(width * right))

    def maps(self, maps: Tensor, home: Size) -> Tensor:
        """Bring floating-point maps (N, C, h, w) home; places that were not seen mean nothing.

        Args:
            maps: what a model says of the view, in any resolution.
            home: height and width of the result.
        """
        out = maps.shape[-2], maps.shape[-1]
        there = mx.scaling(self.size[1] / out[1], self.size[0] / out[0])
        back = mx.scaling(home[1] / self.plan.size[1], home[0] / self.plan.size[0])
        matrix = mx.snapped(mx.matmul(back, mx.matmul(self.matrix, there)))
        if matrix == _HERE and out == home:
            return maps
        sampling = PLAIN if mx.is_lattice(matrix) else _READING
        return render_ops([Warp(matrix, home, sampling)], maps, Target.MASK)

    def coverage(self, home: Size, out: Size) -> Tensor | None:
        """Weigh the places of a map at home by how well they were seen; None if all of them were.

        It is 0 for what was not seen, and next to 0 along the edge of a picture that was seen in a
        frame, if pixels of the view's map hold both.

        Args:
            home: height and width of the map at home.
            out: those of the view's map.
        """
        reach = self._mixed(out)
        if self.whole and not reach:
            return None
        return _coverage(self._moves, self.plan.size, home, reach)

    def _mixed(self, out: Size) -> float:
        """How far in, in pixels of a map, picture and frame are mixed: none to one pixel."""
        if not self._moves:
            return 0.0
        if not mx.is_axis_aligned(self.matrix):
            return 1.0
        x0, y0, x1, y1 = mx.extent(self._moves[-1][0], self.plan.size)
        edges = [(x, out[1] / self.size[1], out[1]) for x in (x0, x1)]
        edges += [(y, out[0] / self.size[0], out[0]) for y in (y0, y1)]
        inside = [edge * scale for edge, scale, side in edges if 0 < edge * scale < side]
        return 0.5 if any(abs(edge - round(edge)) > _SEEN for edge in inside) else 0.0

    def boxes(self, boxes: Tensor) -> Tensor:
        """Bring boxes (M, 4) as x0, y0, x1, y1 home, cut to the picture.

        A box that comes home turned becomes the upright one around it.
        """
        x0, y0, x1, y1 = _floating(boxes).unbind(-1)
        corners = torch.stack([x0, y0, x1, y0, x1, y1, x0, y1], -1).reshape(*x0.shape, 4, 2)
        height, width = self.plan.size
        xy = self._moved(corners)
        low, high = xy.amin(-2), xy.amax(-2)
        limit = low.new_tensor([width, height])
        return torch.cat([low, high], -1).clamp_min(0).minimum(limit.repeat(2))

    def points(self, points: Tensor, coordinates: str = "pixels") -> Tensor:
        """Bring keypoints (..., 2 or more) home: x and y first, what follows is kept.

        Args:
            points: where they are in the view.
            coordinates: a name in `COORDINATES`.
        """
        points = _floating(points)
        offset, shares = COORDINATES[coordinates]
        here, there = (self.size, self.plan.size) if shares else ((1, 1), (1, 1))
        xy = points[..., :2]
        moved = self._moved(xy * xy.new_tensor(here[::-1]) + offset) - offset
        return torch.cat([moved / xy.new_tensor(there[::-1]), points[..., 2:]], -1)

    def _moved(self, xy: Tensor) -> Tensor:
        a, b, c, d, e, f, g, h, i = self.matrix
        x, y = xy.unbind(-1)
        moved = torch.stack([a * x + b * y + c, d * x + e * y + f], -1)
        return moved if mx.is_affine(self.matrix) else moved / (g * x + h * y + i).unsqueeze(-1)


@lru_cache(maxsize=32)
def _coverage(
    moves: tuple[tuple[Matrix, Size], ...], source: Size, home: Size, reach: float
) -> Tensor:
    """Follow the centre of each place of a map over all canvases."""
    rows = torch.arange(home[0], dtype=torch.float64)[:, None] + 0.5
    columns = torch.arange(home[1], dtype=torch.float64)[None] + 0.5
    y, x = rows * (source[0] / home[0]), columns * (source[1] / home[1])
    seen = torch.ones(home, dtype=torch.bool)
    for (a, b, c, d, e, f, g, h, i), size in moves:
        depth = g * x + h * y + i
        u, v = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
        seen &= (depth > 0) & _within(u, size[1]) & _within(v, size[0])
    if not reach:
        return seen.float()
    to_edge = torch.minimum(rows.minimum(home[0] - rows), columns.minimum(home[1] - columns))
    return (seen * (to_edge - reach).clamp(_FAINT, 1)).float()


def _within(place: Tensor, side: int) -> Any:
    return (place >= -_SEEN) & (place <= side + _SEEN)


def _floating(values: Tensor) -> Tensor:
    """Bring coordinates to a dtype in which pixels of large pictures can be told apart."""
    exact = values.dtype in {torch.float32, torch.float64}
    return values if exact else values.float()
