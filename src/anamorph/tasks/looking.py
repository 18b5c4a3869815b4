"""What a folder of data holds, told from names and files; one look a kind, tried in order."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from anamorph.core.errors import AnamorphError, DataError
from anamorph.data import find_pictures, pair_masks, read_mask, read_table
from anamorph.data.tables.columns import Texts

_PICTURES = ("images", "image", "imgs", "img", "pictures", "jpegimages", "photos", "x")
_MASKED = ("masks", "mask", "labels", "label", "annotations", "segmentationclass", "gt", "y")
_SOME = 32
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@final
@dataclass(frozen=True)
class Look:
    """What was found: the task, and the options of its data."""

    task: str
    mode: str
    data: Mapping[str, Any]
    words: str
    values: tuple[int, ...] = field(default=())


def looks(folder: Path) -> Look:
    """What a folder holds.

    Raises:
        DataError: nothing that is known.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    for look in LOOKS:
        found = look(folder)
        if found is not None:
            return found
    raise DataError(
        f"{folder} holds nothing that tells labels: a folder of pictures a class, folders images and "
        "masks, a COCO file, XML or text files of boxes beside images, or a CSV file is wanted"
    )


def _below(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The folder below that has one of these names."""
    found = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    return next((found[name] for name in names if name in found), None)


def _holds(folder: Path | None, suffixes: tuple[str, ...]) -> bool:
    if folder is None:
        return False
    return any(p.suffix.lower() in suffixes for p in folder.rglob("*") if p.is_file())


def _coco(folder: Path) -> Look | None:
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("annotations/*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
            images = _below(folder, _PICTURES) or folder
            data = {"kind": "coco", "images": os.fspath(images), "annotations": os.fspath(path)}
            return Look("detect", "boxes", data, f"COCO annotations in {path.name}")
    return None


def _boxes(kind: str, suffix: str) -> Callable[[Path], Look | None]:
    def look(folder: Path) -> Look | None:
        images = _below(folder, _PICTURES)
        notes = _below(folder, _MASKED)
        if images is None or notes is None or not _holds(notes, (suffix,)):
            return None
        data = {"kind": kind, "images": os.fspath(images), "annotations": os.fspath(notes)}
        return Look("detect", "boxes", data, f"{kind.upper()} annotations in {notes.name}")

    return look


def _masks(folder: Path) -> Look | None:
    images, masks = _below(folder, _PICTURES), _below(folder, _MASKED)
    if images is None or masks is None or not _holds(masks, _SUFFIXES):
        return None
    try:
        pairs = list(pair_masks(find_pictures(images), masks).values())
    except AnamorphError:
        return None
    step = max(1, len(pairs) // _SOME)
    some = [read_mask(path) for path in pairs[::step]]
    data = {"kind": "masks", "images": os.fspath(images), "masks": os.fspath(masks)}
    if any(mask.ndim == 3 for mask in some):
        return Look("segment", "multilabel", data, "pictures and masks of several channels")
    values = np.unique(np.concatenate([np.unique(mask) for mask in some]))
    if len(values) <= 2:
        return Look("segment", "binary", data, "pictures and masks of two values")
    stored = tuple(int(value) for value in values)
    words = f"pictures and masks of {len(stored)} values"
    return Look("segment", "multiclass", data, words, stored)


def _table(folder: Path) -> Look | None:
    for path in sorted(folder.glob("*.csv")):
        table = read_table(path)
        column, root = _image_column(table, folder)
        if column is None:
            continue
        data: dict[str, Any] = {
            "kind": "table",
            "table": os.fspath(path),
            "images": os.fspath(root),
            "image_column": column,
        }
        others = [name for name in table.columns if name != column]
        flags = [name for name in others if _is_flag(table.columns[name])]
        if len(flags) > 1:
            data["label_columns"] = flags
            return Look("classify", "multilabel", data, f"{path.name} with {len(flags)} labels")
        if others:
            named = [name for name in others if name.lower() in {"label", "class", "target", "y"}]
            data["label_columns"] = (named or others)[:1]
            words = f"{path.name} with classes in {data['label_columns'][0]}"
            return Look("classify", "multiclass", data, words)
    return None


def _image_column(table: Any, folder: Path) -> tuple[str | None, Path]:
    """The column whose texts are paths of pictures, and what they are relative to."""
    for root in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        for name, column in table.columns.items():
            if isinstance(column, Texts) and len(column) and (root / column[0]).is_file():
                return name, root
    return None, folder


def _is_flag(column: Any) -> bool:
    return isinstance(column, np.ndarray) and bool(np.isin(column, (0, 1)).all())


def _folders(folder: Path) -> Look | None:
    names = find_pictures(folder)
    classes = {name.split("/", 1)[0] for name in names if "/" in name}
    if len(classes) < 2:
        return None
    data = {"kind": "folders", "images": os.fspath(folder)}
    return Look("classify", "multiclass", data, "a folder of pictures a class")


LOOKS: tuple[Callable[[Path], Look | None], ...] = (
    _coco,
    _boxes("voc", ".xml"),
    _masks,
    _boxes("yolo", ".txt"),
    _table,
    _folders,
)
"""In order: what is more particular comes first."""
