"""COCO: one JSON file with images, annotations and categories. Fields it does not know stay."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, final

from anamorph.core.errors import DataError
from anamorph.data import rle
from anamorph.data.annotations import (
    Box,
    Category,
    Format,
    Keypoint,
    Object,
    Polygons,
    Record,
    Runs,
    Segmentation,
    Source,
    numbers,
)
from anamorph.data.reading import read_bytes

_DIGITS = 6
"""Decimals that are written: a millionth of a pixel, so that 20.0 is not 19.999999999999996."""

_OBJECT_KEYS = {
    "image_id", "category_id", "bbox", "keypoints", "num_keypoints", "segmentation", "iscrowd",
}  # fmt: skip
_IMAGE_KEYS = {"file_name", "height", "width"}
_CATEGORY_KEYS = {"id", "name", "keypoints", "skeleton"}
_FILE = "annotations.json"


@final
class CocoSource(Source):
    """A COCO file that has been read."""

    def __init__(self, path: str) -> None:
        """Read and index the file."""
        self.path = path
        content = _load(path)
        self.extra: dict[str, Any] = {
            k: v for k, v in content.items() if k not in ("images", "annotations")
        }
        listed = self.extra.pop("categories", [])
        self.categories: tuple[Category, ...] = tuple(
            _category(entry, f"{path}: categories[{at}]") for at, entry in enumerate(listed)
        )
        self._names = {category.id: category.name for category in self.categories}
        if len(set(self._names.values())) != len(self.categories):
            raise DataError(f"{path}: two categories have the same id or name")
        self._images = _images(content["images"], path)
        self._objects = _by_image(content.get("annotations", []), self._images, path)
        self._by_name = {entry["file_name"]: entry for entry in self._images.values()}
        self._by_base = _unique_bases(self._by_name)

    def record(self, picture: str, size: tuple[int, int]) -> Record:
        """The annotations of a picture, found by its path or, if that is unique, its name."""
        entry = self._by_name.get(picture) or self._by_base.get(PurePosixPath(picture).name)
        if entry is None:
            return Record(picture, size)
        stated = (entry.get("height", size[0]), entry.get("width", size[1]))
        if stated != size:
            raise DataError(
                f"{picture} is {size[1]}x{size[0]}, but {self.path} was made for a picture of "
                f"{stated[1]}x{stated[0]}"
            )
        objects = [
            self._object(annotation, f"{self.path}: annotations[{at}]", size)
            for at, annotation in self._objects[entry["id"]]
        ]
        extra = {key: value for key, value in entry.items() if key not in _IMAGE_KEYS}
        return Record(picture, size, tuple(objects), extra)

    def pictures(self) -> tuple[str, ...]:
        """The ``file_name`` of every image."""
        return tuple(sorted(self._by_name))

    def unmatched(self, pictures: Iterable[str]) -> tuple[str, ...]:
        """The annotated pictures that are not among these."""
        found = set(pictures)
        bases = {PurePosixPath(name).name for name in found}
        return tuple(
            name
            for name in self.pictures()
            if name not in found
            and not (
                PurePosixPath(name).name in bases and PurePosixPath(name).name in self._by_base
            )
        )

    def _object(self, entry: Mapping[str, Any], where: str, size: tuple[int, int]) -> Object:
        category = entry.get("category_id")
        if category is not None and category not in self._names:
            raise DataError(f"{where}: category_id = {category!r} is no category of the file")
        return Object(
            category=None if category is None else self._names[category],
            box=_box(entry, where),
            keypoints=_keypoints(entry, where),
            segmentation=_segmentation(entry, where, size),
            crowd=bool(entry.get("iscrowd", 0)),
            extra={key: value for key, value in entry.items() if key not in _OBJECT_KEYS},
        )


@final
class Coco(Format):
    """COCO instances, keypoints, stuff or captions: ``annotations.json``."""

    name = "coco"

    def open(self, path: str) -> CocoSource:
        """Read the file."""
        return CocoSource(path)

    def files(self, record: Record, categories: Sequence[Category]) -> dict[str, bytes]:
        """Nothing: COCO keeps all pictures in one file."""
        del record, categories
        return {}

    def fragment(self, record: Record, categories: Sequence[Category]) -> Any:
        """The picture's entry in ``images`` and its annotations, ids as they were, if any."""
        ids = {category.name: category.id for category in categories}
        image = {"file_name": record.file, "height": record.size[0], "width": record.size[1]}
        return {
            "image": {**image, **record.extra},
            "annotations": [_entry(thing, ids) for thing in record.objects],
        }

    def common(
        self, fragments: Iterable[Any], categories: Sequence[Category], extra: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """The whole file; ids that are missing or not unique are numbered anew from 1."""
        parts = list(fragments)
        images = [dict(part["image"]) for part in parts]
        _number(images)
        annotations = [
            {**entry, "image_id": image["id"]}
            for image, part in zip(images, parts, strict=True)
            for entry in part["annotations"]
        ]
        _number(annotations)
        content = {
            **extra,
            "images": images,
            "annotations": annotations,
            "categories": [_category_entry(category) for category in categories],
        }
        return {_FILE: json.dumps(content, ensure_ascii=False).encode() + b"\n"}


def _load(path: str) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise DataError(f"{path} is no COCO file: an object with a list of images is wanted")
    return content


def _images(entries: list[Any], path: str) -> dict[Any, dict[str, Any]]:
    images: dict[Any, dict[str, Any]] = {}
    for at, entry in enumerate(entries):
        where = f"{path}: images[{at}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
            raise DataError(f"{where} has no file_name")
        if not isinstance(entry.get("id"), (int, str)) or entry["id"] in images:
            raise DataError(f"{where}: id = {entry.get('id')!r}: an id of its own is wanted")
        images[entry["id"]] = entry
    return images


def _by_image(
    entries: list[Any], images: Mapping[Any, Any], path: str
) -> dict[Any, list[tuple[int, dict[str, Any]]]]:
    grouped = defaultdict(list)
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("image_id") not in images:
            image = entry.get("image_id") if isinstance(entry, dict) else entry
            raise DataError(f"{path}: annotations[{at}]: image_id = {image!r} is no image's id")
        grouped[entry["image_id"]].append((at, entry))
    return grouped


def _unique_bases(images: Mapping[str, Any]) -> dict[str, Any]:
    """Images by the last part of their name, where that tells them apart."""
    bases = defaultdict(list)
    for name, entry in images.items():
        bases[PurePosixPath(name).name].append(entry)
    return {base: entries[0] for base, entries in bases.items() if len(entries) == 1}


def _category(entry: Any, where: str) -> Category:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), int):
        raise DataError(f"{where} has no whole number as id")
    return Category(
        id=entry["id"],
        name=str(entry.get("name", entry["id"])),
        keypoints=tuple(entry.get("keypoints", ())),
        skeleton=tuple((int(a) - 1, int(b) - 1) for a, b in entry.get("skeleton", ())),
        extra={key: value for key, value in entry.items() if key not in _CATEGORY_KEYS},
    )


def _category_entry(category: Category) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": category.id, "name": category.name, **category.extra}
    if category.keypoints:
        entry["keypoints"] = list(category.keypoints)
        entry["skeleton"] = [[a + 1, b + 1] for a, b in category.skeleton]
    return entry


def _box(entry: Mapping[str, Any], where: str) -> Box | None:
    if entry.get("bbox") is None:
        return None
    wanted = "four numbers x, y, width, height are wanted"
    box = numbers(entry["bbox"], f"{where}: bbox", wanted)
    if len(box) != 4 or box[2] < 0 or box[3] < 0:
        raise DataError(f"{where}: bbox = {entry['bbox']!r}: {wanted}")
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _keypoints(entry: Mapping[str, Any], where: str) -> tuple[Keypoint, ...]:
    wanted = "numbers x, y, visibility for each keypoint are wanted"
    flat = numbers(entry.get("keypoints") or [], f"{where}: keypoints", wanted)
    if len(flat) % 3:
        raise DataError(f"{where}: keypoints has {len(flat)} numbers: {wanted}")
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return tuple((x, y, int(seen)) for x, y, seen in triples)


def _segmentation(
    entry: Mapping[str, Any], where: str, size: tuple[int, int]
) -> Segmentation | None:
    value, place = entry.get("segmentation"), f"{where}: segmentation"
    if not value:
        return None
    if isinstance(value, dict):
        return _runs(value, place, size)
    if not isinstance(value, list):
        raise DataError(f"{place} is neither a list of polygons nor run lengths")
    wanted = "an even count of numbers, six or more, is wanted"
    parts = [numbers(part, f"{place}[{at}]", wanted) for at, part in enumerate(value)]
    for at, part in enumerate(parts):
        if len(part) < 6 or len(part) % 2:
            raise DataError(f"{place}[{at}] has {len(part)} numbers: {wanted}")
    return Polygons(tuple(map(tuple, parts)))


def _runs(value: Mapping[str, Any], place: str, size: tuple[int, int]) -> Runs:
    counts, stated = value.get("counts"), value.get("size")
    if stated != list(size) or not isinstance(counts, (str, list)):
        raise DataError(f"{place} has size {stated!r}, but the picture's is {list(size)}")
    try:
        runs = rle.unpack(counts) if isinstance(counts, str) else [int(run) for run in counts]
        rle.decode(runs, size)
    except ValueError as error:
        raise DataError(f"{place} {error}") from error
    return Runs(size, tuple(runs), packed=isinstance(counts, str))


def _entry(thing: Object, ids: Mapping[str, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if thing.category is not None:
        entry["category_id"] = ids[thing.category]
    if thing.box is not None:
        left, top, right, bottom = thing.box
        entry["bbox"] = _round((left, top, right - left, bottom - top))
    if thing.segmentation is not None:
        entry["segmentation"] = _segmentation_entry(thing.segmentation)
    if thing.keypoints:
        flat = [value for point in thing.keypoints for value in (*_round(point[:2]), point[2])]
        entry["keypoints"] = flat
        entry["num_keypoints"] = sum(point[2] > 0 for point in thing.keypoints)
    if thing.box is not None or thing.segmentation is not None:
        entry["iscrowd"] = int(thing.crowd)
    return {**entry, **thing.extra}


def _segmentation_entry(segmentation: Segmentation) -> Any:
    if isinstance(segmentation, Polygons):
        return [_round(part) for part in segmentation.parts]
    runs = segmentation.counts
    counts: Any = rle.pack(runs) if segmentation.packed else list(runs)
    return {"size": list(segmentation.size), "counts": counts}


def _round(values: Iterable[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


def _number(entries: list[dict[str, Any]]) -> None:
    """Give every entry an id of its own; those that all have one keep it."""
    ids = [entry.get("id") for entry in entries]
    if None in ids or len(set(ids)) != len(ids):
        for at, entry in enumerate(entries):
            entry["id"] = at + 1
