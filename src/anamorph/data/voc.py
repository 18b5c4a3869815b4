"""Pascal VOC: a folder with one XML file a picture. Elements that it does not know stay.

Coordinates are taken as they stand, as continuous pixels: nothing is subtracted for files that count
from 1. What a format says beyond boxes and names is kept as plain dictionaries: an element with
text only is a string, others a dictionary, in which ``@name`` is an attribute.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, final

from anamorph.core.errors import DataError
from anamorph.data.annotations import Box, Category, Format, Object, Record, Source, stem
from anamorph.data.reading import read_bytes

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@final
class VocSource(Source):
    """A folder of VOC annotations, read when asked for; categories are all names in the files."""

    def __init__(self, path: str) -> None:
        """Read the names of all objects; the XML files may lie in ``Annotations`` below."""
        root = Path(path)
        below = [root / name for name in ("Annotations", "annotations")]
        self.folder: Path = next((folder for folder in below if folder.is_dir()), root)
        self._paths = {
            stem(path.relative_to(self.folder).as_posix()): path
            for path in sorted(self.folder.rglob("*.xml"))
        }
        names: set[str] = set()
        self._broken: dict[str, DataError] = {}
        for name, file in self._paths.items():
            try:
                names.update(found.findtext("name", "") for found in _parse(file).iter("object"))
            except DataError as error:
                self._broken[name] = error
        self.categories: tuple[Category, ...] = tuple(
            Category(at + 1, name) for at, name in enumerate(sorted(names - {""}))
        )

    def record(self, picture: str, size: tuple[int, int]) -> Record:
        """The objects in the XML file of the same stem."""
        path = self._paths.get(stem(picture))
        if path is None:
            return Record(picture, size)
        root = _parse(path)
        _check_size(root, path, picture, size)
        objects = [
            _object(element, f"{path}, object {at + 1}")
            for at, element in enumerate(root.findall("object"))
        ]
        return Record(picture, size, tuple(objects), _rest(root, ("filename", "object")))

    def pictures(self) -> tuple[str, ...]:
        """The stems of the XML files."""
        return tuple(self._paths)

    def unmatched(self, pictures: Iterable[str]) -> tuple[str, ...]:
        """The stems of XML files to which no picture belongs."""
        found = set(map(stem, pictures))
        return tuple(name for name in self._paths if name not in found)


@final
class Voc(Format):
    """Pascal VOC: ``annotations/NAME.xml`` for each picture."""

    name = "voc"

    def open(self, path: str) -> VocSource:
        """Read the names of the objects."""
        if not Path(path).is_dir():
            raise DataError(f"{path} is no folder of Pascal VOC annotations")
        return VocSource(path)

    def files(self, record: Record, categories: Sequence[Category]) -> dict[str, bytes]:
        """The picture's XML file."""
        del categories
        root = ET.Element("annotation")
        extra = dict(record.extra)
        stated = extra.pop("size", {})
        _grow(root, "folder", extra.pop("folder", ()))
        _grow(root, "filename", PurePosixPath(record.file).name)
        height, width = record.size
        depth = stated.get("depth", "3") if isinstance(stated, dict) else "3"
        _grow(root, "size", {"width": str(width), "height": str(height), "depth": depth})
        for name, value in extra.items():
            _grow(root, name, value)
        for thing in record.objects:
            root.append(_element(thing, record.file))
        ET.indent(root)
        text = ET.tostring(root, encoding="unicode")
        return {f"annotations/{stem(record.file)}.xml": f"{text}\n".encode()}

    def fragment(self, record: Record, categories: Sequence[Category]) -> Any:
        """Nothing: a picture is in its own file."""
        del record, categories

    def common(
        self, fragments: Iterable[Any], categories: Sequence[Category], extra: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """Nothing: VOC has no file in common."""
        del fragments, categories, extra
        return {}


def _parse(path: Path) -> ET.Element:
    data = read_bytes(path)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"{path} declares a document type, which annotations have no need of")
    try:
        root = ET.fromstring(data)  # noqa: S314 - entities, the danger, are refused above
    except ET.ParseError as error:
        raise DataError(f"{path} is no XML: {error}") from error
    if root.tag != "annotation":
        raise DataError(f"{path} holds <{root.tag}>, where <annotation> is wanted")
    return root


def _check_size(root: ET.Element, path: Path, picture: str, size: tuple[int, int]) -> None:
    stated = (root.findtext("size/height"), root.findtext("size/width"))
    # Some tools write 0 for what they do not know.
    if None in stated or {"0", ""} & set(stated):
        return
    if stated != (str(size[0]), str(size[1])):
        raise DataError(
            f"{picture} is {size[1]}x{size[0]}, but {path} was made for a picture of "
            f"{stated[1]}x{stated[0]}"
        )


def _object(element: ET.Element, where: str) -> Object:
    name = element.findtext("name")
    if not name:
        raise DataError(f"{where} has no name")
    box = element.find("bndbox")
    return Object(
        name,
        None if box is None else _box(box, where),
        extra=_rest(element, ("name", "bndbox")),
    )


def _box(element: ET.Element, where: str) -> Box:
    texts = [element.findtext(side) for side in _SIDES]
    try:
        left, top, right, bottom = (float(text or "") for text in texts)
    except ValueError as error:
        raise DataError(
            f"{where}: bndbox has {', '.join(_SIDES)} = {texts}: four numbers are wanted"
        ) from error
    if not all(map(math.isfinite, (left, top, right, bottom))) or left > right or top > bottom:
        raise DataError(f"{where}: bndbox = {texts}: xmin <= xmax and ymin <= ymax are wanted")
    return left, top, right, bottom


def _rest(element: ET.Element, known: tuple[str, ...]) -> dict[str, Any]:
    value = _plain(element)
    return {} if isinstance(value, str) else {k: v for k, v in value.items() if k not in known}


def _plain(element: ET.Element) -> Any:
    """An element as a string, or as a dictionary if it has attributes or children."""
    value: dict[str, Any] = {f"@{name}": text for name, text in element.attrib.items()}
    text = (element.text or "").strip()
    for child in element:
        plain = _plain(child)
        if child.tag not in value:
            value[child.tag] = plain
        elif isinstance(value[child.tag], list):
            value[child.tag].append(plain)
        else:
            value[child.tag] = [value[child.tag], plain]
    if not value:
        return text
    return {**value, "#text": text} if text else value


def _grow(parent: ET.Element, name: str, value: Any) -> None:
    """Add what :func:`_plain` made of an element."""
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if name.startswith("@"):
            parent.set(name[1:], str(item))
        elif name == "#text":
            parent.text = str(item)
        else:
            _grow_child(ET.SubElement(parent, name), item)


def _grow_child(child: ET.Element, value: Any) -> None:
    if not isinstance(value, Mapping):
        child.text = str(value)
        return
    for key, part in value.items():
        _grow(child, key, part)


def _element(thing: Object, file: str) -> ET.Element:
    if thing.category is None:
        raise DataError(f"{file} has an object without category, which VOC cannot hold")
    element = ET.Element("object")
    _grow(element, "name", thing.category)
    for name, value in thing.extra.items():
        _grow(element, name, value)
    if thing.box is not None:
        sides = zip(_SIDES, thing.box, strict=True)
        _grow(element, "bndbox", {side: format(value, ".10g") for side, value in sides})
    return element
