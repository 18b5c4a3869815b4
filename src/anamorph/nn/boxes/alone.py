"""Clusters of one large crowd, box by box: what `clusters` does for many groups in step.

A box is compared with all averages by whether their cores overlap (see `pairs.cores`), which is a
few marks an average; only with the two or three that are left it is compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from anamorph.core.labels import Floats, Ints

Box = tuple[float, float, float, float]
_HAIR = 1e-9
_FEW = 5
"""So many averages are compared quicker than marked."""


class Crowd:
    """The averages of a growing number of clusters of upright boxes."""

    def __init__(self, capacity: int, iou: float, extent: float) -> None:
        self.iou = iou
        self.part: float = (1.0 - iou) / (1.0 + iou) + _HAIR
        self.hair: float = extent * 1e-12
        self.cores: Floats = np.empty((4, capacity))
        self.marks: NDArray[np.bool_] = np.empty((2, capacity), np.bool_)
        self.boxes: list[Box] = []
        self.sums: list[list[float]] = []

    def match(self, box: Box) -> int:
        """Find the average that a box overlaps most, above the threshold; -1 if there is none."""
        best, most = -1, self.iou
        for place in self._near(box):
            iou = _iou(self.boxes[place], box)
            if iou > most:
                best, most = place, iou
        return best

    def _near(self, box: Box) -> Iterable[int]:
        known = len(self.boxes)
        if known <= _FEW:
            return range(known)
        x0, y0, x1, y1 = self.cores[:, :known]
        left, top, right, bottom = self._core(box)
        near, mark = self.marks[:, :known]
        np.less(x0, right, out=near)
        near &= np.greater(x1, left, out=mark)
        near &= np.less(y0, bottom, out=mark)
        near &= np.greater(y1, top, out=mark)
        found: list[int] = near.nonzero()[0].tolist()
        return found

    def _core(self, box: Box) -> Box:
        x0, y0, x1, y1 = box
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        width, height = (x1 - x) * self.part + self.hair, (y1 - y) * self.part + self.hair
        return x - width, y - height, x + width, y + height

    def found(self, box: Box, strength: float) -> int:
        """Begin a cluster."""
        place = len(self.boxes)
        self.boxes.append(box)
        self.sums.append([v * strength for v in box] + [strength])
        self.cores[:, place] = self._core(box)
        return place

    def add(self, box: Box, strength: float, to: int) -> None:
        """Add a box to a cluster; where all scores are zero the founder stays."""
        sums = self.sums[to]
        for i, value in enumerate(box):
            sums[i] += value * strength
        sums[4] += strength
        if sums[4] > 0.0:
            x0, y0, x1, y1, total = sums
            self.boxes[to] = box = (x0 / total, y0 / total, x1 / total, y1 / total)
            self.cores[:, to] = self._core(box)


def _iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def gathered(boxes: Floats, strength: Floats, iou: float) -> tuple[Ints, Floats]:
    """Put the boxes of one group together.

    Args:
        boxes: (N, 4), the best first.
        strength: (N,) their weights in the averages.
        iou: the threshold.

    Returns:
        (N,) the place of each one's founder, and (N, 4) the averages at these places.
    """
    crowd = Crowd(len(boxes), iou, float(np.abs(boxes).max()))
    founders: list[int] = []
    founder = np.arange(len(boxes))
    rows: list[Box] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes.tolist()]
    for place, (box, weight) in enumerate(zip(rows, strength.tolist(), strict=True)):
        cluster = crowd.match(box)
        if cluster < 0:
            crowd.found(box, weight)
            founders.append(place)
        else:
            crowd.add(box, weight, cluster)
            founder[place] = founders[cluster]
    averages = boxes.copy()
    averages[founders] = crowd.boxes
    return founder, averages
