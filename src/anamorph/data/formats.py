"""The annotation formats, in one table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anamorph.core.errors import DataError, UnknownNameError, nearest
from anamorph.data.annotations import Category, Format, Record, Source
from anamorph.data.coco import Coco
from anamorph.data.voc import Voc
from anamorph.data.write import write_atomically
from anamorph.data.yolo import Yolo

FORMATS: Mapping[str, Format] = {form.name: form for form in (Coco(), Yolo(), Voc())}


def format_named(name: str) -> Format:
    """The format of that name."""
    if name not in FORMATS:
        raise UnknownNameError(
            f"annotation format {name!r}: one of {', '.join(FORMATS)} is wanted"
            f"{nearest(name, FORMATS)}"
        )
    return FORMATS[name]


def detect_format(path: str | os.PathLike[str]) -> Format:
    """Tell the format from what is there: a JSON file, or a folder of XML or text files."""
    place = Path(path)
    if place.is_file() and place.suffix.lower() == ".json":
        return FORMATS["coco"]
    if place.is_dir():
        if next(place.rglob("*.xml"), None) is not None:
            return FORMATS["voc"]
        if next(place.rglob("*.txt"), None) is not None:
            return FORMATS["yolo"]
        raise DataError(f"{place} holds neither XML (Pascal VOC) nor text files (YOLO)")
    if place.exists():
        raise DataError(f"{place} is neither a COCO file (.json) nor a folder")
    raise DataError(f"{place} does not exist: a COCO file, YOLO or Pascal VOC folder is wanted")


def read_annotations(path: str | os.PathLike[str], form: str | None = None) -> Source:
    """Open annotations; the format is told from the files unless it is named."""
    chosen = detect_format(path) if form is None else format_named(form)
    return chosen.open(os.fspath(path))


def write_annotations(
    folder: str | os.PathLike[str],
    records: Sequence[Record],
    categories: Sequence[Category],
    form: str,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write annotations of many pictures in a format below a folder."""
    chosen = format_named(form)
    contents: dict[str, bytes] = {}
    for record in records:
        contents.update(chosen.files(record, categories))
    fragments = [chosen.fragment(record, categories) for record in records]
    contents.update(chosen.common(fragments, categories, extra or {}))
    for name, content in contents.items():
        write_atomically(Path(folder) / name, content)
