"""What folds are balanced by: labels, several labels a sample, binned numbers, as columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError

Columns = dict[str, NDArray[np.int64]]
"""Class → 0 or 1 for each sample."""
NONE = "(none)"
"""The class of samples that have none."""


def classes_of(labels: Any, count: int, bins: int) -> tuple[NDArray[np.int64], list[str]]:
    """Number of the class of each sample, and the names of classes.

    Numbers with a fraction that have more values than bins are cut into bins of equal count.

    Raises:
        DataError: there is not one label a sample, or one is NaN.
    """
    array = one_each("labels", labels, count)
    if array.dtype.kind == "f" and len(np.unique(array)) > bins:
        edges = np.unique(np.quantile(array, np.linspace(0, 1, bins + 1)))
        numbers = np.clip(np.searchsorted(edges, array, "right") - 1, 0, len(edges) - 2)
        names = [f"{low:g}…{high:g}" for low, high in itertools.pairwise(edges)]
        return numbers.astype(np.int64), names
    values, numbers = np.unique(array, return_inverse=True)
    return numbers.astype(np.int64), [str(value) for value in values.tolist()]


def one_hot(numbers: NDArray[np.int64], names: Iterable[str]) -> Columns:
    """A column of 0 and 1 for each class."""
    return {name: (numbers == at).astype(np.int64) for at, name in enumerate(names)}


def several(multilabel: Any, count: int) -> Columns:
    """Columns of (n, classes) of 0 and 1, or of names, some for each sample.

    What has no label at all is a class of its own.

    Raises:
        DataError: it has another form.
    """
    columns = _named(multilabel, count) if _is_names(multilabel) else _matrix(multilabel, count)
    bare = 1 - np.clip(sum(columns.values(), start=np.zeros(count, np.int64)), 0, 1)
    return {**columns, NONE: bare} if bare.any() else columns


def one_each(place: str, values: Any, count: int) -> NDArray[Any]:
    """An array with one value a sample.

    Raises:
        DataError: it has another shape, or a value is NaN or None.
    """
    array = np.asarray(values)
    if array.shape != (count,):
        raise DataError(
            f"{place} has shape {array.shape}: one for each of the {count} ids is wanted"
        )
    if array.dtype.kind in "fmM" and np.isnan(array).any():
        raise DataError(f"{place}[{int(np.flatnonzero(np.isnan(array))[0])}] is missing")
    if array.dtype == object:
        for at, value in enumerate(array.tolist()):
            if value is None or value != value:  # noqa: PLR0124 - NaN of any type
                raise DataError(f"{place}[{at}] is missing")
        array = array.astype(str)
    return array


def _is_names(multilabel: Any) -> bool:
    return not hasattr(multilabel, "shape") and any(
        isinstance(name, str) for row in multilabel for name in row
    )


def _named(multilabel: Any, count: int) -> Columns:
    rows = [set(row) for row in multilabel]
    if len(rows) != count or any(isinstance(row, str) for row in multilabel):
        raise DataError(f"multilabel must have a list of names for each of the {count} ids")
    return {
        str(name): np.array([name in row for row in rows], np.int64)
        for name in sorted(set().union(*rows))
    }


def _matrix(multilabel: Any, count: int) -> Columns:
    matrix = np.asarray(multilabel)
    if matrix.ndim != 2 or len(matrix) != count or not np.isin(matrix, (0, 1)).all():
        raise DataError(f"multilabel must be ({count}, classes) of 0 and 1, or names for each id")
    names = getattr(multilabel, "columns", range(matrix.shape[1]))
    return {str(name): matrix[:, at].astype(np.int64) for at, name in enumerate(names)}
