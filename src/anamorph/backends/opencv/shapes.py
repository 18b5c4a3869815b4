"""Polygons and polylines: all corners by one product of matrices, then what has to be cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.remap_labels import project, spacing_of, to_result
from anamorph.backends.opencv.warp_labels import MIRRORING, NEAR, Cell, mirrors
from anamorph.core.clipping import Bounds, Line, clip, cut, cut_open
from anamorph.core.labels import Floats, Ints
from anamorph.core.shapes import Rings, Shapes
from anamorph.ir import matrix as mx
from anamorph.ir.fields import field_of
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import POLYGONS, POLYLINES, Op, Remap, Size, Target, Tiles, Warp
from anamorph.ir.tiling import patches

__all__ = ["KERNELS", "bent", "move_shapes", "remap_shapes", "warp_shapes"]

_BEND = 0.1
"""Pixels by which the middle of a bent edge may lie off its chord."""
_THIN = 0.04
"""Pixels by which a corner that was put in may lie off the line without it."""
_ROUNDS = 4
_PARTS = 4096
"""Parts that an edge is cut into at most."""


# ---------------------------------------------------------------------------------- warps


def warp_shapes(op: Warp, shapes: Shapes, source: Size | None = None) -> Shapes:
    """Map corners. Lines stay lines, so nothing is lost; what is behind the horizon is cut off.

    A mirroring border shows copies, which come after the originals as objects of their own.
    """
    if len(shapes.counts) == 0:
        return shapes
    done = _mapped(shapes, op.matrix)
    if source is None or op.sampling.border not in MIRRORING:
        return done
    return done.joined([_through(shapes, cell, op) for cell in mirrors(op, source)])


def _mapped(shapes: Shapes, m: Matrix) -> Shapes:
    a, b, c, d, e, f, g, h, i = m
    shapes = shapes if mx.is_affine(m) else _before_horizon(shapes, m)
    x, y = shapes.points[:, 0], shapes.points[:, 1]
    out = np.empty_like(shapes.points)
    out[:, 0] = a * x + b * y + c
    out[:, 1] = d * x + e * y + f
    if not mx.is_affine(m):
        out /= Line(g, h, i).over(shapes.points)[:, None]
    return shapes.moved(out)


def _before_horizon(shapes: Shapes, m: Matrix) -> Shapes:
    """Cut off what lies on or behind the horizon of a perspective."""
    *_, g, h, i = m
    depth = Line(g, h, i).over(shapes.points)
    near = NEAR * float(np.abs(depth).max(initial=0.0))
    if not (depth <= near).any():
        return shapes
    keep = cut if shapes.closed else cut_open
    return shapes.changed([keep(rings, Line(g, h, i - near)) for rings in shapes.objects()])


def _through(shapes: Shapes, cell: Cell, op: Warp) -> Shapes:
    """What of shapes is seen in one mirror image of the picture."""
    copied = _mapped(shapes, cell.matrix)
    (x0, x1), (y0, y1) = cell.x_range, cell.y_range
    low, high = copied.bounds()
    if (low < (x0, y0)).any() or (high > (x1, y1)).any():
        inside = [clip(r, (x0, y0, x1, y1), closed=shapes.closed) for r in copied.objects()]
        copied = copied.changed(inside)
    done = _mapped(copied, op.matrix)
    low, high = done.bounds()
    far = np.array(op.size[::-1]) - mx.EPS
    on = np.flatnonzero(((high > mx.EPS) & (low < far)).all(axis=1))
    return done if len(on) == len(low) else done.take(on)


# --------------------------------------------------------------------- dense distortions


def remap_shapes(op: Remap, shapes: Shapes, _source: object = None) -> Shapes:
    """Map corners, and put in as many as it takes for edges to follow the bent picture."""
    if len(shapes.counts) == 0:
        return shapes
    if not mx.is_affine(op.before):
        shapes = _before_horizon(shapes, op.before)
    after = mx.IDENTITY if mx.is_affine(op.after) else op.after
    flat = op if after == mx.IDENTITY else replace(op, after=mx.IDENTITY)
    points, lengths = bent(flat, shapes.points, shapes.lengths, closed=shapes.closed)
    return _mapped(replace(shapes, points=points, lengths=lengths), after)


def bent(op: Remap, points: Floats, lengths: Ints, *, closed: bool) -> tuple[Floats, Ints]:
    """Map the corners of rings one after the other; edges come back within a tenth of a pixel.

    Args:
        op: the distortion.
        points: (P, 2) corners of all rings.
        lengths: how many each ring has.
        closed: whether the last corner is joined to the first.
    """
    field = field_of(op.kind, op.params, op.size)
    track = _Track(points, lengths, closed=closed)
    edges = track.edges()
    placed = project(op.before, points)[0]
    sides = np.hypot(*(placed[edges[:, 1]] - placed[edges[:, 0]]).T)
    track.divide(np.ceil(sides / spacing_of(field)).clip(1, _PARTS).astype(np.int64))
    track.mapped = to_result(op, field, track.points)
    for _ in range(_ROUNDS):
        edges = track.edges()
        middles = (track.points[edges[:, 0]] + track.points[edges[:, 1]]) / 2
        mapped = to_result(op, field, middles)
        chord = (track.mapped[edges[:, 0]] + track.mapped[edges[:, 1]]) / 2
        off = np.hypot(*(mapped - chord).T) > _BEND
        if not off.any():
            break
        track.insert(edges[off], middles[off], mapped[off])
    track.thin()
    return track.mapped, track.lengths


class _Track:
    """Corners of rings on their way: where they were, where they are, and which were given."""

    def __init__(self, points: Floats, lengths: Ints, *, closed: bool) -> None:
        self.points = points
        self.mapped = points
        self.lengths = lengths
        self.given = np.ones(len(points), np.bool_)
        self.closed = closed

    def edges(self) -> Ints:
        """Pairs of neighbours (E, 2)."""
        rows = np.arange(len(self.points))
        after = rows + 1
        ends = np.cumsum(self.lengths)
        after[ends - 1] = ends - self.lengths
        pairs = np.stack([rows, after], axis=1)
        return pairs if self.closed else np.delete(pairs, ends - 1, axis=0)

    def divide(self, counts: Ints) -> None:
        """Cut each edge into a number of equal parts."""
        edges = self.edges()
        first = np.repeat(edges, counts - 1, axis=0)
        parts = np.repeat(counts, counts - 1)
        number = np.arange(len(parts)) - np.repeat(np.cumsum(counts - 1) - counts + 1, counts - 1)
        t = ((number + 1) / parts)[:, None]
        a, b = self.points[first[:, 0]], self.points[first[:, 1]]
        between = a + (b - a) * t
        self.insert(first, between, between)

    def insert(self, edges: Ints, points: Floats, mapped: Floats) -> None:
        """Put corners into edges, in order."""
        behind = edges[:, 0] + 1
        rings = np.searchsorted(np.cumsum(self.lengths), edges[:, 0], side="right")
        self.points = np.insert(self.points, behind, points, axis=0)
        self.mapped = np.insert(self.mapped, behind, mapped, axis=0)
        self.given = np.insert(self.given, behind, values=False)
        self.lengths = self.lengths + np.bincount(rings, minlength=len(self.lengths))

    def thin(self) -> None:
        """Take out every other corner that was put in and is not needed, again and again."""
        for _ in range(_ROUNDS):
            edges = self.edges()
            before, after = np.full(len(self.points), -1), np.full(len(self.points), -1)
            after[edges[:, 0]], before[edges[:, 1]] = edges[:, 1], edges[:, 0]
            p, q = self.mapped[before], self.mapped[after]
            along, off = q - p, self.mapped - p
            span = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-12)
            far = np.abs(along[:, 0] * off[:, 1] - along[:, 1] * off[:, 0]) / span
            spare = ~self.given & (far < _THIN / _ROUNDS)
            spare &= ~spare[before] | (np.arange(len(spare)) % 2 == 0)
            spare &= ~spare[before]
            if not spare.any():
                return
            rings = np.repeat(np.arange(len(self.lengths)), self.lengths)
            self.lengths = self.lengths - np.bincount(rings[spare], minlength=len(self.lengths))
            self.points, self.mapped = self.points[~spare], self.mapped[~spare]
            self.given = self.given[~spare]


# ---------------------------------------------------------------------------------- tiles


def move_shapes(op: Tiles, shapes: Shapes, source: Size | None = None) -> Shapes:
    """Cut shapes along the tiles and move the parts, which stay one object."""
    if len(shapes.counts) == 0 or not op.moves:
        return shapes
    moves = patches(op.moves, source)
    low, high = shapes.bounds()
    out: list[Rings] = []
    for rings, least, most in zip(shapes.objects(), low.tolist(), high.tolist(), strict=True):
        parts: Rings = []
        for x0, y0, x1, y1, dx, dy in moves:
            if least[0] <= x1 and most[0] >= x0 and least[1] <= y1 and most[1] >= y0:
                shift = np.array((dx, dy))
                parts += [r + shift for r in _part(rings, (x0, y0, x1, y1), shapes)]
        out.append(parts)
    return shapes.changed(out)


def _part(rings: Rings, bounds: Bounds, shapes: Shapes) -> Rings:
    return clip(rings, bounds, closed=shapes.closed)


_KERNELS: Mapping[type[Op], Kernel] = {
    Warp: warp_shapes,
    Remap: remap_shapes,
    Tiles: move_shapes,
}
KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (op, target): kernel for op, kernel in _KERNELS.items() for target in (POLYGONS, POLYLINES)
}
