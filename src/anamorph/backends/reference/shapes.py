"""Polygons and polylines, ring by ring and corner by corner: the specification.

Under a warp lines stay lines, so mapping corners is exact; what lies behind the horizon is cut off.
Under a dense distortion edges are sampled densely and each sample is mapped by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.remap import forward
from anamorph.backends.reference.warp_labels import NEAR, cells, mirrored, stretch_of
from anamorph.core.clipping import Line, clip, cut, cut_open
from anamorph.core.labels import Floats
from anamorph.core.shapes import Rings, Shapes
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import POLYGONS, POLYLINES, Op, Remap, Size, Target, Tiles, Warp

_STEP = 1.0
"""Pixels between samples of a bent edge."""


def warp_shapes(op: Warp, shapes: Shapes, source: Size | None = None) -> Shapes:
    """Map corners; ``source`` is the size of the picture, for mirror images."""
    out = [_mapped(rings, op.matrix, closed=shapes.closed) for rings in shapes.objects()]
    done = shapes.changed(out)
    for cell in cells(op, source) if source is not None else ():
        copies = [_mirror(rings, cell, (source, op), shapes) for rings in shapes.objects()]
        done = done.joined([shapes.changed(copies)])
    return done


def _mapped(rings: Rings, m: Matrix, *, closed: bool) -> Rings:
    deepest = max(abs(m[6] * x + m[7] * y + m[8]) for r in rings for x, y in r.tolist())
    horizon = Line(m[6], m[7], m[8] - NEAR * deepest)
    front = cut(rings, horizon) if closed else cut_open(rings, horizon)
    return [np.array([mx.apply(m, x, y) for x, y in ring.tolist()]) for ring in front]


def _mirror(
    rings: Rings, cell: tuple[int, int], how: tuple[Size | None, Warp], shapes: Shapes
) -> Rings:
    """What of an object is seen in one mirror image, if it has some extent on the canvas."""
    size, op = how
    h, w = size or (0, 0)
    (kx, ky), border = cell, op.sampling.border
    copied = [
        np.array([(mirrored(x, kx, w, border), mirrored(y, ky, h, border)) for x, y in r.tolist()])
        for r in rings
    ]
    (x0, x1), (y0, y1) = stretch_of(kx, w, border), stretch_of(ky, h, border)
    inside = clip(copied, (x0, y0, x1, y1), closed=shapes.closed)
    if not inside:
        return []
    done = _mapped(inside, op.matrix, closed=shapes.closed)
    low = np.min([r.min(axis=0) for r in done], axis=0)
    high = np.max([r.max(axis=0) for r in done], axis=0)
    on = (high > mx.EPS).all() and (low < np.array(op.size[::-1]) - mx.EPS).all()
    return done if on else []


def remap_shapes(op: Remap, shapes: Shapes, _source: object = None) -> Shapes:
    """Map samples of all edges."""
    return shapes.changed(
        [
            [forward(op, _sampled(ring, closed=shapes.closed)) for ring in rings]
            for rings in shapes.objects()
        ]
    )


def _sampled(ring: Floats, *, closed: bool) -> Floats:
    parts = []
    ends = [*ring[1:], ring[0]] if closed else list(ring[1:])
    for p, q in zip(ring, ends, strict=False):
        count = max(1, int(np.ceil(np.hypot(*(q - p)) / _STEP)))
        parts += [p + (q - p) * k / count for k in range(count)]
    return np.array(parts if closed else [*parts, ring[-1]])


def move_shapes(op: Tiles, shapes: Shapes, source: Size | None = None) -> Shapes:
    """Cut along the tiles and move the parts; what no tile overwrites is left as single pixels."""
    moves: list[tuple[float, ...]] = list(op.moves)
    if source is not None:
        moves += [(x, y, x, y, 1, 1) for x, y in _untouched(op, source)]
    out: list[Rings] = []
    for rings in shapes.objects():
        parts: Rings = []
        for sx, sy, tx, ty, w, h in moves:
            inside = clip(rings, (sx, sy, sx + w, sy + h), closed=shapes.closed)
            parts += [ring + np.array((tx - sx, ty - sy)) for ring in inside]
        out.append(parts)
    return shapes.changed(out)


def _untouched(op: Tiles, source: Size) -> list[tuple[int, int]]:
    free = np.ones(source, np.bool_)
    for _, _, tx, ty, w, h in op.moves:
        free[ty : ty + h, tx : tx + w] = False
    ys, xs = np.nonzero(free)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


_KERNELS: Mapping[type[Op], Kernel] = {
    Warp: warp_shapes,
    Remap: remap_shapes,
    Tiles: move_shapes,
}
KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (op, target): kernel for op, kernel in _KERNELS.items() for target in (POLYGONS, POLYLINES)
}
