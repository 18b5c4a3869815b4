"""What a move of tiles does to the canvas, in as few rectangles as they are easily put into."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from anamorph.ir.ops import Size

Move = tuple[int, int, int, int, int, int]
Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1."""
Patch = tuple[float, float, float, float, float, float]
"""x0, y0, x1, y1 of a rectangle of the source, and by how much it moves: dx, dy."""


def patches(moves: Sequence[Move], source: Size | None) -> list[Patch]:
    """Give the rectangles of a canvas and where each goes, those that stay too.

    Args:
        moves: source x0, y0, target x0, y0, width, height.
        source: height and width of the canvas; None if the moves cover it.
    """
    by_shift: dict[tuple[int, int], list[Rectangle]] = {}
    for sx, sy, tx, ty, w, h in moves:
        by_shift.setdefault((tx - sx, ty - sy), []).append((sx, sy, sx + w, sy + h))
    if source is not None and sum(m[4] * m[5] for m in moves) < source[0] * source[1]:
        by_shift.setdefault((0, 0), []).extend(_left(moves, source))
    return [
        (float(x0), float(y0), float(x1), float(y1), float(dx), float(dy))
        for (dx, dy), parts in by_shift.items()
        for x0, y0, x1, y1 in _joined(parts)
    ]


def _left(moves: Sequence[Move], source: Size) -> list[Rectangle]:
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


def _joined(parts: Sequence[Rectangle]) -> list[Rectangle]:
    """Put rectangles together along whole edges, rows first."""
    across = _merged(sorted(parts, key=lambda r: (r[1], r[3], r[0])), 0)
    return _merged(sorted(across, key=lambda r: (r[0], r[2], r[1])), 1)


def _merged(parts: Sequence[Rectangle], axis: int) -> list[Rectangle]:
    """Put together what follows on what is before it in one direction, and is as wide."""
    out: list[Rectangle] = []
    for part in parts:
        last = out[-1] if out else None
        aside = 1 - axis
        if (
            last is not None
            and last[axis + 2] == part[axis]
            and (last[aside], last[aside + 2]) == (part[aside], part[aside + 2])
        ):
            out[-1] = (last[0], last[1], part[2], part[3])
        else:
            out.append(part)
    return out
