"""Light laid over a picture: a plane of levels says how much, a table says what a level means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.planes import Bytes, Image, flat, join, lent_planes, stored
from anamorph.backends.opencv.tables import translated, translated_copy
from anamorph.core.constants import WHITE

Doubles = npt.NDArray[np.float64]
Shades = tuple[float, ...]


def by_planes(image: Image, work: Callable[[Image, int], Image]) -> Image:
    """Work on each channel by itself; each may be written to."""
    return join([work(plane, c) for c, plane in enumerate(lent_planes(image))])


def looked_up(levels: Bytes, table: Doubles) -> Bytes:
    """Look bytes up in a table of intensities in [0, 1]."""
    return translated_copy(levels, np.rint(table * 255.0).astype(np.uint8).tobytes())


def floats(levels: Bytes, table: Doubles) -> Image:
    """Look bytes up in a table, in single precision."""
    return cv2.LUT(levels, table.astype(np.float32).reshape(1, -1))


def veil(image: Image, levels: Bytes, seen: Doubles, shades: Shades) -> Image:
    """Mix with a color: (share seen) · picture + (1 - share) · shade.

    Args:
        image: the picture.
        levels: (H, W) bytes.
        seen: share of the picture that is seen at each of 256 levels.
        shades: intensity in [0, 1] of each channel.
    """
    if image.dtype == np.uint8:
        return _veil_bytes(image, looked_up(levels, seen), shades)
    return veil_softly(image, floats(levels, seen), shades)


def veil_softly(image: Image, seen: Image, shades: Shades) -> Image:
    """Mix with a color as `veil` does, the shares given as floats (H, W) themselves."""
    if image.dtype == np.uint8:
        return _veil_bytes(image, cv2.convertScaleAbs(seen, alpha=255.0), shades)
    covered = np.float32(WHITE[image.dtype.name]) * (np.float32(1.0) - seen)

    def work(plane: Image, c: int) -> Image:
        kept = cv2.multiply(plane, seen, dtype=cv2.CV_32F)
        return stored(cv2.scaleAdd(covered, shades[c], kept), 1.0, image.dtype)

    return by_planes(image, work)


def _veil_bytes(image: Bytes, share: Bytes, shades: Shades) -> Bytes:
    return by_planes(image, lambda plane, c: _veiled(plane, share, shades[c]))


def _veiled(plane: Bytes, share: Bytes, shade: float) -> Bytes:
    """Where the shade is white, one multiplication of what is missing to white will do."""
    if shade == 1.0:
        cv2.bitwise_not(plane, plane)
        cv2.multiply(plane, share, plane, 1.0 / 255.0)
        return cv2.bitwise_not(plane, plane)
    cv2.multiply(plane, share, plane, 1.0 / 255.0)
    added = looked_up(share, shade * (1.0 - np.arange(256) / 255.0)) if shade else None
    return plane if added is None else cv2.add(plane, added, plane)


def lit(image: Image, levels: Bytes, tables: list[Doubles], factor: float = 1.0) -> Image:
    """Add light, saturating, and multiply the sum.

    Args:
        image: the picture.
        levels: (H, W) bytes.
        tables: for each channel, the intensity that is added at each of 256 levels.
        factor: in [0, 1].
    """
    if image.dtype == np.uint8:
        dimmer = np.rint(np.arange(256) * factor).astype(np.uint8).tobytes()
        added = _once_each(levels, tables)
        if len(tables) > 1 and all(one is added[0] for one in added):
            return _lit_evenly(image, added[0], dimmer)

        def bytes_work(plane: Image, c: int) -> Image:
            cv2.add(plane, added[c], plane)
            return plane if factor == 1.0 else translated(plane, dimmer)

        return by_planes(image, bytes_work)
    top = WHITE[image.dtype.name]

    def work(plane: Image, c: int) -> Image:
        total = cv2.scaleAdd(floats(levels, tables[c]), top, plane.astype(np.float32))
        np.minimum(total, np.float32(top), out=total)
        return stored(total, factor, image.dtype)

    return by_planes(image, work)


def _lit_evenly(image: Bytes, added: Bytes, dimmer: bytes) -> Bytes:
    """Add the same to all channels, without taking them apart."""
    total = cv2.add(flat(image), flat(join([added] * image.shape[2])))
    return translated(total, dimmer).reshape(image.shape)


def _once_each(levels: Bytes, tables: list[Doubles]) -> list[Bytes]:
    """Look the levels up for each channel; channels of one table share the outcome."""
    found: dict[bytes, Any] = {}
    out = []
    for table in tables:
        key = table.tobytes()
        if key not in found:
            found[key] = looked_up(levels, table)
        out.append(found[key])
    return out
