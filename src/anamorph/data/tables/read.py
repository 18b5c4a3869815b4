"""Tables: CSV and Parquet files, frames of pandas, polars and pyarrow, records, columns."""

from __future__ import annotations

import csv
import importlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, DataTypeError, UnknownNameError, nearest
from anamorph.data.reading import read_bytes
from anamorph.data.tables.columns import Column, packed

Given: TypeAlias = Any
"""A path, a frame, a mapping from names to columns, or a sequence of mappings."""


_DIGITS = 15
"""Of a whole number that float64 holds, whatever they are."""

_GAPS = ("NAType", "NaTType")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Named columns of equal length."""

    columns: Mapping[str, Column]
    name: str = "the table"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str, place: str) -> Column:
        """A column by name; ``place`` says in an error who asks for it."""
        if name not in self.columns:
            raise UnknownNameError(
                f"{place} = {name!r}: {self.name} has the columns {', '.join(self.columns)}"
                f"{nearest(name, self.columns)}"
            )
        return self.columns[name]


def read_table(given: Given) -> Table:
    """Read a table of any kind that is known here.

    CSV files are read by the standard library: a comma, semicolon or tab parts the fields, the
    first line names the columns. A column of whole numbers, or of numbers and empty fields (NaN),
    becomes an array; any other is text, also one with leading zeros or more than 15 digits. Parquet needs pyarrow.

    Args:
        given: a path of a ``.csv``, ``.tsv`` or ``.parquet`` file; a frame of pandas, polars or
            pyarrow; a mapping from names to columns; or a sequence of mappings.

    Raises:
        DataError: the file is no such table, or its rows differ in length.
        DataTypeError: it is none of these.

    >>> from anamorph.data import read_table
    >>> table = read_table([{"file": "a.jpg", "age": 3}, {"file": "b.jpg", "age": 5}])
    >>> len(table), table.columns["age"].tolist(), list(table.columns["file"])
    (2, [3, 5], ['a.jpg', 'b.jpg'])
    """
    if isinstance(given, Table):
        return given
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        suffix = path.suffix.lower()
        if suffix not in FILES:
            raise DataError(f"{path} is no table: one of {', '.join(FILES)} is wanted")
        return _even(FILES[suffix](path), str(path))
    if isinstance(given, Mapping):
        return _even(given, "the table")
    if hasattr(given, "columns"):
        return _even(_frame(given), f"the {type(given).__name__}")
    if isinstance(given, Sequence) and all(isinstance(row, Mapping) for row in given):
        return _even(_records(given), "the table")
    raise DataTypeError(
        f"the table is a {type(given).__name__}: a path, a frame, a mapping of columns or a "
        "sequence of mappings is wanted"
    )


def _csv(path: Path) -> dict[str, Any]:
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text: {error}") from error
    try:
        rows = [row for row in csv.reader(io.StringIO(text), _dialect(text)) if row]
    except csv.Error as error:
        raise DataError(f"{path} is no CSV: {error}") from error
    if not rows:
        raise DataError(f"{path} is empty: a line that names the columns is wanted")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) != len(names):
        raise DataError(f"{path} names two columns alike: {', '.join(names)}")
    for at, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise DataError(
                f"{path}, row {at} has {len(row)} fields where the first line names {len(names)}"
            )
    return {name: _parsed([row[at] for row in rows[1:]]) for at, name in enumerate(names)}


def _dialect(text: str) -> type[csv.Dialect]:
    """Commas, unless the line of names has more of something else."""
    first = text.split("\n", 1)[0]

    class Found(csv.excel):
        delimiter = max(",;\t", key=first.count)
        strict = True

    return Found


def _parsed(fields: list[str]) -> Column:
    """Whole numbers, numbers with gaps, or text: also for what would change if it were a number."""
    if not any(fields) or any(map(_is_name, fields)):
        return packed(fields)
    for kind in (np.int64, np.float64):
        numbers = _as(fields, kind)
        if numbers is not None:
            return numbers
    return packed(fields)


def _is_name(field: str) -> bool:
    """Whether a field has digits that a number would lose, as 007 has, or too many of them."""
    digits = field.strip().lstrip("+-")
    return "_" in digits or (
        digits.isdecimal() and (len(digits) > _DIGITS or (digits[0] == "0" and len(digits) > 1))
    )


def _as(fields: list[str], kind: Any) -> NDArray[Any] | None:
    whole = kind is np.int64
    try:
        return np.array([int(f) if whole else float(f or "nan") for f in fields], kind)
    except ValueError:
        return None


def _parquet(path: Path) -> dict[str, Any]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(
            f'{path} is Parquet: install pyarrow to read it (pip install "anamorph[parquet]")'
        ) from error
    try:
        table = parquet.read_table(io.BytesIO(read_bytes(path)))
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is no Parquet: {' '.join(str(error).split())}") from error
    return dict(_frame(table))


FILES: Mapping[str, Callable[[Path], Mapping[str, Any]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}
"""Ending of a file → what reads its columns."""


def _frame(given: Any) -> dict[str, Any]:
    """Columns of a frame: pyarrow names them apart, pandas and polars in ``columns``."""
    names = given.column_names if hasattr(given, "column_names") else given.columns
    columns = {}
    for name in names:
        column = given.column(name) if hasattr(given, "column_names") else given[name]
        columns[str(name)] = _array(column)
    return columns


def _array(column: Any) -> Any:
    """Numbers as an array; what has gaps, or is no number, as a list of Python's values."""
    values = column.to_numpy()
    if values.dtype.kind in "biufmM":
        return values
    listed = column.to_pylist() if hasattr(column, "to_pylist") else column.to_list()
    return [None if _is_gap(value) else value for value in listed]


def _is_gap(value: Any) -> bool:
    """Whether a value says that there is none: NaN, or what pandas writes in place of it."""
    return type(value).__name__ in _GAPS or (isinstance(value, float) and isnan(value))


def _records(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = list(rows[0]) if rows else []
    for at, row in enumerate(rows):
        if set(row) != set(names):
            odd = ", ".join(map(str, sorted(set(row) ^ set(names), key=str)))
            raise DataError(f"the table, row {at} differs from the first in {odd}")
    return {name: [row[name] for row in rows] for name in names}


def _even(columns: Mapping[str, Any], name: str) -> Table:
    table = Table({str(key): packed(values) for key, values in columns.items()}, name)
    lengths = {key: len(values) for key, values in table.columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {count}" for key, count in lengths.items())
        raise DataError(f"{name} has columns of different lengths: {told}")
    return table


def grouped(column: Column) -> tuple[list[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Rows that belong together: their common values in order of appearance.

    Returns:
        The values, the rows in the order of their groups, and where each group begins, with the end.
    """
    numbers: dict[Any, int] = {}
    owners = np.array(
        [numbers.setdefault(value, len(numbers)) for value in _plain(column)], np.int64
    )
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(len(numbers) + 1))
    return list(numbers), order, starts.astype(np.int64)


def _plain(column: Column) -> Iterator[Any]:
    yield from column.tolist() if isinstance(column, np.ndarray) else column
