"""All pairs of 64-bit hashes that differ in few bits, without comparing each with each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_PARTS = 4
_BITS = 64 // _PARTS
MOST = 3 * _PARTS - 1
"""The greatest radius: beyond it so many neighbours of each part would be looked up that comparing
all with all is no slower."""
_FOUND = 1 << 24
"""Pairs that are listed; more would fill the memory."""
_CHUNK = 1 << 22
"""Candidates that are compared together."""


def pairs_within(queries: Hashes, known: Hashes, radius: int) -> tuple[Places, Places]:
    """Positions (query, known) of all pairs that differ in at most so many bits, each pair once.

    If two hashes differ in at most r bits, one of their four parts of 16 bits differs in at most
    r // 4 (multi-index hashing, Norouzi et al. 2012): so for each part only hashes whose part is that
    near are compared.

    Raises:
        DataError: there are too many to be listed.

    >>> from anamorph.data.folds.radius import pairs_within
    >>> near = np.array([0b0111, 0b1111_0000], np.uint64)
    >>> [found.tolist() for found in pairs_within(near, np.array([0], np.uint64), 3)]
    [[0], [0]]
    """
    count = max(1, len(known))
    found, total = [np.empty(0, np.int64)], 0
    for part in range(_PARTS):
        for left, right in _candidates(queries, known, part, radius // _PARTS):
            near = ones(queries[left] ^ known[right]) <= radius
            found.append(left[near] * count + right[near])
            total += found[-1].size
            if total > _FOUND:
                raise DataError(
                    f"more than {_FOUND} pairs of hashes differ in {radius} bits or fewer: a "
                    "smaller radius is wanted for pictures that are all much alike"
                )
    pairs = np.unique(np.concatenate(found))  # what is near in several parts is found in each
    return pairs // count, pairs % count


def ones(words: Hashes) -> Hashes:
    """How many bits of each word are set."""
    # Sums of bits in 2, 4 and 8 places, and their total by a product (Knuth, TAOCP 7.1.3).
    # NumPy has it as bitwise_count since 2.0 only.
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    words = (words & pairs) + ((words >> np.uint64(2)) & pairs)
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _candidates(
    queries: Hashes, known: Hashes, part: int, reach: int
) -> Iterator[tuple[Places, Places]]:
    """Pairs one part of which differs in at most ``reach`` bits."""
    shift, mask = np.uint64(part * _BITS), np.uint64((1 << _BITS) - 1)
    keys = ((known >> shift) & mask).astype(np.int64)
    asked = ((queries >> shift) & mask).astype(np.int64)
    order = np.argsort(keys, kind="stable")
    begins = np.searchsorted(keys[order], np.arange((1 << _BITS) + 1))
    for flips in _flips(reach):
        probe = asked ^ flips
        counts = begins[probe + 1] - begins[probe]
        for chosen in _chunks(counts):
            yield _expanded(chosen, counts[chosen], begins[probe[chosen]], order)


def _flips(reach: int) -> Iterator[int]:
    for count in range(reach + 1):
        for bits in itertools.combinations(range(_BITS), count):
            yield sum(1 << bit for bit in bits)


def _chunks(counts: Places) -> Iterator[Places]:
    """Queries with candidates, in parts that have no more than a chunk of them together."""
    asked = np.flatnonzero(counts)
    if not asked.size:
        return
    of_part = np.cumsum(counts[asked]) // _CHUNK
    yield from np.split(asked, np.flatnonzero(np.diff(of_part)) + 1)


def _expanded(
    chosen: Places, counts: Places, begins: Places, order: Places
) -> tuple[Places, Places]:
    left = np.repeat(chosen, counts)
    within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left, order[np.repeat(begins, counts) + within]
