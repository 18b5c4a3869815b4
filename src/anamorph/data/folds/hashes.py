"""What pictures are compared by: a perceptual hash of 64 bits, and a small gray likeness."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.data.reading import read

SIDE = 32
"""Height and width of a likeness."""
_FLAT = 2.0
"""Deviation of gray levels under which a picture has nothing that a hash could tell."""

_CHUNK = 4096
"""Likenesses that are transformed together."""

VIEWS: Mapping[str, tuple[bool, int]] = {
    "as it is": (False, 0),
    "flipped": (True, 0),
    "turned by 90°": (False, 1),
    "turned by 180°": (False, 2),
    "turned by 270°": (False, 3),
    "flipped, turned by 90°": (True, 1),
    "flipped, turned by 180°": (True, 2),
    "flipped, turned by 270°": (True, 3),
}
"""Whether a picture is mirrored, and by how many quarters it is then turned counter-clockwise."""


@dataclass(frozen=True)
class Likeness:
    """A picture in small, and what tells that its content is the same to the byte."""

    gray: NDArray[np.uint8]
    digest: bytes


def likeness(item: Any) -> Likeness:
    """Reduce a path or an array to what is compared.

    Raises:
        DataError: it cannot be read.
    """
    if isinstance(item, np.ndarray):
        return Likeness(_small(item), pixel_digest(item))
    try:
        data = Path(item).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{os.fspath(item)} cannot be read: {reason}") from error
    try:
        picture = read(data, at_least=(2 * SIDE, 2 * SIDE))
    except DataError as error:
        raise DataError(f"{os.fspath(item)}: {error}") from error
    return Likeness(_small(picture), hashlib.blake2b(data, digest_size=16).digest())


def pixel_digest(item: Any) -> bytes:
    """A digest of all pixels, whatever file they came from."""
    pixels = np.ascontiguousarray(item if isinstance(item, np.ndarray) else read(Path(item)))
    head = f"{pixels.shape}{pixels.dtype.str}".encode()
    return hashlib.blake2b(head + pixels.tobytes(), digest_size=16).digest()


def hashed(grays: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Perceptual hashes of (n, 32, 32) gray levels.

    The signs of the 64 lowest frequencies of the cosine transform, less the mean, about their median
    (Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions).
    """
    bits = np.empty((len(grays), 64), np.bool_)
    for start in range(0, len(grays), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = _COSINES @ grays[part].astype(np.float32) @ _COSINES.T
        low = rows.reshape(len(rows), 81)[:, _ORDER]
        bits[part] = low > np.median(low, axis=1, keepdims=True)
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64).ravel()


def seen_as(grays: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    """Likenesses mirrored and turned."""
    mirrored, quarters = VIEWS[view]
    given = grays[:, :, ::-1] if mirrored else grays
    return np.ascontiguousarray(np.rot90(given, quarters, axes=(1, 2)))


def is_flat(grays: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which likenesses are one gray level, nearly."""
    flat: NDArray[np.bool_] = grays.reshape(len(grays), SIDE * SIDE).std(axis=1) < _FLAT
    return flat


def _small(picture: NDArray[Any]) -> NDArray[np.uint8]:
    if picture.ndim not in {2, 3} or 0 in picture.shape:
        raise DataError(f"a picture has shape {picture.shape}: H×W or H×W×C is wanted")
    color = picture if picture.ndim == 2 else picture[..., :3].astype(np.float32).mean(axis=2)
    small = cv2.resize(color.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if picture.dtype != np.uint8:  # other types are stretched to what is there
        low, high = float(small.min()), float(small.max())
        small = (small - low) * (255 / max(high - low, 1e-6))
    levels: NDArray[np.uint8] = np.rint(small).astype(np.uint8)
    return levels


def _cosines() -> NDArray[np.float32]:
    at = np.arange(SIDE)
    return np.cos(np.pi * (at + 0.5) * np.arange(9)[:, None] / SIDE).astype(np.float32)


_COSINES = _cosines()
_ORDER = sorted(range(1, 81), key=lambda at: (at // 9 + at % 9, at))[:64]
"""The 64 lowest frequencies of 9×9; the first of all, the mean, is left out."""
