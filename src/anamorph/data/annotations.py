"""What is known about a picture besides its pixels, in one form for every file format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.data import polygon, rle

Box: TypeAlias = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in pixels, continuous: the picture's corner is (0, 0)."""

Keypoint: TypeAlias = tuple[float, float, int]
"""x and y as pixel indices, and visibility: 0 not labelled, 1 hidden, 2 seen."""


@final
@dataclass(frozen=True, slots=True)
class Polygons:
    """The outline of an object: one or more polygons, each x, y, x, y, … in pixels."""

    parts: tuple[tuple[float, ...], ...]

    def points(self) -> list[NDArray[np.float64]]:
        """The polygons as Nx2 arrays."""
        return [np.array(part, np.float64).reshape(-1, 2) for part in self.parts]

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels whose centres lie inside."""
        return polygon.fill(self.points(), size)

    @classmethod
    def of(cls, parts: Iterable[NDArray[np.float64]]) -> Polygons:
        """Make the value from Nx2 arrays."""
        return cls(tuple(tuple(map(float, part.ravel())) for part in parts))


@final
@dataclass(frozen=True, slots=True)
class Runs:
    """A mask as run lengths; ``packed`` tells whether the file wrote them as a string."""

    size: tuple[int, int]
    counts: tuple[int, ...]
    packed: bool = True

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels inside; the size must be the one that the runs were made for."""
        if size != self.size:
            raise rle.RunLengthError(f"is for a picture of {self.size}, not of {size}")
        return rle.decode(self.counts, self.size)

    @classmethod
    def of(cls, mask: NDArray[Any], *, packed: bool = True) -> Runs:
        """Make the value from a mask."""
        height, width = mask.shape
        return cls((height, width), tuple(rle.encode(mask)), packed)


Segmentation: TypeAlias = Polygons | Runs


@final
@dataclass(frozen=True, slots=True)
class Object:
    """One annotated thing in a picture. What a format says beyond this is kept in ``extra``."""

    category: str | None = None
    box: Box | None = None
    keypoints: tuple[Keypoint, ...] = ()
    segmentation: Segmentation | None = None
    crowd: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Record:
    """The annotations of one picture: its name below the folder of pictures, its height, width."""

    file: str
    size: tuple[int, int]
    objects: tuple[Object, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Category:
    """A kind of object; its keypoints' names, and which of them a skeleton joins (from 0)."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def mirrored(self) -> tuple[int, ...]:
        """For each keypoint the one whose place it takes in a mirror: left and right swap."""
        index = {name.lower(): at for at, name in enumerate(self.keypoints)}
        swaps = self.extra.get("flip_idx")
        if isinstance(swaps, Sequence) and len(swaps) == len(self.keypoints):
            return tuple(int(at) for at in swaps)
        return tuple(
            index.get(_other_side(name.lower()), at) for at, name in enumerate(self.keypoints)
        )


def _other_side(name: str) -> str:
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


class Source(ABC):
    """Annotations as they lie in files, read picture by picture."""

    categories: tuple[Category, ...] = ()
    extra: Mapping[str, Any] = {}

    @abstractmethod
    def record(self, picture: str, size: tuple[int, int]) -> Record:
        """The annotations of a picture; a picture that has none gives an empty record.

        Args:
            picture: its path below the folder of pictures, with forward slashes.
            size: its height and width.

        Raises:
            DataError: when they are malformed or made for a picture of another size.
        """

    @abstractmethod
    def pictures(self) -> tuple[str, ...]:
        """What the files call the pictures that they annotate, sorted."""

    @abstractmethod
    def unmatched(self, pictures: Iterable[str]) -> tuple[str, ...]:
        """The annotated pictures that are not among these."""


class Format(ABC):
    """A way to keep annotations in files."""

    name: str

    @abstractmethod
    def open(self, path: str) -> Source:
        """Read what concerns all pictures: categories, and for some formats everything."""

    @abstractmethod
    def files(self, record: Record, categories: Sequence[Category]) -> dict[str, bytes]:
        """The files that belong to one picture alone: relative path and content."""

    @abstractmethod
    def fragment(self, record: Record, categories: Sequence[Category]) -> Any:
        """What one picture adds to the files in common, as JSON can hold it."""

    @abstractmethod
    def common(
        self, fragments: Iterable[Any], categories: Sequence[Category], extra: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """The files that all pictures share: relative path and content."""


def stem(picture: str) -> str:
    """The path of a picture without its ending, by which text and XML files are paired."""
    return PurePosixPath(picture).with_suffix("").as_posix()


def numbers(values: Any, where: str, wanted: str) -> list[float]:
    """Check that JSON or text gave a list of finite numbers."""
    if isinstance(values, (list, tuple)) and all(_is_number(value) for value in values):
        return [float(value) for value in values]
    raise DataError(f"{where} = {values!r}: {wanted}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
