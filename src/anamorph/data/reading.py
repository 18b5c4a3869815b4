"""Pictures and masks from files: RGB order, upright, in their own bit depth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.sources import Limit, Source, open_source
from anamorph.sources.turn import upright

Picture: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
File: TypeAlias = str | os.PathLike[str]

_LIMIT = Limit()


def read(given: Any, *, at_least: tuple[int, int] = (0, 0), limit: Limit = _LIMIT) -> Picture:
    """Read a picture from wherever it is, no larger than it is needed.

    Args:
        given: a path, an address that fsspec knows, the bytes of a file, or a file that is open.
        at_least: height and width that are needed, upright: a JPEG is decoded at 1/2, 1/4 or 1/8 of
            its size where that is no smaller on either side. (0, 0) means all of it.
        limit: what it may ask for.

    Returns:
        H×W, H×W×3 (RGB), H×W×4 (RGBA) or H×W×C, upright, in the stored dtype.

    Raises:
        DataError: the file is absent, corrupt, of another kind or larger than the limit allows.

    >>> from anamorph.data import read
    >>> from pathlib import Path
    >>> cat = Path(A.__file__).parent / "assets" / "images" / "cat.jpg"
    >>> read(cat).shape, read(cat, at_least=(64, 64)).shape
    ((300, 451, 3), (75, 113, 3))
    """
    source = open_source(given, limit=limit)
    height, width = source.size
    enough = [
        d
        for d in source.scales
        if all(at_least) and height // d >= at_least[0] and width // d >= at_least[1]
    ]
    if max(enough, default=1) == 1:
        return source.read()
    return upright(source.decode(max(enough)), source.orientation)


def read_picture(path: File, limit: Limit = _LIMIT) -> Picture:
    """Read a JPEG, PNG, WebP, BMP or TIFF picture, upright as its EXIF orientation says.

    Returns:
        H×W (gray), H×W×3 (RGB) or H×W×4 (RGBA) of uint8, uint16 or float32, as stored; H×W×C
        of a TIFF of more bands.

    Raises:
        DataError: when the file is absent, empty, truncated, corrupt or of another kind, or has
            more pixels than the limit allows.
    """
    return open_source(path, limit=limit).read()


def read_mask(path: File, limit: Limit = _LIMIT) -> NDArray[Any]:
    """Read a mask with its stored values; a palette PNG gives its indices, not its colors."""
    return open_source(path, "the mask", limit).read_mask()


def read_size(path: File) -> tuple[int, int]:
    """Height and width of a picture as :func:`read_picture` would return it, from its header."""
    return open_source(path).size


def picture_size(data: bytes, path: File = "the picture") -> tuple[int, int]:
    """Height and width of an encoded picture, upright; ``path`` names it in errors."""
    return _named(data, path).size


def read_bytes(path: File) -> bytes:
    """Read a whole file, or say in one sentence why not."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{os.fspath(path)} cannot be read: {reason}") from error


def decode_picture(data: bytes, path: File = "the picture", limit: Limit = _LIMIT) -> Picture:
    """Decode the bytes of a picture file; ``path`` names it in errors."""
    return _named(data, path, limit).read()


def decode_mask(data: bytes, path: File = "the mask", limit: Limit = _LIMIT) -> NDArray[Any]:
    """Decode the bytes of a mask file; ``path`` names it in errors."""
    return _named(data, path, limit).read_mask()


def _named(data: bytes, path: File, limit: Limit = _LIMIT) -> Source:
    return open_source(data, os.fspath(path), limit)
