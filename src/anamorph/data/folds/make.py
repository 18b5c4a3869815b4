"""Making folds: by chance, by labels, by groups, by both, by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Choice, Number, plain
from anamorph.core.rng import generator, mix
from anamorph.data.folds.grouped import spread
from anamorph.data.folds.strata import Columns, classes_of, one_each, one_hot, several
from anamorph.data.folds.timed import SCHEMES, apart, as_gap, as_times, blocks
from anamorph.data.folds.value import Folds, Id, counted, unique_ids

_TAG = 0xF01D
_COUNT = Number(2, whole=True)


@dataclass(frozen=True)
class _Data:
    """What is known of the samples."""

    count: int
    n: int
    seed: int
    classes: NDArray[np.int64] | None
    columns: Columns
    groups: NDArray[np.int64] | None


def make_folds(  # noqa: PLR0913 - each says one thing about the samples
    ids: Sequence[Id],
    n: int = 5,
    *,
    labels: Any = None,
    multilabel: Any = None,
    groups: Any = None,
    times: Any = None,
    gap: Any = 0,
    scheme: str = "expanding",
    bins: int = 10,
    seed: int = 0,
) -> Folds:
    """Split samples into folds.

    Classes are spread evenly, groups stay whole, and both hold at once, with one label a sample or
    several. With times, folds follow each other and labels are only counted.

    Args:
        ids: what the samples are called: text or whole numbers, each once.
        n: folds.
        labels: a class a sample. Numbers with a fraction that have more than ``bins`` different
            values are binned: so a target of a regression is spread evenly.
        multilabel: (ids, classes) of 0 and 1, or a list of names for each id.
        groups: what must stay together, one value a sample: patient, scene, car.
        times: numbers, dates or ISO text, one a sample.
        gap: samples nearer than this in time to the validated ones are not trained on: a number,
            or a timedelta for dates.
        scheme: "expanding" trains on all that came before and "rolling" on the block before; the
            first block then only trains. "blocked" trains on all other blocks.
        bins: parts of a regression's target.
        seed: the same seed gives the same folds.

    Raises:
        DataError: there are fewer samples, groups or times than folds, or not one value a sample.
        ParameterError: a parameter is out of bounds, or times go with groups.

    >>> from anamorph.data import make_folds
    >>> folds = make_folds(range(8), 2, labels=[0, 0, 0, 0, 1, 1, 1, 1])
    >>> print(folds.summary())
    fold  all  0  1
       0    4  2  2
       1    4  2  2
    """
    names = tuple(unique_ids(tuple(plain(name) for name in ids)))
    _COUNT.check("make_folds.n", n)
    _COUNT.check("make_folds.bins", bins)
    Number(whole=True).check("make_folds.seed", seed)
    if len(names) < n:
        raise DataError(f"{len(names)} samples cannot be split into {n} folds")
    data = _read(len(names), n, seed, (labels, multilabel, groups, bins))
    made = {"n": n, "seed": seed}
    if times is not None:
        if groups is not None:
            raise ParameterError("make_folds takes times or groups, not both")
        return _timed(names, data, times, (gap, scheme))
    method = _method(data)
    numbers = METHODS[method](data)
    how = tuple({"method": method, **made}.items())
    counts = counted(numbers, n, data.columns)
    return Folds(names, tuple(numbers.tolist()), n, how, counts=counts)


def _read(count: int, n: int, seed: int, given: tuple[Any, Any, Any, int]) -> _Data:
    labels, multilabel, groups, bins = given
    classes, columns = None, {}
    if labels is not None:
        classes, listed = classes_of(labels, count, bins)
        columns = one_hot(classes, listed)
    if multilabel is not None:
        classes = None
        columns = {**columns, **several(multilabel, count)}
    numbers = None
    if groups is not None:
        values, inverse = np.unique(one_each("groups", groups, count), return_inverse=True)
        if len(values) < n:
            raise DataError(f"{len(values)} groups cannot be split into {n} folds")
        numbers = inverse.astype(np.int64)
    return _Data(count, n, seed, classes, columns, numbers)


def _method(data: _Data) -> str:
    kind = "random" if not data.columns else "multilabel" if data.classes is None else "stratified"
    if data.groups is None:
        return kind
    return "grouped" if kind == "random" else f"{kind} grouped"


def _dealt(data: _Data) -> NDArray[np.int64]:
    """Class by class, in turn: counts of classes and sizes of folds differ by 1 at most."""
    rng = generator(mix(data.seed, _TAG))
    order = rng.permutation(data.count)
    if data.classes is not None:
        order = order[np.argsort(data.classes[order], kind="stable")]
    numbers = np.empty(data.count, np.int64)
    numbers[order] = rng.permutation(data.n)[np.arange(data.count) % data.n]
    return numbers


def _grouped(data: _Data) -> NDArray[np.int64]:
    """Whole groups; without any, each sample is one."""
    groups = np.arange(data.count) if data.groups is None else data.groups
    columns = np.column_stack([np.ones(data.count, np.int64), *data.columns.values()])
    counts = np.zeros((int(groups.max()) + 1, columns.shape[1]), np.int64)
    np.add.at(counts, groups, columns)
    return spread(counts, data.n, mix(data.seed, _TAG))[groups]


METHODS: Mapping[str, Callable[[_Data], NDArray[np.int64]]] = {
    "random": _dealt,
    "stratified": _dealt,
    "multilabel": _grouped,
    "grouped": _grouped,
    "stratified grouped": _grouped,
    "multilabel grouped": _grouped,
}
"""How the samples are split, by what is known of them."""


def _timed(names: tuple[Id, ...], data: _Data, given: Any, how: tuple[Any, str]) -> Folds:
    gap, scheme = how
    Choice(tuple(SCHEMES)).check("make_folds.scheme", scheme)
    row = SCHEMES[scheme]
    times = as_times(given, data.count)
    span = as_gap(gap, times)
    numbers = blocks(times, data.n, first_trains=row.first_trains)
    seen = tuple(row.seen(k, data.n) for k in range(data.n))
    left_out = []
    for k in range(data.n):
        near = apart(times, numbers, k, span) & np.isin(numbers, seen[k])
        left_out.append(tuple(names[at] for at in np.flatnonzero(near).tolist()))
        if not (np.isin(numbers, seen[k]) & ~near).any():
            raise DataError(f"a gap of {gap} leaves fold {k} nothing to train on")
    made = (("method", scheme), ("n", data.n), ("gap", str(gap)))
    counts = counted(numbers, data.n, data.columns)
    return Folds(names, tuple(numbers.tolist()), data.n, made, seen, tuple(left_out), counts)
