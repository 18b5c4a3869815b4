"""Clusters of weighted boxes fusion: each box joins the running average that it overlaps most.

Every step depends on the one before, but only within a class and within a part of the picture that
no box reaches out of. So all these groups take their next step together; but the few that are far
larger than the others go alone (see `alone`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.alone import gathered
from anamorph.nn.boxes.pairs import regions
from anamorph.nn.boxes.shapes import SHAPES

_FEW = 100
"""So few boxes go alone, class by class, and no lines are looked for between them."""
_COMPANY = 3
_LIKE = 1.4
"""A group goes in step with others if so many of them are about as large, to this factor."""


def clustered(boxes: Floats, strength: Floats, groups: Ints, iou: float) -> tuple[Ints, Floats]:
    """Put boxes together whose intersection over union with the average is above a threshold.

    Args:
        boxes: (N, 4) x0, y0, x1, y1 or (N, 8) clockwise corners, the best first.
        strength: (N,) their weights in the averages.
        groups: (N,) numbers of classes.
        iou: the threshold.

    Returns:
        (N,) the number of each one's cluster, and (M, 4 or 8) the averages. Clusters are numbered
        in no particular order; the first box of each has founded it.
    """
    if len(boxes) > _FEW:
        groups = regions(boxes, groups)
    averages, founder = boxes.copy(), np.arange(len(boxes))
    crowds, rest = _parted(groups, exact=SHAPES[boxes.shape[1]].exact)
    for members in crowds:
        places, averages[members] = gathered(boxes[members], strength[members], iou)
        founder[members] = members[places]
    in_step = _Growing(_Averages(boxes[rest], strength[rest]), iou, groups[rest])
    founder[rest], averages[rest] = rest[in_step.founder], in_step.averages.boxes
    founders, numbers = np.unique(founder, return_inverse=True)
    return numbers, averages[founders]


def _parted(groups: Ints, *, exact: bool) -> tuple[list[Ints], Ints]:
    """Tell the groups of which there are too few so large to go in step from the members of others."""
    sizes = np.bincount(groups)
    order = np.argsort(-sizes, kind="stable")
    ranked = [*sizes[order].tolist(), *[0] * (_COMPANY + 1)]
    alone = 0
    least = ranked[0] if len(groups) > _FEW else 0
    while exact and ranked[alone] > min(least, ranked[alone + _COMPANY] * _LIKE):
        alone += 1
    crowds = [np.flatnonzero(groups == group) for group in order[:alone].tolist()]
    return crowds, np.flatnonzero(~np.isin(groups, order[:alone]))


def _steps(groups: Ints) -> Iterator[Ints]:
    """Give the first members of all groups, then the second of those that have one, and so on.

    Groups stand in the order of their lengths, the longest first: so those that go on are the
    leading ones.
    """
    groups = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(groups)
    place = np.empty(len(sizes), np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    order = np.argsort(groups, kind="stable")
    turn = np.arange(len(groups)) - (np.cumsum(sizes) - sizes)[groups[order]]
    queue = order[np.lexsort((place[groups[order]], turn))]
    ends = np.cumsum(np.bincount(turn)).tolist()
    for first, last in zip([0, *ends], ends, strict=False):
        yield queue[first:last]


class _Averages:
    """The average of each cluster, at the place of its founder."""

    def __init__(self, boxes: Floats, strength: Floats) -> None:
        self.shape = SHAPES[boxes.shape[1]]
        self.given = boxes
        self.strength = strength
        self.boxes = boxes.copy()
        self.sums = boxes * strength[:, None]
        self.total = strength.copy()

    def add(self, members: Ints, to: Ints) -> None:
        """Add one box to each of some clusters; where all scores are zero the founder stays."""
        boxes = self.shape.aligned(self.given[members], self.boxes[to])
        self.sums[to] += boxes * self.strength[members, None]
        self.total[to] += self.strength[members]
        to = to[self.total[to] > 0.0]
        self.boxes[to] = self.sums[to] / self.total[to, None]


class _Growing:
    """The clusters of all groups side by side: row g of the grid holds those of group g."""

    def __init__(self, averages: _Averages, iou: float, groups: Ints) -> None:
        self.averages = averages
        self.shape = averages.shape
        self.iou = iou
        self.bounds = self.shape.bounds(averages.given)
        self.area = self.shape.area(averages.given)
        self.founder = np.arange(len(averages.given))
        count = len(np.unique(groups))
        self.grid = np.zeros((5, count, 0))
        self.founders = np.zeros((count, 0), np.int64)
        self.count = np.zeros(count, np.int64)
        for members in _steps(groups):
            self.advance(members)

    def advance(self, members: Ints) -> None:
        """Put one member of each of the leading groups where it belongs."""
        self._fit(len(members))
        rows = np.arange(len(members))
        slots = self.count.copy()
        known = int(slots.max())
        if known:
            iou = self._compare(members, known)
            best = iou.argmax(axis=1)
            joins = iou[rows, best] > self.iou
            slots[joins] = best[joins]
            self.founder[members[joins]] = founders = self.founders[rows[joins], best[joins]]
            self.averages.add(members[joins], founders)
        founders = self.founder[members]
        self.founders[rows, slots] = founders
        boxes = self.averages.boxes[founders]
        self.grid[:4, rows, slots] = self.shape.bounds(boxes).T
        self.grid[4, rows, slots] = self.shape.area(boxes)
        np.maximum(self.count, slots + 1, out=self.count)

    def _fit(self, groups: int) -> None:
        """Leave out groups that have come to their end; make room for one more cluster."""
        self.count = self.count[:groups]
        room = self.grid.shape[2]
        if int(self.count.max()) < room:
            self.grid, self.founders = self.grid[:, :groups], self.founders[:groups]
            return
        grid = np.zeros((5, groups, 2 * room or 8))
        grid[4] = 1.0  # an area for what is not there yet: it has nothing in common with any box
        founders = np.zeros(grid.shape[1:], np.int64)
        grid[:, :, :room], founders[:, :room] = self.grid[:, :groups], self.founders[:groups]
        self.grid, self.founders = grid, founders

    def _compare(self, members: Ints, known: int) -> Floats:
        """Intersection over union of each member with the clusters of its group."""
        x0, y0, x1, y1, areas = self.grid[:, :, :known]
        left, top, right, bottom = self.bounds[members].T[:, :, None]
        width = np.minimum(x1, right)
        width -= np.maximum(x0, left)
        height = np.minimum(y1, bottom)
        height -= np.maximum(y0, top)
        shared = np.maximum(width, 0.0, out=width)
        shared *= height  # below zero where the heights have nothing in common
        area = self.area[members, None]
        if not self.shape.exact:
            np.minimum(shared, np.minimum(areas, area), out=shared)
        union = np.add(areas, area, out=height)
        union -= shared
        shared /= union
        return shared if self.shape.exact else self._refine(shared, members)

    def _refine(self, bound: Floats, members: Ints) -> Floats:
        """Compare exactly where the bounds leave room for more than the threshold."""
        rows, slots = np.nonzero(bound > self.iou)
        averages = self.averages.boxes[self.founders[rows, slots]]
        both = np.concatenate([averages, self.averages.given[members[rows]]])
        first = np.arange(len(rows))
        exact = np.zeros_like(bound)
        exact[rows, slots] = self.shape.iou(both, first, first + len(rows))
        return exact
