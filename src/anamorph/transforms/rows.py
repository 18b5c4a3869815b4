"""Boxes and keypoints as the rows that transforms written for Albumentations 2.0.8 expect.

Such a row holds the coordinates, then the caller's further columns, then one column a label field:
numbers as they are, anything else as its place among the sorted different values. Rows that come
back are known by these columns, so labels keep their type and value; a row with columns that no
row had is a new one, and its labels are read off its columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.keypoints import FORMATS
from anamorph.core.labels import Boxes, Floats, Ints, Points, pick
from anamorph.ir.ops import BOXES, Size

XYZAS = 5
"""Columns of such keypoints: x, y, z, angle in radians, scale."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of labels, and how to read a number of it."""

    name: str
    numbers: list[float]
    codes: tuple[Any, ...] | None
    whole: bool

    def value(self, number: float) -> Any:
        """What a number of this column stands for."""
        if self.codes is None:
            return int(number) if self.whole and number.is_integer() else number
        if not (number.is_integer() and 0 <= number < len(self.codes)):
            raise DataError(
                f"{self.name}: a transform gave {number}, and the {len(self.codes)} labels there "
                "are have the places from 0 on"
            )
        return self.codes[int(number)]


def column(name: str, labels: Iterable[Any]) -> Column:
    """Write labels as numbers."""
    values = [v.item() if isinstance(v, np.generic) else v for v in labels]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        whole = all(isinstance(v, int) for v in values)
        return Column(name, [float(v) for v in values], None, whole)
    codes = _different(values)
    return Column(name, [float(codes.index(v)) for v in values], tuple(codes), whole=False)


def _different(values: list[Any]) -> list[Any]:
    """The different values: sorted if they can be, else in order."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    try:
        return sorted(found)
    except TypeError:
        return found


class Rows:
    """The boxes or keypoints of a sample, on their way through such a transform."""

    __slots__ = ("_before", "_columns", "_entry", "_params", "_sample", "_size", "_width", "data")

    def __init__(self, sample: Any, entry: Any) -> None:
        self._sample = sample
        self._entry = entry
        self._params = sample.settings.params_of(entry.kind.target)
        self._size: Size = sample.size
        self._columns = [*self._further(), *self._labels()]
        coordinates = self._coordinates()
        self._width = coordinates.shape[1]
        tails = [np.array(c.numbers, np.float64)[:, None] for c in self._columns]
        self.data: Floats = np.concatenate([coordinates, *tails], axis=1)
        self._before = self.data.copy()

    # ------------------------------------------------------------------------------ out

    def _coordinates(self) -> Floats:
        value = self._entry.value
        if isinstance(value, Boxes):
            out: Floats = value.data / self._sides(value.data.shape[1])
            return out
        out = value.data[:, :XYZAS].copy()
        out[:, :2] -= 0.5
        return out

    def _sides(self, width: int) -> Floats:
        return np.array([self._size[1], self._size[0]] * (width // 2), np.float64)

    @property
    def _known(self) -> int:
        """How many of the caller's columns are coordinates."""
        if self._entry.kind.target is BOXES:
            return 5 if self._params.oriented else 4
        return len(FORMATS[self._params.format])

    def _further(self) -> list[Column]:
        given, key = self._entry.given, self._entry.key
        rows = [given[i] for i in self._entry.value.index.tolist()]
        wide = max((len(row) for row in rows), default=0)
        return [
            column(f"{key}[:, {k}]", [row[k] if k < len(row) else None for row in rows])
            for k in range(self._known, wide)
        ]

    def _labels(self) -> list[Column]:
        index = self._entry.value.index
        return [
            column(name, list(pick(self._sample.data[name], index)))
            for name in self._fields
            if name in self._sample.data
        ]

    @property
    def _fields(self) -> tuple[str, ...]:
        if self._entry.key not in ("bboxes", "keypoints"):
            return ()
        fields: tuple[str, ...] = self._params.label_fields
        return fields

    # ------------------------------------------------------------------------------ back

    def take(self, place: str, result: Any) -> None:
        """Take rows back into the sample, whose picture is now of the size it says.

        Args:
            place: what gave the rows, for messages.
            result: the rows.

        Raises:
            DataError: they are not the rows such a transform was given, or rows like them.
        """
        rows = self._checked(place, result)
        if self._size == self._sample.size and np.array_equal(rows, self._before, equal_nan=True):
            return
        self._size = self._sample.size
        old = self._entry.value
        found = _match(self._before[:, self._width :], rows[:, self._width :])
        index = np.where(found < 0, -1, old.index[found] if len(old.index) else -1)
        new = np.flatnonzero(found < 0)
        if len(new):
            index[new] = self._grown(rows[new, self._width :])
        place_rows = rows[:, : self._width]
        if isinstance(old, Boxes):
            value: Any = Boxes(place_rows * self._sides(self._width), index)
        else:
            value = _points(old, found, place_rows, index)
        if self._params.check_each_transform:
            value = self._params.settle(value, self._size, old)
        self._entry.value = value

    def _checked(self, place: str, result: Any) -> Floats:
        try:
            rows = np.array(result, np.float64)
        except (TypeError, ValueError):
            raise DataTypeError(
                f"{place} gave {type(result).__name__} for {self._entry.key}: it must give an "
                "array of rows"
            ) from None
        if rows.size == 0:
            return np.empty((0, self.data.shape[1]))
        if rows.ndim != 2 or rows.shape[1] != self.data.shape[1]:
            raise DataError(
                f"{place} gave an array of shape {rows.shape} for {self._entry.key}: it must be "
                f"(N, {self.data.shape[1]}), labels being the last columns"
            )
        return rows

    def _grown(self, tails: Floats) -> Ints:
        """Append new rows to what the caller gave, and give their places there."""
        entry, sample = self._entry, self._sample
        start = len(entry.given)
        read = [[c.value(float(n)) for c, n in zip(self._columns, t, strict=True)] for t in tails]
        fields = [name for name in self._fields if name in sample.data]
        further = len(self._columns) - len(fields)
        rows = [[1.0] * self._known + row[:further] for row in read]
        entry.given = _appended(entry.key, entry.given, rows)
        changed = {
            name: _appended(name, sample.data[name], [row[further + k] for row in read])
            for k, name in enumerate(fields)
        }
        sample.data = {**sample.data, **changed}
        return np.arange(start, start + len(tails))


class Rings:
    """The polygons or polylines of a sample: for each a list of its rings, arrays (N, 2)."""

    __slots__ = ("_entry", "_sample", "data")

    def __init__(self, sample: Any, entry: Any) -> None:
        self._sample = sample
        self._entry = entry
        self.data: Any = [[ring.copy() for ring in rings] for rings in entry.value.objects()]

    def take(self, place: str, result: Any) -> None:
        """Take objects back, as many as there were; one without rings is dropped.

        Raises:
            DataError: there are more or fewer.
        """
        old, key = self._entry.value, self._entry.key
        if not isinstance(result, list | tuple) or len(result) != len(old.index):
            raise DataError(
                f"{place} gave {key} that are not {len(old.index)} lists of rings: it must give "
                "one for each object, empty for those to be dropped"
            )
        rings = [[np.asarray(ring, np.float64).reshape(-1, 2) for ring in r] for r in result]
        value = old.changed(rings)
        params = self._sample.settings.params_of(self._entry.kind.target)
        if params.check_each_transform:
            value = params.settle(value, self._sample.size, old)
        self._entry.value = value


def _points(old: Points, found: Ints, rows: Floats, index: Ints) -> Points:
    data = np.ones((len(rows), 6))
    data[:, :XYZAS] = rows
    data[:, :2] += 0.5
    known = found >= 0
    data[known, XYZAS:] = old.data[found[known], XYZAS:]
    return Points(data, index, old.fixed)


def _match(sent: Floats, got: Floats) -> Ints:
    """For each row that came back, which of those sent it is; -1 for a new one."""
    if sent.shape == got.shape and np.array_equal(sent, got, equal_nan=True):
        return np.arange(len(got))
    free = list(range(len(sent)))
    out = np.full(len(got), -1, np.int64)
    for i, row in enumerate(got):
        for k in free:
            if np.array_equal(sent[k], row, equal_nan=True):
                out[i] = k
                free.remove(k)
                break
    return out


def _appended(name: str, container: Any, items: list[Any]) -> Any:
    """A longer container of the same type."""
    if isinstance(container, list):
        return [*container, *items]
    if isinstance(container, tuple):
        return (*container, *items)
    if isinstance(container, np.ndarray):
        more = np.array(items, container.dtype if container.dtype.kind == "O" else None)
        if container.ndim == 2 and container.shape[1] != more.shape[1]:
            container = np.empty((0, more.shape[1]))
        longer = np.concatenate([container, more])
        return longer if container.dtype.kind in "iOU" else longer.astype(container.dtype)
    raise DataTypeError(
        f"{name} is a {type(container).__name__}, to which a transform wants to add: it must be a "
        "list, tuple or NumPy array"
    )
