"""Submissions as tables, and the files that they become."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.core.params import plain
from anamorph.data.reading import read_bytes
from anamorph.data.submissions.masks import to_coco
from anamorph.data.submissions.runs import runs_of
from anamorph.data.write import write_atomically

_DIGITS = 9
"""Significant digits of probabilities: what float32 holds."""


@final
@dataclass(frozen=True, slots=True)
class Submission:
    """A table of text: names of columns, and rows with a cell for each.

    >>> from anamorph.data.submissions import Submission
    >>> print(Submission(("id", "label"), (("a", "cat"), ("b", "dog"))).to_csv())
    id,label
    a,cat
    b,dog
    <BLANKLINE>

    Raises:
        DataError: a row has not one cell a column.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for at, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise DataError(f"row {at} has {len(row)} cells for {len(self.columns)} columns")

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of a column.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.columns:
            raise DataError(f"there is no column {name!r} among {', '.join(self.columns)}")
        at = self.columns.index(name)
        return tuple(row[at] for row in self.rows)

    def like(self, sample: Submission) -> Submission:
        """The same rows in the sample's order, and its columns in their order.

        Raises:
            DataError: ids or columns are not the sample's.
        """
        keys = [self.columns.index(name) for name in sample.columns if name in self.columns]
        if len(keys) != len(sample.columns):
            raise DataError(
                f"columns are {', '.join(self.columns)}, not {', '.join(sample.columns)}"
            )
        rows: dict[str, list[tuple[str, ...]]] = {}
        for row in self.rows:
            cells = tuple(row[at] for at in keys)
            rows.setdefault(cells[0], []).append(cells)
        order = list(dict.fromkeys(row[0] for row in sample.rows))
        if set(order) != set(rows):
            raise DataError(
                f"ids are not the sample's: {min(set(order) ^ set(rows))!r} is in one only"
            )
        return Submission(sample.columns, tuple(row for name in order for row in rows[name]))

    def to_csv(self) -> str:
        """The text of the file; equal tables give equal text."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return stream.getvalue()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a CSV file, whole or not at all."""
        write_atomically(path, self.to_csv().encode())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Submission:
        """Read a CSV file, cells as text.

        Raises:
            DataError: it cannot be read, or is no table.
        """
        try:
            text = read_bytes(path).decode("utf-8-sig")
            rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline="")) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{os.fspath(path)} is no CSV file: {error}") from error
        if not rows:
            raise DataError(f"{os.fspath(path)} is empty: a line of columns is wanted")
        try:
            return cls(rows[0], tuple(rows[1:]))
        except DataError as error:
            raise DataError(f"{os.fspath(path)}: {error}") from None


def probability_submission(
    ids: Sequence[Any], probabilities: Any, columns: Sequence[str], *, key: str = "id"
) -> Submission:
    """A row a picture, a column a class, or one column for one.

    Args:
        ids: (n,).
        probabilities: (n, classes) or (n,); finite.
        columns: a name for each class.
        key: name of the column of ids.
    """
    array = np.asarray(probabilities)
    values = array.reshape(len(array), -1) if array.ndim else array.reshape(0, 0)
    if values.shape != (len(ids), len(columns)):
        raise DataError(
            f"probabilities have shape {array.shape}: ({len(ids)}, {len(columns)}) is wanted"
        )
    rows = zip(ids, values.tolist(), strict=True)
    return _table((key, *columns), ([name, *(cell(value) for value in row)] for name, row in rows))


def class_submission(
    ids: Sequence[Any], labels: Sequence[Any], *, key: str = "id", column: str = "label"
) -> Submission:
    """A row a picture with its class, or with its classes (a list) separated by spaces."""
    _paired("labels", ids, labels)
    return _table(
        (key, column), ([name, cell(label)] for name, label in zip(ids, labels, strict=True))
    )


def mask_submission(  # noqa: PLR0913 - competitions differ in each of these
    ids: Sequence[Any],
    masks: Iterable[Any],
    *,
    classes: Sequence[str] | None = None,
    key: str = "id",
    column: str = "rle",
    class_column: str | None = None,
    order: str = "columns",
    start: int = 1,
    empty: str = "",
) -> Submission:
    """Run lengths of masks, one mask in memory at a time.

    Args:
        ids: (n,).
        masks: for each id H×W for one row; or (m, H, W) for m rows: of classes, if they are named,
            else of instances (for none of which there is one empty row).
        classes: names of the m classes. Rows are called "id_class", unless there is a class_column.
        key: name of the column of ids.
        column: name of the column of run lengths.
        class_column: name of a column of classes.
        order: as in :func:`runs_of`, like start and empty.
        start: number of the first pixel.
        empty: what stands for a mask of no pixel.
    """
    how = {"order": order, "start": start, "empty": empty}
    rows: list[list[str]] = []
    given = iter(masks)
    for name in ids:
        mask = next(given, None)
        if mask is None:
            raise DataError(f"{name} has no mask: one for each of the {len(ids)} ids is wanted")
        for label, part in _parts(np.asarray(mask), classes, name):
            runs = runs_of(part, **how)  # type: ignore[arg-type]  # texts and a number
            if label is None:
                rows.append([cell(name), runs])
            elif class_column is None:
                rows.append([f"{cell(name)}_{label}", runs])
            else:
                rows.append([cell(name), label, runs])
    if next(given, None) is not None:
        raise DataError(f"there are more masks than the {len(ids)} ids")
    wide = classes is not None and class_column is not None
    return _table((key, str(class_column), column) if wide else (key, column), rows)


def detection_submission(
    ids: Sequence[Any],
    detections: Sequence[Mapping[str, Any]],
    *,
    names: Sequence[str] | None = None,
    key: str = "id",
    column: str = "PredictionString",
) -> Submission:
    """A row a picture: "label score x y width height" for each box, the best first.

    Args:
        ids: (n,).
        detections: boxes (m, 4) x_min, y_min, x_max, y_max, scores and labels of each picture.
        names: of the classes that labels count; None writes the numbers.
        key: name of the column of ids.
        column: name of the column of boxes.
    """
    _paired("detections", ids, detections)
    rows = []
    for name, found in zip(ids, detections, strict=True):
        words: list[str] = []
        for label, score, box in _best_first(found, name):
            sides = (box[0], box[1], box[2] - box[0], box[3] - box[1])
            words += [str(label if names is None else names[label]), *map(cell, (score, *sides))]
        rows.append([name, " ".join(words)])
    return _table((key, column), rows)


def coco_results(
    path: str | os.PathLike[str],
    ids: Sequence[Any],
    detections: Sequence[Mapping[str, Any]],
    categories: Sequence[int] | None = None,
) -> int:
    """Write COCO's JSON of results, whole or not at all; say how many objects there are.

    Args:
        path: file to write.
        ids: ``image_id`` of each picture.
        detections: boxes, scores and labels of each picture, and masks (m, H, W) if there are such.
        categories: ``category_id`` of each label; None takes labels as they are.
    """  # fmt: skip
    _paired("detections", ids, detections)
    entries = []
    for name, found in zip(ids, detections, strict=True):
        masks = found.get("masks")
        for at, (label, score, box) in zip(_order(found), _best_first(found, name), strict=True):
            sides = (box[0], box[1], box[2] - box[0], box[3] - box[1])
            entry: dict[str, Any] = {
                "image_id": plain(name),
                "category_id": label if categories is None else categories[label],
                "bbox": [round(side, 3) for side in sides],
                "score": float(cell(score)),
            }
            if masks is not None:
                entry["segmentation"] = to_coco(np.asarray(masks[at]))
            entries.append(entry)
    write_atomically(path, json.dumps(entries).encode())
    return len(entries)


def cell(value: Any) -> str:
    """The text of a value.

    Raises:
        DataError: it is a number that is not finite.
    """
    given = plain(value)
    if isinstance(given, float):
        if not math.isfinite(given):
            raise DataError(f"a submission cannot hold {given}")
        return f"{given:.{_DIGITS}g}"
    if isinstance(given, tuple):
        return " ".join(map(cell, given))
    return str(given)


def _table(columns: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> Submission:
    return Submission(columns, tuple(tuple(map(cell, row)) for row in rows))


def _paired(place: str, ids: Sequence[Any], values: Sequence[Any]) -> None:
    if len(ids) != len(values):
        raise DataError(f"{len(ids)} ids have {len(values)} {place}: one each is wanted")


def _parts(
    mask: NDArray[Any], classes: Sequence[str] | None, name: Any
) -> list[tuple[str | None, NDArray[Any]]]:
    if classes is not None:
        if mask.ndim != 3 or len(mask) != len(classes):
            raise DataError(
                f"masks of {name} have shape {mask.shape}: ({len(classes)}, H, W) is wanted"
            )
        return list(zip(classes, mask, strict=True))
    if mask.ndim == 2:
        return [(None, mask)]
    if mask.ndim != 3:
        raise DataError(f"masks of {name} have shape {mask.shape}: H×W or (n, H, W) is wanted")
    return [(None, part) for part in mask] or [(None, np.zeros(mask.shape[1:], np.bool_))]


def _order(found: Mapping[str, Any]) -> list[int]:
    order: list[int] = np.argsort(-np.asarray(found["scores"], np.float64), kind="stable").tolist()
    return order


def _best_first(found: Mapping[str, Any], name: Any) -> list[tuple[int, float, list[float]]]:
    boxes = np.asarray(found["boxes"], np.float64).reshape(-1, 4)
    scores = np.asarray(found["scores"], np.float64)
    labels = np.asarray(found["labels"])
    if not len(boxes) == len(scores) == len(labels):
        raise DataError(
            f"{name} has {len(boxes)} boxes, {len(scores)} scores, {len(labels)} labels"
        )
    return [(int(labels[at]), float(scores[at]), boxes[at].tolist()) for at in _order(found)]
