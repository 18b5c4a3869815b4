"""Finding pictures that are there twice, or nearly, before they stand on both sides of a split."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.core.params import Number
from anamorph.data.folds.hashes import (
    SIDE,
    VIEWS,
    Likeness,
    hashed,
    is_flat,
    likeness,
    pixel_digest,
    seen_as,
)
from anamorph.data.folds.radius import MOST, pairs_within
from anamorph.data.folds.report import LeakReport, Pair
from anamorph.data.folds.value import Folds, Id, unique_ids

Item = str | os.PathLike[str] | NDArray[Any]
Advance = Callable[[int], None]

_CROWD = 64
"""Pictures of one hash that are all compared with each other; of more, each with the first only."""
_PAIRS = 500_000
"""Pairs that are told; more tell nothing."""
_CHUNK = 256
_CANDIDATES = 1 << 15


def find_leaks(  # noqa: PLR0913 - each says one thing about the search
    items: Mapping[Id, Item] | Sequence[str | os.PathLike[str]],
    folds: Folds | None = None,
    *,
    radius: int = 10,
    alike: float = 0.93,
    turned: bool = False,
    workers: int = 0,
    advance: Advance | None = None,
) -> LeakReport:
    """Find equal and nearly equal pictures.

    Two pictures are nearly equal when their perceptual hashes differ in few bits *and* their
    small gray copies correlate: recompressed, resized, brightened, blurred ones, and such that were
    cropped by a fiftieth or turned by a degree. 100,000 hashes are searched in seconds; the time
    goes into reading the files.

    Args:
        items: id → path or array; or paths, which are then the ids as well.
        folds: tells which pairs lie in different folds; every item must have one.
        radius: bits of 64 in which hashes may differ, 0 … 11.
        alike: least correlation of the small gray copies, up to 1.
        turned: look for mirrored copies and those turned by quarters too.
        workers: threads that read; 0 reads in this one.
        advance: told, after each part, how many pictures it had.

    Raises:
        DataError: an id is there twice or in no fold; or the pictures are so much alike that the
            pairs are too many to be told.

    >>> from anamorph.data import find_leaks
    >>> report = find_leaks({"a": photo, "b": photo[4:], "c": photo[::-1].copy()})
    >>> print(report)
    3 pictures, 1 alike pairs (1 near)
      a = b (0.999 alike)
    """
    Number(0, MOST, whole=True, unit="bits").check("find_leaks.radius", radius)
    Number(-1, 1).check("find_leaks.alike", alike)
    ids, named = _named(items)
    numbers = None if folds is None else folds.numbered(ids, missing="ignore")
    broken: list[str] = []
    found = list(_likenesses(named, workers, broken, advance))
    kept = [name for name, seen in zip(ids, found, strict=True) if seen is not None]
    there = [seen for seen in found if seen is not None]
    if not there:
        return LeakReport(ids, (), radius, broken=tuple(broken))
    grays = np.stack([seen.gray for seen in there])
    digests = [seen.digest for seen in there]
    flat = is_flat(grays)
    links = {**_near(grays, ~flat, (radius, alike, turned)), **_equal(digests)}
    place = {name: at for at, name in enumerate(ids)}
    of_fold = None if numbers is None else {name: int(numbers[place[name]]) for name in kept}
    pairs = tuple(
        _pair((kept[a], kept[b]), links[a, b], digests[a] == digests[b], named, of_fold)
        for a, b in sorted(links)
    )
    flats = tuple(kept[at] for at in np.flatnonzero(flat).tolist())
    return LeakReport(ids, pairs, radius, flats, tuple(broken))


def _named(
    items: Mapping[Id, Item] | Sequence[str | os.PathLike[str]],
) -> tuple[tuple[Id, ...], Mapping[Id, Item]]:
    if isinstance(items, Mapping):
        return tuple(unique_ids(tuple(items))), items
    ids = tuple(unique_ids(tuple(os.fspath(path) for path in items)))
    return ids, dict(zip(ids, items, strict=True))


Link = tuple[str, int, float]
"""How the second of two is seen, bits between their hashes, correlation."""
Links = dict[tuple[int, int], Link]


def _likenesses(
    named: Mapping[Id, Item], workers: int, broken: list[str], advance: Advance | None
) -> Iterator[Likeness | None]:
    names = list(named)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for start in range(0, len(names), _CHUNK):
            part = names[start : start + _CHUNK]
            tried = pool.map(_try, [named[name] for name in part])
            for name, seen in zip(part, tried, strict=True):
                if isinstance(seen, str):
                    broken.append(seen if str(name) in seen else f"{name}: {seen}")
                    yield None
                else:
                    yield seen
            if advance is not None:
                advance(len(part))


def _try(item: Item) -> Likeness | str:
    try:
        return likeness(item)
    except DataError as error:
        return " ".join(str(error).split())


def _equal(digests: Sequence[bytes]) -> Links:
    """Every picture with the first of equal content."""
    first: dict[bytes, int] = {}
    firsts = [first.setdefault(digest, at) for at, digest in enumerate(digests)]
    return {(to, at): ("as it is", 0, 1.0) for at, to in enumerate(firsts) if to != at}


def _near(
    grays: NDArray[np.uint8], usable: NDArray[np.bool_], how: tuple[int, float, bool]
) -> Links:
    radius, alike, turned = how
    members = np.flatnonzero(usable)
    if len(members) < 2:
        return {}
    chosen = grays[members]
    codes = hashed(chosen)
    normal = _normalised(chosen)
    links: Links = {}
    for view in VIEWS if turned else ("as it is",):
        asked, seen = codes, normal
        if view != "as it is":
            turned_grays = seen_as(chosen, view)
            asked, seen = hashed(turned_grays), _normalised(turned_grays)
        first, second = _candidates(codes, asked, radius)
        score = _products(normal, seen, first, second)
        kept = np.flatnonzero(score >= alike)
        if len(kept) > _PAIRS:
            raise DataError(
                f"{len(kept)} pairs of pictures look alike: a greater alike or a smaller radius "
                "is wanted for pictures that are all much alike"
            )
        for at in kept.tolist():
            a, b = int(first[at]), int(second[at])
            pair = int(members[a]), int(members[b])
            if score[at] > links.get(pair, ("", 0, -2.0))[2]:
                links[pair] = view, int(codes[a] ^ asked[b]).bit_count(), float(score[at])
    return links


def _candidates(
    codes: NDArray[np.uint64], asked: NDArray[np.uint64], radius: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places (first, second), first < second, whose hashes are near. A second one's is ``asked``."""
    known, of_known = np.unique(codes, return_inverse=True)
    queries, of_query = np.unique(asked, return_inverse=True)
    crowds, askers = _crowds(of_known, len(known)), _crowds(of_query, len(queries))
    left, right = pairs_within(queries, known, radius)
    alone = (np.bincount(of_query)[left] == 1) & (np.bincount(of_known)[right] == 1)
    lone = np.array([crowd[0] for crowd in crowds], np.int64)
    asker = np.array([crowd[0] for crowd in askers], np.int64)
    found = [np.stack([lone[right[alone]], asker[left[alone]]])]
    for query, to in zip(left[~alone].tolist(), right[~alone].tolist(), strict=True):
        found.append(_cross(crowds[to], askers[query]))
    pairs = np.concatenate(found, axis=1)
    pairs = pairs[:, pairs[0] < pairs[1]]  # each comes twice, once from each side
    return pairs[0], pairs[1]


def _products(
    one: NDArray[np.float32],
    other: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Correlations, a part at a time so that memory is bounded."""
    score = np.empty(len(first), np.float32)
    for start in range(0, len(first), _CANDIDATES):
        part = slice(start, start + _CANDIDATES)
        score[part] = np.einsum("ij,ij->i", one[first[part]], other[second[part]])
    return score


def _crowds(inverse: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Members of each hash."""
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.cumsum(np.bincount(inverse, minlength=count))[:-1])


def _cross(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """All pairs of two crowds; of great ones, all with the first of the other."""
    if len(one) * len(other) <= _CROWD * _CROWD:
        return np.stack([np.repeat(one, len(other)), np.tile(other, len(one))])
    to = np.concatenate([np.full(len(one), other[0]), other])
    return np.stack([np.concatenate([one, np.full(len(other), one[0])]), to])


def _normalised(grays: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Likenesses of half the side, mean 0 and length 1, so that a product is a correlation.

    Half the side, because a crop by a fiftieth moves the edges by as much as a pixel of it.
    """
    half = SIDE // 2
    parts = grays.reshape(len(grays), half, 2, half, 2)
    means: NDArray[np.float32] = parts.mean(axis=(2, 4), dtype=np.float32)
    flat = means.reshape(len(grays), half * half)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat


def _pair(
    names: tuple[Id, Id],
    link: Link,
    equal: bool,  # noqa: FBT001 - private, named where it is called
    named: Mapping[Id, Item],
    of_fold: Mapping[Id, int] | None,
) -> Pair:
    first, second = names
    view, bits, likely = link
    kind = "bytes" if equal else "near"
    if kind == "near" and view == "as it is" and bits == 0 and likely > 0.9999:
        same = pixel_digest(named[first]) == pixel_digest(named[second])
        kind = "pixels" if same else "near"
    folds = None if of_fold is None else (of_fold[first], of_fold[second])
    return Pair(first, second, kind, view, bits, min(1.0, round(likely, 4)), folds)
