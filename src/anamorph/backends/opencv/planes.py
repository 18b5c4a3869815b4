"""Pictures seen as planes: channels taken apart, put together and repeated.

OpenCV counts channels in some of its functions and refuses many of them; a picture seen as one
plane has none to count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.scratch import lent

Image = npt.NDArray[Any]
Bytes = npt.NDArray[Any]  # of uint8; OpenCV does not say which dtype it returns
Words = npt.NDArray[Any]  # of uint16
Floats = npt.NDArray[Any]  # of float32

MAX_PLANES = 128
"""Channels that cv2.split takes (OpenCV 5; four times as many in OpenCV 4)."""
SINGLE = np.dtype(np.float32)
DEPTH: Mapping[str, int] = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U, "float32": cv2.CV_32F}
"""dtype → OpenCV's number for it."""


def flat(image: Image) -> Image:
    """See the picture as one plane (H, W·C)."""
    if not image.flags.c_contiguous:
        image = np.ascontiguousarray(image)
    return image.reshape(image.shape[0], -1)


def as_row(image: Image) -> Image:
    """See the picture as one row (1, H·W·C)."""
    return np.ascontiguousarray(image).reshape(1, -1)


def planes(image: Image, out: Image | None = None) -> Image:
    """Copy the channels out: (C, H, W)."""
    height, width, channels = image.shape
    out = np.empty((channels, height, width), image.dtype) if out is None else out
    if channels <= MAX_PLANES:
        cv2.split(image, list(out))
    else:
        np.copyto(out, image.transpose(2, 0, 1))
    return out


def lent_planes(image: Image) -> Image:
    """Copy the channels out to lent memory."""
    height, width, channels = image.shape
    return planes(image, lent("planes", (channels, height, width), image.dtype))


def join(parts: Iterable[Image], out: Image | None = None) -> Image:
    """Put planes together to (H, W, C); one of them to (H, W)."""
    listed = list(parts)
    if len(listed) <= MAX_PLANES:
        return cv2.merge(listed, out)
    joined = np.stack([p.reshape(p.shape[:2]) for p in listed], axis=-1)
    if out is None:
        return joined
    np.copyto(out, joined)
    return out


def spread(plane: Image, channels: int, out: Image | None = None) -> Image:
    """Repeat each value of a plane (H, W) for the channels of its pixel: (H, W·C).

    Without memory to write to, a plane for one channel is given back itself.
    """
    if channels == 1:
        if out is None:
            return plane
        np.copyto(out, plane)
        return out
    target = None if out is None else out.reshape(*plane.shape, channels)
    if channels == 3:
        wide: Image = cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB, dst=target)
    elif channels <= MAX_PLANES:
        wide = cv2.merge([plane] * channels, target)
    elif target is None:
        wide = np.repeat(plane, channels, axis=1)
    else:
        np.copyto(target, plane[:, :, None])
        wide = target
    return wide.reshape(len(plane), -1)


def cut_off(values: Floats) -> Floats:
    """Cut floats off at 0 and at 1, in place."""
    if not values.flags.c_contiguous:
        return np.clip(values, 0.0, 1.0, out=values)
    plane = values.reshape(len(values), -1)  # two passes that take less than the one of NumPy
    cv2.threshold(plane, 1.0, 1.0, cv2.THRESH_TRUNC, plane)
    cv2.threshold(plane, 0.0, 0.0, cv2.THRESH_TOZERO, plane)
    return values


def stored(values: Floats, factor: float, dtype: np.dtype[Any], out: Image | None = None) -> Image:
    """Multiply fresh floats, and round and saturate them to a picture's dtype.

    Floats are changed in place; others are written to memory that may be given.
    """
    if dtype.kind == "f":
        if factor != 1.0:
            values *= np.float32(factor)
        return cut_off(values)
    plane = values.reshape(len(values), -1)
    target = None if out is None else out.reshape(plane.shape)
    done = cv2.addWeighted(plane, factor, plane, 0.0, 0.0, target, DEPTH[dtype.name])
    return done.reshape(values.shape)
