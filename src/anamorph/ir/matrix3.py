"""3×4 algebra on plain tuples: affine maps of volumes.

A matrix is twelve floats in row order. It maps continuous coordinates (x, y, z): the corner of the
volume at the first row of the first slice is (0, 0, 0), and voxel i spans [i, i+1) on each axis.
Sizes are (depth, height, width).
"""

from __future__ import annotations

from collections.abc import Sequence

from anamorph.core.errors import NotInvertibleError
from anamorph.ir.matrix import EPS, cos_sin

Matrix3 = tuple[
    float, float, float, float, float, float, float, float, float, float, float, float
]  # fmt: skip
Size3 = tuple[int, int, int]
Place = tuple[float, float, float]

IDENTITY3: Matrix3 = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The linear part of what only shifts."""
_DUST = 1e-9


def joined(linear: Sequence[Sequence[float]], shift: Sequence[float]) -> Matrix3:
    """Make a matrix of three rows and a shift, all in the order x, y, z."""
    # adding zero makes a plain zero of a negative one
    rows = [(*(v + 0.0 for v in row), t + 0.0) for row, t in zip(linear, shift, strict=True)]
    return (*rows[0], *rows[1], *rows[2])  # type: ignore[return-value]


def rows_of(m: Matrix3) -> tuple[tuple[float, ...], ...]:
    """The three rows (a, b, c, shift)."""
    return m[0:4], m[4:8], m[8:12]


def matmul(m: Matrix3, n: Matrix3) -> Matrix3:
    """Multiply: the map that does n first, then m."""
    first = rows_of(n)
    out: list[float] = []
    for a, b, c, d in rows_of(m):
        out.extend(
            a * p + b * q + c * r for p, q, r in zip(*(row[:3] for row in first), strict=True)
        )
        out.append(a * first[0][3] + b * first[1][3] + c * first[2][3] + d)
    return tuple(out)  # type: ignore[return-value]


def determinant(m: Matrix3) -> float:
    """By how much a volume grows; negative if it is mirrored."""
    (a, b, c, _), (d, e, f, _), (g, h, i, _) = rows_of(m)
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def invert(m: Matrix3) -> Matrix3:
    """Invert a matrix.

    Raises:
        NotInvertibleError: the matrix is singular.
    """
    (a, b, c, p), (d, e, f, q), (g, h, i, r) = rows_of(m)
    det = determinant(m)
    if abs(det) < 1e-12:
        raise NotInvertibleError(f"the matrix {m} flattens the volume and has no inverse")
    linear = (
        ((e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det),
        ((f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det),
        ((d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det),
    )
    return joined(linear, [-(u * p + v * q + w * r) for u, v, w in linear])


def snapped(m: Matrix3) -> Matrix3:
    """Remove the dust of floating point, so that exact quarter turns and shifts are exact."""
    return tuple(float(round(v)) if abs(v - round(v)) < _DUST else v for v in m)  # type: ignore[return-value]


def is_lattice(m: Matrix3) -> bool:
    """Tell whether voxels fall on voxels: symmetries of the cube and whole shifts only."""
    if m[:3] + m[4:7] + m[8:11] == UPRIGHT:
        return m[3] % 1 == 0.0 == m[7] % 1 and m[11] % 1 == 0.0
    taken = set()
    for a, b, c, shift in rows_of(m):
        axes = [k for k, v in enumerate((a, b, c)) if v != 0.0]
        if len(axes) != 1 or abs((a, b, c)[axes[0]]) != 1.0 or shift % 1 != 0.0:
            return False
        taken.add(axes[0])
    return len(taken) == 3


def is_straight(m: Matrix3) -> bool:
    """Tell whether each axis of the result is one axis of the source, scaled and shifted."""
    taken = []
    for row in rows_of(m):
        axes = [k for k, v in enumerate(row[:3]) if v != 0.0]
        if len(axes) != 1:
            return False
        taken.append(axes[0])
    return len(set(taken)) == 3


def extent(m: Matrix3, size: Size3) -> tuple[Place, Place]:
    """Bounding box of a mapped volume: its least and its greatest x, y, z."""
    depth, height, width = size
    low, high = [], []
    for a, b, c, shift in rows_of(m):
        steps = (a * width, b * height, c * depth)
        low.append(shift + sum(v for v in steps if v < 0))
        high.append(shift + sum(v for v in steps if v > 0))
    return tuple(low), tuple(high)  # type: ignore[return-value]


def maps_inside(m: Matrix3, inner: Size3, outer: Size3) -> bool:
    """Tell whether a volume lands wholly inside another one."""
    low, high = extent(m, inner)
    return all(v >= -EPS for v in low) and all(
        v <= n + EPS for v, n in zip(high, reversed(outer), strict=True)
    )


def covers(m: Matrix3, inner: Size3, outer: Size3) -> bool:
    """Tell whether a straight matrix lays one volume exactly onto another."""
    if not is_straight(m):
        return False
    low, high = extent(m, inner)
    return all(abs(v) <= EPS for v in low) and all(
        abs(v - n) <= EPS for v, n in zip(high, reversed(outer), strict=True)
    )


def translation(x: float, y: float, z: float) -> Matrix3:
    """Shift."""
    return 1.0, 0.0, 0.0, x + 0.0, 0.0, 1.0, 0.0, y + 0.0, 0.0, 0.0, 1.0, z + 0.0


def scaling(x: float, y: float, z: float) -> Matrix3:
    """Scale about the corner."""
    return joined(((x, 0, 0), (0, y, 0), (0, 0, z)), (0, 0, 0))


_PLANES = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}
"""Axis that is turned about → the axes that turn: the second towards the first, the other way
round the first away from the second, so that z turns counter-clockwise on the screen."""


def rotation(axis: str, degrees: float) -> Matrix3:
    """Turn about an axis through the corner; exact at quarter turns."""
    c, s = cos_sin(degrees)
    i, j = _PLANES[axis]
    linear = [[float(k == n) for n in range(3)] for k in range(3)]
    linear[i][i] = linear[j][j] = c
    linear[i][j], linear[j][i] = s, -s
    return joined(linear, (0, 0, 0))


def about(m: Matrix3, center: Place) -> Matrix3:
    """Do a map about a place instead of the corner."""
    x, y, z = center
    return matmul(translation(x, y, z), matmul(m, translation(-x, -y, -z)))


def separated(m: Matrix3) -> tuple[int, int] | None:
    """Find an axis that stays apart from the others, z before y before x.

    Returns:
        Its number (x, y, z are 0, 1, 2) in the source and in the result; None if all mix.
    """
    rows = rows_of(m)
    for j in (2, 1, 0):
        of = [k for k in range(3) if rows[j][k] != 0.0]
        if len(of) == 1 and all(rows[i][of[0]] == 0.0 for i in range(3) if i != j):
            return of[0], j
    return None
