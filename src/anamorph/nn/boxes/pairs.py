"""Which boxes of a group overlap, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.shapes import SHAPES

_AT_ONCE = 1 << 13
"""Pairs handed on in one go."""
_ROWS = 16
_USUAL = 99
"""Per cent of boxes that are compared in step; the rest have far more others before their ends."""
_ROUNDING = 1e-9


class Pairs(NamedTuple):
    """Places of two boxes each, and their intersection over union."""

    better: Ints
    worse: Ints
    iou: Floats

    def take(self, rows: npt.NDArray[np.bool_]) -> Pairs:
        """Keep some."""
        return Pairs(self.better[rows], self.worse[rows], self.iou[rows])


def overlapping(boxes: Floats, groups: Ints, above: float) -> Pairs:
    """Find the pairs within groups whose intersection over union is above a threshold.

    Args:
        boxes: (N, 4) x0, y0, x1, y1 or (N, 8) clockwise corners, the best first.
        groups: (N,) numbers from zero.
        above: the threshold, zero or more.
    """
    shape = SHAPES[boxes.shape[1]]
    found = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for one, other in _portions(cores(boxes, groups, above)):
        iou = shape.iou(boxes, one, other)
        found.append(Pairs(np.minimum(one, other), np.maximum(one, other), iou).take(iou > above))
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def cores(boxes: Floats, groups: Ints, above: float) -> Floats:
    """Shrink boxes about their centres so that those of good pairs still overlap; part the groups.

    Intersection over union of upright boxes is no more than that of their sides. For intervals it
    is above t if and only if they overlap after each has shrunk to (1 - t) / (1 + t) of its length.
    Of oriented boxes the whole bounds are taken, for which nothing of the kind holds.

    Returns:
        (4, N) x0, y0, x1, y1; groups lie beside each other. All is a hair larger than said, so that
        rounding loses no pair.
    """
    shape = SHAPES[boxes.shape[1]]
    bounds = shape.bounds(boxes).T
    part = (1.0 - above) / (1.0 + above) if shape.exact else 1.0
    center = (bounds[:2] + bounds[2:]) / 2
    half = (bounds[2:] - center) * (part + _ROUNDING)
    if center.size:
        span = float(bounds[2].max() - bounds[0].min()) * 1.001
        half += 1e-12 * (span * (1 + int(groups.max())) + float(np.abs(bounds).max()))
        center[0] += groups * (span * 1.001)
    return np.concatenate([center - half, center + half])


def _portions(cored: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Give the places of those that overlap, some thousands at a time."""
    ones: list[Ints] = []
    others: list[Ints] = []
    held = 0
    order = np.argsort(cored[0], kind="stable")
    for one, other in _swept(np.ascontiguousarray(cored[:, order])):
        ones.append(one)
        others.append(other)
        held += len(one)
        if held > _AT_ONCE:
            yield order[np.concatenate(ones)], order[np.concatenate(others)]
            ones, others, held = [], [], 0
    if held:
        yield order[np.concatenate(ones)], order[np.concatenate(others)]


def _swept(cored: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Sweep from the left to the right: compare only with what begins before a box ends."""
    n = cored.shape[1]
    ahead = np.searchsorted(cored[0], cored[2]) - np.arange(1, n + 1)
    usual = int(np.sort(ahead)[n * _USUAL // 100]) if n else 0
    yield from _in_step(cored, usual)
    yield from _in_blocks(cored, np.flatnonzero(ahead > usual), usual + 1)


def _in_step(cored: Floats, steps: int) -> Iterator[tuple[Ints, Ints]]:
    """Compare each box with the next one, then each with the next but one, and so on."""
    x0, y0, x1, y1 = cored
    for step in range(1, steps + 1):
        near = x1[:-step] > x0[step:]
        near &= y1[:-step] > y0[step:]
        near &= y0[:-step] < y1[step:]
        one = np.flatnonzero(near)
        yield one, one + step


def _in_blocks(cored: Floats, rows: Ints, least: int) -> Iterator[tuple[Ints, Ints]]:
    """Compare some boxes with all that begin before their ends and so many places on at least."""
    x0, y0, x1, y1 = cored
    ends = np.searchsorted(x0, x1[rows])
    for low in range(0, len(rows), _ROWS):
        some = rows[low : low + _ROWS]
        first, last = int(some[0]) + least, int(ends[low : low + _ROWS].max())
        columns = slice(first, last)
        near = x1[some, None] > x0[columns]
        near &= y1[some, None] > y0[columns]
        near &= y0[some, None] < y1[columns]
        row, column = np.nonzero(near)
        one, other = some[row], column + first
        kept = other - one >= least
        yield one[kept], other[kept]


def regions(boxes: Floats, groups: Ints) -> Ints:
    """Split groups by upright and level lines that cut no box, until no line does.

    Boxes of different regions have nothing in common, nor has any average of boxes of the one with
    one of the other.

    Returns:
        (N,) numbers from zero, in no particular order.
    """
    bounds = SHAPES[boxes.shape[1]].bounds(boxes)
    count, idle, axis = -1, 0, 0
    while idle < 2 and len(boxes):
        groups = _cut(bounds[:, axis], bounds[:, axis + 2], groups)
        found = int(groups.max()) + 1
        idle = idle + 1 if found == count else 0
        count, axis = found, 1 - axis
    return groups


def _cut(low: Floats, high: Floats, groups: Ints) -> Ints:
    """Number runs of intervals of a group that hang together."""
    order = np.lexsort((low, groups))
    low, high, groups = low[order], high[order], groups[order]
    # The highest end so far, within the group: its place in sorted order, groups on top.
    by_height = np.argsort(high, kind="stable")
    place = np.empty(len(high), np.int64)
    place[by_height] = np.arange(len(high))
    reached = np.maximum.accumulate(place + groups * len(high)) % len(high)
    starts = np.ones(len(high), np.bool_)
    starts[1:] = (groups[1:] != groups[:-1]) | (low[1:] >= high[by_height[reached[:-1]]])
    out = np.empty(len(high), np.int64)
    out[order] = np.cumsum(starts) - 1
    return out
