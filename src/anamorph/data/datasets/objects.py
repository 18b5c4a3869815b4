"""The annotated objects of many pictures in columns: no object of Python's stays for any of them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from anamorph.data.annotations import Category, Object, Record
from anamorph.data.tables.columns import Column, Ints, Pickles, listed, packed

Size: TypeAlias = tuple[int, int]

NO_BOX = (nan,) * 4

OWN = ("labels", "names", "crowd")
"""What is known of every object: number and name of its class, and whether it is a crowd."""


@final
@dataclass(frozen=True, slots=True)
class Objects:
    """Columns with a row an object; ``starts`` has the first row of each picture, and the end."""

    starts: Ints
    sizes: Ints
    boxes: NDArray[np.float64]
    labels: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    fields: Mapping[str, Column]
    outlines: Pickles | None
    points: Pickles | None

    def rows(self, picture: int) -> slice:
        """The rows of a picture's objects."""
        return slice(int(self.starts[picture]), int(self.starts[picture + 1]))

    def size(self, picture: int) -> Size:
        """Height and width of a picture."""
        height, width = self.sizes[picture].tolist()
        return height, width

    def numbers(self, rows: slice) -> Ints:
        """The numbers of the classes, -1 for none."""
        return self.labels[rows].astype(np.int64)

    def field(self, name: str, rows: slice, classes: Sequence[str]) -> Any:
        """A label of each of these objects."""
        if name == "labels":
            return self.numbers(rows)
        if name == "names":
            return [classes[at] if at >= 0 else "" for at in self.labels[rows].tolist()]
        return listed(self.crowd if name == "crowd" else self.fields[name], rows)


@final
class Gathered:
    """Takes in record after record, and gives them as :class:`Objects`."""

    def __init__(
        self, categories: Sequence[Category], wanted: Sequence[str], targets: Sequence[str]
    ) -> None:
        """Say which further fields, and what of the geometry, is to be kept."""
        self.seen: set[str] = set()
        """The further fields that any object has."""
        self._numbers = {category.name: at for at, category in enumerate(categories)}
        self._wanted: dict[str, list[Any]] = {name: [] for name in wanted if name not in OWN}
        self._outlines: list[Any] | None = [] if {"mask", "masks"} & set(targets) else None
        self._points: list[Any] | None = [] if "keypoints" in targets else None
        self._starts, self._sizes = array("q", [0]), array("q")
        self._boxes, self._labels, self._crowd = array("d"), array("i"), array("b")

    def add(self, record: Record, objects: Sequence[Object]) -> None:
        """Take a picture and those of its objects that are wanted."""
        self._sizes.extend(record.size)
        for thing in objects:
            self._boxes.extend(thing.box or NO_BOX)
            self._labels.append(-1 if thing.category is None else self._numbers[thing.category])
            self._crowd.append(thing.crowd)
            self.seen.update(thing.extra)
            for name, column in self._wanted.items():
                column.append(_number(thing.extra.get(name)))
            if self._outlines is not None:
                self._outlines.append(thing.segmentation)
            if self._points is not None:
                self._points.append(thing.keypoints)
        self._starts.append(len(self._labels))

    def objects(self) -> Objects:
        """All that came in, in columns."""
        return Objects(
            np.array(self._starts, np.int64),
            np.array(self._sizes, np.int64).reshape(-1, 2),
            np.array(self._boxes, np.float64).reshape(-1, 4),
            np.array(self._labels, np.int32),
            np.array(self._crowd, np.bool_),
            {name: packed(column) for name, column in self._wanted.items()},
            None if self._outlines is None else Pickles(self._outlines),
            None if self._points is None else Pickles(self._points),
        )


def _number(given: Any) -> Any:
    """VOC writes its numbers as text: whole ones come as numbers."""
    if isinstance(given, str) and given.isdecimal():
        return int(given)
    return given
