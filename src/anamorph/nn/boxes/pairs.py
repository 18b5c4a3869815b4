"""Which boxes of a group overlap, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.shapes import SHAPES

_AT_ONCE = 1 << 17
"""Pairs looked at in one go: their columns stay in the cache."""


class Pairs(NamedTuple):
    """Places of two boxes each, the better one first, and their intersection over union."""

    better: Ints
    worse: Ints
    iou: Floats

    def take(self, rows: npt.NDArray[np.bool_]) -> Pairs:
        """Keep some."""
        return Pairs(self.better[rows], self.worse[rows], self.iou[rows])


def overlapping(boxes: Floats, groups: Ints, above: float) -> Pairs:
    """Find the pairs within groups whose intersection over union is above a threshold.

    Boxes are swept from the left: each is compared only with those that begin before it ends.

    Args:
        boxes: (N, 4) x0, y0, x1, y1 or (N, 8) clockwise corners, the best first.
        groups: (N,) numbers from zero.
        above: the threshold, zero or more.
    """
    shape = SHAPES[boxes.shape[1]]
    bounds = shape.bounds(boxes)
    found = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for a, b in _meeting(bounds, groups):
        iou = shape.iou(boxes[a], boxes[b])
        better, worse = np.minimum(a, b), np.maximum(a, b)
        found.append(Pairs(better, worse, iou).take(iou > above))
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def _meeting(bounds: Floats, groups: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Give pairs within groups whose bounds overlap, each once, some at a time."""
    x0, y0, x1, y1 = np.ascontiguousarray(bounds.T)
    n = len(x0)
    order = np.lexsort((x0, groups))
    # Whole numbers in the order of (group, x): they compare exactly, and all groups in one search.
    line, base = np.sort(x0), groups * (n + 1)
    begins = (base + np.searchsorted(line, x0))[order]
    ends = (base + np.searchsorted(line, x1))[order]
    counts = np.searchsorted(begins, ends, side="left") - np.arange(1, n + 1)
    y0, y1 = y0[order], y1[order]
    for low, high in _portions(counts):
        some = counts[low:high]
        first = np.repeat(np.arange(low, high), some)
        skipped = np.cumsum(some) - some
        second = np.arange(len(first)) + np.repeat(np.arange(low, high) + 1 - skipped, some)
        meet = (y0[first] < y1[second]) & (y0[second] < y1[first])
        yield order[first[meet]], order[second[meet]]


def _portions(counts: Ints) -> Iterator[tuple[int, int]]:
    """Split rows so that each portion holds about as many pairs as are looked at in one go."""
    total = np.cumsum(counts)
    low = 0
    while low < len(counts):
        before = int(total[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(total, before + _AT_ONCE, side="right")))
        yield low, high
        low = high


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
