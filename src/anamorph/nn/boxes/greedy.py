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


def survivors(pairs: Pairs, count: int) -> npt.NDArray[np.bool_]:
    """Keep boxes that no better kept one overlaps."""
    kept = np.ones(count, np.bool_)
    better, worse = pairs.better, pairs.worse
    while len(better):
        best = kept.copy()
        best[worse] = False
        kept[worse[best[better]]] = False
        left = kept[better] & kept[worse] & ~best[better]
        better, worse = better[left], worse[left]
    return kept


def decayed(pairs: Pairs, factors: Floats, scores: Floats) -> Floats:
    """Multiply the score of each box by a factor for each better neighbour.

    Args:
        pairs: neighbours.
        factors: what a pick leaves of its neighbour's score, one a pair.
        scores: of all boxes; equal ones count as better in the order of their places.
    """
    scores = scores.copy()
    one, other = pairs.better, pairs.worse
    best = np.empty(len(scores), np.bool_)
    while len(one):
        first = scores[one] >= scores[other]
        better, worse = np.where(first, one, other), np.where(first, other, one)
        best[:] = True
        best[worse] = False
        picked = best[better]
        np.multiply.at(scores, worse[picked], factors[picked])
        one, other, factors = one[~picked], other[~picked], factors[~picked]
    return scores
