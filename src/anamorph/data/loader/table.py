"""A batch as columns, one a leaf of the samples: rows in the slot, or values that are gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from anamorph.core.errors import DataError
from anamorph.data.loader.leaves import (
    Arena,
    Array,
    Batch,
    Inline,
    Leaf,
    Packed,
    Placed,
    Raw,
    Several,
    padded,
)
from anamorph.data.loader.tensors import NUMBERS, array_of, pack
from anamorph.data.loader.tree import ITEM, LEAF, RAGGED, Form, places, words

_VALUE_ROOM = 64
"""Bytes that a value takes at most, numbers of it padded in the slot."""


class Rows(NamedTuple):
    """What a column of equal arrays holds: their dtype and shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    bits: str | None


Spec: TypeAlias = Rows | str
"""What stands at a leaf: equal arrays, or, by the word of the leaf, values to be gathered."""


def learn(form: Form, leaves: Sequence[Any]) -> tuple[Spec, ...]:
    """Learn from a sample what the columns of its batch are."""
    return tuple(_spec(w, leaf) for w, leaf in zip(words(form), leaves, strict=True))


def _spec(word: str, leaf: Any) -> Spec:
    found = None if word == RAGGED else array_of(leaf)
    return word if found is None else Rows(found[0].dtype, found[0].shape, found[1])


class Table:
    """The columns of one batch."""

    arena: Arena
    specs: tuple[Spec, ...]
    form: Form

    def __init__(self, form: Form, specs: tuple[Spec, ...], count: int, arena: Arena) -> None:
        """Make room for the rows of ``count`` samples."""
        self.form, self.specs, self.arena = form, specs, arena
        rows = [s for s in specs if isinstance(s, Rows)]
        size = sum(padded((count, *s.shape), s.dtype) for s in rows)
        values = (len(specs) - len(rows)) * (_VALUE_ROOM + 8 * count)
        arena.reserve(size + values, values)
        self.columns: list[Any] = [self._column(spec, count) for spec in specs]
        self._named = self._pictures()
        self._lent: dict[int, Array] = {}

    def _column(self, spec: Spec, count: int) -> Any:
        if not isinstance(spec, Rows):
            return []
        shape = (count, *spec.shape)
        # room was reserved, but for rows with nothing in them
        return self.arena.take(shape, spec.dtype) or (np.empty(shape, spec.dtype), None)

    def _pictures(self) -> dict[str, int]:
        """Places of the columns that results can be written to, by the key of the sample."""
        if isinstance(self.form, str) or self.form[0] is not dict:
            return {}
        _, keys, members = self.form
        if not all(isinstance(member, str) for member in members):
            return {}
        return {
            key: at
            for at, (key, spec) in enumerate(zip(keys, self.specs, strict=True))
            if isinstance(spec, Rows) and len(spec.shape) >= 2 and spec.bits is None
        }

    def offer(self, row: int, keys: frozenset[str]) -> Mapping[str, Array]:
        """Memory for the pictures and masks of a sample, by key."""
        named = {key: at for key, at in self._named.items() if key in keys}
        self._lent = {at: self.columns[at][0][row] for at in named.values()}
        return {key: self._lent[at] for key, at in named.items()}

    def fits(self, form: Form, leaves: Sequence[Any]) -> bool:
        """Whether a sample is what the columns are made for."""
        return bool(form == self.form) and learn(form, leaves) == self.specs

    def put(self, row: int, index: Any, leaves: Sequence[Any]) -> None:
        """Write a sample.

        Raises:
            DataError: it is not like the first one.
        """
        for at, (spec, column, leaf) in enumerate(
            zip(self.specs, self.columns, leaves, strict=True)
        ):
            if not isinstance(spec, Rows):
                column.append(leaf)
            elif self._lent.get(at) is not leaf:
                column[0][row] = self._checked(at, spec, index, leaf)

    def _checked(self, at: int, spec: Rows, index: Any, leaf: Any) -> Array:
        found = array_of(leaf)
        if found is not None and (found[0].shape, found[0].dtype, found[1]) == (
            spec.shape,
            spec.dtype,
            spec.bits,
        ):
            return found[0]
        place = places(self.form)[at]
        has = type(leaf).__name__ if found is None else _told(*found)
        raise DataError(
            f"{place} is {has} in sample {index!r}, but {_shaped(spec)} in the first of its batch: "
            "bring them to one size and dtype, or name the key in ragged=, for a list of tensors"
        )

    def done(self) -> Batch:
        """The batch, when all rows are written."""
        leaves: list[Leaf] = []
        kinds = words(self.form)
        for word, spec, column in zip(kinds, self.specs, self.columns, strict=True):
            if isinstance(spec, Rows):
                rows, offset = column
                placed = offset is not None
                shape, dtype = rows.shape, rows.dtype.str
                leaves.append(
                    Placed(offset, shape, dtype, spec.bits) if placed else Inline(rows, spec.bits)
                )
            else:
                leaves.append(_FINISHED[word](column, self.arena))
        return Batch(self.form, tuple(leaves))


def _shaped(spec: Rows) -> str:
    return f"{spec.bits or spec.dtype} of shape {spec.shape}"


def _told(array: Array, bits: str | None) -> str:
    return _shaped(Rows(array.dtype, array.shape, bits))


_NUMBERS: Mapping[type, np.dtype[Any]] = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
}


def _gathered(values: list[Any], arena: Arena) -> Leaf:
    """Values of one type as torch's ``default_collate`` has them; what it alone knows, by it."""
    kind = type(values[0])
    if any(type(value) is not kind for value in values):
        return _collated(values, arena)
    if kind is str or kind is bytes:
        return Raw(values)
    dtype = _NUMBERS.get(kind) or (values[0].dtype if issubclass(kind, np.generic) else None)
    if dtype is None or dtype not in NUMBERS:
        return _collated(values, arena)
    return arena.put(np.array(values, dtype))


def _items(values: list[Any], arena: Arena) -> Leaf:
    """The same for the members of tuples, where torch gives texts as a tuple."""
    leaf = _gathered(values, arena)
    return Raw(tuple(values)) if isinstance(leaf, Raw) else leaf


def _collated(values: list[Any], arena: Arena) -> Leaf:
    from torch.utils.data import default_collate  # noqa: PLC0415 - only for what is rare

    return pack(default_collate(values), arena)


def _ragged(values: list[Any], arena: Arena) -> Leaf:
    """Arrays of any length a sample: one after the other in one array where they agree otherwise."""
    found = [array_of(value if _is_array(value) else np.asarray(value)) for value in values]
    arrays = [f for f in found if f is not None]
    if len(arrays) < len(values):
        return pack(values, arena)
    arrays = _with_empty(values, arrays)
    first, bits = arrays[0]
    if first.ndim and all(
        (a.dtype, a.shape[1:], b, a.ndim) == (first.dtype, first.shape[1:], bits, first.ndim)
        for a, b in arrays
    ):
        whole = np.concatenate([a for a, _ in arrays])
        return Packed(arena.put(whole, bits), tuple(len(a) for a, _ in arrays))
    return Several(tuple(arena.put(a, b) for a, b in arrays))


def _is_array(value: Any) -> bool:
    return array_of(value) is not None


def _with_empty(
    values: list[Any], arrays: list[tuple[Array, str | None]]
) -> list[tuple[Array, str | None]]:
    """Give empty lists, which say no dtype, that of the first sample that has one."""
    blank = [isinstance(v, list | tuple) and not len(v) for v in values]
    told = next((pair for pair, empty in zip(arrays, blank, strict=True) if not empty), None)
    if told is None or not told[0].ndim:
        return arrays
    like = told[0][:0], told[1]
    return [like if empty else pair for pair, empty in zip(arrays, blank, strict=True)]


_FINISHED: Mapping[str, Callable[[list[Any], Arena], Leaf]] = {
    LEAF: _gathered,
    ITEM: _items,
    RAGGED: _ragged,
}
