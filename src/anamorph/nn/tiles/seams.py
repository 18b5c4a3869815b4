"""Objects that the borders of tiles cut: which boxes are pieces, of what, and what they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.pairs import overlapping

Flags = npt.NDArray[np.bool_]

_NEAR, _SHARE = 2.0, 0.15
"""A box is cut where it ends within two pixels of a border, or within this share of its side. To
take a whole box for a cut one does little harm: it goes only where another one shows the same."""
_HELP = 0.3
"""How much being covered counts beside agreement where one of several boxes is the best partner: a
sliver agrees badly with what it is a piece of, but a smaller object is covered as well."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Boxes in the picture, (N, 4) x0, y0, x1, y1, and of each what its tile shows of it."""

    boxes: Floats
    views: Floats
    groups: Ints
    """(N,) numbers of labels from zero: only boxes of one label are of one object."""
    cut: Flags
    """(N,) whether a box reaches a border of its tile behind which the picture goes on."""


def cut(boxes: Floats, views: Floats, size: tuple[int, ...]) -> Flags:
    """Tell which boxes are cut, in a picture of (height, width)."""
    near = np.maximum(_NEAR, _SHARE * (boxes[:, 2:] - boxes[:, :2]))
    before = (boxes[:, :2] - views[:, :2] <= near) & (views[:, :2] > 0)
    behind = (views[:, 2:] - boxes[:, 2:] <= near) & (views[:, 2:] < np.array(size[::-1]))
    return np.asarray((before | behind).any(axis=1))


def owners(seen: Seen, agree: float) -> Ints:
    """Say for each box of which it is a part: itself, another piece, or -1 if it is needless.

    Two boxes of different tiles, one cut at least, are of one object if each is the other's best
    partner in its tile, and they agree on what both tiles show: if their parts in there have an
    intersection over union of at least ``agree``. A piece also belongs to a whole box that covers
    that share of it. Pieces of a whole box are needless; others that belong together are one.
    """
    a, b, _ = overlapping(seen.boxes, seen.groups, 0.0)
    some = (seen.cut[a] | seen.cut[b]) & (seen.views[a] != seen.views[b]).any(axis=1)
    a, b = a[some], b[some]
    agreed, covered = _agreement(seen, a, b)
    rank = agreed + _HELP * covered
    one = (np.maximum(agreed, covered) >= agree) & _best(seen, a, b, rank) & _best(seen, b, a, rank)
    return _joined(a[one], b[one], seen.cut)


def unions(boxes: Floats, owner: Ints) -> tuple[Ints, Floats]:
    """The rows that own others or themselves, and the smallest boxes around all that they own."""
    rows = np.flatnonzero(owner >= 0)
    kept, places = np.unique(owner[rows], return_inverse=True)
    found = boxes[kept]
    np.minimum.at(found[:, :2], places, boxes[rows, :2])
    np.maximum.at(found[:, 2:], places, boxes[rows, 2:])
    return kept, found


def together(boxes: Floats, scores: npt.NDArray[Any], owner: Ints) -> Floats:
    """Of each row that owns others or itself, the mean score of all that it owns, by their areas.

    Not the best of them: faint boxes as large as their tiles go together through a whole picture, and
    one that is less faint must not speak for all.
    """
    rows = np.flatnonzero(owner >= 0)
    areas = np.maximum(_area(boxes[rows]), np.finfo(np.float64).tiny)
    weighed, total = np.zeros(len(owner)), np.zeros(len(owner))
    np.add.at(weighed, owner[rows], areas * scores[rows])
    np.add.at(total, owner[rows], areas)
    return np.divide(weighed, total, out=np.zeros(len(owner)), where=total > 0)


def _agreement(seen: Seen, a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """How well boxes agree on what both tiles show, and how much of a piece a whole box covers."""
    low = np.maximum(seen.views[a, :2], seen.views[b, :2])
    high = np.minimum(seen.views[a, 2:], seen.views[b, 2:])
    first, second = (
        np.hstack([seen.boxes[i, :2].clip(low), seen.boxes[i, 2:].clip(None, high)]) for i in (a, b)
    )
    piece = np.where(seen.cut[a], a, b)
    covered = _common(seen.boxes[a], seen.boxes[b]) / _area(seen.boxes[piece])
    covered[seen.cut[a] & seen.cut[b]] = 0.0
    shared = _common(first, second)
    return shared / (_area(first) + _area(second) - shared), covered


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def _common(a: Floats, b: Floats) -> Floats:
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    return np.asarray(np.maximum(sides, 0.0).prod(axis=1))


def _best(seen: Seen, one: Ints, other: Ints, rank: Floats) -> Flags:
    """Whether no box of the other's tile is a better partner for the one."""
    tiles = np.unique(seen.views, axis=0, return_inverse=True)[1].reshape(-1)
    _, pair = np.unique(one * len(tiles) + tiles[other], return_inverse=True)
    best = np.zeros(len(rank))
    np.maximum.at(best, pair, rank)
    return np.asarray(rank >= best[pair])


def _joined(a: Ints, b: Ints, partial: Flags) -> Ints:
    """Who owns whom, if each pair (a, b) is of one object."""
    both = partial[a] & partial[b]
    needless = np.zeros(len(partial), np.bool_)
    needless[np.where(partial[a], a, b)[~both]] = True
    owner = np.arange(len(partial))
    links = both & ~needless[a] & ~needless[b]
    for one, other in zip(a[links].tolist(), b[links].tolist(), strict=True):
        owner[_root(owner, other)] = _root(owner, one)
    found = np.array([_root(owner, row) for row in range(len(owner))], np.int64)
    return np.where(needless, -1, found)


def _root(owner: npt.NDArray[np.int64], row: int) -> int:
    while owner[row] != row:
        owner[row] = owner[owner[row]]
        row = int(owner[row])
    return row
