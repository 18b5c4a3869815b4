"""Values of many samples in a few arrays.

A list of Python objects grows in every worker: reading one changes its count of references, and the
page that it lies on, shared until then, is copied. An array has one count for all its values.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]

_ODD = "surrogatepass"
"""Names of files may hold bytes that are no text; Python writes them as lone surrogates."""

_NUMBERS = "biuf"
_TIMES = "mM"


@final
class Texts(Sequence[str]):
    """Strings, end to end in one array of bytes."""

    __slots__ = ("_data", "_starts")

    def __init__(self, values: Iterable[str]) -> None:
        """Take the strings over."""
        self._data, self._starts = _joined(value.encode("utf-8", _ODD) for value in values)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return _part(self._data, self._starts, index).decode("utf-8", _ODD)


@final
class Pickles(Sequence[Any]):
    """Values of any kind, each as the bytes that make it anew."""

    __slots__ = ("_data", "_starts")

    def __init__(self, values: Iterable[Any]) -> None:
        """Take the values over."""
        self._data, self._starts = _joined(pickle.dumps(value, protocol=5) for value in values)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return pickle.loads(_part(self._data, self._starts, index))  # noqa: S301 - made above


Column: TypeAlias = NDArray[Any] | Texts | Pickles
"""One value a sample, or one an object."""


def packed(values: Any) -> Column:
    """Values in the smallest form that gives them back: numbers, strings, or anything.

    >>> from anamorph.data.tables.columns import packed
    >>> packed([3, 1, 2]).dtype.name, packed(["a", "bc"])[1], packed([1, None, "x"])[1]
    ('int64', 'bc', None)
    """
    if isinstance(values, Texts | Pickles):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in _NUMBERS + _TIMES:
        return np.ascontiguousarray(values)
    listed = list(values)
    if all(isinstance(value, str) for value in listed):
        return Texts(listed)
    kinds = {_kind(value) for value in listed}
    if kinds <= {int, float} or kinds == {bool}:
        array = np.array(listed)
        if array.dtype.kind in _NUMBERS:  # whole numbers beyond 64 bits stay what they are
            return array
    return Pickles(listed)


def listed(column: Column, where: slice = slice(None)) -> Any:
    """A stretch of a column: a copy of an array, or a list."""
    return column[where].copy() if isinstance(column, np.ndarray) else column[where]


def value(column: Column, index: int) -> Any:
    """One value of a column, as Python has it."""
    found = column[index]
    return found.item() if isinstance(found, np.generic) and found.dtype.kind != "M" else found


def _kind(given: Any) -> type:
    if isinstance(given, bool | np.bool_):
        return bool
    if isinstance(given, int | np.integer):
        return int
    return float if isinstance(given, float | np.floating) else object


def _joined(parts: Iterable[bytes]) -> tuple[NDArray[np.uint8], Ints]:
    """Bytes end to end, and where each begins, with the end of the last."""
    data = bytearray()
    starts = [0]
    for part in parts:
        data += part
        starts.append(len(data))
    return np.frombuffer(bytes(data), np.uint8), np.array(starts, np.int64)


def _part(data: NDArray[np.uint8], starts: Ints, index: Any) -> bytes:
    count = len(starts) - 1
    if not -count <= index < count:
        raise IndexError(index)
    at = index % count
    return data[starts[at] : starts[at + 1]].tobytes()
