"""Boxes and keypoints as they travel through a plan: arrays in continuous pixels, and their origin.

Labels of the user never travel: a row remembers which input row it came from, and whatever
belongs to that row is picked by this index when the result is handed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, DataTypeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

X, Y, Z, ANGLE, SCALE, PARITY = range(6)
"""Columns of keypoints. Angles are radians, counter-clockwise on the screen; parity is -1 after an
odd number of mirrorings, by which left and right change places."""


@dataclass(slots=True)
class Boxes:
    """Boxes of a sample.

    ``data`` is (N, 4) x0, y0, x1, y1, or (N, 8) for oriented boxes: their corners x, y in order,
    the first two being the top side of the box when its angle is zero. ``seen`` is the part of
    each box that was never cut off, where somebody asks for it.
    """

    data: Floats
    index: Ints
    seen: Floats | None = None

    @property
    def oriented(self) -> bool:
        """Whether rows are corners of oriented boxes."""
        return bool(self.data.shape[1] == 8)

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> Boxes:
        """Keep some rows."""
        seen = None if self.seen is None else self.seen[rows]
        return Boxes(self.data[rows], self.index[rows], seen)


@dataclass(slots=True)
class Points:
    """Keypoints of a sample: ``data`` is (N, 6), see the column names above.

    ``fixed`` says that the caller counts on getting every point back: none may be dropped and
    no mirrored copies added; a point that has no place gets NaN.
    """

    data: Floats
    index: Ints
    fixed: bool = False

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> Points:
        """Keep some rows."""
        return Points(self.data[rows], self.index[rows], self.fixed)


def numbers(given: Any, columns: int, place: str) -> Floats:
    """Read the first columns of a caller's rows as a fresh array (N, columns) of float64.

    Args:
        given: a list, tuple or array of rows; what follows the columns may be of any kind.
        columns: how many columns hold numbers that the pipeline works with; None is read as NaN.
        place: name of the rows in messages.

    Raises:
        DataTypeError: it is no container of rows, or a row holds what is no number.
        DataError: a row is too short.
    """
    if not isinstance(given, list | tuple):
        return _array(given, columns, place)
    if not given:
        return np.empty((0, columns))
    try:  # a column at a time is quicker than row by row, and passes over what follows
        leading = list(zip(*given, strict=False))[:columns]
        flat = np.fromiter(chain.from_iterable(leading), np.float64)
    except (ValueError, TypeError):
        return _row_by_row(given, columns, place)
    if len(leading) < columns or isinstance(given[0], str):
        return _row_by_row(given, columns, place)
    return flat.reshape(columns, -1).T.copy()


def _array(given: Any, columns: int, place: str) -> Floats:
    if not hasattr(given, "__array__"):
        raise DataTypeError(
            f"{place} is a {type(given).__name__}: it must be a list or array of rows of "
            f"{columns} numbers"
        )
    array = np.asarray(given)
    if array.dtype.kind not in "buifO":
        raise DataTypeError(f"{place} has dtype {array.dtype}: it must be of numbers")
    if array.ndim != 2:
        if array.size == 0:
            return np.empty((0, columns))
        raise DataError(
            f"{place} has shape {array.shape}: it must be (N, {columns}), or wider for further "
            "columns"
        )
    if array.dtype.kind == "O" or 0 < array.shape[1] < columns:
        return _row_by_row(array.tolist(), columns, place)
    if len(array) == 0:
        return np.empty((0, columns))
    return array[:, :columns].astype(np.float64, order="C")


def _row_by_row(given: Any, columns: int, place: str) -> Floats:
    rows = []
    for i, row in enumerate(given):
        if isinstance(row, str) or not hasattr(row, "__getitem__") or not hasattr(row, "__len__"):
            raise DataTypeError(
                f"{place}[{i}] = {row!r}: it must be a row of {columns} numbers, and {place} a "
                "list of rows"
            )
        if len(row) < columns:
            raise DataError(f"{place}[{i}] = {row!r}: it must hold {columns} numbers or more")
        try:
            rows.append([nan if row[k] is None else float(row[k]) for k in range(columns)])
        except (ValueError, TypeError):
            raise DataTypeError(
                f"{place}[{i}] = {row!r}: its first {columns} values must be numbers"
            ) from None
    return np.array(rows, np.float64)


def row_of(given: Any, i: int) -> Any:
    """One of a caller's rows as plain Python, to be shown in a message."""
    row = given[i] if isinstance(given, list | tuple) else np.asarray(given)[i]
    return row.tolist() if isinstance(row, np.ndarray) else row


def rows_like(given: Any, columns: Floats, index: Ints) -> Any:
    """Write rows in the container of the caller's rows, with the further columns that they had.

    Lists and tuples become lists of lists, as in Albumentations 2.0.8. Arrays become arrays; a
    dtype of float32 or wider is kept, and whole numbers become float64.

    Args:
        given: the caller's rows.
        columns: (M, K), the first columns of the new rows.
        index: which of the caller's rows each new row comes from.
    """
    if isinstance(given, list | tuple):
        rows = columns.tolist()
        known = columns.shape[1]
        if rows and max(map(len, given)) > known:
            for row, i in zip(rows, index.tolist(), strict=True):
                rest = given[i][known:]
                row.extend(rest.tolist() if isinstance(rest, np.ndarray) else rest)
        return rows
    array = np.asarray(given)
    wide = max(array.shape[1], columns.shape[1]) if array.ndim == 2 else columns.shape[1]
    keeps = array.dtype.kind == "O" or array.dtype in (np.float32, np.longdouble)
    if wide == columns.shape[1] and not keeps:
        return columns
    out = np.empty((len(columns), wide), array.dtype if keeps else np.float64)
    out[:, : columns.shape[1]] = columns
    out[:, columns.shape[1] :] = array[index, columns.shape[1] :]
    return out


def pick(labels: Any, index: Ints) -> Any:
    """Choose members of a container of labels by their places; its type and theirs are kept.

    >>> pick(("cat", None, 2**40 + 1), np.array([2, 0]))
    (1099511627777, 'cat')
    """
    if isinstance(labels, np.ndarray):
        return labels[index]
    places = index.tolist()
    if isinstance(labels, tuple):
        return tuple(labels[i] for i in places)
    if hasattr(labels, "iloc"):  # of pandas: its [] would look for names
        return labels.iloc[places]
    if hasattr(labels, "new_tensor"):
        return labels[places]
    return [labels[i] for i in places]
