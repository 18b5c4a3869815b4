"""Polygons and polylines cut by straight lines, exactly.

What is inside of the rings of one polygon is told by the even-odd rule: a ring within another is a
hole, rings beside each other are parts. Where a line cuts them, the crossings in their order along
the line are in turn where the inside begins and where it ends; joining each such pair closes what
is left, in as many rings as it has parts, and no edge runs along the line without an inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats

Ring = Floats
"""Corners (N, 2); the last is joined to the first if it belongs to a polygon."""
Bounds = tuple[float, float, float, float]

SLIVER = 0.01
"""Pixels: what a cut leaves is dropped if it is thinner (polygons) or shorter (polylines)."""
_NEAR = 1e-9


class Line(NamedTuple):
    """A line; what is kept lies where a·x + b·y + c is positive."""

    a: float
    b: float
    c: float

    def over(self, points: Floats) -> Floats:
        """How far beyond the line points (N, 2) are, times the length of (a, b)."""
        out: Floats = points[:, 0] * self.a + points[:, 1] * self.b
        out += self.c
        return out

    def crossing(self, p: Floats, q: Floats, dp: float, dq: float) -> Floats:
        """Where the edge from p to q crosses; on the last bit for upright and level lines."""
        out: Floats = p + (q - p) * (dp / (dp - dq))
        if self.b == 0.0:
            out[0] = -self.c / self.a
        elif self.a == 0.0:
            out[1] = -self.c / self.b
        return out


class _End(NamedTuple):
    """Where a chain crosses the line: the place along it, and which way it goes from there."""

    place: float
    slope: float
    chain: int
    last: bool


def clip(rings: Sequence[Ring], bounds: Bounds, *, closed: bool) -> list[Ring]:
    """Keep what of a polygon or polyline lies in x0, y0, x1, y1; slivers of the cut are dropped."""
    x0, y0, x1, y1 = bounds
    kept = list(rings)
    corners = rings[0] if len(rings) == 1 else np.concatenate(rings)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    if right < x0 or left > x1 or bottom < y0 or top > y1:
        return []
    sides = (
        (left < x0, Line(1, 0, -x0)),
        (right > x1, Line(-1, 0, x1)),
        (top < y0, Line(0, 1, -y0)),
        (bottom > y1, Line(0, -1, y1)),
    )
    for crossed, line in sides:
        if crossed:
            kept = cut(kept, line) if closed else cut_open(kept, line)
    whole = {id(ring) for ring in rings}
    return [ring for ring in kept if id(ring) in whole or not _is_sliver(ring, closed=closed)]


def _is_sliver(ring: Ring, *, closed: bool) -> bool:
    if not closed:
        return length(ring) <= SLIVER
    return bool((ring.max(axis=0) - ring.min(axis=0)).min() <= SLIVER)


# ------------------------------------------------------------------------------- polygons


def cut(rings: Sequence[Ring], line: Line) -> list[Ring]:
    """Keep what of the inside of rings is beyond a line. Rings wholly beyond it are kept as such.

    Corners on the line count as on its wrong side, as if it lay a hair further on: so a ring that
    only touches it is crossed twice in one place, and the count of crossings stays even.
    """
    over = [line.over(ring) for ring in rings]
    near = _NEAR * max((float(np.abs(d).max()) for d in over), default=0.0)
    if all(float(d.min()) >= -near for d in over):
        return list(rings)
    kept: list[Ring] = []
    chains: list[Ring] = []
    ends: list[list[_End]] = []
    for ring, d in zip(rings, over, strict=True):
        inside = d > near
        if inside.all():
            kept.append(ring)
        elif inside.any():
            ends.append(_chained(ring, d, inside, line, chains))
    for group in _nested(ends):
        kept += _closed(chains, sorted(group))
    return kept


def _chained(
    ring: Ring, d: Floats, inside: npt.NDArray[np.bool_], line: Line, chains: list[Ring]
) -> list[_End]:
    """Cut a ring into the chains that are beyond the line; give their ends."""
    n = len(ring)
    ends: list[_End] = []
    before = np.concatenate([inside[-1:], inside[:-1]])
    for first in np.flatnonzero(inside > before).tolist():
        stop = first + 1
        while inside[stop % n]:
            stop += 1
        rows = np.arange(first, stop) % n
        after = stop % n
        enters = line.crossing(ring[first - 1], ring[first], float(d[first - 1]), float(d[first]))
        leaves = line.crossing(ring[rows[-1]], ring[after], float(d[rows[-1]]), float(d[after]))
        ends += [
            _end(line, enters, (ring[first], float(d[first])), len(chains), last=False),
            _end(line, leaves, (ring[rows[-1]], float(d[rows[-1]])), len(chains), last=True),
        ]
        chains.append(np.concatenate([enters[None], ring[rows], leaves[None]]))
    return ends


def _end(line: Line, at: Floats, inner: tuple[Floats, float], chain: int, *, last: bool) -> _End:
    x, y = at.tolist()
    dx, dy = (inner[0] - at).tolist()
    a, b, _ = line
    return _End(a * y - b * x, (a * dy - b * dx) / inner[1], chain, last)


def _nested(rings: Sequence[list[_End]]) -> list[list[_End]]:
    """Put together the ends of rings that lie within each other on the line.

    Rings that merely overlap are parts that somebody drew over each other: each is cut alone.
    """
    if len(rings) < 2:
        return list(rings)
    groups: list[tuple[list[_End], list[tuple[float, float]]]] = []
    for ends in rings:
        places = sorted(end.place for end in ends)
        spans = list(zip(places[::2], places[1::2], strict=True))
        near = [g for g in groups if _within(spans, g[1]) or _within(g[1], spans)]
        groups = [g for g in groups if g not in near]
        groups.append(
            ([e for g in near for e in g[0]] + ends, [s for g in near for s in g[1]] + spans)
        )
    return [ends for ends, _ in groups]


def _within(inner: Sequence[tuple[float, float]], outer: Sequence[tuple[float, float]]) -> bool:
    return any(low <= p and q <= high for p, q in inner for low, high in outer)


def _closed(chains: Sequence[Ring], ends: Sequence[_End]) -> list[Ring]:
    """Join chains, the first end along the line to the second, and so on in pairs."""
    partner: dict[tuple[int, bool], tuple[int, bool]] = {}
    for one, other in zip(ends[::2], ends[1::2], strict=True):
        partner[one.chain, one.last] = other.chain, other.last
        partner[other.chain, other.last] = one.chain, one.last
    free = dict.fromkeys(end.chain for end in ends)
    out = []
    while free:
        chain = next(iter(free))
        forward = True
        parts = []
        while chain in free:
            del free[chain]
            parts.append(chains[chain] if forward else chains[chain][::-1])
            chain, at_last = partner[chain, forward]
            forward = not at_last
        ring = _without_repeats(np.concatenate(parts))
        if len(ring) >= 3:
            out.append(ring)
    return out


def _without_repeats(ring: Ring) -> Ring:
    differs = (ring[1:] != ring[:-1]).any(axis=1)
    closes = bool((ring[0] == ring[-1]).all())
    if differs.all() and not closes:
        return ring
    kept: Ring = ring[np.concatenate([[True], differs])]
    return kept[:-1] if closes and len(kept) > 1 else kept


# ------------------------------------------------------------------------------ polylines


def cut_open(lines: Sequence[Ring], line: Line) -> list[Ring]:
    """Keep what of polylines is beyond a line or on it."""
    kept: list[Ring] = []
    for points in lines:
        d = line.over(points)
        inside = d >= -_NEAR * float(np.abs(d).max())
        if inside.all():
            kept.append(points)
        elif inside.any():
            kept += _pieces(points, d, inside, line)
    return kept


def _pieces(points: Ring, d: Floats, inside: npt.NDArray[np.bool_], line: Line) -> list[Ring]:
    steps = np.diff(inside.astype(np.int8), prepend=0, append=0)
    out = []
    for first, stop in zip(
        np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True
    ):
        parts = [points[first:stop]]
        if first > 0:
            p, q = first - 1, first
            parts.insert(0, line.crossing(points[p], points[q], float(d[p]), float(d[q]))[None])
        if stop < len(points):
            p, q = stop - 1, stop
            parts.append(line.crossing(points[p], points[q], float(d[p]), float(d[q]))[None])
        piece = np.concatenate(parts)
        moves = np.concatenate([[True], (np.diff(piece, axis=0) != 0.0).any(axis=1)])
        if moves.sum() >= 2:
            out.append(piece[moves])
    return out


# -------------------------------------------------------------------------------- measures


def signed_area(ring: Ring) -> float:
    """Area by the shoelace formula: positive if the corners run clockwise on the screen."""
    x, y = (ring - ring[0]).T
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


def area(rings: Sequence[Ring]) -> float:
    """Area of the inside of rings: holes count as none, what lies in a hole counts again."""
    if len(rings) == 1:
        return abs(signed_area(rings[0]))
    total = 0.0
    for ring in rings:
        around = sum(_lies_in(ring, other) for other in rings if other is not ring)
        total += abs(signed_area(ring)) * (-1 if around % 2 else 1)
    return total


def _lies_in(ring: Ring, other: Ring) -> bool:
    """Tell whether most corners of a ring are inside of another."""
    low, high = other.min(axis=0), other.max(axis=0)
    if (ring.min(axis=0) < low - _NEAR).any() or (ring.max(axis=0) > high + _NEAR).any():
        return False
    middles = (ring + np.roll(ring, -1, axis=0)) / 2
    return bool(2 * np.count_nonzero(inside_of(middles, other)) > len(middles))


def inside_of(places: Floats, ring: Ring) -> npt.NDArray[np.bool_]:
    """Tell which places (N, 2) a ring surrounds, by counting crossings to the right of each."""
    x, y = places[:, :1], places[:, 1:]
    p, q = ring, np.roll(ring, -1, axis=0)
    spans = (p[:, 1] > y) != (q[:, 1] > y)
    # only where an edge spans the place: there the share of the edge is in [0, 1]
    share = np.divide(y - p[:, 1], q[:, 1] - p[:, 1], out=np.zeros(spans.shape), where=spans)
    crossing = p[:, 0] + (q[:, 0] - p[:, 0]) * share
    return np.asarray((spans & (x < crossing)).sum(axis=1) % 2 == 1)


def length(points: Ring) -> float:
    """Length of a polyline."""
    steps = np.diff(points, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())
