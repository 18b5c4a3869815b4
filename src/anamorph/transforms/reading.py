"""Reading reference pictures: the functions that Albumentations 2.0.8 offers for it, and rules."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Rule, plain, refuse
from anamorph.ir.ops import Picture

__all__ = ["read_bgr_image", "read_grayscale", "read_rgb_image"]

Image = npt.NDArray[Any]
_LUMA = np.array(GRAY_WEIGHTS, np.float32)


def read_rgb_image(path: str | os.PathLike[str]) -> Image:
    """Read a picture file as (H, W, 3) of uint8, red first, upright as its EXIF data say."""
    found = _bytes_of(_read(path))
    if found.ndim == 2:
        return np.repeat(found[:, :, None], 3, axis=2)
    return np.ascontiguousarray(found[:, :, :3])


def read_bgr_image(path: str | os.PathLike[str]) -> Image:
    """Read a picture file as (H, W, 3) of uint8, blue first."""
    return np.ascontiguousarray(read_rgb_image(path)[:, :, ::-1])


def read_grayscale(path: str | os.PathLike[str]) -> Image:
    """Read a picture file as (H, W) of uint8: the luma of colors."""
    found = _bytes_of(_read(path))
    return found if found.ndim == 2 else np.rint(found[:, :, :3] @ _LUMA).astype(np.uint8)


def _read(path: str | os.PathLike[str]) -> Image:
    # by name: what reads files stands above this layer and loads its decoder when it is called
    found: Image = import_module("anamorph.data.reading").read_picture(path)
    return found


def _bytes_of(image: Image) -> Image:
    if image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if image.dtype == np.float32:
        return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return image


READERS: Mapping[str, Callable[[Any], Image]] = {
    f.__name__: f for f in (read_rgb_image, read_bgr_image, read_grayscale)
}


class ReaderRule(Rule):
    """A function from an item to an array, or None; those of `READERS` are kept by name."""

    def check(self, place: str, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value in READERS):
            return value
        if not callable(value):
            raise refuse(place, value, self.describe())
        name = getattr(value, "__name__", "")
        return name if READERS.get(name) is value else value

    def describe(self) -> str:
        return f"a function from an item to an array, one of {', '.join(READERS)}, or None"


class PicturesRule(Rule):
    """A sequence of paths, arrays, or whatever a reader takes; arrays are copied."""

    def check(self, place: str, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list | tuple) or not value:
            raise refuse(place, value, self.describe())
        return tuple(_kept(item) for item in value)

    def describe(self) -> str:
        return "a sequence of at least one path or array, or None"


def _kept(item: Any) -> Any:
    if isinstance(item, os.PathLike):
        return os.fspath(item)
    if isinstance(item, np.ndarray):
        return held(item)
    return item if isinstance(item, Picture) else plain(item)


def held(array: Image) -> Picture:
    """See an array as a value with memory of its own."""
    return Picture(array.tobytes(), array.dtype.name, array.shape)


def item_of(kept: Any) -> Any:
    """Give an item as its owner wrote it."""
    return kept.array if isinstance(kept, Picture) else kept


def check_readable(place: str, items: tuple[Any, ...] | None, reader: Any) -> None:
    """Refuse items that are no arrays where nothing reads them.

    Raises:
        ParameterError: there is such an item.
    """
    odd = [i for i, item in enumerate(items or ()) if not isinstance(item, Picture)]
    if odd and reader is None:
        raise ParameterError(
            f"{place}[{odd[0]}] is no array, and read_fn is None: it must be a function that "
            "reads it"
        )


def array_of(place: str, item: Any, reader: Any) -> Image:
    """Read an item: by the user's function whatever it is, else arrays are taken as they are.

    Returns:
        An array (H, W, C).

    Raises:
        DataError: it is no picture.
    """
    if callable(reader):
        item = reader(item)
    elif not isinstance(item, np.ndarray) and reader is not None:
        item = _from_file(place, item, reader)
    if not isinstance(item, np.ndarray) or item.ndim not in (2, 3) or not item.size:
        what = f"{item.shape}" if isinstance(item, np.ndarray) else type(item).__name__
        raise DataError(f"{place} is {what}: it must be an array H×W or H×W×C")
    if item.dtype.name not in ("uint8", "uint16", "float32"):
        raise DataError(f"{place} is of {item.dtype}: it must be uint8, uint16 or float32")
    return item[:, :, None] if item.ndim == 2 else item


def _from_file(place: str, item: Any, reader: str) -> Image:
    if not isinstance(item, str | os.PathLike):
        raise DataError(
            f"{place} is a {type(item).__name__}: it must be an array, or a path that "
            f"{reader} reads"
        )
    return READERS[reader](item)


def stamp_of(item: Any, reader: Any) -> tuple[int, int] | None:
    """What tells whether an item has changed since it was read; None if nothing can tell."""
    if callable(reader):
        return None
    if isinstance(item, Picture):
        return 0, 0
    try:
        found = os.stat(item)  # noqa: PTH116 - the item is a string
    except (OSError, TypeError, ValueError):
        return None  # reading it will say why
    return found.st_mtime_ns, found.st_size
