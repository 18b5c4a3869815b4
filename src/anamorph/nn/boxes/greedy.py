"""Greedy choices among overlapping boxes, all that do not depend on each other at once.

The best box of all is picked, its neighbours suffer, and so on. A box that is the best of all its
neighbours is picked before any of them, whatever happens elsewhere: such boxes are picked together,
and there are about as many rounds as boxes in the longest chain, not as boxes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats
from anamorph.nn.boxes.pairs import Pairs

_WORTH = 200
"""Pairs that a round may look at for each box it picks; picking one by one costs as much."""


def survivors(pairs: Pairs, count: int) -> npt.NDArray[np.bool_]:
    """Keep boxes that no better kept one overlaps; those of `pairs` are neighbours."""
    kept = np.ones(count, np.bool_)
    better, worse = pairs.better, pairs.worse
    while len(better):
        best = kept.copy()
        best[worse] = False
        kept[worse[best[better]]] = False
        left = kept[better] & kept[worse] & ~best[better]
        better, worse = better[left], worse[left]
    return kept


def decayed(pairs: Pairs, factors: Floats, scores: Floats, least: float) -> Floats:
    """Multiply the score of each box by a factor for each neighbour that is picked before it.

    Args:
        pairs: neighbours.
        factors: what a pick leaves of its neighbour's score, one a pair.
        scores: of all boxes, the best first; of equal ones the first is picked first.
        least: what sinks below counts for nothing, and may come back as any score below.
    """
    scores = scores.copy()
    one, other = pairs.better, pairs.worse
    while len(one):
        first = scores[one] >= scores[other]
        better, worse = np.where(first, one, other), np.where(first, other, one)
        best = np.zeros(len(scores), np.bool_)
        best[better] = True
        best[worse] = False
        if np.count_nonzero(best) * _WORTH < len(one):
            _one_by_one(Pairs(one, other, factors), scores, least)
            break
        picked = best[better]
        np.multiply.at(scores, worse[picked], factors[picked])
        waits = ~best & (scores >= least)
        left = waits[one] & waits[other]
        one, other, factors = one[left], other[left], factors[left]
    return scores


def _one_by_one(pairs: Pairs, scores: Floats, least: float) -> None:
    """Do the same where nearly all depends on all; what the pairs hold is the factors."""
    linked = np.zeros(len(scores), np.bool_)
    linked[pairs.better] = linked[pairs.worse] = True
    boxes = np.flatnonzero(linked)
    small = np.uint16 if len(boxes) < 1 << 16 else np.int64  # by which sorting is far quicker
    place = np.zeros(len(scores), small)
    place[boxes] = np.arange(len(boxes))
    one, other = place[pairs.better], place[pairs.worse]
    order = np.argsort(np.concatenate([one, other]), kind="stable")
    neighbours = np.concatenate([other, one])[order].astype(np.int64)
    factors = np.concatenate([pairs.iou, pairs.iou])[order]
    counts = np.bincount(one, minlength=len(boxes)) + np.bincount(other, minlength=len(boxes))
    ends = np.cumsum(counts).tolist()
    begins = [0, *ends]
    left = scores[boxes]
    for _ in ends:
        best = int(left.argmax())
        if left[best] < max(least, 0.0):
            break
        scores[boxes[best]] = left[best]
        left[best] = -1.0
        near = slice(begins[best], ends[best])
        left[neighbours[near]] *= factors[near]
    rest = left >= 0.0
    scores[boxes[rest]] = left[rest]
