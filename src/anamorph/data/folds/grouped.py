"""Folds of whole groups with balanced classes, also of several a sample: greedy, then improved.

A group has a count of samples and of each class; a fold the sum of those of its groups. What is
made small is chi-square, Σ (count − share)² / share over folds and columns: so a rare class weighs
as much as a frequent one. Groups that matter most are dealt first, each to the fold where it costs
least. Then single groups move, and pairs trade places, while that helps.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from anamorph.core.rng import generator, mix

Counts = NDArray[np.float64]
Places = NDArray[np.int64]

_TRIES = 8
_WORK = 4_000_000
"""Groups × columns × folds that all tries together may have; the first is always made."""
_PARTNERS = 256
"""Groups of a fold that are looked at for a trade."""
_ROUNDS = 40
_EPS = 1e-9


def spread(counts: NDArray[np.int64], n: int, seed: int) -> Places:
    """The fold of each group.

    Args:
        counts: (groups, columns) what a group has of each column; all its samples are one column.
        n: folds; at most as many as groups, so that none is empty.
        seed: decides between what is equally good.
    """
    given = counts.astype(np.float64)[:, counts.sum(0) > 0]
    scaled = given / np.sqrt(given.sum(0) / n)  # now the cost is plain Σ (sum − share)²
    tries = int(np.clip(_WORK // max(1, scaled.size * n), 1, _TRIES))
    found = (_attempt(scaled, n, mix(seed, number)) for number in range(tries))
    return min(found, key=lambda places: cost(scaled, places, n))


def cost(scaled: Counts, places: Places, n: int) -> float:
    """Σ (sum − share)² over folds and columns."""
    off = _sums(scaled, places, n) - scaled.sum(0) / n
    return float((off * off).sum())


def _sums(scaled: Counts, places: Places, n: int) -> Counts:
    sums = np.zeros((n, scaled.shape[1]))
    np.add.at(sums, places, scaled)
    return sums


def _attempt(scaled: Counts, n: int, key: int) -> Places:
    rng = generator(key)
    places = _deal(scaled, n, rng)
    for _ in range(_ROUNDS):
        moved = _move(scaled, places, n)
        traded = _trade(scaled, places, n, rng)
        if not (moved or traded):
            break
    return places


def _deal(scaled: Counts, n: int, rng: np.random.Generator) -> Places:
    """Each group, the weightiest first, to where it costs least; the last ones fill empty folds."""
    weight = (scaled * scaled).sum(1) * rng.lognormal(0, 0.2, len(scaled))
    order = np.argsort(-weight, kind="stable")
    sums = np.zeros((n, scaled.shape[1]))
    taken = np.zeros(n, np.int64)
    rank = rng.permutation(n) * 1e-12  # folds that are equal differ by chance
    places = np.zeros(len(scaled), np.int64)
    for done, group in enumerate(order.tolist()):
        price = sums @ scaled[group] + rank
        if len(order) - done <= int((taken == 0).sum()):
            price = np.where(taken == 0, price, np.inf)
        fold = int(price.argmin())
        places[group] = fold
        sums[fold] += scaled[group]
        taken[fold] += 1
    return places


def _move(scaled: Counts, places: Places, n: int) -> bool:
    """Move single groups, the best move first; tell whether any was moved."""
    rows = np.arange(len(scaled))
    own = (scaled * scaled).sum(1)
    sums = _sums(scaled, places, n)
    pull = scaled @ sums.T
    limit = max(16, _WORK // max(1, pull.size))
    for step in range(min(limit, 4 * len(scaled))):
        gain = pull - pull[rows, places][:, None] + own[:, None]
        gain[rows, places] = np.inf
        gain[np.bincount(places, minlength=n)[places] == 1] = np.inf  # no fold becomes empty
        group, fold = divmod(int(gain.argmin()), n)
        if gain[group, fold] >= -_EPS:
            return step > 0
        shift = scaled @ scaled[group]
        pull[:, places[group]] -= shift
        pull[:, fold] += shift
        places[group] = fold
    return True


def _trade(scaled: Counts, places: Places, n: int, rng: np.random.Generator) -> bool:
    """Let the best pair of groups of each two folds trade places; tell whether any did."""
    any_traded = False
    sums = _sums(scaled, places, n)
    for one, other in itertools.combinations(range(n), 2):
        left, right = (_partners(places, fold, rng) for fold in (one, other))
        there = sums[one] - sums[other]
        a, b = scaled[left], scaled[right]
        apart = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
        gain = (b @ there)[None] - (a @ there)[:, None] + apart
        at, to = divmod(int(gain.argmin()), len(right))
        if gain[at, to] < -_EPS:
            places[left[at]], places[right[to]] = other, one
            sums[one] += b[to] - a[at]
            sums[other] += a[at] - b[to]
            any_traded = True
    return any_traded


def _partners(places: Places, fold: int, rng: np.random.Generator) -> Places:
    found = np.flatnonzero(places == fold)
    return found if len(found) <= _PARTNERS else rng.choice(found, _PARTNERS, replace=False)
