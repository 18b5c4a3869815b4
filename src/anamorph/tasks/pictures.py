"""Labelled pictures as a configuration describes them, by one table of kinds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.data import (
    ClassFolders,
    CocoDataset,
    Dataset,
    MaskFolders,
    TableDataset,
    VocDataset,
    YoloDataset,
    read_mask,
    read_table,
)
from anamorph.tasks.config.configs import Config
from anamorph.tasks.config.sections import Data
from anamorph.tasks.masks import Values

Labels = NDArray[Any]


@final
@dataclass(frozen=True)
class Pictures:
    """The pictures of a configuration.

    ``ids`` are paths below the folder of pictures, with forward slashes. ``labels`` are known
    without decoding: (n,) numbers of classes, (n, classes) of 0 and 1, or None. ``groups`` and
    ``times`` have one entry a picture, if the configuration names such.
    """

    dataset: Dataset
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Labels | None = None
    groups: tuple[str, ...] | None = None
    times: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def known(self) -> Labels:
        """The labels, where the kind of data has such without decoding."""
        if self.labels is None:
            raise DataError("these pictures have no labels besides their masks")
        return self.labels

    def path(self, index: int) -> str:
        """Where the file of a picture is."""
        return str(self.dataset.sample(index)["image"])


def pictures_of(config: Config) -> Pictures:
    """Find the pictures and labels of a configuration; no picture is decoded.

    Raises:
        DataError: something is missing there, or is not what it should be.
        ParameterError: the configuration does not say what is needed.
    """
    found = _KINDS[config.data.kind](config)
    root = config.data.images
    ids = tuple(_below(root, found.path(at)) for at in range(len(found)))
    _check_unique(ids)
    return replace(found, ids=ids, groups=_groups(config, ids, found.groups))


def _below(root: str, path: str) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return Path(path).as_posix()


def _check_unique(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f"{twice} is listed twice: a picture must be there once")


def _groups(
    config: Config, ids: Sequence[str], columns: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """What must stay together: a column, or what a pattern finds in the path."""
    pattern = config.folds.group
    if pattern is None:
        return columns
    try:
        found = [re.search(pattern, name) for name in ids]
    except re.error as error:
        raise ParameterError(f"folds.group = {pattern!r}: {error}") from error
    for name, match in zip(ids, found, strict=True):
        if match is None:
            raise ParameterError(f"folds.group = {pattern!r} finds nothing in {name}")
    return tuple(match.group(match.lastindex or 0) for match in found if match is not None)


# ---------------------------------------------------------------------------- kinds


def _need(data: Data, name: str) -> str:
    value = getattr(data, name)
    if not value:
        raise ParameterError(f"data.{name} is empty: data.kind = {data.kind!r} needs it")
    return str(value)


def _folders(config: Config) -> Pictures:
    data = config.data
    _only(config, "classify", "multiclass", "ordinal")
    found = ClassFolders(_need(data, "images"), classes=data.classes or None)
    labels = np.array([found.item(at).label for at in range(len(found))], np.int64)
    return Pictures(found, ("",) * len(found), found.classes, labels)


def _masks(config: Config) -> Pictures:
    data = config.data
    _only(config, "segment")
    found = MaskFolders(_need(data, "images"), _need(data, "masks"))
    return Pictures(found, ("",) * len(found), _mask_classes(config, found))


def _mask_classes(config: Config, found: Dataset) -> tuple[str, ...]:
    """Names of the classes of masks: given, one a value, or found by reading all masks."""
    data = config.data
    if data.classes:
        if data.values and len(data.values) != len(data.classes):
            raise ParameterError(
                f"data.values = {data.values}: it must have one value for each of the "
                f"{len(data.classes)} classes"
            )
        return data.classes
    if config.mode == "binary":
        return ("foreground",)
    if data.values:
        return tuple(map(str, data.values))
    masks = [read_mask(found.item(at).mask) for at in range(len(found))]  # type: ignore[arg-type]
    if config.mode == "multilabel":
        return tuple(map(str, range(max(m.shape[2] if m.ndim == 3 else 1 for m in masks))))
    most = max(int(mask[mask != data.ignore].max(initial=0)) for mask in masks)
    return tuple(map(str, range(most + 1)))


def _annotated(kind: Any) -> Callable[[Config], Pictures]:
    def find(config: Config) -> Pictures:
        data = config.data
        images, notes = _need(data, "images"), _need(data, "annotations")
        targets = ("mask",) if config.task == "segment" else ("bboxes",)
        skip = data.broken == "skip"
        found = kind(images, notes, targets=targets, crowd=False, skip_broken=skip)
        if config.task == "segment":
            _only(config, "segment", "binary", "multiclass")
            names = ("background", *found.classes)
            classes = ("foreground",) if config.mode == "binary" else names
            return Pictures(found, ("",) * len(found), classes)
        _only(config, "detect", "boxes") if config.task == "detect" else _only(
            config, "classify", "multilabel"
        )
        there = _present(found, len(found.classes))
        return Pictures(found, ("",) * len(found), found.classes, there)

    return find


def _present(found: Dataset, classes: int) -> Labels:
    """(pictures, classes): whether a picture has an object of the class."""
    there = np.zeros((len(found), classes), np.float32)
    for at in range(len(found)):
        labels = found.item(at).labels
        if labels is not None:
            there[at, labels[labels >= 0]] = 1
    return there


def _table(config: Config) -> Pictures:
    data = config.data
    table = read_table(_need(data, "table"))
    boxes = data.box_columns or None
    found = TableDataset(
        table,
        image=data.image_column,
        mask=data.mask_column,
        labels=data.label_columns,
        box=boxes,
        box_format=data.box_format,
        root=data.images,
        mask_root=data.masks,
    )
    classes, labels = _LABELLED[config.task](config, found)
    samples = Pictures(found, ("",) * len(found), classes, labels)
    if boxes is not None:
        return samples
    return replace(
        samples,
        groups=_column(table, data.group_column, "group_column"),
        times=_column(table, data.time_column, "time_column"),
    )


def _column(table: Any, name: str | None, option: str) -> Any:
    if name is None:
        return None
    return tuple(
        each.item() if isinstance(each, np.generic) else each
        for each in table.column(name, f"data.{option}")
    )


def _classes_of_table(config: Config, found: TableDataset) -> tuple[tuple[str, ...], Labels]:
    columns = config.data.label_columns
    if not columns:
        raise ParameterError("data.label_columns is empty: data.kind = 'table' needs it")
    samples = [found.sample(at) for at in range(len(found))]
    if config.mode == "multilabel":
        labels = np.array([[sample[name] for name in columns] for sample in samples], np.float32)
        if not np.isin(labels, (0, 1)).all():
            raise DataError(f"the columns {', '.join(columns)} must hold 0 and 1 only")
        return columns, labels
    given = [str(sample[columns[0]]) for sample in samples]
    names = config.data.classes or found.classes
    numbers = {name: at for at, name in enumerate(names)}
    for name, sample in zip(given, samples, strict=True):
        if name not in numbers:
            raise DataError(f"{sample['image']} has the class {name!r}, which is none of {names}")
    return tuple(names), np.array([numbers[name] for name in given], np.int64)


def _masks_of_table(config: Config, found: TableDataset) -> tuple[tuple[str, ...], None]:
    _need(config.data, "mask_column")
    return _mask_classes(config, found), None


def _boxes_of_table(config: Config, found: TableDataset) -> tuple[tuple[str, ...], Labels]:
    _need(config.data, "box_columns")
    if not found.classes:
        raise ParameterError("data.label_columns is empty: it must name the column of the classes")
    return found.classes, _present(found, len(found.classes))


_LABELLED: Mapping[str, Callable[[Config, TableDataset], tuple[tuple[str, ...], Any]]] = {
    "classify": _classes_of_table,
    "segment": _masks_of_table,
    "detect": _boxes_of_table,
}

_KINDS: Mapping[str, Callable[[Config], Pictures]] = {
    "folders": _folders,
    "masks": _masks,
    "coco": _annotated(CocoDataset),
    "voc": _annotated(VocDataset),
    "yolo": _annotated(YoloDataset),
    "table": _table,
}
"""data.kind → how pictures of that kind are found."""


def _only(config: Config, task: str, *modes: str) -> None:
    if config.task != task or (modes and config.mode not in modes):
        raise ParameterError(
            f"data.kind = {config.data.kind!r} has no labels for task {config.task!r}, "
            f"mode {config.mode!r}"
        )


def covered(config: Config, pictures: Pictures, indices: Iterable[int]) -> Labels:
    """What masks show, for splitting and balancing: reads them.

    Returns:
        For binary masks (n,): 0 if empty, and 1 to 4 by the quarter of the areas; else
        (n, classes) of 0 and 1.
    """
    values = Values.of(config, len(pictures.classes))
    shares = np.stack([values.shares(mask_of(pictures, at)) for at in indices])
    if config.mode != "binary":
        return (shares > 0).astype(np.float32)
    area = shares[:, 0]
    full = area > 0
    bins = np.zeros(len(area), np.int64)
    if full.any():
        edges = np.quantile(area[full], (0.25, 0.5, 0.75))
        bins[full] = 1 + np.searchsorted(edges, area[full])
    return bins


def mask_of(pictures: Pictures, index: int) -> NDArray[Any]:
    """The mask of a picture, with its stored values."""
    mask = pictures.dataset.sample(index)["mask"]
    return read_mask(mask) if isinstance(mask, str | os.PathLike) else np.asarray(mask)
