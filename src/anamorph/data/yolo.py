"""YOLO: a folder with one text file a picture, a line an object, numbers in parts of the picture.

Three kinds of line are read: a box (``class x y w h``), a polygon (``class x y x y x y …``) and a
pose (a box, then x, y and perhaps visibility of each keypoint). A pose is known by ``kpt_shape`` in
the YAML file beside the labels, or by a count of numbers that no polygon has. Oriented boxes are
written with the same eight numbers as a polygon of four corners, and are treated as one.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import DataError
from anamorph.data import polygon
from anamorph.data.annotations import (
    Box,
    Category,
    Format,
    Keypoint,
    Object,
    Polygons,
    Record,
    Source,
    stem,
)
from anamorph.data.reading import read_bytes

_NAME_FILES = ("classes.txt", "obj.names")
_WANTED = (
    "5 (box), 1 + 2N with N > 2 (polygon) or 5 + 3K (pose) numbers are wanted, the first a class"
)


@final
class YoloSource(Source):
    """A folder of YOLO labels. The files of single pictures are read when asked for."""

    def __init__(self, path: str) -> None:
        """Read the names of the classes; the labels may lie in a folder ``labels`` below."""
        root = Path(path)
        self.folder: Path = root / "labels" if (root / "labels").is_dir() else root
        found = _names_file(root) or _names_file(self.folder) or _names_file(self.folder.parent)
        if found is not None and found.suffix in (".yaml", ".yml"):
            self.categories, self.pose = _from_yaml(found)
        else:
            self.categories, self.pose = _from_lines(found), None
        self._open_ended = found is None
        if self._open_ended:
            self.categories: tuple[Category, ...] = self._numbered()

    def record(self, picture: str, size: tuple[int, int]) -> Record:
        """The objects in the text file of the same stem."""
        path = self.folder / f"{stem(picture)}.txt"
        if not path.is_file():
            return Record(picture, size)
        lines = _text(path).splitlines()
        objects = [
            self._object(line.split(), f"{path}, line {at + 1}", size)
            for at, line in enumerate(lines)
            if line.strip()
        ]
        return Record(picture, size, tuple(objects))

    def pictures(self) -> tuple[str, ...]:
        """The stems of the text files."""
        return tuple(
            sorted(
                stem(path.relative_to(self.folder).as_posix())
                for path in self.folder.rglob("*.txt")
                if path.name not in _NAME_FILES
            )
        )

    def unmatched(self, pictures: Iterable[str]) -> tuple[str, ...]:
        """The stems of text files to which no picture belongs."""
        found = set(map(stem, pictures))
        return tuple(name for name in self.pictures() if name not in found)

    def _object(self, words: list[str], where: str, size: tuple[int, int]) -> Object:
        values = _numbers(words, where)
        category = self._category(words[0], where)
        rest = values[1:]
        if self._is_pose(len(rest)):
            return Object(category, _box(rest[:4], size), self._keypoints(rest[4:], size))
        if len(rest) == 4:
            return Object(category, _box(rest, size))
        if len(rest) < 6 or len(rest) % 2:
            raise DataError(f"{where} has {len(words)} values: {_WANTED}")
        outline = Polygons((_pixels(rest, size),))
        return Object(category, polygon.bounds(outline.points()), segmentation=outline)

    def _is_pose(self, count: int) -> bool:
        if self.pose is not None:
            return count == 4 + self.pose[0] * self.pose[1]
        return count > 4 and count % 2 == 1 and (count - 4) % 3 == 0

    def _keypoints(self, values: Sequence[float], size: tuple[int, int]) -> tuple[Keypoint, ...]:
        step = 3 if self.pose is None else self.pose[1]
        points = []
        for at in range(0, len(values), step):
            x, y = _pixels(values[at : at + 2], size)
            seen = int(values[at + 2]) if step == 3 else 2
            points.append((x, y, seen))
        return tuple(points)

    def _category(self, word: str, where: str) -> str:
        if not word.removesuffix(".0").isdecimal():
            raise DataError(f"{where}: class = {word!r}: a whole number is wanted")
        index = int(float(word))
        if index >= len(self.categories):
            raise DataError(f"{where}: class = {index}: there are {len(self.categories)} classes")
        return self.categories[index].name

    def _numbered(self) -> tuple[Category, ...]:
        """Classes named by their numbers, as many as the labels use."""
        highest = -1
        for path in sorted(self.folder.rglob("*.txt")):
            for at, line in enumerate(_text(path).splitlines()):
                if line.strip():
                    values = _numbers(line.split(), f"{path}, line {at + 1}")
                    highest = max(highest, int(values[0]))
        return tuple(Category(index, str(index)) for index in range(highest + 1))


@final
class Yolo(Format):
    """YOLO: ``labels/NAME.txt`` for each picture, ``classes.txt`` and ``data.yaml``."""

    name = "yolo"

    def open(self, path: str) -> YoloSource:
        """Read the classes."""
        if not Path(path).is_dir():
            raise DataError(f"{path} is no folder of YOLO labels")
        return YoloSource(path)

    def files(self, record: Record, categories: Sequence[Category]) -> dict[str, bytes]:
        """The picture's text file; it is empty if there is nothing to see."""
        ids = {category.name: index for index, category in enumerate(categories)}
        pose = _pose_of(categories)
        lines = [_line(thing, ids, pose, record) for thing in record.objects]
        return {f"labels/{stem(record.file)}.txt": "".join(lines).encode()}

    def fragment(self, record: Record, categories: Sequence[Category]) -> Any:
        """Nothing: a picture is in its own file."""
        del record, categories

    def common(
        self, fragments: Iterable[Any], categories: Sequence[Category], extra: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """The names of the classes, as text and as the YAML that trainers read."""
        del fragments, extra
        names = [category.name for category in categories]
        lines = ["path: .", "train: images", "val: images", "names:"]
        lines += [f"  {index}: {json.dumps(name)}" for index, name in enumerate(names)]
        pose = _pose_of(categories)
        if pose is not None:
            lines.append(f"kpt_shape: {json.dumps(pose)}")
            swaps = [list(category.mirrored()) for category in categories if category.keypoints]
            lines += [f"flip_idx: {json.dumps(swaps[0])}"] if swaps else []
        return {
            "classes.txt": "".join(f"{name}\n" for name in names).encode(),
            "data.yaml": ("\n".join(lines) + "\n").encode(),
        }


def _names_file(folder: Path) -> Path | None:
    """The file that names the classes, if the folder has one."""
    for name in (*_NAME_FILES, "data.yaml", "data.yml", "dataset.yaml"):
        if (folder / name).is_file():
            return _richer(folder / name)
    return None


def _richer(path: Path) -> Path:
    """The YAML beside a list of names knows about keypoints too."""
    beside = path.with_name("data.yaml")
    return beside if beside.is_file() else path


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text: {error}") from error


def _from_lines(path: Path | None) -> tuple[Category, ...]:
    if path is None:
        return ()
    names = [line.strip() for line in _text(path).splitlines() if line.strip()]
    return _distinct([Category(index, name) for index, name in enumerate(names)], path)


def _from_yaml(path: Path) -> tuple[tuple[Category, ...], tuple[int, int] | None]:
    """Classes and shape of keypoints."""
    content = _yaml(path)
    names = content.get("names")
    if isinstance(names, dict):
        names = [names.get(index, str(index)) for index in range(max(names, default=-1) + 1)]
    if not isinstance(names, list):
        raise DataError(f"{path}: names = {names!r}: a list of the classes' names is wanted")
    shape = content.get("kpt_shape")
    if shape is not None and not _is_shape(shape):
        raise DataError(f"{path}: kpt_shape = {shape!r}: [count, 2 or 3] is wanted")
    pose = None if shape is None else (int(shape[0]), int(shape[1]))
    swaps = content.get("flip_idx")
    if swaps and sorted(swaps) != list(range(pose[0] if pose else 0)):
        raise DataError(f"{path}: flip_idx = {swaps!r}: each keypoint's number, once, is wanted")
    points = tuple(str(index) for index in range(pose[0])) if pose else ()
    extra = {key: content[key] for key in ("kpt_shape", "flip_idx") if content.get(key)}
    categories = [Category(at, str(name), points, (), extra) for at, name in enumerate(names)]
    return _distinct(categories, path), pose


def _yaml(path: Path) -> dict[str, Any]:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError as error:
        raise DataError(
            f'{path} is YAML: install PyYAML to read it (pip install "anamorph[cli]")'
        ) from error
    try:
        content = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise DataError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    return content if isinstance(content, dict) else {}


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) == 2
        and all(isinstance(value, int) for value in shape)
        and shape[1] in (2, 3)
    )


def _distinct(categories: list[Category], path: Path) -> tuple[Category, ...]:
    if len({category.name for category in categories}) != len(categories):
        raise DataError(f"{path} names two classes alike")
    return tuple(categories)


def _numbers(words: list[str], where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise DataError(f"{where}: {error}: {_WANTED}") from error
    if not all(map(math.isfinite, values)):
        raise DataError(f"{where} has a number that is not finite: {_WANTED}")
    return values


def _box(values: Sequence[float], size: tuple[int, int]) -> Box:
    x, y, width, height = _pixels(values, size)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _pixels(values: Sequence[float], size: tuple[int, int]) -> tuple[float, ...]:
    """Parts of width and height in turn, as pixels."""
    return tuple(value * size[1 - at % 2] for at, value in enumerate(values))


def _parts(values: Sequence[float], size: tuple[int, int]) -> tuple[float, ...]:
    """Pixels in turn along width and height, as parts of them."""
    return tuple(value / size[1 - at % 2] for at, value in enumerate(values))


def _line(thing: Object, ids: Mapping[str, int], pose: Sequence[int] | None, record: Record) -> str:
    if thing.category is None:
        raise DataError(f"{record.file} has an object without category, which YOLO cannot hold")
    if isinstance(thing.segmentation, Polygons) and pose is None:
        joined = reduce(polygon.join, thing.segmentation.points())
        values = list(_parts(joined.ravel().tolist(), record.size))
    else:
        values = [*_box_values(thing, record), *_point_values(thing, pose, record)]
    values.insert(0, float(ids[thing.category]))
    return " ".join(format(value, ".10g") for value in values) + "\n"


def _box_values(thing: Object, record: Record) -> tuple[float, ...]:
    if thing.box is None:
        raise DataError(f"{record.file} has an object without box, which YOLO cannot hold")
    left, top, right, bottom = thing.box
    return _parts(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top), record.size)


def _point_values(thing: Object, pose: Sequence[int] | None, record: Record) -> list[float]:
    """Keypoints as the dataset's shape wants them; an object without any has zeros."""
    count, numbers_each = pose or (0, 0)
    absent: Keypoint = (0.0, 0.0, 0)
    points = [*thing.keypoints, *[absent] * (count - len(thing.keypoints))]
    values: list[float] = []
    for x, y, seen in points[:count]:
        values += [*_parts((x, y), record.size), float(seen)][:numbers_each]
    return values


def _pose_of(categories: Sequence[Category]) -> list[int] | None:
    """The count of keypoints of every object, and the numbers of each: 2, or 3 with visibility."""
    stated = [
        category.extra["kpt_shape"] for category in categories if "kpt_shape" in category.extra
    ]
    counts = [[len(category.keypoints), 3] for category in categories if category.keypoints]
    return max(stated or counts, default=None)
