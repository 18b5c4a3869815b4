"""What a move of tiles does to the canvas, in as few rectangles as they are easily put into."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from anamorph.ir.ops import Size

Move = tuple[int, int, int, int, int, int]
Patch = tuple[float, float, float, float, float, float]
"""x0, y0, x1, y1 of a rectangle of the source, and by how much it moves: dx, dy."""


def patches(moves: Sequence[Move], source: Size | None) -> list[Patch]:
    """Give the rectangles of a canvas and where each goes, those that stay too.

    Args:
        moves: source x0, y0, target x0, y0, width, height.
        source: height and width of the canvas; None if the moves cover it.
    """
    by_shift: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
    for sx, sy, tx, ty, w, h in moves:
        by_shift.setdefault((tx - sx, ty - sy), []).append((sx, sy, sx + w, sy + h))
    if source is not None and sum(m[4] * m[5] for m in moves) < source[0] * source[1]:
        by_shift.setdefault((0, 0), []).extend(_left(moves, source))
    return [
        (float(x0), float(y0), float(x1), float(y1), float(dx), float(dy))
        for (dx, dy), parts in by_shift.items()
        for x0, y0, x1, y1 in _joined(parts)
    ]


def _left(moves: Sequence[Move], source: Size) -> list[tuple[int, int, int, int]]:
    """The cells of the canvas that no move overwrites."""
    height, width = source
    covered = [(tx, ty, tx + w, ty + h) for _, _, tx, ty, w, h in moves]
    xs = sorted({0, width, *(x for r in covered for x in (r[0], r[2]))})
    ys = sorted({0, height, *(y for r in covered for y in (r[1], r[3]))})
    cells = itertools.product(itertools.pairwise(xs), itertools.pairwise(ys))
    return [
        (x0, y0, x1, y1)
        for (x0, x1), (y0, y1) in cells
        if not any(a <= x0 and x1 <= c and b <= y0 and y1 <= d for a, b, c, d in covered)
    ]


def _joined(parts: Sequence[tuple[int, int, int, int]]) -> Sequence[tuple[int, int, int, int]]:
    """One rectangle instead of all, if they fill it."""
    x0, y0 = min(p[0] for p in parts), min(p[1] for p in parts)
    x1, y1 = max(p[2] for p in parts), max(p[3] for p in parts)
    if sum((p[2] - p[0]) * (p[3] - p[1]) for p in parts) == (x1 - x0) * (y1 - y0):
        return [(x0, y0, x1, y1)]
    return parts
