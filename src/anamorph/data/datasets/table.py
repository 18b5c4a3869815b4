"""Pictures that a table lists: a row a picture, or a row an object."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.box_formats import FORMATS
from anamorph.core.errors import DataError, ParameterError, UnknownNameError, nearest
from anamorph.data.datasets.base import Dataset, Item, Reader
from anamorph.data.reading import read_size
from anamorph.data.tables.columns import Column, Ints, Pickles, Texts, value
from anamorph.data.tables.read import Given, Table, grouped, read_table
from anamorph.pipeline.compose import Compose

Place = str | os.PathLike[str]


@final
class TableDataset(Dataset):
    """Pictures, masks and labels that a table names, or boxes, a row each.

    A sample has ``image``, ``mask`` if a column names masks, and each label under the name of its
    column. With ``box`` there is a row an object: rows of the same picture make one sample, whose
    ``bboxes`` and labels have one entry a row; a row whose box is all empty (NaN) says that the
    picture has no object.

    The first column of ``labels`` tells the classes: its texts or whole numbers, sorted. A pipeline
    gets labels as they stand in the table.

    >>> from anamorph.data import TableDataset
    >>> rows = [{"file": "a.jpg", "breed": "pug"}, {"file": "b.jpg", "breed": "collie"}]
    >>> dogs = TableDataset(rows, image="file", labels=["breed"], root="photos")
    >>> dogs.sample(1), dogs.classes
    ({'image': 'photos/b.jpg', 'breed': 'collie'}, ('collie', 'pug'))
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        table: Given,
        pipeline: Compose | None = None,
        *,
        image: str = "image",
        mask: str | None = None,
        labels: Sequence[str] = (),
        box: Sequence[str] | None = None,
        box_format: str = "pascal_voc",
        root: Place = "",
        mask_root: Place | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Read the table; no picture is read.

        Args:
            table: what :func:`read_table` takes: a path, a frame, columns or records.
            pipeline: run on every sample.
            image: column of the pictures' paths.
            mask: column of the masks' paths.
            labels: columns that become labels.
            box: the four columns of a box.
            box_format: what these four say, by the names that ``BboxParams`` has.
            root: folder that paths are relative to.
            mask_root: folder that paths of masks are relative to, if that is another.
            reader: reads the file of a picture, where :func:`read_picture` is not what is wanted.

        Raises:
            UnknownNameError: the table lacks a column.
            DataError: a path is empty, a box is no four numbers, or a picture has two masks.
        """
        super().__init__(pipeline, reader)
        read = read_table(table)
        self.root: str = os.fspath(root)
        self.mask_root: str = self.root if mask_root is None else os.fspath(mask_root)
        self.box_format: str = _known(box_format)
        files = read.column(image, "TableDataset.image")
        self._boxes = None if box is None else _boxes(read, box)
        self._labels = _chosen(read, (labels,) if isinstance(labels, str) else labels)
        self._rows = _Rows.of(files, alone=self._boxes is None)
        self._files = _paths(self._rows, files, image, files)
        self._masks = None
        if mask is not None:
            self._masks = _paths(self._rows, read.column(mask, "TableDataset.mask"), mask, files)
        names, self._numbers = _classes(next(iter(self._labels.values()), None))
        self.classes = names
        self._name = read.name
        if self.pipeline is not None:
            self.accept(self.pipeline)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"TableDataset({self._name!r})"

    def sample(self, index: int) -> dict[str, Any]:
        data: dict[str, Any] = {"image": _below(self.root, self._files[index])}
        if self._masks is not None:
            data["mask"] = _below(self.mask_root, self._masks[index])
        rows = self._rows.of_sample(index)
        if self._boxes is None:
            return data | {name: value(c, int(rows[0])) for name, c in self._labels.items()}
        rows = rows[~np.isnan(self._boxes[rows]).all(axis=1)]
        data["bboxes"] = self._boxes[rows]
        return data | {name: _many(column, rows) for name, column in self._labels.items()}

    def item(self, index: int) -> Item:
        data = self.sample(index)
        rows = self._rows.of_sample(index)
        if self._boxes is None:
            label = None if self._numbers is None else int(self._numbers[rows[0]])
            return Item(data["image"], data.get("mask"), label)
        size = read_size(data["image"])
        rows = rows[~np.isnan(self._boxes[rows]).all(axis=1)]
        boxes = FORMATS[self.box_format].to_pixels(data["bboxes"], size)
        labels = None if self._numbers is None else self._numbers[rows]
        return Item(data["image"], data.get("mask"), None, size, boxes, labels)

    def accept(self, pipeline: Compose) -> None:
        if self._boxes is None:
            return
        told = pipeline.bbox_params
        if told is None or told.format != self.box_format:
            format_ = None if told is None else told.format
            raise ParameterError(
                f"TableDataset: the pipeline's bbox_params.format is {format_!r}, but the table "
                f"gives {self.box_format!r}"
            )
        for name in told.label_fields:
            if name not in self._labels:
                raise UnknownNameError(
                    f"TableDataset: the pipeline's bbox_params.label_fields has {name!r}, which "
                    f"TableDataset.labels lacks{nearest(name, self._labels)}"
                )


@final
class _Rows:
    """Which rows of a table make a sample."""

    def __init__(self, order: Ints, starts: Ints) -> None:
        self.order, self.starts = order, starts

    @classmethod
    def of(cls, files: Column, *, alone: bool) -> _Rows:
        """Each row by itself, or those of the same file together."""
        if alone:
            return cls(np.arange(len(files)), np.arange(len(files) + 1))
        _, order, starts = grouped(files)
        return cls(order, starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of_sample(self, index: int) -> Ints:
        """The rows of a sample, in the order of the table."""
        return self.order[self.starts[index] : self.starts[index + 1]]


def _below(root: str, name: str) -> str:
    """A path in a folder, or an address of fsspec's, which no path may normalize."""
    if "://" in name or "://" in root:
        return name if "://" in name else f"{root.rstrip('/')}/{name}"
    return str(Path(root, name))


def _paths(rows: _Rows, column: Column, name: str, files: Column) -> Texts:
    """What a column of paths says of each sample, which must be one thing."""
    paths = []
    for index in range(len(rows)):
        found = {value(column, row) for row in rows.of_sample(index).tolist()}
        if len(found) > 1:
            raise DataError(
                f"rows of {value(files, int(rows.of_sample(index)[0]))} differ in {name}: {sorted(found)}"
            )
        path = found.pop()
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise DataError(f"column {name} has {path!r} as path, in sample {index}")
        paths.append(os.fspath(path))
    return Texts(paths)


def _boxes(table: Table, names: Sequence[str]) -> NDArray[np.float64]:
    if isinstance(names, str) or len(names) != 4:
        raise ParameterError(f"TableDataset.box = {names!r}: the names of four columns are wanted")
    columns = [table.column(name, "TableDataset.box") for name in names]
    for name, column in zip(names, columns, strict=True):
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iuf":
            raise DataError(f"{table.name}: column {name} has something else than numbers")
    boxes = np.stack(columns, axis=-1).astype(np.float64)
    gaps = ~np.isfinite(boxes)
    odd = np.flatnonzero(gaps.any(axis=1) & ~gaps.all(axis=1))
    if odd.size:
        raise DataError(
            f"{table.name}, row {odd[0] + 1}: the box {boxes[odd[0]].tolist()} has a gap"
        )
    return boxes


def _chosen(table: Table, names: Sequence[str]) -> Mapping[str, Column]:
    for name in ("image", "mask", "bboxes"):
        if name in names:
            raise ParameterError(
                f"TableDataset.labels has {name!r}, which is a target's key: rename the column"
            )
    return {name: table.column(name, "TableDataset.labels") for name in names}


def _classes(column: Column | None) -> tuple[tuple[str, ...], Ints | None]:
    """Names of the classes in order, and the number of each row's; -1 for an empty text."""
    if isinstance(column, Texts):
        names = sorted(set(column) - {""})
        numbers = {name: at for at, name in enumerate(names)}
        return tuple(names), np.array([numbers.get(name, -1) for name in column], np.int64)
    if column is None or isinstance(column, Pickles) or column.dtype.kind not in "iub":
        return (), None
    found, numbers_of = np.unique(column, return_inverse=True)
    return tuple(map(str, found.tolist())), numbers_of.astype(np.int64).reshape(-1)


def _many(column: Column, rows: Ints) -> Any:
    if isinstance(column, np.ndarray):
        return column[rows]
    return [column[int(row)] for row in rows]


def _known(box_format: str) -> str:
    if box_format not in FORMATS:
        raise UnknownNameError(
            f"TableDataset.box_format = {box_format!r}: it must be one of {', '.join(FORMATS)}"
            f"{nearest(str(box_format), FORMATS)}"
        )
    return box_format
